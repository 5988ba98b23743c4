import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect, type IncomingHttpHeaders, type OutgoingHttpHeaders } from 'node:http2'
import type { SessionEvent } from 'latchkey/core'
import { sessions, type SessionOptions } from 'latchkey/express'
import { MemoryStore } from 'latchkey/stores/memory'
import { describe, expect, test } from 'vitest'
import { dataOf, ending, everywhere, ROUTES as EVERY, secret, type Scene } from '../acceptance/everywhere.js'
import { platforms } from '../support/platforms.js'
import { rawRequest } from '../support/raw.js'

const ROUTES = {
  'POST /write': ({ session }: { session: Record<string, unknown> }) => void (session['written'] = true),
  'POST /sign-in': ({ session }: { session: Record<string, unknown> }) => void (session['userId'] = 42),
} as const

type Headers = Readonly<Record<string, string>>

/** What a client gets whose request another site has sent. */
async function isRefused(response: Response): Promise<void> {
  expect(response.status).toBe(403)
  expect(response.headers.getSetCookie()).toEqual([])
  expect(response.headers.get('cache-control')).toBe('no-store')
  expect(await response.json()).toEqual({
    statusCode: 403,
    code: 'CROSS_SITE_REQUEST',
    error: 'Forbidden',
    message: expect.stringContaining('another site'),
  })
}

/** Signed in, and past the counting of calls. */
async function signedIn({ browser, store }: Scene): Promise<number> {
  await browser.get('/login?user=42')
  return store.calls.load
}

/** Sends a POST with these header lines and the session's cookie, byte for byte. */
async function posted({ app, browser }: Scene, lines: readonly string[]): Promise<number> {
  const cookie = `Cookie: sessionId=${browser.cookie('sessionId')}`
  const head = ['POST /write HTTP/1.1', ...lines, cookie, 'Content-Length: 0', 'Connection: close']
  const connection = rawRequest(app.port, head)
  await connection.closed
  return Number(connection.text.slice(9, 12))
}

