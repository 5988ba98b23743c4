import { newId } from 'latchkey/core'
import { CookieAgent } from 'latchkey/testing'
import { describe, expect, test } from 'vitest'
import { TokenSigner } from '../../src/core/token.js'
import { dataOf, everywhere, json, secret, type Place, type Scene } from './everywhere.js'

const https = { 'x-forwarded-proto': 'https' }

const mends = { express: "app.set('trust proxy', 1)", fastify: 'Fastify({ trustProxy: true })' } as const

describe('secure: true behind a proxy: no cookie, no message, one orphan key per try', () => {
  everywhere(({ platform, start }) => {
    test('a proxy that is not trusted: one line names the mend, no answer says success, nothing is stored', async () => {
      const { another, lines, kept } = await start({}, { cookie: { secure: true } })
      for (const path of ['/set?cart=1', '/login?user=42', '/login?user=42']) {
        const response = await another().get(path, { headers: https })
        expect(response.status).toBe(500)
        expect(response.headers.getSetCookie()).toEqual([])
        expect(await response.json()).toMatchObject({ code: 'COOKIE_UNDELIVERABLE' })
      }
      expect(lines).toEqual([expect.stringContaining(mends[platform])])
      expect(await kept()).toEqual({ sessions: 0, texts: expect.anything() })
    })

    test('no HTTPS at all: the same, and a visit that stores nothing goes on', async () => {
      const { another, lines, kept } = await start({}, { cookie: { secure: true } })
      for (let round = 0; round < 3; round++) expect((await another().get('/login?user=42')).status).toBe(500)
      expect(lines).toEqual([expect.stringContaining('Serve the app over HTTPS')])
      expect((await kept()).sessions).toBe(0)
      expect(await dataOf(another())).toEqual({})
    })

    test('a sign-in that would move a session to an id that no browser gets leaves the session where it is', async () => {
      const { app, clock, kept } = await start({}, { cookie: { name: 's', secure: true } }, { trustProxy: true })
      const browser = new CookieAgent(app.base, { clock: clock.now, trustLocalhost: true })
      await browser.get('/set?cart=1', { headers: https })
      const cookie = `s=${browser.cookie('__Host-s')}; __Host-s=${browser.cookie('__Host-s')}`
      const response = await fetch(`${app.base}/login?user=42`, { headers: { cookie } })
      expect(response.status).toBe(500)
      expect((await kept()).sessions).toBe(1)
      expect(await (await browser.get('/data', { headers: https })).json()).toEqual({ cart: '1' })
    })

    test('once the proxy is trusted the browser gets a __Host- cookie, which signs in', async () => {
      const { app, clock, lines } = await start({}, { cookie: { secure: true } }, { trustProxy: true })
      const browser = new CookieAgent(app.base, { clock: clock.now, headers: https, trustLocalhost: true })
      const [line] = (await browser.get('/login?user=42')).headers.getSetCookie()
      expect(line).toMatch(/^__Host-sessionId=[^;]+; Path=\/;(?!.*Domain).*; HttpOnly; Secure; SameSite=Lax$/)
      expect(await dataOf(browser)).toEqual({ userId: '42' })
      expect(lines).toEqual([])
    })
  })
})

/** Cookies of our name that stand for nothing any more. */
const STALE: Readonly<Record<string, (scene: Scene) => Promise<string>>> = {
  'one whose session was ended': async ({ another }) => {
    const other = another()
    await other.get('/login?user=7')
    const token = other.cookie('sessionId')!
    await other.get('/logout')
    return token
  },
  'one that was moved to a new id': async ({ another }) => {
    const other = another()
    await other.get('/set?cart=1')
    const token = other.cookie('sessionId')!
    await other.get('/login?user=7')
    return token
  },
  'one that no store has seen': async () => Promise.resolve(new TokenSigner([secret]).sign(newId(undefined))),
  'one of another secret': async () => Promise.resolve(new TokenSigner(['another secret']).sign(newId(undefined))),
  'one of another library': async () => Promise.resolve('s%3AgB3xu9P2kV5c.r8Gd3o6bJx1v'),
}

async function signIn(start: Place['start']): Promise<Scene> {
  return start({
    'GET /auth/login': ({ session }) => void (session['userId'] = 42),
    'GET /auth/me': ({ session }) => session['userId'] ?? 'nobody',
  })
}

const me = (browser: CookieAgent): Promise<unknown> => json(browser.get('/auth/me'))

describe('two cookies of one name, the first one stale: login loop for ever', () => {
  everywhere(({ start }) => {
    test.each(Object.entries(STALE))('%s, on a deeper path: a login holds all the same', async (_name, makeStale) => {
      const scene = await signIn(start)
      const { browser } = scene
      // A browser sends the cookie of the longer path first, and no answer that names another path deletes it.
      browser.take(`sessionId=${await makeStale(scene)}; Path=/auth`, '/auth')
      expect(await me(browser)).toBe('nobody')
      await browser.get('/auth/login')
      expect(browser.cookies).toHaveLength(2)
      expect(await me(browser)).toBe(42)
      expect(await me(browser)).toBe(42)
    })

    test('two stale ones before the good one, and one after it', async () => {
      const scene = await signIn(start)
      const { app, browser } = scene
      await browser.get('/auth/login')
      const [a, b, c] = await Promise.all(Object.values(STALE).map((makeStale) => makeStale(scene)))
      const tokens = [a, b, browser.cookie('sessionId'), c]
      const cookie = tokens.map((token) => `sessionId=${token}`).join('; ')
      expect(await json(fetch(`${app.base}/auth/me`, { headers: { cookie } }))).toBe(42)
    })

    test('of two good ones the first counts, on every request alike', async () => {
      const { app, another } = await signIn(start)
      const [one, two] = [another(), another()]
      await one.get('/login?user=1')
      await two.get('/login?user=2')
      const cookie = `sessionId=${one.cookie('sessionId')}; sessionId=${two.cookie('sessionId')}`
      for (let round = 0; round < 2; round++) {
        expect(await json(fetch(`${app.base}/auth/me`, { headers: { cookie } }))).toBe('1')
      }
    })
  })
})
