import type { SessionEvent } from 'latchkey/core'
import type { SessionOptions } from 'latchkey/express'
import { CookieAgent, FailingStore, ManualClock } from 'latchkey/testing'
import { afterAll, afterEach, describe } from 'vitest'
import type { Kept } from '../support/kept.js'
import { platforms, type Handler, type PlatformOptions, type TestApp } from '../support/platforms.js'
import { stores } from '../support/stores.js'

export const secret = 'a secret of more than 32 characters'

export type Routes = Readonly<Record<string, Handler>>

/** One platform with one store. */
export interface Place {
  readonly platform: 'express' | 'fastify'
  readonly store: 'memory' | 'sqlite' | 'redis'
  /** Starts an application on a fresh store. It has {@link ROUTES} beside the routes given, and ends after the test. */
  start(routes?: Routes, options?: Partial<SessionOptions>, more?: PlatformOptions): Promise<Scene>
}

/** An application, a browser, and what a test holds of what is behind it. */
export interface Scene {
  readonly app: TestApp
  readonly browser: CookieAgent
  /** The store of the application, the real one inside of it. */
  readonly store: FailingStore
  /** The clock of the application, the store and the browsers. */
  readonly clock: ManualClock
  readonly events: readonly SessionEvent[]
  /** What the application wrote to its log. */
  readonly lines: readonly string[]
  /** What is in the store. */
  kept(): Promise<Kept>
  /** A browser of somebody else. */
  another(): CookieAgent
  /** A second application on the same store, with other options. */
  again(options: Partial<SessionOptions>): Promise<TestApp>
}

/** Routes that every application here has. */
export const ROUTES: Routes = {
  'GET /': () => 'the session was not looked at',
  'GET /data': ({ session }) => ({ ...session }),
  'GET /set': ({ session, query }) => void Object.assign(session, query),
  'GET /login': ({ session, query }) => void (session['userId'] = query['user']),
  'GET /logout': ({ session }) => session.destroy(),
  'GET /id': ({ session }) => ({ id: session.id, handle: session.handle }),
}

const running: TestApp[] = []

/** Ends the application after the test. */
export function ending(app: TestApp): TestApp {
  running.push(app)
  return app
}

afterEach(async () => {
  for (const app of running.splice(0)) await app.close()
})

afterAll(async () => {
  for (const store of stores) await store.stop()
})

/** Declares the tests once for every platform with every store. */
export function everywhere(tests: (place: Place) => void): void {
  for (const platform of platforms) {
    for (const shipped of stores) {
      const start: Place['start'] = async (routes = {}, options = {}, more = {}) => {
        const clock = new ManualClock()
        const store = new FailingStore(await shipped.open(clock.now))
        const events: SessionEvent[] = []
        const lines: string[] = []
        const again: Scene['again'] = async (other) => {
          const given: SessionOptions = {
            secret,
            store,
            clock: clock.now,
            // Where nothing fails, a machine that is busy must not look like a store that is down.
            storeTimeout: 10_000,
            onEvent: (event) => void events.push(event),
            log: (line) => void lines.push(line),
            ...options,
            ...other,
          }
          return ending(await platform.start(given, { ...ROUTES, ...routes }, more))
        }
        const app = await again({})
        const another = (): CookieAgent => new CookieAgent(app.base, { clock: clock.now })
        return { app, browser: another(), store, clock, events, lines, kept: shipped.kept, another, again }
      }
      describe(`on ${platform.name} with ${shipped.name}`, () => {
        tests({ platform: platform.name, store: shipped.name as Place['store'], start })
      })
    }
  }
}

/** The body of an answer, which is JSON. */
export async function json(response: Promise<Response>): Promise<unknown> {
  return (await response).json()
}

/** What the session of a browser holds, as the application sees it. */
export function dataOf(browser: CookieAgent): Promise<unknown> {
  return json(browser.get('/data'))
}

/** The Set-Cookie lines of an answer. */
export async function setCookies(response: Promise<Response>): Promise<readonly string[]> {
  return (await response).headers.getSetCookie()
}

/** Holds a handler where a test wants it. */
export class HandlerGate {
  /** Settles when a handler has come to the gate. */
  readonly reached: Promise<void>
  readonly #opened: Promise<void>
  #reach = (): void => {}
  #open = (): void => {}

  constructor() {
    this.reached = new Promise((resolve) => (this.#reach = resolve))
    this.#opened = new Promise((resolve) => (this.#open = resolve))
  }

  /** What the handler awaits. */
  pass(): Promise<void> {
    this.#reach()
    return this.#opened
  }

  open(): void {
    this.#open()
  }
}
