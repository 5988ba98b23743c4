import type { CookieAgent } from 'latchkey/testing'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { ada, adapters, answer, startPortal, type Portal } from './support/portal.js'

let portal: Portal

afterEach(async () => {
  vi.unstubAllEnvs()
  await portal.stop()
})

describe.each(adapters)('on %s', (adapter) => {
  test('every answer has the headers of helmet, with a policy that allows only files of the portal', async () => {
    portal = await startPortal({ adapter })
    for (const path of ['/', '/portal.js', '/auth/me', '/profile', '/nowhere', '/health']) {
      const { headers } = await portal.browser().get(path)
      expect(headers.get('x-content-type-options'), path).toBe('nosniff')
      expect(headers.get('x-powered-by'), path).toBeNull()
      const policy = headers.get('content-security-policy')?.split(/; */)
      expect(policy, path).toEqual([
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
      ])
    }
  })

  test('the page and its files are there, for GET and for HEAD', async () => {
    portal = await startPortal({ adapter })
    const files = [
      ['/', 'text/html; charset=utf-8', '<!doctype html>'],
      ['/portal.css', 'text/css; charset=utf-8', 'color-scheme'],
      ['/account.css', 'text/css; charset=utf-8', '#devices'],
      ['/portal/devices.js', 'text/javascript; charset=utf-8', '/auth/sessions'],
      ['/portal/message.js', 'text/javascript; charset=utf-8', 'export'],
      ['/portal/password.js', 'text/javascript; charset=utf-8', '/auth/password'],
      ['/portal/server.js', 'text/javascript; charset=utf-8', 'fetch'],
      ['/portal.js', 'text/javascript; charset=utf-8', 'addEventListener'],
      ['/icon.svg', 'image/svg+xml', '<svg'],
    ] as const
    for (const [path, type, text] of files) {
      const response = await portal.browser().get(path)
      expect(response.status, path).toBe(200)
      expect(response.headers.get('content-type'), path).toContain(type)
      expect(await response.text(), path).toContain(text)
      const head = await portal.browser().request(path, { method: 'HEAD' })
      expect(head.status, path).toBe(200)
      expect(head.headers.get('content-type'), path).toContain(type)
    }
  })

  test('of the folder of the page nothing else is there', async () => {
    portal = await startPortal({ adapter })
    for (const name of ['nothing.js', 'portal.js', '..%2fportal.js', '%2e%2e%2f%2e%2e%2fpackage.json', '__proto__']) {
      const { status, headers } = await portal.browser().get(`/portal/${name}`)
      expect(status, name).toBe(404)
      expect(headers.get('content-type'), name).toContain('application/json')
    }
  })

  test('too many attempts to sign in, to sign up, or to change a password, are a 429', async () => {
    portal = await startPortal({ adapter, throttle: { limit: 2, ttl: 60_000 } })
    for (const path of ['/auth/login', '/auth/register', '/auth/password']) {
      await expectThrottled(portal.browser(), path)
    }
  })

  test('attempts to change a password count for those who may', async () => {
    portal = await startPortal({ adapter, throttle: { limit: 2, ttl: 60_000 } })
    const browser = portal.browser()
    await browser.post('/auth/register', ada)
    await browser.post('/auth/login', ada)
    const attempt = { currentPassword: 'wrong horse', newPassword: 'battery staple' }
    const statuses: number[] = []
    for (let count = 0; count < 3; count++) statuses.push((await browser.post('/auth/password', attempt)).status)
    expect(statuses).toEqual([400, 400, 429])
  })

  async function expectThrottled(browser: CookieAgent, path: string): Promise<void> {
    expect((await browser.post(path, {})).status).not.toBe(429)
    expect((await browser.post(path, {})).status).not.toBe(429)
    const third = await browser.post(path, ada)
    expect(Number(third.headers.get('retry-after'))).toBeGreaterThan(0)
    expect(await answer(Promise.resolve(third))).toEqual({
      status: 429,
      body: { statusCode: 429, message: 'Too many attempts. Wait a minute and try again' },
    })
    for (let visit = 0; visit < 5; visit++) expect((await browser.get('/auth/me')).status).toBe(200)
  }

  test('who says to be somebody else is still the same client, unless a trusted proxy says so', async () => {
    const throttle = { limit: 1, ttl: 60_000 }
    const statuses = async (): Promise<number[]> => {
      const from = (address: string): Promise<Response> =>
        portal.browser({ 'x-forwarded-for': address }).post('/auth/login', {})
      return [(await from('192.0.2.1')).status, (await from('192.0.2.2')).status, (await from('192.0.2.2')).status]
    }
    portal = await startPortal({ adapter, throttle })
    expect(await statuses()).toEqual([401, 429, 429])
    await portal.stop()
    portal = await startPortal({ adapter, throttle, trustProxy: 'loopback' })
    expect(await statuses()).toEqual([401, 401, 429])
  })

  test('in production the cookie is __Host- and Secure, and goes through a trusted proxy', async () => {
    vi.stubEnv('NODE_ENV', 'production')
    const sessionSecret = 'a secret of more than 32 characters'
    portal = await startPortal({ adapter, sessionSecret, trustProxy: 'loopback' })
    const browser = portal.browser({ 'x-forwarded-proto': 'https' })
    await browser.post('/auth/register', ada)
    const [cookie] = (await browser.post('/auth/login', ada)).headers.getSetCookie()
    expect(cookie).toMatch(/^__Host-sessionId=.*; Secure/)
    const headers = { cookie: cookie!.split(';')[0]! }
    expect((await browser.get('/profile', { headers })).status).toBe(200)
  })

  test('in production a login over plain HTTP is no success without a session', async () => {
    vi.stubEnv('NODE_ENV', 'production')
    portal = await startPortal({ adapter, sessionSecret: 'a secret of more than 32 characters' })
    const browser = portal.browser()
    await browser.post('/auth/register', ada)
    const login = await browser.post('/auth/login', ada)
    expect(login.headers.getSetCookie()).toEqual([])
    expect(login.ok).toBe(false)
  })
})
