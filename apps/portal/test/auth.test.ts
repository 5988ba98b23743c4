import { verify } from '@node-rs/argon2'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { ada, adapters, answer, startPortal, type Portal } from './support/portal.js'

// Counts the calls and leaves them as they are.
vi.mock('@node-rs/argon2', { spy: true })

describe.each(adapters)('on %s', (adapter) => {
  let portal: Portal

  beforeAll(async () => {
    portal = await startPortal({ adapter })
  })

  afterAll(() => portal.stop())

  /** A user of this test's own. */
  let count = 0
  async function registered(): Promise<typeof ada & { id: number }> {
    const user = { ...ada, email: `ada-${++count}@example.com` }
    const { body } = await answer(portal.browser().post('/auth/register', user))
    return { ...user, id: (body as { id: number }).id }
  }

  test('a user signs up, signs in, is known, signs out', async () => {
    const browser = portal.browser()
    const { email, password, name } = ada
    const nobody = { status: 200, body: { authenticated: false } }
    expect(await answer(browser.get('/auth/me'))).toEqual(nobody)

    const registration = await answer(browser.post('/auth/register', { email: ' Ada@Example.COM ', password, name }))
    const id = expect.any(Number) as number
    expect(registration).toEqual({ status: 201, body: { id, email, name, role: 'user' } })
    expect(await answer(browser.get('/auth/me'))).toEqual(nobody)

    const login = await answer(browser.post('/auth/login', { email: 'ADA@example.com', password }))
    expect(login).toEqual({ status: 200, body: { message: 'Login successful', user: { id, email, name } } })

    const me = { authenticated: true, user: { id, email, name, role: 'user' } }
    expect(await answer(browser.get('/auth/me'))).toEqual({ status: 200, body: me })
    const profile = { user: { id, email, role: 'user' } }
    expect(await answer(browser.get('/auth/profile'))).toEqual({ status: 200, body: profile })
    expect(await answer(browser.get('/profile'))).toEqual({ status: 200, body: profile })

    const logout = { status: 200, body: { message: 'Logout successful' } }
    expect(await answer(browser.post('/auth/logout'))).toEqual(logout)
    expect(browser.cookies).toEqual([])
    expect(await answer(browser.get('/auth/me'))).toEqual(nobody)
    expect(await answer(browser.post('/auth/logout'))).toEqual(logout)
  })

  test.each([
    ['/profile', { statusCode: 401, error: 'Unauthorized', message: 'Session not found' }],
    ['/auth/profile', { statusCode: 401, message: 'Unauthorized' }],
  ])('%s is for those who are signed in', async (path, body) => {
    expect(await answer(portal.browser().get(path))).toEqual({ status: 401, body })
  })

  test('who is not signed in gets no cookie', async () => {
    const browser = portal.browser()
    for (const path of ['/', '/auth/me', '/profile', '/health', '/nowhere']) {
      expect((await browser.get(path)).headers.getSetCookie(), path).toEqual([])
    }
  })

  test('the cookie is for the server alone', async () => {
    const { email, password } = await registered()
    const [cookie, ...more] = (await portal.browser().post('/auth/login', { email, password })).headers.getSetCookie()
    expect(more).toEqual([])
    expect(cookie).toMatch(/^sessionId=/)
    expect(cookie).toMatch(/; HttpOnly/)
    expect(cookie).toMatch(/; SameSite=Lax/)
  })

  test('the cookie from before a login is dead after it', async () => {
    const [first, second] = [await registered(), await registered()]
    const browser = portal.browser()
    await browser.post('/auth/login', first)
    const before = browser.copy()
    await browser.post('/auth/login', second)
    expect(await answer(browser.get('/auth/me'))).toMatchObject({ body: { user: { email: second.email } } })
    expect(await answer(before.get('/auth/me'))).toEqual({ status: 200, body: { authenticated: false } })
    expect((await before.get('/profile')).status).toBe(401)
  })

  test('signing out ends the copies of the cookie as well', async () => {
    const browser = portal.browser()
    await browser.post('/auth/login', await registered())
    const copy = browser.copy()
    expect((await copy.get('/profile')).status).toBe(200)
    await browser.post('/auth/logout')
    expect((await copy.get('/profile')).status).toBe(401)
  })

  test('an unknown address and a wrong password get the same answer for the same work', async () => {
    const { email } = await registered()
    const attempts = [
      { email, password: 'another horse' },
      { email: 'nobody@example.com', password: 'another horse' },
      { email: 'no address', password: 'another horse' },
      { email: 'nobody\0@example.com', password: 'another horse' },
    ]
    const browser = portal.browser()
    for (const attempt of attempts) {
      vi.mocked(verify).mockClear()
      expect(await answer(browser.post('/auth/login', attempt)), attempt.email).toEqual({
        status: 401,
        body: { statusCode: 401, error: 'Unauthorized', message: 'The e-mail address or the password is wrong' },
      })
      expect(vi.mocked(verify).mock.calls, attempt.email).toEqual([
        [expect.stringMatching(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/), 'another horse'],
      ])
    }
    expect(browser.cookies).toEqual([])
  })

  test.each([
    undefined,
    {},
    { email: 'ada@example.com' },
    { password: 'correct horse' },
    { email: { $gt: '' }, password: { $gt: '' } },
    { email: ['ada@example.com'], password: ['correct horse'] },
    { email: 'ada@example.com', password: '' },
    [],
  ])('a login with %j is refused', async (body) => {
    expect((await portal.browser().post('/auth/login', body)).status).toBe(401)
  })

  test('credentials in the URL are not taken', async () => {
    const { email, password } = await registered()
    const query = new URLSearchParams({ email, password }).toString()
    expect((await portal.browser().post(`/auth/login?${query}`)).status).toBe(401)
    expect((await portal.browser().post(`/auth/login?${query}`, { email })).status).toBe(401)
  })

  test('the same letters from another keyboard are the same password', async () => {
    const browser = portal.browser()
    const user = { ...ada, email: `zoe-${adapter}@example.com` }
    await browser.post('/auth/register', { ...user, password: 'Zoe\u0308 Zoe\u0308 Zoe\u0308' })
    expect((await browser.post('/auth/login', { ...user, password: 'Zo\u00eb Zo\u00eb Zo\u00eb' })).status).toBe(200)
  })

  test('neither a password nor its hash leaves the server', async () => {
    const browser = portal.browser()
    const user = { ...ada, email: `eve-${adapter}@example.com` }
    const answers = [
      await browser.post('/auth/register', user),
      await browser.post('/auth/login', user),
      await browser.get('/auth/me'),
      await browser.get('/profile'),
    ]
    for (const response of answers) expect(await response.text()).not.toMatch(/argon2|password|correct horse/i)
  })
})