describe('a page of another site sends a request with the session cookie', () => {
  everywhere(({ platform, start }) => {
    const refused: Readonly<Record<string, (own: URL) => Headers>> = {
      'Fetch Metadata: cross-site': () => ({ 'sec-fetch-site': 'cross-site' }),
      'Fetch Metadata: same-site, from another subdomain': () => ({ 'sec-fetch-site': 'same-site' }),
      'Fetch Metadata in another case': () => ({ 'sec-fetch-site': 'Same-Origin' }),
      'Fetch Metadata with a parameter': () => ({ 'sec-fetch-site': 'same-origin;a=1' }),
      'Fetch Metadata of no value': () => ({ 'sec-fetch-site': '' }),
      'Fetch Metadata, whatever the Origin says': ({ origin }) => ({ 'sec-fetch-site': 'cross-site', origin }),
      'the Origin of another host': () => ({ origin: 'https://evil.example' }),
      'the Origin of another port': ({ hostname }) => ({ origin: `http://${hostname}:1` }),
      'the Origin of the own host without its port': ({ hostname }) => ({ origin: `http://${hostname}` }),
      'no origin: of a sandboxed frame or a file': () => ({ origin: 'null' }),
      'an empty Origin': () => ({ origin: '' }),
      'the own host as a user': ({ host }) => ({ origin: `http://${host}@evil.example` }),
      'the own host as a beginning': ({ origin }) => ({ origin: `${origin}.evil.example` }),
      'the own host as a path': ({ host }) => ({ origin: `http://evil.example/${host}` }),
      'two Origins': ({ origin }) => ({ origin: `${origin}, https://evil.example` }),
      'the own host under another scheme': ({ host }) => ({ origin: `ftp://${host}` }),
    }

    test.each(Object.entries(refused))('%s: 403, no store call, and the session stays', async (_name, headers) => {
      const scene = await start(ROUTES)
      const loads = await signedIn(scene)
      const { app, browser, store } = scene
      const token = browser.cookie('sessionId')
      await isRefused(await browser.post('/write', undefined, { headers: headers(new URL(app.base)) }))
      expect(store.calls.load).toBe(loads)
      expect(browser.cookie('sessionId')).toBe(token)
      expect(await dataOf(browser)).toEqual({ userId: '42' })
    })

    const passed: Readonly<Record<string, (own: URL) => Headers>> = {
      'from no browser': () => ({}),
      'from the own page': () => ({ 'sec-fetch-site': 'same-origin' }),
      'from the own page, which hides its origin': () => ({ 'sec-fetch-site': 'same-origin', origin: 'null' }),
      'from the address bar': () => ({ 'sec-fetch-site': 'none' }),
      'from an old browser on the own page': ({ origin }) => ({ origin }),
      'the same, written in capitals': ({ origin }) => ({ origin: origin.toUpperCase() }),
      'from an old browser that sees HTTPS, of which a proxy says nothing': ({ host }) => ({
        origin: `https://${host}`,
      }),
    }

    test.each(Object.entries(passed))('%s: it passes', async (_name, headers) => {
      const scene = await start(ROUTES)
      await signedIn(scene)
      const { app, browser } = scene
      expect((await browser.post('/write', undefined, { headers: headers(new URL(app.base)) })).status).toBe(200)
      expect(await dataOf(browser)).toEqual({ userId: '42', written: true })
    })

    const lines: readonly (readonly [string, readonly string[], number])[] = [
      ['a port that goes without saying', ['Host: app.example:443', 'Origin: https://app.example'], 200],
      ['the same for HTTP', ['Host: app.example:80', 'Origin: http://app.example'], 200],
      [
        'a port that goes without saying, of the other scheme',
        ['Host: app.example:80', 'Origin: https://app.example'],
        403,
      ],
      ['a host in capitals', ['Host: APP.Example', 'Origin: http://app.example'], 200],
      ['an address of IPv6', ['Host: [::1]:3000', 'Origin: http://[::1]:3000'], 200],
      ['an address of IPv6 in another spelling', ['Host: [0:0::0:1]:3000', 'Origin: http://[::1]:3000'], 200],
      ['another address of IPv6', ['Host: [::1]:3000', 'Origin: http://[::2]:3000'], 403],
      ['a host that is none', ['Host: a@b', 'Origin: http://b'], 403],
      ['blanks around it', ['Host: a', 'Sec-Fetch-Site: \t same-origin \t'], 200],
      ['two Fetch Metadata', ['Host: a', 'Sec-Fetch-Site: same-origin', 'Sec-Fetch-Site: cross-site'], 403],
      ['two Fetch Metadata, the good one last', ['Host: a', 'Sec-Fetch-Site: cross-site', 'Sec-Fetch-Site: none'], 403],
      ['two Origins, the own one first', ['Host: a', 'Origin: http://a', 'Origin: http://b'], 403],
    ]

    test.each(lines)('as bytes: %s', async (_name, head, status) => {
      const scene = await start(ROUTES)
      await signedIn(scene)
      expect(await posted(scene, head)).toBe(status)
    })

    test('what may change something is refused, what may not passes', async () => {
      const handler = (): string => 'done'
      const scene = await start({ 'PUT /x': handler, 'PATCH /x': handler, 'DELETE /x': handler, 'GET /x': handler })
      await signedIn(scene)
      const headers = { 'sec-fetch-site': 'cross-site', origin: 'https://evil.example' }
      for (const method of ['PUT', 'PATCH', 'DELETE', 'PROPFIND']) {
        expect((await scene.browser.request('/x', { method, headers })).status, method).toBe(403)
      }
      for (const method of ['GET', 'HEAD']) {
        expect((await scene.browser.request('/x', { method, headers })).status, method).toBe(200)
      }
      // A preflight is answered by who answers it.
      expect((await scene.browser.request('/x', { method: 'OPTIONS', headers })).status).not.toBe(403)
    })

    test('without a session cookie it passes: there is nothing to misuse', async () => {
      const { browser } = await start(ROUTES)
      const headers = { 'sec-fetch-site': 'cross-site' }
      expect((await browser.post('/write', undefined, { headers })).status).toBe(200)
    })

    test('with a cookie that is forged it is refused all the same', async () => {
      const { browser } = await start(ROUTES)
      await isRefused(
        await browser.post('/write', undefined, {
          headers: { 'sec-fetch-site': 'cross-site', cookie: 'sessionId=forged' },
        }),
      )
    })

    test('with a Bearer session it passes, with a stranger to us in Authorization it does not', async () => {
      const scene = await start(
        { ...ROUTES, 'GET /token': ({ session }) => session.token() },
        { transports: ['cookie', 'bearer'] },
      )
      await signedIn(scene)
      const { browser } = scene
      const token = (await (await browser.get('/token')).json()) as string
      const headers = { 'sec-fetch-site': 'cross-site' }
      const ours = { ...headers, authorization: `Bearer ${token}` }
      expect((await browser.post('/write', undefined, { headers: ours })).status).toBe(200)
      await isRefused(
        await browser.post('/write', undefined, { headers: { ...headers, authorization: 'Bearer eyJhbGciOi.e30.x' } }),
      )
    })

    test('a trusted origin passes, by Fetch Metadata and without; its neighbours do not', async () => {
      const trustedOrigins = ['https://App.Example:443', 'http://localhost:3000', 'capacitor://localhost']
      const scene = await start(ROUTES, { trustedOrigins })
      await signedIn(scene)
      const status = async (headers: Headers): Promise<number> =>
        (await scene.browser.post('/write', undefined, { headers })).status
      for (const origin of ['https://app.example', 'http://localhost:3000', 'capacitor://localhost']) {
        expect(await status({ 'sec-fetch-site': 'cross-site', origin }), origin).toBe(200)
        expect(await status({ origin }), origin).toBe(200)
      }
      for (const origin of [
        'http://app.example',
        'https://app.example:444',
        'https://a.app.example',
        'capacitor://evil',
        'null',
      ]) {
        expect(await status({ 'sec-fetch-site': 'cross-site', origin }), origin).toBe(403)
        expect(await status({ origin }), origin).toBe(403)
      }
      expect(await status({ 'sec-fetch-site': 'cross-site' })).toBe(403)
    })

    test('csrf: false lets it pass', async () => {
      const scene = await start(ROUTES, { csrf: false })
      await signedIn(scene)
      const headers = { 'sec-fetch-site': 'cross-site', origin: 'https://evil.example' }
      expect((await scene.browser.post('/write', undefined, { headers })).status).toBe(200)
    })

    test('a proxy that is trusted tells the host and the scheme, one that is not tells nothing', async () => {
      const trusting = await start(ROUTES, { cookie: { secure: false } }, { trustProxy: true })
      await signedIn(trusting)
      const to = async ({ browser }: Scene, origin: string, host = 'app.example'): Promise<number> => {
        const headers = { 'x-forwarded-host': host, 'x-forwarded-proto': 'https', origin }
        return (await browser.post('/write', undefined, { headers })).status
      }
      expect(await to(trusting, 'https://app.example')).toBe(200)
      expect(await to(trusting, 'https://app.example:8443')).toBe(403)
      expect(await to(trusting, 'https://app.example:8443', 'app.example:8443')).toBe(200)
      expect(await to(trusting, 'http://app.example')).toBe(403)
      expect(await to(trusting, trusting.app.base)).toBe(403)
      const other = await start(ROUTES)
      await signedIn(other)
      expect(await to(other, 'https://app.example')).toBe(403)
      expect(await to(other, other.app.base)).toBe(200)
    })

    test('it is told as an event, and once in ten seconds in the log, in words of our own', async () => {
      const scene = await start(ROUTES)
      await signedIn(scene)
      const { browser, events, lines } = scene
      const sent: readonly Headers[] = [
        { 'sec-fetch-site': 'cross-site', origin: 'https://evil.example' },
        { 'sec-fetch-site': 'same-site' },
        { 'sec-fetch-site': '<script>' },
        { origin: 'https://evil.example' },
      ]
      for (const headers of sent) await browser.post('/write', undefined, { headers })
      const told = events.filter((event): event is SessionEvent => event.type === 'cross-site-refused')
      expect(told).toEqual(
        ['cross-site', 'same-site', 'other', 'unsaid'].map((site) => ({
          type: 'cross-site-refused',
          method: 'POST',
          site,
        })),
      )
      expect(lines).toHaveLength(1)
      expect(lines[0]).toMatch(/^A POST .* \(Sec-Fetch-Site: cross-site\)\. .*trustedOrigins/)
      expect(JSON.stringify([told, lines])).not.toMatch(/evil|script/)
    })

    test('where the Origin gave it away, the line tells what a proxy may have to do with it', async () => {
      const scene = await start(ROUTES)
      await signedIn(scene)
      await scene.browser.post('/write', undefined, { headers: { origin: 'https://app.example' } })
      expect(scene.lines).toEqual([
        expect.stringMatching(/its Origin is not the host.*Host.*X-Forwarded-Host.*trustedOrigins/),
      ])
    })

    if (platform === 'express') {
      test('a method that middleware puts in the place of another is looked at as well', async () => {
        const scene = await start(
          {
            'DELETE /account': ({ session }) => session.destroy(),
            'DELETE /who': ({ session }) => ({ user: session['userId'] ?? null }),
          },
          {},
          {
            after: [
              (request, _response, next) => {
                if (request.query['_method'] === 'DELETE') request.method = 'DELETE'
                next()
              },
            ],
          },
        )
        await signedIn(scene)
        const { browser, events } = scene
        const headers = { 'sec-fetch-site': 'cross-site' }
        await isRefused(await browser.get('/account?_method=DELETE', { headers }))
        await isRefused(await browser.get('/who?_method=DELETE', { headers }))
        expect(events.filter(({ type }) => type === 'cross-site-refused')).toHaveLength(2)
        expect(events.filter(({ type }) => type === 'late-write-dropped' || type === 'commit-failed')).toEqual([])
        expect(await dataOf(browser)).toEqual({ userId: '42' })
        expect(await (await browser.get('/who?_method=DELETE')).json()).toEqual({ user: '42' })
        expect((await browser.get('/account?_method=DELETE')).status).toBe(200)
        expect(await dataOf(browser)).toEqual({})
      })
    }
  })
})

