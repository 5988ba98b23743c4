import { readFileSync } from 'node:fs'
import { connect as http2Connect } from 'node:http2'
import { newId } from 'latchkey/core'
import type { SessionEvent } from 'latchkey/core'
import type { CookieOptions, SessionOptions } from 'latchkey/express'
import { MemoryStore } from 'latchkey/stores/memory'
import { CookieAgent, FailingStore } from 'latchkey/testing'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { TokenSigner } from '../../src/core/token.js'
import { cookieValues } from '../../src/http/cookie-text.js'
import { resolveCookieOptions } from '../../src/http/options.js'
import { platforms, type Handler, type PlatformOptions, type TestApp } from '../support/platforms.js'

const secret = 'a secret of more than 32 characters'
const https = { 'x-forwarded-proto': 'https' }

const opened: TestApp[] = []

afterEach(async () => {
  vi.unstubAllEnvs()
  for (const app of opened.splice(0)) await app.close()
})

const ROUTES: Readonly<Record<string, Handler>> = {
  'GET /data': ({ session }) => ({ ...session }),
  'GET /set': ({ session, query }) => void Object.assign(session, query),
  'GET /logout': ({ session }) => session.destroy(),
  'GET /max-age': ({ session, query }) => {
    session['a'] = 1
    session.cookie.maxAge = query['ms'] === undefined ? null : Number(query['ms'])
  },
  'GET /token': async ({ session, query }) => {
    Object.assign(session, query)
    return { token: await session.token() }
  },
}

describe('reading the Cookie header', () => {
  test.each([
    ['sessionId=a', ['a']],
    ['x=1; sessionId=a; y=2', ['a']],
    ['x=1;sessionId=a;sessionId=b', ['a', 'b']],
    [' \tsessionId \t=\t a \t; y', ['a']],
    ['sessionId=a; sessionId=a; sessionId=b', ['a', 'b']],
    ['sessionId=1; sessionId=2; sessionId=3; sessionId=4', ['1', '2', '3']],
    ['SessionId=a; sessionid=b; sessionId2=c; xsessionId=d; session=e', []],
    ['sessionId', []],
    ['sessionId=', ['']],
    ['sessionId=a=b', ['a=b']],
    ['x=";sessionId=a"', ['a"']],
    ['\u00a0sessionId=a', []],
    [';;;;', []],
    ['', []],
  ])('%j', (header, values) => {
    expect(cookieValues(header, 'sessionId', 3)).toEqual(values)
  })
})

describe('cookie options that no browser would take are refused at start-up', () => {
  test.each<[object, RegExp]>([
    [{ sameSite: 'none' }, /'none' needs cookie.secure true/],
    [{ sameSite: 'none', secure: false }, /'none' needs cookie.secure true/],
    [{ name: '__Host-s', domain: 'example.com', secure: true }, /leave out cookie.domain/],
    [{ name: '__Host-s', path: '/app', secure: true }, /leave out cookie.domain and cookie.path/],
    [{ name: '__Host-s' }, /needs cookie.secure true/],
    [{ name: '__Secure-s', secure: false }, /needs cookie.secure true/],
    [{ partitioned: true }, /partitioned needs/],
    [{ name: 'a b' }, /cookie.name is "a b"/],
    [{ name: 'a=b' }, /cookie.name/],
    [{ name: '' }, /cookie.name/],
    [{ path: 'app' }, /cookie.path is "app"/],
    [{ path: '/; Domain=evil' }, /cookie.path/],
    [{ path: '/\r\nX: y' }, /cookie.path/],
    [{ domain: 'a;b' }, /cookie.domain/],
    [{ domain: 'a\nb' }, /cookie.domain/],
    [{ secure: 'yes' }, /cookie.secure is "yes"/],
    [{ sameSite: 'Lax' }, /cookie.sameSite is "Lax"/],
    [{ httpOnly: 1 }, /cookie.httpOnly is 1/],
    [{ maxAge: 5 }, /Unknown cookie option "maxAge".*lifetime/],
  ])('%j', (options, message) => {
    expect(() => resolveCookieOptions(options as CookieOptions, {})).toThrow(
      expect.objectContaining({ code: 'OPTIONS_INVALID', message: expect.stringMatching(message) }),
    )
  })

  test('and what they would take is not', () => {
    expect(resolveCookieOptions({ sameSite: 'none', secure: true, partitioned: true }, {})).toMatchObject({
      secure: true,
    })
    expect(resolveCookieOptions({ sameSite: 'none' }, { NODE_ENV: 'production' })).toMatchObject({ secure: true })
    expect(resolveCookieOptions({ name: '__Host-s', secure: true }, {})).toMatchObject({ name: '__Host-s' })
  })
})

