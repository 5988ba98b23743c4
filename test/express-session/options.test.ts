import { createHmac, createSecretKey, randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:https'
import session, { type SessionOptions } from 'latchkey/express-session'
import { describe, expect, test, vi } from 'vitest'
import { body, kinds, listening, secret, sidIn, site, type SiteHandler } from './support.js'

const visit: SiteHandler = ({ session }, response) => {
  session['views'] = Number(session['views'] ?? 0) + 1
  response.end(String(session['views']))
}

/** The attributes of the cookie that such an option gives, by their names in lower case. */
async function attributesOf(
  cookie: NonNullable<SessionOptions['cookie']>,
  headers: Record<string, string> = {},
  more: SessionOptions = {},
): Promise<Record<string, string | true>> {
  const { setCookies } = await site({ cookie, ...more }, visit)
  const [line = ''] = await setCookies('/', headers)
  const pairs = line
    .split('; ')
    .slice(1)
    .map((part) => part.split('=') as [string, string?])
  return Object.fromEntries(pairs.map(([name, value]) => [name.toLowerCase(), value ?? true]))
}

const overHttps = { 'x-forwarded-proto': 'https' }

describe('cookie', () => {
  test('default: path /, httpOnly, and it goes with the browser', async () => {
    expect(await attributesOf({})).toEqual({ path: '/', httponly: true })
  })

  test('cookie as a function is asked for each new session, with the request', async () => {
    const { setCookies } = await site(
      { cookie: ({ url }) => ({ path: url === '/a/b' ? '/a' : '/', maxAge: url === '/a/b' ? 60_000 : null }) },
      visit,
    )
    expect((await setCookies('/a/b'))[0]).toMatch(/Path=\/a; Expires=/)
    expect((await setCookies('/c'))[0]).toMatch(/Path=\/; HttpOnly$/)
  })

  test('cookie as a function: a session keeps the length that it was given', async () => {
    const { browser } = await site(
      { cookie: ({ url }) => ({ maxAge: url === '/long' ? 60_000 : 5000 }) },
      ({ session }, response) => {
        session['views'] ??= 1
        response.end(String(session.cookie.originalMaxAge))
      },
    )
    await browser.get('/long')
    expect(await body(browser.get('/other'))).toBe('60000')
  })

  test('cookie.domain', async () => {
    expect(await attributesOf({ domain: 'example.com' })).toMatchObject({ domain: 'example.com' })
  })

  test('cookie.expires', async () => {
    const expires = new Date(Math.ceil(Date.now() / 1000) * 1000 + 60_000)
    const { expires: sent } = await attributesOf({ expires })
    expect(Math.abs(Date.parse(sent as string) - expires.getTime())).toBeLessThanOrEqual(1000)
  })

  test('cookie.httpOnly', async () => {
    expect(await attributesOf({ httpOnly: false })).toEqual({ path: '/' })
  })

  test('cookie.maxAge', async () => {
    const before = Math.floor(Date.now() / 1000) * 1000
    const { expires } = await attributesOf({ maxAge: 60_000 })
    expect(Date.parse(expires as string) - before).toBeGreaterThanOrEqual(60_000)
    expect(Date.parse(expires as string) - before).toBeLessThan(70_000)
  })

  test('cookie.maxAge ends a session that is not used for so long, in the store too', async () => {
    for (const { make } of kinds) {
      const { browser } = await site({ store: make(), cookie: { maxAge: 40 } }, visit)
      const line = `connect.sid=${await browser.get('/').then(() => browser.cookie('connect.sid'))}`
      await new Promise((resolve) => setTimeout(resolve, 60))
      expect(await body(browser.get('/', { headers: { cookie: line } }))).toBe('1')
    }
  })

  test('cookie.partitioned', async () => {
    expect(await attributesOf({ partitioned: true })).toMatchObject({ partitioned: true })
    expect(await attributesOf({ partitioned: false })).not.toHaveProperty('partitioned')
  })

  test('cookie.path: no other path has a session', async () => {
    const { browser } = await site({ cookie: { path: '/app' }, saveUninitialized: true }, (request, response) =>
      response.end(typeof request.session),
    )
    expect(await body(browser.get('/'))).toBe('undefined')
    expect(await body(browser.get('/app/page?a=1'))).toBe('object')
    expect(browser.cookies).toMatchObject([{ path: '/app' }])
  })

  test('cookie.path is compared with the address that was asked for, wherever the middleware is mounted', async () => {
    const mounted: SiteHandler = (request) => {
      request.originalUrl = request.url!
      request.url = '/rest'
    }
    const { browser } = await site(
      { cookie: { path: '/app' } },
      (request, response) => response.end(typeof request.session),
      mounted,
    )
    expect(await body(browser.get('/app/rest'))).toBe('object')
    expect(await body(browser.get('/other/app'))).toBe('undefined')
  })

  test.each([
    ['low', 'Low'],
    ['medium', 'Medium'],
    ['high', 'High'],
  ] as const)('cookie.priority %s', async (priority, sent) => {
    expect(await attributesOf({ priority })).toMatchObject({ priority: sent })
  })

  test.each([
    [true, 'Strict'],
    [false, undefined],
    ['lax', 'Lax'],
    ['none', 'None'],
    ['strict', 'Strict'],
  ] as const)('cookie.sameSite %s', async (sameSite, sent) => {
    expect((await attributesOf({ sameSite })).samesite).toBe(sent)
  })

  test("cookie.sameSite 'auto' is none on a secure connection and lax on any other", async () => {
    const cookie = { sameSite: 'auto', secure: 'auto' } as const
    expect(await attributesOf(cookie, {}, { proxy: true })).toMatchObject({ samesite: 'Lax' })
    expect(await attributesOf(cookie, overHttps, { proxy: true })).toMatchObject({ samesite: 'None', secure: true })
  })

  test('cookie.secure on a connection with TLS', async () => {
    const middleware = session({ secret, resave: false, saveUninitialized: true, cookie: { secure: true } })
    const file = (name: string): Buffer => readFileSync(new URL(`../support/tls/${name}.pem`, import.meta.url))
    const server = createServer({ key: file('key'), cert: file('cert') })
    const base = await listening((request, response) => middleware(request, response, () => response.end()), server)
    const { request } = await import('node:https')
    const lines = await new Promise((resolve, reject) => {
      request(base.replace('http:', 'https:'), { rejectUnauthorized: false }, ({ headers }) =>
        resolve(headers['set-cookie']),
      )
        .on('error', reject)
        .end()
    })
    expect(lines).toEqual([expect.stringMatching(/; Secure/)])
  })

  test('cookie.secure on a plain connection: a visit sends no cookie and stores nothing', async () => {
    const { setCookies, events } = await site({ cookie: { secure: true }, saveUninitialized: true })
    expect(await setCookies()).toEqual([])
    expect(events).toEqual([])
  })

  test('cookie.secure on a plain connection: a sign-in is told that it was not saved, and the log says how to mend it', async () => {
    const { browser, lines } = await site({ cookie: { secure: true } }, visit)
    expect((await browser.get('/')).status).toBe(500)
    expect(lines).toEqual([expect.stringContaining("app.set('trust proxy', 1)")])
  })

  test("cookie.secure 'auto'", async () => {
    expect(await attributesOf({ secure: 'auto' }, {}, { proxy: true })).not.toHaveProperty('secure')
    expect(await attributesOf({ secure: 'auto' }, overHttps, { proxy: true })).toHaveProperty('secure')
  })

  test('an attribute that no cookie can have is refused at the start', () => {
    expect(() => session({ secret, cookie: { expires: new Date(NaN) } })).toThrow('option expires is invalid')
    expect(() => session({ secret, cookie: { domain: 'a;b' } })).toThrow('option domain is invalid')
    expect(() => session({ secret, cookie: { maxAge: '1d' as never } })).toThrow('maxAge must be a number or Date')
  })
})

describe('genid', () => {
  test('makes the ids, with the request, and the cookie is signed as ever', async () => {
    const { setCookies } = await site({ genid: ({ url }) => `id-of${url}%` }, visit)
    const value = /=([^;]*)/.exec((await setCookies('/a'))[0]!)?.[1]
    const signature = createHmac('sha256', secret).update('id-of/a%').digest('base64').replace(/=+$/, '')
    expect(decodeURIComponent(value!)).toBe(`s:id-of/a%.${signature}`)
  })

  test('on a store of Latchkey makes what comes after the first eight characters', async () => {
    const { setCookies } = await site({ store: kinds[1]!.make(), genid: () => 'an-id-of-mine' }, visit)
    expect(sidIn((await setCookies())[0])).toMatch(/^[\w-]{8}an-id-of-mine$/)
  })

  test('that is no function is refused at the start', () => {
    expect(() => session({ secret, genid: 'bogus' as never })).toThrow(/genid.*must/)
  })

  test('that makes no text gives the error to the application', async () => {
    const { browser } = await site({ genid: () => undefined as never }, visit)
    expect(await body(browser.get('/'))).toMatch(/genid must answer a text/)
  })
})

describe('name', () => {
  test('is the name of the cookie, connect.sid by default, and `key` says the same', async () => {
    const names = await Promise.all(
      [{}, { name: 'sid' }, { key: 'old' }].map(async (given) => (await (await site(given, visit)).setCookies())[0]),
    )
    expect(names.map((line) => line?.split('=')[0])).toEqual(['connect.sid', 'sid', 'old'])
  })
})

describe('proxy', () => {
  const cookie = { secure: true, maxAge: 60_000 }

  test('true: X-Forwarded-Proto says whether the connection is secure, its first value', async () => {
    const { setCookies } = await site({ proxy: true, cookie }, visit)
    expect(await setCookies('/', { 'x-forwarded-proto': 'https, http' })).toHaveLength(1)
    expect(await setCookies('/', { 'x-forwarded-proto': 'http,https' })).toHaveLength(0)
  })

  test('false: neither the header nor req.secure is believed', async () => {
    const { setCookies } = await site({ proxy: false, cookie }, visit, (request) => void (request.secure = true))
    expect(await setCookies('/', overHttps)).toHaveLength(0)
  })

  test('not given: req.secure, as Express has it', async () => {
    const { setCookies } = await site({ cookie }, visit, (request) => {
      request.secure = request.headers['x-secure'] === 'yes'
    })
    expect(await setCookies('/', overHttps)).toHaveLength(0)
    expect(await setCookies('/', { 'x-secure': 'yes' })).toHaveLength(1)
  })
})

describe.each(kinds)('on $kind', ({ kind, make }) => {
  test('resave true notes each request as use of the session, false at most once in a quarter of its time', async () => {
    const ends = async (resave: boolean): Promise<readonly [number, number]> => {
      const cookie = { maxAge: 60_000 }
      const { browser } = await site({ store: make(), resave, cookie }, ({ session, url }, response) => {
        session['a'] ??= 1
        response.end(String(url === '/' ? 0 : session.cookie.expires && session.cookie.expires.getTime()))
      })
      await browser.get('/')
      await new Promise((resolve) => setTimeout(resolve, 15))
      await browser.get('/')
      await new Promise((resolve) => setTimeout(resolve, 15))
      const first = Number(await body(browser.get('/end')))
      await browser.get('/')
      return [first, Number(await body(browser.get('/end')))]
    }
    const [idleFirst, idleSecond] = await ends(false)
    expect(idleSecond).toBe(idleFirst)
    const [first, second] = await ends(true)
    expect(second).toBeGreaterThan(first)
  })

  test('resave true writes nothing back over what another request has changed meanwhile', async () => {
    let inside = (): Promise<unknown> => Promise.resolve()
    const { browser } = await site({ store: make(), resave: true }, async ({ session, url }, response) => {
      if (url === '/slow') await inside()
      if (url?.startsWith('/set')) session['value'] = url
      response.end(String(session['value']))
    })
    await browser.get('/set-1')
    inside = () => browser.copy().get('/set-2')
    await browser.get('/slow')
    expect(await body(browser.get('/'))).toBe('/set-2')
  })

  test('rolling true sends the cookie with each answer of a session, and not to visitors without one', async () => {
    const { setCookies, browser } = await site({ store: make(), rolling: true }, ({ session, url }, response) => {
      if (url === '/in') session['a'] = 1
      response.end()
    })
    expect(await setCookies('/')).toHaveLength(0)
    expect(await setCookies('/in')).toHaveLength(1)
    const first = browser.cookie('connect.sid')
    expect(await setCookies('/')).toHaveLength(1)
    expect(browser.cookie('connect.sid')).toBe(first)
  })

  test('rolling false sends it when the session has changed, if it has a length', async () => {
    const handler: SiteHandler = ({ session, url }, response) => {
      if (url !== '/') session['a'] = url
      response.end()
    }
    const withLength = await site({ store: make(), cookie: { maxAge: 60_000 } }, handler)
    const without = await site({ store: make() }, handler)
    for (const { setCookies } of [withLength, without]) {
      expect(await setCookies('/a')).toHaveLength(1)
      expect(await setCookies('/')).toHaveLength(0)
      expect(await setCookies('/b')).toHaveLength(Number(setCookies === withLength.setCookies))
    }
  })

  test('saveUninitialized true stores an empty session and sends its cookie, false does neither', async () => {
    const begun = await site({ store: make(), saveUninitialized: true })
    expect(await begun.setCookies()).toHaveLength(1)
    expect(await begun.setCookies()).toHaveLength(0)
    expect(begun.events).toMatchObject([{ type: 'created' }])
    const empty = await site({ store: make(), saveUninitialized: false })
    expect(await empty.setCookies()).toHaveLength(0)
    expect(empty.events).toEqual([])
  })

  test('secret: text, bytes and a key', async () => {
    for (const each of ['awesome cat', randomBytes(32), createSecretKey(randomBytes(32))]) {
      const { browser } = await site({ store: make(), secret: each }, visit)
      await browser.get('/')
      expect(await body(browser.get('/'))).toBe('2')
    }
  })

  test('secret: of a list the first signs and all verify, and a cookie of an older one is signed anew', async () => {
    const store = make()
    const old = await site({ store, secret: 'old' }, visit)
    const both = await site({ store, secret: ['new', 'old'] }, visit)
    await old.browser.get('/')
    const cookie = `connect.sid=${old.browser.cookie('connect.sid')}`
    const answer = await fetch(both.base, { headers: { cookie } })
    expect(await answer.text()).toBe('2')
    const [renewed] = answer.headers.getSetCookie()
    const onlyNew = await site({ store, secret: 'new' }, visit)
    expect(await body(fetch(onlyNew.base, { headers: { cookie: renewed!.split(';')[0]! } }))).toBe('3')
    expect(await body(fetch(onlyNew.base, { headers: { cookie } }))).toBe('1')
  })

  test('a cookie with a wrong signature, or with none, costs no look into the store', async () => {
    const store = make()
    const { browser, events } = await site({ store }, visit)
    await browser.get('/')
    const value = browser.cookie('connect.sid')!
    const ask = async (cookie: string): Promise<string> => body(fetch(browserBase, { headers: { cookie } }))
    const metrics = { storeCall: () => calls++, opened: () => {}, committed: () => {}, happened: () => {} }
    let calls = 0
    const watched = await site({ store, metrics }, (_, response) => response.end(String(calls)))
    const browserBase = watched.base
    expect(await ask(`connect.sid=${value.slice(0, -1)}${value.endsWith('A') ? 'B' : 'A'}`)).toBe('0')
    expect(await ask(`connect.sid=${sidIn(`=${value}`)}`)).toBe('0')
    expect(watched.events).toEqual([
      { type: 'token-rejected', reason: 'signature' },
      { type: 'token-rejected', reason: 'malformed' },
    ])
    expect(await ask(`connect.sid=${value}`)).toBe('1')
    expect(events).not.toEqual([])
  })

  test(`unset: keep leaves the session as it was stored, for null and for delete`, async () => {
    for (const unset of [undefined, 'keep'] as const) {
      const { browser } = await site({ store: make(), unset }, (request, response) => {
        const { session, url } = request
        session['value'] = url
        if (url === '/null') request.session = null as never
        if (url === '/delete') delete (request as { session?: unknown }).session
        response.end()
      })
      await browser.get('/a')
      await browser.get('/null')
      await browser.get('/delete')
      expect(browser.cookies, kind).toHaveLength(1)
    }
  })

  test(`unset: destroy ends it, for null and for delete`, async () => {
    const { browser } = await site({ store: make(), unset: 'destroy' }, (request, response) => {
      const { session, url } = request
      if (url === '/null') request.session = null as never
      else if (url === '/delete') delete (request as { session?: unknown }).session
      else session['views'] = Number(session['views'] ?? 0) + 1
      response.end(String(session['views']))
    })
    for (const path of ['/null', '/delete']) {
      await browser.get('/')
      const thief = browser.copy()
      expect(await body(thief.get('/'))).toBe('2')
      await browser.get(path)
      expect(browser.cookies).toEqual([])
      expect(await body(thief.get('/'))).toBe('1')
    }
  })

  test('unset: destroy of a new session sends no cookie and stores nothing', async () => {
    const { setCookies, events } = await site(
      { store: make(), unset: 'destroy', saveUninitialized: true },
      (request, response) => {
        request.session = null as never
        response.end()
      },
    )
    expect(await setCookies()).toEqual([])
    expect(events).toEqual([])
  })
})

test('the options may be put together step by step, as applications do it', async () => {
  const options: SessionOptions = { secret, resave: false, saveUninitialized: true, cookie: {} }
  options.cookie = { maxAge: 60_000 }
  options.cookie.httpOnly = false
  options.name = 'sid'
  expect(await (await site(options)).setCookies()).toEqual([expect.not.stringContaining('HttpOnly')])
})

test('unset with another value is refused at the start', () => {
  expect(() => session({ secret, unset: 'bogus' as never })).toThrow(/unset.*must/)
})

test('secret: an empty list is refused at the start', () => {
  expect(() => session({ secret: [] })).toThrow(/secret option array/)
})

test('secret that is missing is an error for each request', async () => {
  const { browser } = await site({ secret: undefined }, visit)
  expect(await body(browser.get('/'))).toBe('secret option required for sessions')
})

test('secret that is missing is taken from req.secret', async () => {
  const { browser } = await site({ secret: undefined }, visit, (request) => void (request.secret = 'of the parser'))
  await browser.get('/')
  expect(await body(browser.get('/'))).toBe('2')
})

test('store: by default one in memory', async () => {
  const { browser } = await site({}, (request, response) => {
    response.end(String(request.sessionStore instanceof session.MemoryStore))
  })
  expect(await body(browser.get('/'))).toBe('true')
})

test('warnings: for options that are not given, that browsers refuse, and that are not known', async () => {
  const { lines } = await site({
    resave: undefined,
    saveUninitialized: undefined,
    cookie: { sameSite: 'none', partitioned: true },
    ...({ maxAge: 5 } as object),
  })
  expect(lines.map((line) => line.split(' ').slice(0, 3).join(' '))).toEqual([
    'The option resave',
    'The option saveUninitialized',
    "cookie.sameSite 'none' needs",
    'cookie.partitioned needs cookie.secure:',
    'There are no',
  ])
})

test('warnings: in production for the memory store, and for a short secret', async () => {
  vi.stubEnv('NODE_ENV', 'production')
  const { lines } = await site({})
  vi.unstubAllEnvs()
  expect(lines).toEqual([
    expect.stringContaining('less than 32 characters'),
    expect.stringContaining('MemoryStore is for development'),
  ])
})