describe('options that can not be meant are refused at start-up', () => {
  const invalid: readonly (readonly [string, Partial<Record<keyof SessionOptions, unknown>>, RegExp])[] = [
    ['csrf as a word', { csrf: 'yes' }, /csrf is "yes"\. Give true or false/],
    ['csrf as an object', { csrf: {} }, /csrf is an object\. Give true or false/],
    [
      'origins as one text',
      { trustedOrigins: 'https://a.example' },
      /trustedOrigins is "https:\/\/a\.example"\. Give a list/,
    ],
    ['a host', { trustedOrigins: ['a.example'] }, /holds "a\.example"\. Give a scheme and a host/],
    ['a host with a port', { trustedOrigins: ['a.example:3000'] }, /Give a scheme and a host/],
    ['a slash at the end', { trustedOrigins: ['https://a.example/'] }, /no slash at its end: 'https:\/\/a\.example'/],
    ['a path', { trustedOrigins: ['https://a.example/b?c'] }, /no path, .*: 'https:\/\/a\.example'/],
    ['a user', { trustedOrigins: ['https://u@a.example'] }, /no user .*: 'https:\/\/a\.example'/],
    ['a wildcard', { trustedOrigins: ['https://*.a.example'] }, /wildcard would trust/],
    ['everybody', { trustedOrigins: ['*'] }, /wildcard would trust/],
    ['null', { trustedOrigins: ['null'] }, /sandboxed frame .* Leave it out/],
    ['a pattern', { trustedOrigins: [/a/] }, /holds an object\. Give a scheme/],
    ['one in an otherwise good list', { trustedOrigins: ['https://a.example', ''] }, /holds ""/],
    ['the same where csrf is off', { csrf: false, trustedOrigins: ['a'] }, /holds "a"/],
  ]

  test.each(invalid)('%s', (_name, options, message) => {
    expect(() => sessions({ secret, store: new MemoryStore(), ...(options as object) })).toThrow(
      expect.objectContaining({ code: 'OPTIONS_INVALID', message: expect.stringMatching(message) }),
    )
  })
})