describe.each(platforms)('on $name', ({ name: platform, start }) => {
  async function run(
    options: Partial<SessionOptions> = {},
    more?: PlatformOptions,
  ): Promise<{ agent: CookieAgent; store: FailingStore; app: TestApp; events: SessionEvent[]; lines: string[] }> {
    const store = new FailingStore(new MemoryStore({ allowInProduction: true }))
    const events: SessionEvent[] = []
    const lines: string[] = []
    const app = await start(
      { secret, store, onEvent: (event) => void events.push(event), log: (line) => void lines.push(line), ...options },
      ROUTES,
      more,
    )
    opened.push(app)
    return { agent: new CookieAgent(app.base), store, app, events, lines }
  }

  const setCookies = async (response: Promise<Response>): Promise<string[]> => (await response).headers.getSetCookie()

  describe('which token counts', () => {
    test('of several cookies of our name the first that has a session', async () => {
      const { agent, app } = await run()
      await agent.get('/set?a=1')
      const good = agent.cookie('sessionId')!
      const stale = new TokenSigner([secret]).sign(newId(undefined))
      for (const cookie of [
        `sessionId=${stale}; sessionId=${good}`,
        `sessionId=garbage; x=1; sessionId=${stale}; sessionId=${good}`,
      ]) {
        const response = await fetch(`${app.base}/data`, { headers: { cookie } })
        expect(await response.json()).toEqual({ a: '1' })
      }
    })

    test.each(['garbage', 'x'.repeat(95), 'x'.repeat(8_000), '%00%0d%0a', '"', '{}'])(
      'a cookie that is no token (%#) costs no store call and is a visit without a session',
      async (value) => {
        const { app, store, events } = await run()
        const response = await fetch(`${app.base}/data`, { headers: { cookie: `sessionId=${value}` } })
        expect(await response.json()).toEqual({})
        expect(store.calls.load).toBe(0)
        expect(events).toEqual([{ type: 'token-rejected', reason: 'malformed' }])
      },
    )

    test('a token changed in one place, or of another secret, costs no store call', async () => {
      const { agent, app, store } = await run()
      await agent.get('/set?a=1')
      const token = agent.cookie('sessionId')!
      const other = new TokenSigner(['another secret, 32 characters long']).sign(token.slice(0, 51))
      for (const forged of [token.slice(0, -1) + (token.endsWith('A') ? 'B' : 'A'), other]) {
        const response = await fetch(`${app.base}/data`, { headers: { cookie: `sessionId=${forged}` } })
        expect(await response.json()).toEqual({})
      }
      expect(store.calls.load).toBe(0)
    })

    test('a good token without a record is a visit without a session, and is left alone', async () => {
      const { app } = await run()
      const cookie = `sessionId=${new TokenSigner([secret]).sign(newId(undefined))}`
      const response = await fetch(`${app.base}/data`, { headers: { cookie } })
      expect(response.headers.getSetCookie()).toEqual([])
    })

    test('logging out with a cookie whose session is over deletes the cookie', async () => {
      const { app } = await run()
      const cookie = `sessionId=${new TokenSigner([secret]).sign(newId(undefined))}`
      const response = await fetch(`${app.base}/logout`, { headers: { cookie } })
      expect(response.headers.getSetCookie()).toEqual([expect.stringMatching(/^sessionId=; .*Max-Age=0/)])
    })
  })

  describe('over HTTPS', () => {
    const proxied = { trustProxy: true }

    test('the cookie is Secure and __Host-, and only that one is read', async () => {
      const { agent, app } = await run({}, proxied)
      const lines = await setCookies(agent.get('/set?a=1', { headers: https }))
      expect(lines).toEqual([
        expect.stringMatching(/^__Host-sessionId=.*; Path=\/;.*; HttpOnly; Secure; SameSite=Lax$/),
      ])
      const token = /=([^;]+)/.exec(lines[0]!)![1]!
      const read = async (cookie: string): Promise<unknown> =>
        (await fetch(`${app.base}/data`, { headers: { ...https, cookie } })).json()
      expect(await read(`__Host-sessionId=${token}`)).toEqual({ a: '1' })
      expect(await read(`sessionId=${token}`)).toEqual({})
    })

    test.each<[CookieOptions, RegExp]>([
      [{ domain: 'example.com' }, /^sessionId=.*; Domain=example\.com;.*; Secure;/],
      [{ path: '/app' }, /^sessionId=.*; Path=\/app;.*; Secure;/],
      [{ secure: false }, /^sessionId=(?!.*Secure)/],
      [{ name: '__Secure-id', secure: true }, /^__Secure-id=/],
      [{ sameSite: 'none', secure: true, partitioned: true }, /^__Host-sessionId=.*; SameSite=None; Partitioned$/],
      [{ httpOnly: false }, /^__Host-sessionId=(?!.*HttpOnly)/],
    ])('with %j', async (cookie, pattern) => {
      const { agent } = await run({ cookie }, proxied)
      expect(await setCookies(agent.get('/set?a=1', { headers: https }))).toEqual([expect.stringMatching(pattern)])
    })
  })

  describe('a cookie that can not be delivered', () => {
    test.each<[string, Partial<SessionOptions>, Record<string, string>]>([
      ['secure: true behind a proxy that is not trusted', { cookie: { secure: true } }, https],
      ['secure: true on a plain connection', { cookie: { secure: true } }, {}],
      ['production on a plain connection', {}, {}],
    ])(
      '%s: nothing is stored, the answer is no success, and one line names the mend',
      async (name, options, headers) => {
        if (name.startsWith('production')) vi.stubEnv('NODE_ENV', 'production')
        const { agent, store, lines, events } = await run(options)
        for (let round = 0; round < 3; round++) {
          const response = await agent.get('/set?a=1', { headers })
          expect(response.status).toBe(500)
          expect(await response.json()).toMatchObject({ code: 'COOKIE_UNDELIVERABLE' })
          expect(response.headers.getSetCookie()).toEqual([])
        }
        expect(store.calls.create).toBe(0)
        expect(lines).toEqual([
          expect.stringContaining(
            platform === 'express' ? "app.set('trust proxy', 1)" : 'Fastify({ trustProxy: true })',
          ),
        ])
        expect(events.filter(({ type }) => type === 'cookie-undeliverable')).toHaveLength(3)
        expect((await agent.get('/data')).status).toBe(200)
      },
    )

    test('and once the proxy is trusted it is delivered', async () => {
      vi.stubEnv('NODE_ENV', 'production')
      const { agent } = await run({}, { trustProxy: true })
      expect(await setCookies(agent.get('/set?a=1', { headers: https }))).toHaveLength(1)
    })
  })

  describe('cookie.maxAge', () => {
    test('assigned in a new session: its lifetime and its cookie', async () => {
      const { agent } = await run()
      expect(await setCookies(agent.get('/max-age?ms=7200000'))).toEqual([expect.stringContaining('; Max-Age=7200;')])
    })

    test('assigned later: a new cookie line with the same token', async () => {
      const { agent } = await run()
      await agent.get('/set?a=1')
      const token = agent.cookie('sessionId')
      expect(await setCookies(agent.get('/max-age?ms=7200000'))).toEqual([expect.stringContaining('; Max-Age=7200;')])
      expect(agent.cookie('sessionId')).toBe(token)
    })

    test('null: a cookie that goes with the browser, after rotation too', async () => {
      const { agent } = await run()
      expect(await setCookies(agent.get('/max-age'))).toEqual([expect.not.stringMatching(/Max-Age|Expires/)])
      expect(await setCookies(agent.get('/set?userId=1'))).toEqual([expect.not.stringMatching(/Max-Age|Expires/)])
    })

    test('0 ends the session', async () => {
      const { agent } = await run()
      await agent.get('/set?a=1')
      expect(await setCookies(agent.get('/max-age?ms=0'))).toEqual([expect.stringContaining('Max-Age=0')])
      expect(await (await agent.get('/data')).json()).toEqual({})
    })
  })

  describe('Bearer', () => {
    const bearer = (token: string): RequestInit => ({ headers: { authorization: `Bearer ${token}` } })

    test('is off by default', async () => {
      const { agent, app, store } = await run()
      await agent.get('/set?a=1')
      const response = await fetch(`${app.base}/data`, bearer(agent.cookie('sessionId')!))
      expect(await response.json()).toEqual({})
      expect(store.calls.load).toBe(0)
    })

    test('alone: tokens come in Session-Token, no cookie is ever set or read', async () => {
      const { agent, app } = await run({ transports: ['bearer'] })
      const response = await agent.get('/set?a=1')
      expect(response.headers.getSetCookie()).toEqual([])
      expect(response.headers.get('cache-control')).toBe('no-store')
      const token = response.headers.get('session-token')!
      const login = await fetch(`${app.base}/set?userId=5`, bearer(token))
      const rotated = login.headers.get('session-token')!
      expect(rotated).not.toBe(token)
      expect(login.headers.getSetCookie()).toEqual([])
      const data = await fetch(`${app.base}/data`, bearer(rotated))
      expect(await data.json()).toEqual({ a: '1', userId: '5' })
      expect(data.headers.get('session-token')).toBeNull()
      expect(data.headers.get('vary')).toBe('Authorization')
      expect(await (await fetch(`${app.base}/data`, { headers: { cookie: `sessionId=${rotated}` } })).json()).toEqual(
        {},
      )
      const out = await fetch(`${app.base}/logout`, bearer(rotated))
      expect(out.headers.getSetCookie()).toEqual([])
      expect(await (await fetch(`${app.base}/data`, bearer(rotated))).json()).toEqual({})
    })

    test('beside cookies: a request with a token gets no cookie, one without gets one', async () => {
      const { agent, app } = await run({ transports: ['cookie', 'bearer'] })
      const { token } = (await (await agent.get('/token?a=1')).json()) as { token: string }
      expect(agent.cookie('sessionId')).toBe(token)
      const response = await fetch(`${app.base}/set?userId=5`, bearer(token))
      expect(response.headers.getSetCookie()).toEqual([])
      expect(response.headers.get('session-token')).toMatch(/^[\w-]{51}\.[\w-]{43}$/)
    })

    test("somebody else's Authorization is passed over", async () => {
      const { agent, store } = await run({ transports: ['cookie', 'bearer'] })
      await agent.get('/set?a=1')
      for (const authorization of ['Basic YTpi', 'Bearer a.b.c', 'Bearer', 'bearer  ', 'Digest x']) {
        const response = await agent.get('/data', { headers: { authorization } })
        expect(await response.json()).toEqual({ a: '1' })
      }
      expect(store.calls.load).toBe(5)
    })
  })
})

