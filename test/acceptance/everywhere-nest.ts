import { Module, type Type } from '@nestjs/common'
import { SessionModule, type SessionModuleOptions } from 'latchkey'
import { CookieAgent, FailingStore, ManualClock } from 'latchkey/testing'
import { afterEach, describe } from 'vitest'
import { adapters, factories, type NestApp } from '../support/nest.js'
import { stores } from '../support/stores.js'
import { secret } from './everywhere.js'

/** A Nest application, a browser, and what a test holds of what is behind it. */
export interface NestScene {
  readonly app: NestApp
  readonly browser: CookieAgent
  readonly store: FailingStore
  readonly clock: ManualClock
}

export type StartNest = (controllers: readonly Type[], options?: Partial<SessionModuleOptions>) => Promise<NestScene>

const running: NestApp[] = []

afterEach(async () => {
  for (const app of running.splice(0)) await app.close()
})

/** Declares the tests once for Nest on every adapter with every store. */
export function everywhereInNest(tests: (start: StartNest) => void): void {
  for (const adapter of adapters) {
    for (const shipped of stores) {
      const start: StartNest = async (controllers, options = {}) => {
        const clock = new ManualClock()
        const store = new FailingStore(await shipped.open(clock.now))
        const session = { secret, store, clock: clock.now, storeTimeout: 10_000, log: false, ...options } as const
        @Module({ imports: [SessionModule.forRoot(session)], controllers: [...controllers] })
        class AppModule {}
        const app = await factories[0]!.make(AppModule, adapter)
        running.push(app)
        await app.listen(0, '127.0.0.1')
        return { app, browser: new CookieAgent(await app.getUrl(), { clock: clock.now }), store, clock }
      }
      describe(`in Nest on ${adapter.name} with ${shipped.name}`, () => tests(start))
    }
  }
}
