import type { SessionEvent } from 'latchkey/core'
import { hours, minutes, seconds, type SessionOptions } from 'latchkey/express'
import { MemoryStore } from 'latchkey/stores/memory'
import { CookieAgent, FailingStore, ManualClock } from 'latchkey/testing'
import { afterEach, describe, expect, test } from 'vitest'
import { ANSWERED, platforms, type Handler, type TestApp } from '../support/platforms.js'
import { rawRequest } from '../support/raw.js'

const GRACE = seconds(10)
const DUE: Partial<SessionOptions> = { rotateEvery: hours(1), idleTimeout: hours(5) }

const ROUTES: Readonly<Record<string, Handler>> = {
  'GET /': () => 'nothing touched',
  'GET /data': ({ session }) => ({ ...session }),
  'GET /set': ({ session, query }) => void Object.assign(session, query),
  'GET /rotate': ({ session }) => session.rotate(),
  'GET /logout': ({ session }) => session.destroy(),
  'GET /token': ({ session }) => session.token(),
}

const opened: TestApp[] = []

afterEach(async () => {
  for (const app of opened.splice(0)) await app.close()
})

const json = async (response: Promise<Response>): Promise<unknown> => (await response).json()

const cookies = async (response: Promise<Response>): Promise<readonly string[]> =>
  (await response).headers.getSetCookie()

