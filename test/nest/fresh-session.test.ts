import { Controller, Get, Module, Session as NestSession, UseGuards, type Type } from '@nestjs/common'
import {
  FreshSession,
  OnStoreDown,
  SessionAuthGuard,
  SessionModule,
  SessionService,
  type Session,
  type SessionModuleOptions,
} from 'latchkey'
import { MemoryStore } from 'latchkey/stores/memory'
import { CookieAgent, FailingStore } from 'latchkey/testing'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { adapters, factories, type NestApp } from '../support/nest.js'
import { staleOver, type StaleStore } from '../support/stale-store.js'

type AnySession = Session<Record<string, unknown>>

let notes = 0

/** What comes before the handler and writes to the session, each time something else. */
const note = (request: { session: AnySession }, _response: unknown, next: () => void): void => {
  if (request.session['userId'] !== undefined) request.session['note'] = ++notes
  next()
}

@Controller()
class PlainController {
  @Get('login')
  login(@NestSession() session: AnySession): string {
    Object.assign(session, { userId: 'ann', cart: { items: 1 } })
    return session.handle
  }

  @Get('kept')
  kept(@NestSession() session: AnySession): object {
    return { ...session }
  }

  @FreshSession()
  @Get('fresh')
  fresh(@NestSession() session: AnySession): object {
    return { ...session }
  }

  @FreshSession()
  @OnStoreDown('anonymous')
  @Get('fresh-or-anonymous')
  freshOrAnonymous(@NestSession() session: AnySession): object {
    return { isAvailable: session.isAvailable }
  }
}

@FreshSession()
@UseGuards(SessionAuthGuard)
@Controller('guarded')
class GuardedController {
  @Get()
  guarded(@NestSession() session: AnySession): object {
    return { user: session['userId'] }
  }
}

const [factory] = factories

describe.each(adapters)('@FreshSession() on $name', (adapter) => {
  let app: NestApp
  let stale: StaleStore
  let failing: FailingStore
  let browser: CookieAgent
  let handle: string

  beforeEach(async () => {
    failing = new FailingStore(new MemoryStore())
    stale = staleOver(failing)
    const options: SessionModuleOptions = { secret: 's'.repeat(32), store: stale.store, log: false }
    @Module({ imports: [SessionModule.forRoot(options)], controllers: [PlainController, GuardedController] })
    class AppModule {}
    app = await factory!.make(AppModule as Type, adapter)
    await app.listen(0, '127.0.0.1')
    browser = new CookieAgent(await app.getUrl())
    handle = await (await browser.get('/login')).text()
    expect(await body('/kept')).toEqual({ userId: 'ann', cart: { items: 1 } })
  })

  afterEach(() => app.close())

  const body = async (path: string): Promise<unknown> => (await browser.get(path)).json()
  const service = (): SessionService => app.get(SessionService)

  test('a session that was ended elsewhere is not there for the handler, nor for its guards', async () => {
    stale.stale()
    await service().revoke('ann', handle)
    expect(await body('/kept')).toEqual({ userId: 'ann', cart: { items: 1 } })
    const response = await browser.get('/fresh')
    expect(response.status).toBe(200)
    expect(await response.json()).toEqual({})
    expect((await browser.get('/guarded')).status).toBe(401)
  })

  test('what was changed elsewhere is there', async () => {
    stale.stale()
    await service().updateAll('ann', { role: 'admin', cart: undefined })
    expect(await body('/kept')).toEqual({ userId: 'ann', cart: { items: 1 } })
    expect(await body('/fresh')).toEqual({ userId: 'ann', role: 'admin' })
    expect(await body('/guarded')).toEqual({ user: 'ann' })
  })

  test('it costs one load, and only where it stands', async () => {
    const before = stale.fresh
    await body('/kept')
    expect(stale.fresh).toBe(before)
    await body('/fresh')
    expect(stale.fresh).toBe(before + 1)
    expect((await new CookieAgent(await app.getUrl()).get('/fresh')).status).toBe(200)
    expect(stale.fresh).toBe(before + 1)
  })

  test('a store that fails by then is a 503, or no session where the route says so', async () => {
    stale.stale()
    failing.failWith(new Error('connection refused'))
    const response = await browser.get('/fresh')
    expect(response.status).toBe(503)
    expect(await response.json()).toMatchObject({ code: 'STORE_UNAVAILABLE' })
    expect(await body('/fresh-or-anonymous')).toEqual({ isAvailable: false })
  })

  test('the service reads past a near cache by { fresh: true }', async () => {
    const id = browser.cookie('sessionId')!.slice(0, 51)
    expect(await service().getSession(id)).toMatchObject({ userId: 'ann' })
    stale.stale()
    await service().updateAll('ann', { role: 'admin' })
    expect(await service().getSession(id)).not.toHaveProperty('role')
    expect(await service().getSession(id, { fresh: true })).toMatchObject({ role: 'admin' })
    expect(await service().getUserFromSession(id, { fresh: true })).toMatchObject({ role: 'admin' })
  })
})

describe.each(adapters)('what middleware wrote before @FreshSession() on $name', (adapter) => {
  test('stays, on top of what was changed elsewhere, and goes with a session that was ended', async () => {
    const stale = staleOver(new MemoryStore())
    const options: SessionModuleOptions = { secret: 's'.repeat(32), store: stale.store, log: false }
    @Module({ imports: [SessionModule.forRoot(options)], controllers: [PlainController] })
    class AppModule {
      configure(consumer: { apply(...given: unknown[]): { forRoutes(path: string): unknown } }): void {
        consumer.apply(note).forRoutes('{*splat}')
      }
    }
    const app = await factory!.make(AppModule as Type, adapter)
    try {
      await app.listen(0, '127.0.0.1')
      const browser = new CookieAgent(await app.getUrl())
      const handle = await (await browser.get('/login')).text()
      const service = app.get<SessionService>(SessionService)
      await browser.get('/kept')
      stale.stale()
      await service.updateAll('ann', { role: 'admin' })
      const before = notes
      const merged = { userId: 'ann', cart: { items: 1 }, role: 'admin', note: before + 1 }
      expect(await (await browser.get('/fresh')).json()).toEqual(merged)
      const [id] = [browser.cookie('sessionId')!.slice(0, 51)]
      expect(await service.getSession(id, { fresh: true })).toEqual(merged)
      await service.revoke('ann', handle)
      const response = await browser.get('/fresh')
      expect(await response.json()).toEqual({})
      expect(response.headers.getSetCookie()).toEqual([])
    } finally {
      await app.close()
    }
  })
})
