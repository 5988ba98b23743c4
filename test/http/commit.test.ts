import { CookieAgent, FailingStore, ManualClock } from 'latchkey/testing'
import type { SessionEvent } from 'latchkey/core'
import type { SessionOptions } from 'latchkey/express'
import { MemoryStore } from 'latchkey/stores/memory'
import { afterEach, describe, expect, test } from 'vitest'
import { platforms, type Handler, type PlatformOptions, type TestApp } from '../support/platforms.js'

const secret = 'a secret of more than 32 characters'
const minute = 60_000

const opened: TestApp[] = []

afterEach(async () => {
  for (const app of opened.splice(0)) await app.close()
})

describe.each(platforms)('on $name', ({ start }) => {
  async function run(
    routes: Readonly<Record<string, Handler>>,
    options: Partial<SessionOptions> = {},
    more?: PlatformOptions,
  ): Promise<{ agent: CookieAgent; store: FailingStore; clock: ManualClock; events: SessionEvent[]; app: TestApp }> {
    const clock = new ManualClock()
    const store = new FailingStore(new MemoryStore({ clock: clock.now }))
    const events: SessionEvent[] = []
    const onEvent = (event: SessionEvent): void => void events.push(event)
    const app = await start(
      { secret, store, clock: clock.now, onEvent, log: false, ...options },
      { ...ROUTES, ...routes },
      more,
    )
    opened.push(app)
    return { agent: new CookieAgent(app.base, { clock: clock.now }), store, clock, events, app }
  }

  const ROUTES: Readonly<Record<string, Handler>> = {
    'GET /': () => 'nothing touched',
    'GET /data': ({ session }) => ({ ...session }),
    'GET /set': ({ session, query }) => void Object.assign(session, query),
    'GET /login': ({ session, query }) => void (session['userId'] = query['user']),
    'GET /logout': ({ session }) => session.destroy(),
    'GET /id': ({ session }) => ({ id: session.id, handle: session.handle }),
  }

  const json = async (response: Promise<Response>): Promise<unknown> => (await response).json()

  describe('what the end of a request does', () => {
    test('a visit that leaves the session empty stores nothing and sets no cookie', async () => {
      const { agent, store } = await run({})
      const response = await agent.get('/data')
      expect(response.headers.getSetCookie()).toEqual([])
      expect(store.calls).toMatchObject({ load: 0, create: 0, update: 0, touch: 0 })
    })

    test('a new session with data is created, and its cookie has the attributes of the design', async () => {
      const { agent, store } = await run({})
      const response = await agent.get('/set?cart=1')
      expect(response.headers.getSetCookie()).toEqual([
        expect.stringMatching(
          /^sessionId=[\w-]{51}\.[\w-]{43}; Path=\/; Max-Age=86400; Expires=[^;]+; HttpOnly; SameSite=Lax$/,
        ),
      ])
      expect(response.headers.get('cache-control')).toBe('no-store')
      expect(store.calls).toMatchObject({ load: 0, create: 1 })
      expect(await json(agent.get('/data'))).toEqual({ cart: '1' })
    })

    test('an unchanged session costs one load and nothing else', async () => {
      const { agent, store } = await run({})
      await agent.get('/set?cart=1')
      const response = await agent.get('/data')
      expect(response.headers.getSetCookie()).toEqual([])
      expect(response.headers.get('cache-control')).toBeNull()
      expect(store.calls).toMatchObject({ load: 1, create: 1, update: 0, touch: 0 })
    })

    test('use is noted once per touch interval, and keeps the session alive', async () => {
      const { agent, store, clock } = await run({}, { idleTimeout: 10 * minute })
      await agent.get('/set?cart=1')
      for (let round = 1; round <= 5; round++) {
        clock.advance(9 * minute)
        await agent.get('/')
        await agent.get('/')
        expect(store.calls.touch).toBe(round)
      }
      expect(await json(agent.get('/data'))).toEqual({ cart: '1' })
      clock.advance(10 * minute)
      expect(await json(agent.get('/data'))).toEqual({})
    })

    test('no use prolongs the lifetime', async () => {
      const { agent, clock } = await run({}, { lifetime: 25 * minute })
      await agent.get('/set?cart=1')
      clock.advance(20 * minute)
      expect(await json(agent.get('/data'))).toEqual({ cart: '1' })
      clock.advance(5 * minute)
      expect(await json(agent.get('/data'))).toEqual({})
    })

    test('a change sends only what changed, nested changes included, and no cookie', async () => {
      const { agent, store } = await run({
        'GET /fill': ({ session }) => void Object.assign(session, { a: { list: [1] }, b: 2, c: 3 }),
        'GET /nested': ({ session }) => {
          ;(session['a'] as { list: number[] }).list.push(2)
          delete session['c']
        },
      })
      await agent.get('/fill')
      const patches: unknown[] = []
      const update = store.update.bind(store)
      store.update = (key, patch) => (patches.push(patch), update(key, patch))
      const response = await agent.get('/nested')
      expect(response.headers.getSetCookie()).toEqual([])
      expect(patches).toEqual([expect.objectContaining({ set: new Map([['a', '{"list":[1,2]}']]), remove: ['c'] })])
      expect(await json(agent.get('/data'))).toEqual({ a: { list: [1, 2] }, b: 2 })
    })

    test('setting a value to what it was writes nothing', async () => {
      const { agent, store } = await run({})
      await agent.get('/set?cart=1')
      await agent.get('/set?cart=1')
      expect(store.calls).toMatchObject({ update: 0, touch: 0 })
    })

    test('signing in moves the session to a new id; the old one is dead, the data and the handle stay', async () => {
      const { agent, store, events } = await run({})
      await agent.get('/set?cart=1')
      const before = agent.copy()
      const was = await json(agent.get('/id'))
      const response = await agent.get('/login?user=42')
      expect(response.headers.getSetCookie()).toHaveLength(1)
      expect(store.calls).toMatchObject({ rotate: 1, update: 0, delete: 0 })
      expect(await json(agent.get('/data'))).toEqual({ cart: '1', userId: '42' })
      expect(await json(before.get('/data'))).toEqual({})
      const is = await json(agent.get('/id'))
      expect(is).toMatchObject({ handle: (was as { handle: string }).handle })
      expect(is).not.toMatchObject({ id: (was as { id: string }).id })
      expect(events.map(({ type }) => type)).toEqual(['created', 'rotated'])
    })

    test('changing and clearing the subject move it again', async () => {
      const { agent } = await run({ 'GET /clear': ({ session }) => void delete session['userId'] })
      const seen = new Set<unknown>()
      for (const path of ['/login?user=1', '/login?user=2', '/clear']) {
        await agent.get(path)
        seen.add(agent.cookie('sessionId'))
      }
      expect(seen.size).toBe(3)
      expect(await json(agent.get('/data'))).toEqual({})
    })

    test('a sign-in begins a new lifetime', async () => {
      const { agent, clock } = await run({}, { lifetime: 60 * minute, idleTimeout: 60 * minute })
      await agent.get('/set?cart=1')
      clock.advance(59 * minute)
      await agent.get('/login?user=1')
      clock.advance(59 * minute)
      expect(await json(agent.get('/data'))).toEqual({ cart: '1', userId: '1' })
    })

    test('a destroyed session is gone, and so is its cookie, by a line with the same attributes', async () => {
      const { agent } = await run({}, { cookie: { path: '/', sameSite: 'strict' } })
      await agent.get('/login?user=42')
      const thief = agent.copy()
      const response = await agent.get('/logout')
      expect(response.headers.getSetCookie()).toEqual([
        'sessionId=; Path=/; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; SameSite=Strict',
      ])
      expect(agent.cookies).toEqual([])
      expect(await json(thief.get('/data'))).toEqual({})
    })

    test('a session of a token signed by an older secret goes on under one signed by the new', async () => {
      const store = new MemoryStore()
      const old = await run(
        {},
        { store, secret: 'old secret, which has a comma in its middle'.split(','), clock: Date.now },
      )
      await old.agent.get('/set?cart=1')
      const now = await run(
        {},
        { store, secret: ['a brand new secret of 32 characters', 'old secret'], clock: Date.now },
      )
      const headers = { cookie: `sessionId=${old.agent.cookie('sessionId')}` }
      const response = await now.agent.get('/', { headers })
      expect(response.headers.getSetCookie()).toHaveLength(1)
      expect(now.agent.cookie('sessionId')).not.toBe(old.agent.cookie('sessionId'))
      expect(await json(now.agent.get('/data'))).toEqual({ cart: '1' })
      expect((await now.agent.get('/')).headers.getSetCookie()).toEqual([])
    })
  })

  describe('a store that fails', () => {
    test('on load: 503 with Retry-After, no cookie, no handler', async () => {
      let ran = 0
      const { agent, store } = await run({ 'GET /count': () => void ran++ })
      await agent.get('/set?cart=1')
      store.failWith(new Error('redis://secret@host is down'))
      const response = await agent.get('/count')
      expect(response.status).toBe(503)
      expect(response.headers.get('retry-after')).toBe('1')
      expect(response.headers.getSetCookie()).toEqual([])
      const body = await response.text()
      expect(JSON.parse(body)).toMatchObject({ statusCode: 503, code: 'STORE_UNAVAILABLE' })
      expect(body).not.toMatch(/redis|secret/)
      expect(ran).toBe(0)
      store.heal()
      expect(await json(agent.get('/data'))).toEqual({ cart: '1' })
    })

    test.each(['create', 'update', 'rotate', 'delete'] as const)('on %s: 503 instead of the success', async (verb) => {
      const { agent, store, events } = await run({
        'GET /more': (context) => {
          context.header('x-kept', 'yes')
          context.header('set-cookie', 'other=1')
          context.session['more'] = 1
          return 'done'
        },
      })
      if (verb !== 'create') await agent.get('/set?cart=1')
      store.failWith(new Error('down'), [verb])
      const path = { create: '/more', update: '/more', rotate: '/login?user=1', delete: '/logout' }[verb]
      const response = await agent.get(path)
      expect(response.status).toBe(503)
      expect(response.headers.get('retry-after')).toBe('1')
      expect(response.headers.getSetCookie()).toEqual([])
      expect(await response.json()).toMatchObject({ code: 'STORE_UNAVAILABLE' })
      expect(events.map(({ type }) => type)).toContain('commit-failed')
      store.heal()
      expect(await json(agent.get('/data'))).toEqual(verb === 'create' ? {} : { cart: '1' })
    })

    test('on load, after somebody before the sessions has answered: that answer stays, and the process lives', async () => {
      const answers: (() => void)[] = []
      const { agent, store } = await run(
        {},
        {},
        {
          before: [(_req, res, next) => (answers.push(() => void res.status(504).end('too late')), next())],
          plugins: {
            before: async (app) => {
              app.addHook('onRequest', (_request, reply, next) => {
                answers.push(() => void reply.code(504).send('too late'))
                next()
              })
            },
          },
        },
      )
      await agent.get('/set?cart=1')
      const failures: unknown[] = []
      const note = (reason: unknown): void => void failures.push(reason)
      process.on('unhandledRejection', note)
      try {
        const gate = store.hold('load')
        const answer = agent.get('/data')
        await gate.reached
        answers.at(-1)!()
        expect((await answer).status).toBe(504)
        store.failWith(new Error('connection refused'), ['load'])
        gate.open()
        // Node tells of a rejection once all that was due is done.
        for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate)
        store.heal()
        expect(await json(agent.get('/data'))).toEqual({ cart: '1' })
        expect(failures).toEqual([])
      } finally {
        process.off('unhandledRejection', note)
      }
    })

    test('and never answers: 503 at the deadline', async () => {
      const { agent, store } = await run({}, { storeTimeout: 30 })
      await agent.get('/set?cart=1')
      store.hang()
      expect((await agent.get('/data')).status).toBe(503)
      store.heal()
      store.hang(['update'])
      expect((await agent.get('/set?more=1')).status).toBe(503)
      store.heal()
      expect((await agent.get('/data')).status).toBe(200)
    })

    test('on touch only: the request goes on', async () => {
      const { agent, store, clock, events } = await run({})
      await agent.get('/set?cart=1')
      clock.advance(2 * minute)
      store.failWith(new Error('down'), ['touch'])
      expect(await json(agent.get('/data'))).toEqual({ cart: '1' })
      expect(events).toContainEqual(expect.objectContaining({ type: 'store-failed', verb: 'touch' }))
    })

    test('on a verb whose failure the handler swallowed: still no success', async () => {
      const { agent, store } = await run({ 'GET /quiet': ({ session }) => session.destroy().catch(() => 'never mind') })
      await agent.get('/set?cart=1')
      store.failWith(new Error('down'), ['delete'])
      expect((await agent.get('/quiet')).status).toBe(503)
    })
  })

  test('an error of the option `subject` is a refusal, and the log names it', async () => {
    const lines: string[] = []
    const subject = (): never => {
      throw new TypeError('no user here')
    }
    const { agent, store } = await run({}, { subject, log: (line) => lines.push(line) })
    const response = await agent.get('/set?cart=1')
    expect(response.status).toBe(500)
    expect(await response.json()).toMatchObject({ code: 'SESSION_FAILED' })
    expect(lines).toEqual([expect.stringContaining('no user here')])
    expect(store.calls.create).toBe(0)
  })

  describe('what can not be stored', () => {
    test('is refused before the answer, and the log names its path', async () => {
      const lines: string[] = []
      const { agent, store } = await run(
        { 'GET /bad': ({ session }) => void (session['cart'] = { items: [{ price: () => 5 }] }) },
        { log: (line) => lines.push(line) },
      )
      await agent.get('/set?kept=1')
      const response = await agent.get('/bad')
      expect(response.status).toBe(500)
      expect(await response.json()).toMatchObject({ code: 'VALUE_NOT_STORABLE' })
      expect(lines).toEqual([expect.stringContaining('cart.items[0].price')])
      expect(store.calls.update).toBe(0)
      expect(await json(agent.get('/data'))).toEqual({ kept: '1' })
    })

    test.each(['save', 'update', 'token'])('the name %s, which the session uses itself', async (name) => {
      const { agent } = await run({ 'GET /bad': ({ session }) => void (session[name] = 1) })
      expect((await agent.get('/bad')).status).toBe(500)
    })

    test.each(['id', 'cookie', 'handle'])('the name %s, at the assignment', async (name) => {
      const { agent } = await run({
        'GET /bad': ({ session }) => {
          try {
            session[name] = 1
            return 'taken'
          } catch (error) {
            return (error as Error).message
          }
        },
      })
      expect(await json(agent.get('/bad'))).toContain(`a value named "${name}"`)
    })

    test('names like __proto__ and constructor are data like others', async () => {
      const { agent } = await run({
        'GET /odd': ({ session }) =>
          void Object.assign(
            session,
            JSON.parse('{"__proto__":{"a":1},"constructor":2,"toString":3,"hasOwnProperty":4}'),
          ),
        'GET /show': ({ session }) => Object.entries(session),
      })
      await agent.get('/odd')
      expect(await json(agent.get('/show'))).toEqual([
        ['__proto__', { a: 1 }],
        ['constructor', 2],
        ['toString', 3],
        ['hasOwnProperty', 4],
      ])
    })
  })

  test('a record that can not be read counts as absent, and is told of', async () => {
    const { agent, store, events } = await run({})
    await agent.get('/set?cart=1')
    const load = store.load.bind(store)
    store.load = async (key) => ({ ...(await load(key))!, data: new Map([['cart', 'not JSON']]) })
    expect(await json(agent.get('/data'))).toEqual({})
    expect(events).toContainEqual(expect.objectContaining({ type: 'record-unreadable' }))
    expect((await agent.get('/set?cart=2')).status).toBe(200)
  })

  test('an answer says Vary: Cookie if its handler read the session, beside what it says already', async () => {
    const { agent } = await run({
      'GET /varied': ({ session, header }) => {
        header('Vary', 'Accept-Encoding')
        return { ...session }
      },
    })
    expect((await agent.get('/')).headers.get('vary')).toBeNull()
    expect((await agent.get('/data')).headers.get('vary')).toBe('Cookie')
    expect((await agent.get('/varied')).headers.get('vary')).toBe('Accept-Encoding, Cookie')
  })

  test('an answer with the cookie is never stored by a cache, whatever its handler said', async () => {
    const { agent } = await run({
      'GET /public': ({ session, header }) => {
        header('Cache-Control', 'public, max-age=600')
        session['seen'] = true
      },
      'GET /stricter': ({ session, header }) => {
        header('Cache-Control', 'private, no-store')
        return session.regenerate()
      },
    })
    expect((await agent.get('/public')).headers.get('cache-control')).toBe('no-store')
    expect((await agent.get('/public')).headers.get('cache-control')).toBe('public, max-age=600')
    expect((await agent.get('/stricter')).headers.get('cache-control')).toBe('private, no-store')
  })

  test('a handler that sets a cookie of our name does not make two, and its other cookies stay', async () => {
    const { agent } = await run({
      'GET /both': ({ session, raw }) => {
        raw.res.setHeader('Set-Cookie', ['sessionId=theirs', 'theme=dark'])
        session['seen'] = true
      },
    })
    const lines = (await agent.get('/both')).headers.getSetCookie()
    expect(lines).toHaveLength(2)
    expect(lines[0]).toBe('theme=dark')
    expect(lines[1]).not.toContain('theirs')
  })
})
