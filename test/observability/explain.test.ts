import type { IncomingMessage } from 'node:http'
import { newId, SessionError } from 'latchkey/core'
import {
  explain as explainOnExpress,
  minutes,
  seconds,
  type Explanation,
  type ExplanationReason,
} from 'latchkey/express'
import { explain as explainOnFastify } from 'latchkey/fastify'
import { afterEach, describe, expect, test } from 'vitest'
import { TokenSigner } from '../../src/core/token.js'
import { everywhere, json, secret, type Place, type Routes, type Scene } from '../acceptance/everywhere.js'
import type { PlatformOptions } from '../support/platforms.js'

type Options = Parameters<Place['start']>[1]

/** Sees every request before the sessions do. */
function watching(): { readonly more: PlatformOptions; readonly seen: readonly IncomingMessage[] } {
  const seen: IncomingMessage[] = []
  const more: PlatformOptions = {
    before: [(request, _response, next) => (seen.push(request), next())],
    plugins: {
      before: async (app) => void app.addHook('onRequest', async (request) => void seen.push(request.raw)),
    },
  }
  return { more, seen }
}

/** What each answer says to whoever has to mend it. */
const ADVICE: Readonly<Record<ExplanationReason, RegExp>> = {
  'no-door': /^This request never came through the sessions\. Mount them .* hand in the request itself\.$/,
  'store-down': /could not be loaded: the store has .* See the events `store-failed` and `store-down`/,
  'cross-site': /A page of another site has sent the request, .* option trustedOrigins; .* @SkipCsrf\(\)/,
  'no-cookie': /has no cookie \S+\. (It comes from another site|The browser has none, it has expired there,)/,
  'no-bearer': /has no `Authorization: Bearer`, and no other transport is enabled\. Send the token/,
  'cookie-name-differs':
    /has a cookie .*, but on this connection the session's cookie is .*(Sign in again|The app does not)/,
  'cookie-undeliverable': /no browser would keep one here: it is Secure, .* Serve the app over HTTPS/,
  'bearer-not-enabled': /has a token of ours in `Authorization`, which is not looked at\. Set the option transports/,
  'bearer-not-ours': /`Authorization: Bearer` of another form, .* Send the token that came in `Session-Token`/,
  'token-malformed':
    /not the form of one of ours: .* under the name sessionId\. Delete it, or choose another cookie\.name/,
  'token-signature': /whose signature none of the secrets made: .* keep the old one in the list behind it/,
  'no-record': /the store has no session for it: it was signed out, .* Sign in again/,
  expired: /has passed its idleTimeout or its lifetime\. Sign in again/,
  'id-left-behind': /its id was rotated away longer ago than rotationGrace: .* Sign in again/,
  'record-unreadable': /its record can not be read: .* event `record-unreadable` for the cause/,
  new: /The session began in this request\. It is stored, .* or by save\(\)/,
  destroyed: /this request ended it by destroy\(\) or regenerate\(\)/,
  'ended-elsewhere': /another request or SessionService ended it while this one ran/,
  found: /^The session was found, (and belongs to somebody|but it belongs to nobody: the option `subject`)/,
}

/** What was answered in this test. */
const given: Explanation[] = []

afterEach(() => {
  for (const { reason, text } of given.splice(0)) expect(text, reason).toMatch(ADVICE[reason])
})