test('over HTTP/2 the authority is the host, and a page without TLS is another origin', async () => {
  const start = platforms.find(({ name }) => name === 'fastify')!.start
  const [key, cert] = ['key', 'cert'].map((name) =>
    readFileSync(new URL(`../support/tls/${name}.pem`, import.meta.url)),
  )
  const given = { secret, store: new MemoryStore(), log: false } as const
  const more = { fastify: { http2: true, https: { key, cert } } as object }
  const app = ending(await start(given, { ...EVERY, ...ROUTES }, more))
  const client = connect(`https://127.0.0.1:${app.port}`, { ca: cert!, checkServerIdentity: () => undefined })
  const ask = async (head: OutgoingHttpHeaders): Promise<IncomingHttpHeaders> => {
    const stream = client.request(head).resume()
    const [headers] = (await once(stream, 'response')) as [IncomingHttpHeaders]
    return headers
  }
  try {
    const cookie = (await ask({ ':path': '/login?user=42' }))['set-cookie']![0]!.split(';')[0]!
    const post = async (origin: string): Promise<unknown> =>
      (await ask({ ':path': '/write', ':method': 'POST', cookie, origin }))[':status']
    expect(await post(`https://127.0.0.1:${app.port}`)).toBe(200)
    expect(await post(`http://127.0.0.1:${app.port}`)).toBe(403)
    expect(await post('https://evil.example')).toBe(403)
  } finally {
    client.close()
  }
})
