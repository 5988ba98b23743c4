import { JwtService } from '@nestjs/jwt'
import { minutes } from 'latchkey'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { ada, adapters, answer, startPortal, type Portal } from './support/portal.js'

const unauthorized = { status: 401, body: { statusCode: 401, message: 'Unauthorized' } }

describe.each(adapters)('on %s', (adapter) => {
  let portal: Portal

  beforeAll(async () => {
    portal = await startPortal({ adapter })
    await portal.browser().post('/auth/register', ada)
  })

  afterAll(() => portal.stop())

  const client = (token: string) => portal.browser({ authorization: `Bearer ${token}` })
  const profile = (agent: ReturnType<Portal['browser']>) => answer(agent.get('/auth/profile'))
  const seen = { status: 200, body: { user: { id: 1, email: ada.email, role: 'user' } } }

  async function signedIn() {
    const browser = portal.browser()
    await browser.post('/auth/login', ada)
    return browser
  }

  async function jwtOf(agent: ReturnType<Portal['browser']>): Promise<string> {
    const { status, body } = await answer(agent.post('/auth/token'))
    expect([status, body]).toEqual([200, { token: expect.any(String) as string, expiresIn: 300 }])
    return (body as { token: string }).token
  }

  describe('a JWT', () => {
    test('is for those who are signed in, by their session', async () => {
      expect((await portal.browser().post('/auth/token')).status).toBe(401)
      const jwt = await jwtOf(await signedIn())
      expect((await client(jwt).post('/auth/token')).status).toBe(401)
    })

    test('is good for five minutes, names its session by the handle, and is not kept by caches', async () => {
      const browser = await signedIn()
      const response = await browser.post('/auth/token')
      expect(response.headers.get('cache-control')).toBe('no-store')
      const { token } = (await response.json()) as { token: string }
      const { sessions } = (await (await browser.get('/auth/sessions')).json()) as {
        sessions: { handle: string; current: boolean; authenticatedAt: number }[]
      }
      const { handle, authenticatedAt } = sessions.find(({ current }) => current)!
      const { iat, exp, ...claims } = portal.app
        .get(JwtService, { strict: false })
        .decode<Record<string, number>>(token)
      expect(exp! - iat!).toBe(300)
      expect(claims).toEqual({ sub: '1', sid: handle, auth_time: authenticatedAt / 1000, iss: 'portal' })
    })

    test('lets its client see the profile, as the cookie does a browser, and nothing else', async () => {
      const browser = await signedIn()
      const agent = client(await jwtOf(browser))
      expect(await profile(browser)).toEqual(seen)
      expect(await profile(agent)).toEqual(seen)
      for (const path of ['/profile', '/auth/sessions']) expect((await agent.get(path)).status).toBe(401)
      expect(agent.cookies).toEqual([])
    })

    test('stops working at once when its session is ended elsewhere', async () => {
      const [phone, laptop] = [await signedIn(), await signedIn()]
      const [ofPhone, ofLaptop] = [client(await jwtOf(phone)), client(await jwtOf(laptop))]
      await laptop.request('/auth/sessions', { method: 'DELETE' })
      expect(await profile(ofPhone)).toEqual(unauthorized)
      expect(await profile(ofLaptop)).toEqual(seen)
      await laptop.post('/auth/logout')
      expect(await profile(ofLaptop)).toEqual(unauthorized)
    })

    test('from before a new sign-in is worth nothing, as a copy of the cookie is not', async () => {
      const browser = await signedIn()
      const before = client(await jwtOf(browser))
      await browser.post('/auth/login', ada)
      expect(await profile(before)).toEqual(unauthorized)
      expect(await profile(client(await jwtOf(browser)))).toEqual(seen)
    })

    test('that is too old, forged, of another issuer or without a session is refused', async () => {
      const jwt = portal.app.get(JwtService, { strict: false })
      const token = await jwtOf(await signedIn())
      const { sub, sid, auth_time } = jwt.decode<Record<string, number>>(token)
      const claims = { sub, sid, auth_time }
      expect(await profile(client(jwt.sign(claims)))).toEqual(seen)
      const unsigned = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${token.split('.')[1]}.`
      const refused = [
        jwt.sign(claims, { expiresIn: -1 }),
        jwt.sign(claims, { secret: 'x'.repeat(43) }),
        jwt.sign(claims, { issuer: 'elsewhere' }),
        jwt.sign(claims, { algorithm: 'HS384' }),
        jwt.sign({ ...claims, sub: '2' }),
        jwt.sign({ ...claims, sid: 'x'.repeat(16) }),
        jwt.sign({ sub }),
        unsigned,
        'nonsense',
      ]
      for (const each of refused) expect(await profile(client(each)), each).toEqual(unauthorized)
    })

    test('of a session that the store can not be asked about gets 503, and not 401', async () => {
      const agent = client(await jwtOf(await signedIn()))
      const { SqliteStore } = await import('latchkey/stores/sqlite')
      const find = vi.spyOn(SqliteStore.prototype, 'find').mockImplementation(() => {
        throw new Error('down')
      })
      try {
        expect((await profile(agent)).status).toBe(503)
        expect(find).toHaveBeenCalledTimes(1)
      } finally {
        find.mockRestore()
      }
      expect(await profile(agent)).toEqual(seen)
    })
  })

  describe("a login with transport: 'bearer'", () => {
    async function bearer(more: object = {}): Promise<{ response: Response; token: string }> {
      const response = await portal.browser().post('/auth/login', { ...ada, transport: 'bearer', ...more })
      const { token } = (await response.clone().json()) as { token: string }
      return { response, token }
    }

    test('answers a token and sets no cookie', async () => {
      const { response, token } = await bearer()
      expect(response.status).toBe(200)
      expect(response.headers.getSetCookie()).toEqual([])
      expect(response.headers.get('cache-control')).toBe('no-store')
      expect(response.headers.get('session-token')).toBe(token)
      expect(await response.json()).toMatchObject({ message: 'Login successful', token })
      const agent = client(token)
      expect((await answer(agent.get('/auth/me'))).body).toMatchObject({ authenticated: true })
      expect(await profile(agent)).toEqual(seen)
      expect(await profile(client(await jwtOf(agent)))).toEqual(seen)
      expect(agent.cookies).toEqual([])
    })

    test('answers a token that is worth nothing with another signature', async () => {
      const { token } = await bearer()
      const agent = client(`${token.slice(0, -4)}AAAA`)
      expect((await agent.get('/profile')).status).toBe(401)
    })

    test('lives as long as it is asked to, and is one of the devices', async () => {
      const { token } = await bearer({ remember: true })
      const { sessions } = (await (await client(token).get('/auth/sessions')).json()) as {
        sessions: { current: boolean; expiresAt: number }[]
      }
      expect(sessions.find(({ current }) => current)!.expiresAt - Date.now()).toBeGreaterThan(minutes(29 * 24 * 60))
    })

    test('ends with a logout, which is not checked for the site that it comes from', async () => {
      const { token } = await bearer()
      const headers = { 'sec-fetch-site': 'cross-site', origin: 'https://elsewhere.example' }
      const response = await client(token).request('/auth/logout', { method: 'POST', headers })
      expect(response.status).toBe(200)
      expect(response.headers.getSetCookie()).toEqual([])
      expect((await client(token).get('/profile')).status).toBe(401)
    })

    test('with wrong credentials answers no token', async () => {
      const { response } = await bearer({ password: 'wrong horse' })
      expect(response.status).toBe(401)
      expect(await response.text()).not.toContain('token')
    })

    test.each(['pigeon', 1, ['bearer'], {}])('is not one with the transport %j', async (transport) => {
      const login = await answer(portal.browser().post('/auth/login', { ...ada, transport }))
      expect(login).toMatchObject({ status: 400, body: { message: ['transport must be cookie or bearer'] } })
    })
  })

  test("a login with transport: 'cookie' is one without", async () => {
    const response = await portal.browser().post('/auth/login', { ...ada, transport: 'cookie' })
    expect(response.headers.getSetCookie()).toHaveLength(1)
    expect(await response.json()).not.toHaveProperty('token')
  })
})