describe.each(platforms)('on $name', ({ start }) => {
  async function run(options: Partial<SessionOptions> = {}, routes: Readonly<Record<string, Handler>> = {}) {
    const clock = new ManualClock()
    const store = new FailingStore(new MemoryStore({ clock: clock.now }))
    const events: SessionEvent[] = []
    const app = await start(
      {
        secret: 'a secret of more than 32 characters',
        store,
        clock: clock.now,
        log: false,
        onEvent: (event) => events.push(event),
        ...options,
      },
      { ...ROUTES, ...routes },
    )
    opened.push(app)
    const agent = new CookieAgent(app.base, { clock: clock.now })
    const types = (): readonly string[] => events.map(({ type }) => type)
    return { agent, store, clock, events, types, app }
  }

  /** An agent that has shown its new cookie, and one that still has the old one. */
  async function rotated(options: Partial<SessionOptions> = {}) {
    const setup = await run(options)
    await setup.agent.get('/set?userId=7')
    const old = setup.agent.copy()
    await setup.agent.get('/rotate')
    await setup.agent.get('/')
    return { ...setup, old }
  }

  describe('session.rotate()', () => {
    test('sends one cookie, with a new id and with what is left of the lifetime', async () => {
      const { agent, clock, events } = await run()
      await agent.get('/set?userId=7')
      const before = agent.cookie('sessionId')!
      clock.advance(minutes(20))
      const response = await agent.get('/rotate')
      expect(response.headers.getSetCookie()).toEqual([
        expect.stringMatching(
          /^sessionId=[\w-]{51}\.[\w-]{43}; Path=\/; Max-Age=85200; Expires=[^;]+; HttpOnly; SameSite=Lax$/,
        ),
      ])
      expect(response.headers.get('cache-control')).toBe('no-store')
      expect(agent.cookie('sessionId')).not.toBe(before)
      expect(await json(agent.get('/data'))).toEqual({ userId: '7' })
      expect(await cookies(agent.get('/data'))).toEqual([])
      expect(events.at(-1)).toMatchObject({ type: 'rotated', reason: 'asked' })
    })

    test('after the headers have left is refused, and the session stays where it is', async () => {
      const { agent } = await run(
        {},
        {
          'GET /late': async ({ session, raw }) => {
            raw.res.write('first ')
            const outcome = await session.rotate().catch((error: unknown) => (error as { code: string }).code)
            raw.res.end(String(outcome))
            return ANSWERED
          },
        },
      )
      await agent.get('/set?userId=7')
      expect(await (await agent.get('/late')).text()).toBe('first HEADERS_SENT')
      expect(await json(agent.get('/data'))).toEqual({ userId: '7' })
    })
  })

  describe('the cookie from before', () => {
    test('still works if the answer with the new one was lost, and gets it again', async () => {
      const { agent, clock } = await run()
      await agent.get('/set?userId=7')
      const lost = agent.copy()
      await agent.get('/rotate')
      clock.advance(minutes(20))
      for (const path of ['/data', '/', '/set?more=1']) {
        const client = lost.copy()
        expect(await cookies(client.get(path))).toHaveLength(1)
        expect(client.cookie('sessionId')).toBe(agent.cookie('sessionId'))
      }
      expect(await json(lost.get('/data'))).toEqual({ userId: '7', more: '1' })
      expect(await cookies(lost.get('/'))).toEqual([])
      clock.advance(minutes(20))
      expect(await json(lost.get('/data'))).toEqual({ userId: '7', more: '1' })
    })

    test('works for the grace after the new one was seen, and its answers set none', async () => {
      const { agent, old, clock } = await rotated()
      clock.advance(GRACE - 1)
      const client = old.copy()
      const response = await client.get('/set?late=1')
      expect(response.headers.getSetCookie()).toEqual([])
      expect(await json(agent.get('/data'))).toEqual({ userId: '7', late: '1' })
    })

    test('is anonymous after it, which is told of; the session lives on', async () => {
      const { agent, old, clock, events } = await rotated()
      clock.advance(GRACE)
      const response = await old.get('/data')
      expect(await response.json()).toEqual({})
      expect(response.headers.getSetCookie()).toEqual([])
      expect(events.at(-1)).toEqual({ type: 'reuse-detected', handle: expect.stringMatching(/^[\w-]{16}$/) as string })
      expect(await json(agent.get('/data'))).toEqual({ userId: '7' })
    })

    test("ends the session after it with onReuse 'revoke', for whoever has which cookie", async () => {
      const { agent, old, clock, types } = await rotated({ onReuse: 'revoke' })
      clock.advance(GRACE)
      expect(await json(old.get('/data'))).toEqual({})
      expect(await json(agent.get('/data'))).toEqual({})
      expect(types().slice(-2)).toEqual(['reuse-detected', 'revoked'])
      // It is over, so there is nothing more to tell of.
      await old.get('/data')
      expect(types().slice(-2)).toEqual(['reuse-detected', 'revoked'])
    })

    test('signs out the new one by a logout in its grace, and is itself deleted', async () => {
      const { agent, old } = await rotated()
      expect(await cookies(old.get('/logout'))).toEqual([expect.stringContaining('Max-Age=0')])
      expect(old.cookies).toEqual([])
      expect(await json(agent.get('/data'))).toEqual({})
    })

    test('gets the option `rotationGrace`', async () => {
      const { old, clock } = await rotated({ rotationGrace: minutes(2) })
      clock.advance(minutes(2) - 1)
      expect(await json(old.get('/data'))).toEqual({ userId: '7' })
      clock.advance(1)
      expect(await json(old.get('/data'))).toEqual({})
    })

    test('beside the new one in the same request does no harm, whichever comes first', async () => {
      const { agent, old, clock } = await rotated()
      clock.advance(GRACE)
      const [stale, good] = [`sessionId=${old.cookie('sessionId')}`, `sessionId=${agent.cookie('sessionId')}`]
      for (const cookie of [`${stale}; ${good}`, `${good}; ${stale}`]) {
        expect(await json(old.get('/data', { headers: { cookie } }))).toEqual({ userId: '7' })
      }
    })
  })

  describe('rotateEvery', () => {
    test('gives 20 parallel requests one new cookie, and answers all of them signed in', async () => {
      const { agent, store, clock, events } = await run(DUE)
      await agent.get('/set?userId=7')
      clock.advance(hours(1))
      const gates = Array.from({ length: 20 }, () => store.hold('rotate'))
      const browsers = gates.map(() => agent.copy())
      const answers = browsers.map((browser) => json(browser.get('/data')))
      await Promise.all(gates.map(({ reached }) => reached))
      for (const gate of gates) gate.open()
      expect(await Promise.all(answers)).toEqual(gates.map(() => ({ userId: '7' })))
      const now = new Set(browsers.map((browser) => browser.cookie('sessionId')))
      expect(now.size).toBe(1)
      expect(now).not.toContain(agent.cookie('sessionId'))
      expect(events.filter(({ type }) => type === 'rotated')).toEqual([
        expect.objectContaining({ type: 'rotated', reason: 'due' }),
      ])
      // And so do those of one browser that come one after the other.
      const latest = browsers[0]!.copy()
      for (const path of ['/data', '/']) expect(await cookies(latest.get(path))).toEqual([])
    })

    test('moves the session at the first request that is due, if its handler looks at it or not', async () => {
      const { agent, clock } = await run(DUE)
      await agent.get('/set?userId=7')
      for (const path of ['/', '/data', '/set?more=1']) {
        clock.advance(hours(1) - 1)
        expect(await cookies(agent.get(path))).toEqual([])
        clock.advance(1)
        expect(await cookies(agent.get(path))).toHaveLength(1)
      }
      expect(await json(agent.get('/data'))).toEqual({ userId: '7', more: '1' })
    })

    test('moves it before the first byte of a stream, which can still write into it', async () => {
      const { agent, clock } = await run(DUE, {
        'GET /stream': ({ session, raw }) => {
          raw.res.write('first ')
          session['streamed'] = true
          raw.res.end('last')
          return ANSWERED
        },
      })
      await agent.get('/set?userId=7')
      clock.advance(hours(1))
      const response = await agent.get('/stream')
      expect(await response.text()).toBe('first last')
      expect(response.headers.getSetCookie()).toHaveLength(1)
      expect(await json(agent.get('/data'))).toEqual({ userId: '7', streamed: true })
    })

    test('does not move it for a client that has gone, and that is no error', async () => {
      let entered = (): void => {}
      const isThere = new Promise<void>((resolve) => (entered = resolve))
      let saved: Promise<void> | undefined
      const { agent, app, clock, events, types, store } = await run(DUE, {
        'GET /slow': ({ session, raw }) => {
          session['slow'] = true
          saved = new Promise((resolve) => raw.res.once('close', () => setImmediate(resolve)))
          entered()
          return saved.then(() => 'too late')
        },
      })
      await agent.get('/set?userId=7')
      clock.advance(hours(1))
      const cookie = `Cookie: sessionId=${agent.cookie('sessionId')}`
      const raw = rawRequest(app.port, ['GET /slow HTTP/1.1', 'Host: localhost', cookie])
      await isThere
      raw.socket.destroy()
      await saved
      expect(store.calls.rotate).toBe(0)
      expect(types().filter((type) => type !== 'created')).toEqual([])
      expect(await json(agent.get('/data'))).toEqual({ userId: '7', slow: true })
      expect(events.at(-1)).toMatchObject({ type: 'rotated', reason: 'due' })
    })

    test('does nothing where the cookie would not be delivered', async () => {
      const { agent, clock, store, types } = await run({ ...DUE, cookie: { secure: true } })
      const token = await tokenOf({ store, clock: clock.now, ...DUE })
      clock.advance(hours(1))
      const headers = { cookie: `__Host-sessionId=${token}` }
      for (const path of ['/data', '/', '/set?more=1']) {
        const response = await agent.get(path, { headers })
        expect([response.status, response.headers.getSetCookie()]).toEqual([200, []])
      }
      expect(await json(agent.get('/data', { headers }))).toEqual({ userId: '7', more: '1' })
      expect(store.calls.rotate).toBe(0)
      expect(types()).not.toContain('cookie-undeliverable')
    })

    test('is put off while the store can not do it, with an honest answer', async () => {
      const { agent, clock, store } = await run(DUE)
      await agent.get('/set?userId=7')
      clock.advance(hours(1))
      store.failWith(new Error('down'), ['rotate'])
      const response = await agent.get('/data')
      expect([response.status, response.headers.getSetCookie()]).toEqual([503, []])
      store.heal()
      expect(await cookies(agent.get('/data'))).toHaveLength(1)
      expect(await json(agent.get('/data'))).toEqual({ userId: '7' })
    })
  })

  describe('with a bearer token', () => {
    test('the new one comes in Session-Token, also again while it was not seen, and never in a cookie', async () => {
      const { agent, clock, types } = await run({ ...DUE, transports: ['bearer'], onReuse: 'revoke' })
      const bearer = (token: string) => ({ headers: { authorization: `Bearer ${token}` } })
      await agent.get('/set?userId=7')
      const first = (await agent.get('/set?userId=7')).headers.get('session-token')!
      clock.advance(hours(1))
      const response = await agent.get('/data', bearer(first))
      const second = response.headers.get('session-token')!
      expect(second).toMatch(/^[\w-]{51}\.[\w-]{43}$/)
      expect(second).not.toBe(first)
      expect(response.headers.get('cache-control')).toBe('no-store')
      expect(response.headers.get('vary')).toBe('Authorization')
      expect((await agent.get('/data', bearer(first))).headers.get('session-token')).toBe(second)
      const next = await agent.get('/data', bearer(second))
      expect(await next.json()).toEqual({ userId: '7' })
      expect(next.headers.get('session-token')).toBeNull()
      expect((await agent.get('/data', bearer(first))).headers.get('session-token')).toBeNull()
      const third = (await agent.get('/rotate', bearer(second))).headers.get('session-token')!
      expect(await json(agent.get('/data', bearer(third)))).toEqual({ userId: '7' })
      clock.advance(GRACE)
      expect(await json(agent.get('/data', bearer(first)))).toEqual({})
      expect(types()).toContain('reuse-detected')
      for (const token of [second, third]) expect(await json(agent.get('/data', bearer(token)))).toEqual({})
      expect(agent.cookies).toEqual([])
    })
  })

  /** The token of a session that an application with these options has begun. */
  async function tokenOf(options: Partial<SessionOptions>): Promise<string> {
    const { agent } = await run(options)
    await agent.get('/set?userId=7')
    return agent.cookie('sessionId')!
  }
})