everywhere(({ platform, start, store: kind }) => {
  const explain = (request: object): Explanation => {
    const explanation = (platform === 'express' ? explainOnExpress : explainOnFastify)(request)
    given.push(explanation)
    return explanation
  }

  const ROUTES: Routes = {
    'GET /why': ({ request }) => explain(request),
    'GET /why-raw': ({ raw }) => explain(raw.req),
    'GET /rotate': ({ session }) => session.rotate(),
    'GET /signed-in': ({ session, request }) => {
      session['userId'] = 42
      return explain(request)
    },
    'GET /destroyed': async ({ session, request }) => {
      await session.destroy()
      return explain(request)
    },
    'GET /regenerated': async ({ session, request }) => {
      await session.regenerate()
      return explain(request)
    },
  }

  async function run(options: Options = {}, routes: Routes = {}, more: PlatformOptions = {}) {
    const texts: string[] = []
    const scene = await start({ ...ROUTES, ...routes }, options, more)
    /** What a request with these headers is told. */
    const why = async (headers: Readonly<Record<string, string>> = {}, path = '/why'): Promise<Explanation> => {
      const { base } = scene.app
      const explanation = (await json(fetch(base + path, { headers }))) as Explanation
      texts.push(explanation.text)
      return explanation
    }
    const whyWith = (cookie: string): Promise<Explanation> => why({ cookie })
    return { ...scene, why, whyWith, texts }
  }

  const cookieOf = ({ browser }: Scene): string => `sessionId=${browser.cookie('sessionId')}`

  describe(`explain on ${platform} with ${kind}`, () => {
    test('no token: there is no cookie, or one of another name', async () => {
      const { why, whyWith } = await run()
      expect(await why()).toMatchObject({ reason: 'no-cookie', isSignedIn: false })
      expect((await why({ 'sec-fetch-site': 'cross-site' })).text).toContain('SameSite=lax')
      expect(await whyWith('theme=dark')).toMatchObject({ reason: 'no-cookie' })
      expect(await whyWith('session__Host-Id=x')).toMatchObject({ reason: 'no-cookie' })
      for (const cookie of ['__Host-sessionId=x', 'sessionid=x', 'a=b; connect.sid=s%3Ax']) {
        expect(await whyWith(cookie)).toMatchObject({ reason: 'cookie-name-differs', isSignedIn: false })
      }
      const proxied = (await whyWith('__Host-sessionId=x')).text
      expect(proxied).toContain(platform === 'express' ? "app.set('trust proxy', 1)" : 'trustProxy: true')
      expect(await why({ 'x-forwarded-proto': 'https', cookie: 'sessionId=x' })).toMatchObject({
        reason: 'token-malformed',
      })
    })

    test('a cookie of another name: whether the client, the app or another library is to blame', async () => {
      const { whyWith, again } = await run()
      expect((await whyWith('sessionid=x')).text).toContain('Prefix and case count')
      expect((await whyWith('connect.sid=s%3Ax')).text).toContain("It is another library's")
      const renamed = await again({ cookie: { name: 'sid' } })
      const explanation = (await json(
        fetch(`${renamed.base}/why`, { headers: { cookie: 'sessionId=x' } }),
      )) as Explanation
      expect(explanation.reason).toBe('cookie-name-differs')
      expect(explanation.text).toContain('cookie.name has changed')
    })

    test('why the browser has sent no cookie: by what it says itself, and by the options', async () => {
      const { why, again } = await run({}, {}, { trustProxy: true })
      const usual = 'has no cookie sessionId. The browser has none, it has expired there, or fetch was called without'
      expect((await why()).text).toContain(usual)
      expect((await why({ 'sec-fetch-site': 'same-site' })).text).toContain(usual)
      const text = async (options: NonNullable<Options>, headers: Readonly<Record<string, string>>) =>
        ((await json(fetch(`${(await again(options)).base}/why`, { headers }))) as Explanation).text
      expect(await text({ cookie: { path: '/app' } }, {})).toContain('or its path is not under /app, or fetch')
      const framed = { 'sec-fetch-site': 'cross-site', 'x-forwarded-proto': 'https' }
      expect(await text({ cookie: { sameSite: 'none', secure: true } }, framed)).toContain('The browser has none')
    })

    test('over HTTPS a cookie without its prefix is of another name', async () => {
      const { why } = await run({}, {}, { trustProxy: true })
      const explanation = await why({ 'x-forwarded-proto': 'https', cookie: 'sessionId=x' })
      expect(explanation.reason).toBe('cookie-name-differs')
      expect(explanation.text).toContain('__Host-sessionId')
      const other = await why({ 'x-forwarded-proto': 'https', cookie: '__Secure-sessionId=x' })
      expect(other.text).toContain('Prefix and case count')
    })

    test('no token, and none would come on this connection', async () => {
      const { why } = await run({ cookie: { secure: true } })
      const explanation = await why()
      expect(explanation.reason).toBe('cookie-undeliverable')
      expect(explanation.text).toContain(platform === 'express' ? "app.set('trust proxy', 1)" : 'trustProxy: true')
    })

    test('a token in Authorization that is passed over', async () => {
      const authorization = `Bearer ${new TokenSigner([secret]).sign(newId(undefined))}`
      const both = await run({ transports: ['cookie', 'bearer'] })
      const alone = await both.again({ transports: ['bearer'] })
      const cookies = await both.again({ transports: ['cookie'] })
      const reason = async (base: string, headers: Readonly<Record<string, string>>) =>
        ((await json(fetch(`${base}/why`, { headers }))) as Explanation).reason
      expect(await reason(cookies.base, { authorization })).toBe('bearer-not-enabled')
      expect(await reason(cookies.base, { authorization: authorization.replace(' ', '  ') })).toBe('bearer-not-enabled')
      expect(await reason(cookies.base, { authorization: 'Bearer a.b.c' })).toBe('no-cookie')
      expect(await reason(both.app.base, {})).toBe('no-cookie')
      expect(await reason(both.app.base, { authorization: authorization.replace('Bearer', 'Digest') })).toBe(
        'no-cookie',
      )
      expect(await reason(both.app.base, { authorization: 'Bearer a.b.c' })).toBe('bearer-not-ours')
      expect(await reason(both.app.base, { authorization })).toBe('no-record')
      expect(await reason(alone.base, {})).toBe('no-bearer')
      expect(await reason(alone.base, { authorization: 'Bearer a.b.c' })).toBe('bearer-not-ours')
      expect(await reason(alone.base, { authorization: 'Basic YTpi' })).toBe('no-bearer')
    })

    test('a token that is none of ours', async () => {
      const { whyWith } = await run()
      const other = new TokenSigner(['another secret of 32 characters!']).sign(newId(undefined))
      expect(await whyWith('sessionId=garbage')).toMatchObject({ reason: 'token-malformed', isSignedIn: false })
      expect(await whyWith(`sessionId=${other}`)).toMatchObject({ reason: 'token-signature', isSignedIn: false })
    })

    test('a token that leads to no session: of several the one that came farthest counts', async () => {
      const scene = await run()
      const { whyWith, browser } = scene
      await browser.get('/login?user=42')
      const cookie = cookieOf(scene)
      await browser.get('/logout')
      expect(await whyWith(cookie)).toMatchObject({ reason: 'no-record', isSignedIn: false })
      expect(await whyWith(`sessionId=garbage; ${cookie}`)).toMatchObject({ reason: 'no-record' })
      expect(await whyWith(`${cookie}; sessionId=garbage`)).toMatchObject({ reason: 'no-record' })
    })

    test('a session that is over by the clock of the application', async () => {
      const scene = await run()
      await scene.browser.get('/login?user=42')
      const ahead = await scene.again({ clock: () => scene.clock.now() + minutes(31) })
      const answer = json(fetch(`${ahead.base}/why`, { headers: { cookie: cookieOf(scene) } }))
      expect(await answer).toMatchObject({ reason: 'expired', isSignedIn: false })
    })

    test('a session that passes its end while its request runs', async () => {
      const { clock, browser } = await run(
        {},
        {
          'GET /slow': async ({ session, request }) => {
            clock.advance(minutes(31))
            session['late'] = true
            await session.save().catch(() => {})
            return explain(request)
          },
        },
      )
      await browser.get('/login?user=42')
      expect(await json(browser.get('/slow'))).toMatchObject({ reason: 'expired' })
    })

    test('nobody is signed in where the option `subject` fails', async () => {
      const { why } = await run({
        subject: () => {
          throw new Error('The directory is away.')
        },
      })
      expect(await why()).toMatchObject({ reason: 'no-cookie', isSignedIn: false })
    })

    test('an id that its session has left behind', async () => {
      const scene = await run()
      const { browser, clock, whyWith } = scene
      await browser.get('/login?user=42')
      const cookie = cookieOf(scene)
      for (const path of ['/data', '/rotate', '/data']) await browser.get(path)
      expect(await whyWith(cookie)).toMatchObject({ reason: 'found', isSignedIn: true })
      clock.advance(seconds(10))
      expect(await whyWith(cookie)).toMatchObject({ reason: 'id-left-behind', isSignedIn: false })
    })

    test('a record that can not be read', async () => {
      const scene = await run()
      await scene.browser.get('/login?user=42')
      scene.store.failWith(new SessionError('RECORD_UNREADABLE', 'of a newer format'), ['load'])
      expect(await scene.whyWith(cookieOf(scene))).toMatchObject({ reason: 'record-unreadable', isSignedIn: false })
    })

    test('a session that is there, of somebody or of nobody', async () => {
      const { browser } = await run()
      expect(await json(browser.get('/signed-in'))).toMatchObject({ reason: 'new', isSignedIn: true })
      expect(await json(browser.get('/why'))).toMatchObject({ reason: 'found', isSignedIn: true })
      expect(await json(browser.get('/why-raw'))).toMatchObject({ reason: 'found', isSignedIn: true })
      browser.forget()
      await browser.get('/set?a=1')
      const explanation = (await json(browser.get('/why'))) as Explanation
      expect(explanation).toMatchObject({ reason: 'found', isSignedIn: false })
      expect(explanation.text).toContain('subject')
    })

    test('a session that ends in this request, or elsewhere while it runs', async () => {
      const other: Routes = {
        'GET /ended': async ({ session, request, raw, query }) => {
          await fetch(`${query['base']}/logout`, { headers: { cookie: raw.req.headers.cookie! } })
          session['late'] = true
          await session.save().catch(() => {})
          return explain(request)
        },
      }
      const { app, browser } = await run({}, other)
      for (const path of ['/destroyed', '/regenerated']) {
        await browser.get('/login?user=42')
        expect(await json(browser.get(path))).toMatchObject({ reason: 'destroyed', isSignedIn: false })
      }
      await browser.get('/login?user=42')
      expect(await json(browser.get(`/ended?base=${app.base}`))).toMatchObject({ reason: 'ended-elsewhere' })
    })

    test('a store that did not answer, and the request after its answer', async () => {
      const { more, seen } = watching()
      const { browser, store } = await run({}, {}, more)
      await browser.get('/login?user=42')
      expect(explain(seen.at(-1)!)).toMatchObject({ reason: 'new', isSignedIn: true })
      await browser.get('/data')
      expect(explain(seen.at(-1)!)).toMatchObject({ reason: 'found', isSignedIn: true })
      store.failWith(new Error('down'), ['load'])
      await browser.get('/data')
      expect(explain(seen.at(-1)!)).toMatchObject({ reason: 'store-down', isSignedIn: false })
      expect(explain(seen.at(-1)!).text).toContain('the store has not answered')
      for (let count = 0; count < 5; count++) await browser.get('/data')
      expect(explain(seen.at(-1)!).text).toMatch(/the store has been down for \d\.\d s/)
      await browser.get('/logout')
    })

    test('a handler that runs while the store is down', async () => {
      const { browser, store } = await run({ onStoreDown: 'anonymous' })
      await browser.get('/login?user=42')
      store.failWith(new Error('down'), ['load'])
      expect(await json(browser.get('/why'))).toMatchObject({ reason: 'store-down', isSignedIn: false })
    })

    test('a request of another site, before it is refused', async () => {
      const { more, seen } = watching()
      const { browser } = await run({}, { 'POST /write': () => {} }, more)
      await browser.get('/login?user=42')
      const response = await browser.post('/write', undefined, { headers: { 'sec-fetch-site': 'cross-site' } })
      expect(response.status).toBe(403)
      expect(explain(seen.at(-1)!)).toMatchObject({ reason: 'cross-site', isSignedIn: false })
    })

    test('to ask changes nothing, and no answer holds a token', async () => {
      const scene = await run()
      const { browser, store, texts, whyWith } = scene
      await browser.get('/login?user=42')
      const token = browser.cookie('sessionId')!
      const calls = { ...store.calls }
      const response = await browser.get('/why')
      expect(response.headers.get('vary')).toBe(null)
      expect(response.headers.getSetCookie()).toEqual([])
      expect(store.calls).toEqual({ ...calls, load: calls.load + 1 })
      for (const value of [token, token.slice(0, -2), `${token}x`]) {
        await whyWith(`sessionId=${value}`)
        await whyWith(`SESSIONID=${value}`)
        await whyWith(`sessionId =${value}; ${value}=sessionId`)
      }
      for (const part of [token, token.slice(0, 51), token.slice(52)]) expect(texts.join('\n')).not.toContain(part)
    })
  })
})

test.each([
  ['a request that came through no door', {}],
  ['nothing', undefined],
  ['null', null],
  ['null inside', { raw: null }],
])('%s is told so', (_what, request) => {
  const explanation = explainOnExpress(request as object)
  expect(explanation).toMatchObject({ reason: 'no-door', isSignedIn: false })
  expect(explanation.text).toMatch(ADVICE['no-door'])
})
