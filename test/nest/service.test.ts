import { Controller, Get, Module, Query, Req, Session as NestSession, type Type } from '@nestjs/common'
import { minutes, SessionModule, SessionService, SessionStoreUnavailableException, type Session } from 'latchkey'
import { newId } from 'latchkey/core'
import { MemoryStore } from 'latchkey/stores/memory'
import { CookieAgent, FailingStore, ManualClock } from 'latchkey/testing'
import { afterEach, describe, expect, test } from 'vitest'
import { adapters, factories, type NestApp } from '../support/nest.js'

const secret = 'a secret of more than 32 characters'

type Data = Record<string, unknown>

@Controller()
class DataController {
  constructor() {}

  @Get('set')
  set(@NestSession() session: Session<Data>, @Query() query: Record<string, string>): object {
    Object.assign(session, query)
    return session.save().then(() => ({ id: session.id }))
  }

  @Get('data')
  data(@Req() request: { session: Session<Data> }): object {
    return { ...request.session }
  }
}

const running: NestApp[] = []

afterEach(async () => {
  for (const app of running.splice(0)) await app.close()
})

describe.each(adapters)('on $name', (adapter) => {
  async function start(): Promise<{
    agent: CookieAgent
    service: SessionService
    store: FailingStore
    clock: ManualClock
    id: string
  }> {
    const clock = new ManualClock()
    const store = new FailingStore(new MemoryStore({ clock: clock.now }))
    @Module({
      imports: [SessionModule.forRoot({ secret, store, clock: clock.now, log: false })],
      controllers: [DataController],
    })
    class AppModule {}
    const app = await factories[0]!.make(AppModule as Type, adapter)
    running.push(app)
    await app.listen(0, '127.0.0.1')
    const agent = new CookieAgent(await app.getUrl(), { clock: clock.now })
    const { id } = (await (await agent.get('/set?userId=1&email=a@b&a=1')).json()) as { id: string }
    return { agent, service: app.get<SessionService>(SessionService), store, clock, id }
  }

  const data = async (agent: CookieAgent): Promise<unknown> => (await agent.get('/data')).json()

  test('getSession reads the very record that requests use', async () => {
    const { service, id } = await start()
    expect(await service.getSession<Data>(id)).toEqual({ userId: '1', email: 'a@b', a: '1' })
  })

  test('what is handed out is a copy', async () => {
    const { service, id, agent } = await start()
    Object.assign((await service.getSession<Data>(id))!, { a: 'changed' })
    expect(await data(agent)).toMatchObject({ a: '1' })
  })

  test('updateSession writes some keys, removes those that are undefined, and keeps the deadlines', async () => {
    const { service, id, agent, clock } = await start()
    clock.advance(minutes(20))
    expect(await service.updateSession<Data>(id, { b: 2, a: undefined })).toBe(true)
    expect(await data(agent)).toEqual({ userId: '1', email: 'a@b', b: 2 })
    const other = await start()
    other.clock.advance(minutes(20))
    await other.service.updateSession<Data>(other.id, { b: 2 })
    other.clock.advance(minutes(10))
    expect(await data(other.agent)).toEqual({})
  })

  test('two updates of different keys at once are both kept', async () => {
    const { service, id } = await start()
    await Promise.all(
      Array.from({ length: 50 }, (_, index) => service.updateSession<Data>(id, { [`k${index}`]: index })),
    )
    expect(Object.keys((await service.getSession<Data>(id))!)).toHaveLength(53)
  })

  test('setSession replaces everything, and its ttl ends the session', async () => {
    const { service, id, agent, clock } = await start()
    expect(await service.setSession<Data>(id, { userId: '1', c: 3 }, minutes(5))).toBe(true)
    expect(await data(agent)).toEqual({ userId: '1', c: 3 })
    clock.advance(minutes(5))
    expect(await data(agent)).toEqual({})
  })

  test('destroySession ends it, also for a request that is under way', async () => {
    const { service, id, agent, store } = await start()
    const gate = store.hold('update')
    const writing = agent.get('/set?late=1')
    await gate.reached
    expect(await service.destroySession(id)).toBe(true)
    expect(await service.destroySession(id)).toBe(false)
    gate.open()
    await writing
    expect(await service.getSession(id)).toBeUndefined()
    expect(await data(agent)).toEqual({})
  })

  test('getUserFromSession gives whose session it is', async () => {
    const { service, id } = await start()
    expect(await service.getUserFromSession(id)).toEqual({ id: '1', email: 'a@b', role: undefined })
    await service.updateSession<Data>(id, { user: { name: 'Ann' } })
    expect(await service.getUserFromSession(id)).toEqual({ name: 'Ann' })
  })

  test.each(['', 'no id', newId(undefined), newId('1')])(
    'an id without a session (%#) has nothing, and nothing is created',
    async (id) => {
      const { service, store } = await start()
      const creates = store.calls.create
      expect(await service.getSession(id)).toBeUndefined()
      expect(await service.getUserFromSession(id)).toBeUndefined()
      expect(await service.setSession<Data>(id, { a: 1 })).toBe(false)
      expect(await service.updateSession<Data>(id, { a: 1 })).toBe(false)
      expect(await service.destroySession(id)).toBe(false)
      expect(store.calls.create).toBe(creates)
    },
  )

  test('it never gives a session another subject, whose id the client would know from before', async () => {
    const { service, id } = await start()
    const refused = expect.objectContaining({ code: 'SUBJECT_CHANGE_REFUSED' })
    await expect(service.updateSession<Data>(id, { userId: '2' })).rejects.toEqual(refused)
    await expect(service.setSession<Data>(id, { a: 1 })).rejects.toEqual(refused)
    expect(await service.getSession<Data>(id)).toMatchObject({ userId: '1' })
  })

  test.each([0, -1, Number.NaN, Infinity, '5m'])('a ttl of %s is refused', async (ttl) => {
    const { service, id } = await start()
    await expect(service.setSession<Data>(id, { userId: '1' }, ttl as number)).rejects.toThrow(/ttl is/)
  })

  test('what can not be stored is refused with its path', async () => {
    const { service, id } = await start()
    await expect(service.updateSession<Data>(id, { a: { b: () => {} } })).rejects.toThrow(/a\.b/)
  })

  test('a store that is down is a 503 exception with the code', async () => {
    const { service, id, store } = await start()
    store.failWith(new Error('down'))
    for (const call of [
      () => service.getSession(id),
      () => service.updateSession<Data>(id, { a: 1 }),
      () => service.setSession<Data>(id, { userId: '1' }),
      () => service.destroySession(id),
    ]) {
      const error = (await call().catch((reason: unknown) => reason)) as SessionStoreUnavailableException
      expect(error).toBeInstanceOf(SessionStoreUnavailableException)
      expect(error.getStatus()).toBe(503)
      expect(error.getResponse()).toMatchObject({ code: 'STORE_UNAVAILABLE' })
    }
  })
})