test('over HTTP/2, Fastify commits before the headers as well', async () => {
  const { fastify: start } = Object.fromEntries(platforms.map((platform) => [platform.name, platform.start])) as {
    fastify: (typeof platforms)[number]['start']
  }
  const key = readFileSync(new URL('../support/tls/key.pem', import.meta.url))
  const cert = readFileSync(new URL('../support/tls/cert.pem', import.meta.url))
  const store = new FailingStore(new MemoryStore())
  const app = await start({ secret, store }, ROUTES, { fastify: { http2: true, https: { key, cert } } as object })
  opened.push(app)
  const client = http2Connect(`https://127.0.0.1:${app.port}`, { ca: cert, checkServerIdentity: () => undefined })
  const get = (path: string, cookie?: string): Promise<{ headers: Record<string, unknown>; text: string }> =>
    new Promise((resolve, reject) => {
      const stream = client.request({ ':path': path, ...(cookie === undefined ? {} : { cookie }) })
      let headers: Record<string, unknown> = {}
      let text = ''
      stream.on('response', (received) => (headers = received))
      stream.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
      stream.on('end', () => resolve({ headers, text })).on('error', reject)
    })
  try {
    const gate = store.hold('create')
    const answer = get('/set?a=1')
    await gate.reached
    gate.open()
    const [line] = (await answer).headers['set-cookie'] as string[]
    expect(line).toMatch(/^__Host-sessionId=.*Secure/)
    const cookie = line!.split(';')[0]!
    expect(JSON.parse((await get('/data', cookie)).text)).toEqual({ a: '1' })
    store.failWith(new Error('down'), ['update'])
    expect((await get('/set?b=2', cookie)).headers[':status']).toBe(503)
  } finally {
    client.close()
  }
})
