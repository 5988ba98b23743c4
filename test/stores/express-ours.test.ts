import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import express, { type Request } from 'express'
import session, { type SessionData } from 'express-session'
import { afterAll, afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { days, minutes } from '../../src/core/duration.js'
import { SessionError } from '../../src/core/errors.js'
import type { SessionStore } from '../../src/core/store.js'
import { MemoryStore } from '../../src/stores/memory.js'
import { toExpressStore, type ToExpressStoreOptions } from '../../src/stores/express.js'
import { CookieAgent } from '../../src/testing/cookie-agent.js'
import { FailingStore } from '../../src/testing/failing-store.js'
import { HandlerGate } from '../acceptance/everywhere.js'
import { stores } from '../support/stores.js'

type Data = Record<string, unknown>
type Options = Omit<session.SessionOptions, 'store' | 'secret'>

const servers: Server[] = []

afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    server.close()
  }
})

/** An application as its users have it today, which has only changed its store. */
async function start(store: SessionStore, options: Options = {}, gate = new HandlerGate()) {
  const ours = toExpressStore(store, session)
  const app = express()
  app.use(
    session({ secret: 'keyboard cat', resave: false, saveUninitialized: false, name: 'sid', store: ours, ...options }),
  )
  const dataOf = (request: Request): Data => request.session as unknown as Data
  app.get('/data', (request, response) => {
    const { cookie: _, ...data } = dataOf(request)
    response.json(data)
  })
  app.get('/set', (request, response) => {
    Object.assign(dataOf(request), request.query)
    response.end()
  })
  app.get('/held', async (request, response) => {
    await gate.pass()
    Object.assign(dataOf(request), request.query)
    response.end()
  })
  app.get('/login', (request, response, next) => {
    void request.session.regenerate((error) => {
      if (error) return next(error)
      dataOf(request)['userId'] = 1
      response.end()
    })
  })
  app.get('/logout', (request, response, next) => {
    void request.session.destroy((error) => (error ? next(error) : response.end()))
  })
  app.get('/visits', (request, response) => {
    const data = dataOf(request)
    data['at'] ??= new Date(1000)
    data['seen'] = new Map([...((data['seen'] as Map<string, number> | undefined) ?? []), ['n', 1]])
    response.json([data['at'] instanceof Date, data['seen'] instanceof Map])
  })
  const server = await new Promise<Server>((resolve) => {
    const listening: Server = app.listen(0, '127.0.0.1', () => resolve(listening))
  })
  servers.push(server)
  const browser = new CookieAgent(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  return { ours, browser, gate, data: async (of = browser): Promise<unknown> => (await of.get('/data')).json() }
}

/** The session id inside of the cookie. */
const sidOf = (browser: CookieAgent): string => decodeURIComponent(browser.cookie('sid') ?? '').slice(2, 34)

describe.each(stores)('an application on plain express-session with the $name store', ({ open, kept, stop }) => {
  afterAll(stop)

  test('keeps its data from request to request, and nothing without data', async () => {
    const { browser, data } = await start(await open())
    await browser.get('/data')
    expect((await kept()).sessions).toBe(0)
    await browser.get('/set?cart=tea&token=1')
    expect(await data()).toEqual({ cart: 'tea', token: '1' })
    expect((await kept()).sessions).toBe(1)
  })

  test('keeps what parallel requests set', async () => {
    const { browser, data, gate } = await start(await open())
    await browser.get('/set?first=1')
    const held = browser.get('/held?b=2')
    await gate.reached
    await browser.get('/set?a=1')
    gate.open()
    await held
    expect(await data()).toEqual({ first: '1', a: '1', b: '2' })
  })

  test('has no session any more after a logout, whatever was under way', async () => {
    const { browser, data, gate } = await start(await open())
    await browser.get('/set?a=1')
    const thief = browser.copy()
    const held = browser.copy().get('/held?b=2')
    await gate.reached
    await browser.get('/logout')
    gate.open()
    expect((await held).status).toBe(200)
    expect(await data(thief)).toEqual({})
    expect((await kept()).sessions).toBe(0)
  })

  test('gives a new id where it regenerates, and the old one is dead', async () => {
    const { browser, data } = await start(await open())
    await browser.get('/set?a=1')
    const old = browser.copy()
    await browser.get('/login')
    expect(await data()).toEqual({ userId: 1 })
    expect(await data(old)).toEqual({})
  })

  test('gets dates and maps back as what they were', async () => {
    const { browser } = await start(await open())
    await browser.get('/visits')
    expect(await (await browser.get('/visits')).json()).toEqual([true, true])
  })

  test('gives away no id to who reads the store', async () => {
    const { browser } = await start(await open())
    await browser.get('/set?a=1')
    const { texts } = await kept()
    const sid = sidOf(browser)
    expect(sid).toHaveLength(32)
    expect(texts.join()).toContain('a')
    for (const part of [sid, sid.slice(0, 8), sid.slice(-8)])
      expect(texts.filter((text) => text.includes(part))).toEqual([])
  })
})

describe('a store of Latchkey in the hands of express-session', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'] }))
  afterEach(() => vi.useRealTimers())

  const setUp = (options: ToExpressStoreOptions = {}) => {
    const store = new FailingStore(new MemoryStore({ clock: () => Date.now() }))
    const ours = toExpressStore(store, session, options)
    const answer = <T>(call: (callback: (error?: unknown, value?: T) => void) => void): Promise<T | undefined> =>
      new Promise((resolve, reject) => call((error, value) => (error ? reject(error as Error) : resolve(value))))
    return {
      store,
      ours,
      get: (sid: string) => answer<object | null>((done) => ours.get(sid, done)),
      set: (sid: string, data: object) => answer((done) => ours.set(sid, data as SessionData, done)),
      touch: (sid: string, data: object) => answer((done) => ours.touch?.(sid, data as SessionData, done)),
      destroy: (sid: string) => answer((done) => ours.destroy(sid, done)),
    }
  }
  const cookie = (maxAge?: number): object =>
    Object.assign(new session.Cookie(), maxAge === undefined ? {} : { maxAge, originalMaxAge: maxAge })

  test('is one of its stores, and loads sessions as they do', async () => {
    const { ours, set } = setUp()
    await set('sid', { cookie: cookie(minutes(1)), a: 1 })
    expect(ours).toBeInstanceOf(session.Store)
    const loaded = await new Promise<SessionData | undefined>((resolve) =>
      ours.load('sid', (_, found) => resolve(found)),
    )
    expect(loaded).toMatchObject({ id: 'sid', a: 1 })
    expect(loaded?.cookie).toBeInstanceOf(session.Cookie)
    expect(loaded?.cookie).toMatchObject({ originalMaxAge: minutes(1), expires: new Date(Date.now() + minutes(1)) })
  })

  test('keeps the attributes of a cookie, and a session until its end', async () => {
    const { get, set } = setUp()
    const given = Object.assign(cookie(minutes(10)), { secure: true, sameSite: 'strict', path: '/shop' })
    await set('sid', { cookie: given })
    const expires = new Date(Date.now() + minutes(10)).toISOString()
    const kept = {
      originalMaxAge: minutes(10),
      expires,
      httpOnly: true,
      secure: true,
      sameSite: 'strict',
      path: '/shop',
    }
    expect(await get('sid')).toEqual({ cookie: kept })
    vi.setSystemTime(Date.now() + minutes(10) - 1)
    expect(await get('sid')).toEqual({ cookie: kept })
    vi.setSystemTime(Date.now() + 1)
    expect(await get('sid')).toBeUndefined()
  })

  test('moves the end with a touch, and nothing else', async () => {
    const { get, set, touch } = setUp()
    await set('sid', { cookie: cookie(minutes(10)), a: 1 })
    const session = (await get('sid')) as { cookie: object }
    vi.setSystemTime(Date.now() + minutes(9))
    await touch('sid', { ...session, cookie: cookie(minutes(10)), a: 2 })
    vi.setSystemTime(Date.now() + minutes(9))
    expect(await get('sid')).toMatchObject({
      a: 1,
      cookie: { expires: new Date(Date.now() + minutes(1)).toISOString() },
    })
    await touch('sid', { cookie: cookie(minutes(30)) })
    vi.setSystemTime(Date.now() + minutes(29))
    expect(await get('sid')).toMatchObject({ a: 1, cookie: { originalMaxAge: minutes(30) } })
  })

  test('keeps a session without an end for a day after its last use, or as long as it is told', async () => {
    for (const [options, time] of [
      [{}, days(1)],
      [{ idleTimeout: minutes(5) }, minutes(5)],
    ] as const) {
      const { get, set, touch } = setUp(options)
      await set('sid', { cookie: cookie() })
      expect(await get('sid')).toMatchObject({ cookie: { originalMaxAge: null, expires: null } })
      vi.setSystemTime(Date.now() + time - 1)
      await touch('sid', { cookie: cookie() })
      vi.setSystemTime(Date.now() + time - 1)
      expect(await get('sid')).toBeDefined()
      vi.setSystemTime(Date.now() + 1)
      expect(await get('sid')).toBeUndefined()
    }
  })

  test.each(['set', 'touch'] as const)('ends a session whose cookie is over at its %s', async (verb) => {
    const { get, set, [verb]: end } = setUp()
    await set('sid', { cookie: cookie(minutes(1)) })
    await end('sid', { cookie: cookie(-1) })
    expect(await get('sid')).toBeUndefined()
  })

  test.each(['set', 'touch'] as const)('brings back nothing by a %s of a session that was ended', async (verb) => {
    const { get, set, destroy, [verb]: write } = setUp()
    await set('sid', { cookie: cookie(), a: 1 })
    const session = (await get('sid'))!
    await destroy('sid')
    await destroy('sid')
    await write('sid', Object.assign(session, { b: 2 }))
    expect(await get('sid')).toBeUndefined()
  })

  test('writes whole what it did not give out, also over what is there', async () => {
    const { get, set } = setUp()
    await set('one', { cookie: cookie(), a: 1, b: 1 })
    await set('one', { cookie: cookie(), b: 2 })
    const { cookie: _, ...data } = (await get('one')) as { cookie: object }
    expect(data).toEqual({ b: 2 })
    const copied = (await get('one'))!
    await set('two', copied)
    expect(await get('two')).toMatchObject({ b: 2 })
  })

  test('writes only what has changed since it gave a session out', async () => {
    const { store, get, set } = setUp()
    await set('sid', { cookie: cookie(), a: 1, b: 1, gone: 1 })
    const update = vi.spyOn(store, 'update')
    const { gone: _, ...changed } = (await get('sid')) as Record<string, unknown>
    expect(changed).toMatchObject({ a: 1 })
    const session = (await get('sid')) as Record<string, unknown>
    delete session['gone']
    await set('sid', Object.assign(session, { b: 2 }))
    const patch = { set: new Map([['b', '2']]), remove: ['gone'] }
    expect(update.mock.calls).toEqual([[expect.any(String), expect.objectContaining(patch)]])
    await set('sid', Object.assign(session, { c: 3 }))
    expect(update.mock.lastCall).toEqual([expect.any(String), expect.objectContaining({ set: new Map([['c', '3']]) })])
  })

  test('refuses what it can not keep, with the path of the value', async () => {
    const { get, set } = setUp()
    await expect(set('sid', { cookie: cookie(), cart: [{ price: Number.NaN }] })).rejects.toMatchObject({
      code: 'VALUE_NOT_STORABLE',
      message: expect.stringContaining('cart[0].price') as string,
    })
    expect(await get('sid')).toBeUndefined()
  })

  test('hands on what the store fails with, and takes what can not be read as absent', async () => {
    const { store, get, set, touch, destroy } = setUp()
    const session = { cookie: cookie() }
    store.failWith(new Error('down'))
    for (const call of [get('sid'), set('sid', session), touch('sid', session), destroy('sid')]) {
      await expect(call).rejects.toThrow('down')
    }
    store.failWith(new SessionError('RECORD_UNREADABLE', 'corrupt'))
    expect(await get('sid')).toBeUndefined()
    await expect(set('sid', session)).rejects.toThrow('corrupt')
  })

  test('leaves what a callback throws to the process, and needs none', async () => {
    const { ours, get } = setUp()
    const thrown = new Promise((resolve) => process.once('uncaughtException', resolve))
    const others = process.listeners('uncaughtException').slice(0, -1)
    for (const other of others) process.off('uncaughtException', other)
    ours.get('sid', () => {
      throw new Error('mine')
    })
    expect(await thrown).toMatchObject({ message: 'mine' })
    for (const other of others) process.on('uncaughtException', other)
    ours.set('sid', { cookie: cookie() } as SessionData)
    expect(await get('sid')).toBeDefined()
  })

  test.each([
    [
      'the store is one of theirs',
      () => toExpressStore(new session.MemoryStore() as never, session),
      'no method "create"',
    ],
    ['the store is missing', () => toExpressStore(undefined as never, session), 'no method "create"'],
    ['express-session is missing', () => toExpressStore(new MemoryStore(), undefined as never), 'second argument'],
    ['express-session is something else', () => toExpressStore(new MemoryStore(), {} as never), 'second argument'],
    ['idleTimeout is 0', () => toExpressStore(new MemoryStore(), session, { idleTimeout: 0 }), 'idleTimeout is 0'],
    ['an option is not known', () => toExpressStore(new MemoryStore(), session, { ttl: 5 } as never), '"ttl"'],
  ])('is refused where %s', (_, make, why) => {
    expect(make).toThrow(
      expect.objectContaining({ code: 'OPTIONS_INVALID', message: expect.stringContaining(why) as string }),
    )
  })
})
