import { days, minutes } from 'latchkey'
import type { CookieAgent } from 'latchkey/testing'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { ada, adapters, answer, startPortal, type Portal } from './support/portal.js'

const FIREFOX = { 'user-agent': 'Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0' }

const UNAUTHORIZED = { status: 401, body: { statusCode: 401, error: 'Unauthorized', message: 'Session not found' } }
const NOT_FOUND = { status: 404, body: { statusCode: 404, error: 'Not Found', message: 'You have no such session' } }

interface Listed {
  readonly handle: string
  readonly current: boolean
}

beforeAll(() => void vi.useFakeTimers({ toFake: ['Date'] }))
afterAll(() => void vi.useRealTimers())

describe.each(adapters)('on %s', (adapter) => {
  let portal: Portal
  let count = 0

  beforeAll(async () => {
    portal = await startPortal({ adapter })
  })

  afterAll(() => portal.stop())

  /** A new user, signed in on so many browsers. */
  async function signedIn(browsers: number): Promise<readonly [CookieAgent, ...CookieAgent[]]> {
    const user = { ...ada, email: `ada-${++count}@example.com` }
    await portal.browser().post('/auth/register', user)
    const agents = Array.from({ length: browsers }, () => portal.browser(FIREFOX))
    for (const agent of agents) {
      vi.setSystemTime(Date.now() + 1)
      await agent.post('/auth/login', user)
    }
    return agents as [CookieAgent, ...CookieAgent[]]
  }

  async function list(browser: CookieAgent): Promise<readonly Listed[]> {
    const { status, body } = await answer(browser.get('/auth/sessions'))
    expect(status).toBe(200)
    return (body as { sessions: Listed[] }).sessions
  }

  async function handleOf(browser: CookieAgent): Promise<string> {
    return (await list(browser)).find(({ current }) => current)!.handle
  }

  const end = (browser: CookieAgent, handle: string): Promise<{ status: number; body: unknown }> =>
    answer(browser.request(`/auth/sessions/${handle}`, { method: 'DELETE' }))

  const endOthers = (browser: CookieAgent): Promise<{ status: number; body: unknown }> =>
    answer(browser.request('/auth/sessions', { method: 'DELETE' }))

  const statusOf = async (browser: CookieAgent): Promise<number> => (await browser.get('/profile')).status

  describe('GET /auth/sessions', () => {
    test('tells where a user is signed in, and since when', async () => {
      const user = { ...ada, email: `lists-${adapter}@example.com` }
      await portal.browser().post('/auth/register', user)
      await signedIn(1)
      const start = Date.now()
      const [first, second] = [portal.browser(FIREFOX), portal.browser({ 'user-agent': '' })]
      await first.post('/auth/login', user)
      vi.setSystemTime(start + minutes(10))
      await second.post('/auth/login', { ...user, remember: true })
      vi.setSystemTime(start + minutes(20))
      await first.get('/profile')
      expect(await answer(first.get('/auth/sessions'))).toEqual({
        status: 200,
        body: {
          sessions: [
            {
              handle: expect.stringMatching(/^[\w-]{16}$/) as string,
              device: 'Firefox on Linux',
              ip: '127.0.0.1',
              createdAt: start,
              authenticatedAt: start,
              lastSeenAt: start + minutes(20),
              expiresAt: start + days(1),
              current: true,
            },
            {
              handle: expect.stringMatching(/^[\w-]{16}$/) as string,
              ip: '127.0.0.1',
              createdAt: start + minutes(10),
              authenticatedAt: start + minutes(10),
              lastSeenAt: start + minutes(10),
              expiresAt: start + minutes(10) + days(30),
              current: false,
            },
          ],
        },
      })
    })

    test('shows each browser itself as the current one', async () => {
      const [first, second] = await signedIn(2)
      const listed = await list(second!)
      expect(listed.map(({ handle }) => handle)).toEqual((await list(first)).map(({ handle }) => handle))
      expect(listed.map(({ current }) => current)).toEqual([false, true])
    })

    test('leaves out what is over', async () => {
      const [first, second, third] = await signedIn(3)
      await second!.post('/auth/logout')
      expect(await list(first)).toHaveLength(2)
      vi.setSystemTime(Date.now() + minutes(20))
      await first.get('/profile')
      vi.setSystemTime(Date.now() + minutes(10))
      expect(await list(first)).toEqual([expect.objectContaining({ current: true })])
      expect(await statusOf(third!)).toBe(401)
    })
  })

  describe('DELETE /auth/sessions/:handle', () => {
    test('ends that session, and no other', async () => {
      const [first, second, third] = await signedIn(3)
      expect(await end(first, await handleOf(second!))).toEqual({ status: 204, body: undefined })
      expect([await statusOf(first), await statusOf(second!), await statusOf(third!)]).toEqual([200, 401, 200])
      expect(await answer(second!.get('/auth/me'))).toEqual({ status: 200, body: { authenticated: false } })
      expect(await list(first)).toHaveLength(2)
    })

    test("answers 404 to the handle of another user's session, which goes on", async () => {
      const [mine] = await signedIn(1)
      const [theirs] = await signedIn(1)
      expect(await end(mine, await handleOf(theirs))).toEqual(NOT_FOUND)
      expect(await statusOf(theirs)).toBe(200)
      expect(await list(theirs)).toHaveLength(1)
    })

    test('answers 404 to a handle that nobody has, and to one whose session is over', async () => {
      const [first, second] = await signedIn(2)
      const handle = await handleOf(second!)
      await end(first, handle)
      for (const none of [handle, 'A'.repeat(16)]) expect(await end(first, none)).toEqual(NOT_FOUND)
    })

    test('answers what is no handle with 404, or with what the platform says of such a path', async () => {
      const [first] = await signedIn(1)
      for (const odd of ['%00', '*', '%', '__proto__', '%F0%9F%94%91', "'--", 'x'.repeat(900)]) {
        expect([400, 404, 414], odd).toContain((await end(first, odd)).status)
      }
      expect(await statusOf(first)).toBe(200)
    })

    test("takes no cookie's value for a handle", async () => {
      const [first, second] = await signedIn(2)
      const token = second!.cookie('sessionId')!
      for (const secret of [token, token.split('.')[0]!]) expect((await end(first, secret)).status).toBe(404)
      expect(await statusOf(second!)).toBe(200)
    })

    test('of the present session is signing out', async () => {
      const [first, second] = await signedIn(2)
      const copy = first.copy()
      expect(await end(first, await handleOf(first))).toEqual({ status: 204, body: undefined })
      expect(first.cookies).toEqual([])
      expect([await statusOf(copy), await statusOf(second!)]).toEqual([401, 200])
    })
  })

  test('DELETE /auth/sessions ends all others of the user, and says how many', async () => {
    const [first, ...others] = await signedIn(4)
    const [theirs] = await signedIn(1)
    expect(await endOthers(first)).toEqual({ status: 200, body: { ended: 3 } })
    for (const other of others) expect(await statusOf(other)).toBe(401)
    expect([await statusOf(first), await statusOf(theirs)]).toEqual([200, 200])
    expect(await list(first)).toEqual([expect.objectContaining({ current: true })])
    expect(await endOthers(first)).toEqual({ status: 200, body: { ended: 0 } })
  })

  test('who is not signed in, or not any more, gets 401', async () => {
    const [first, second] = await signedIn(2)
    const handle = await handleOf(first)
    await endOthers(first)
    for (const browser of [portal.browser(), second!]) {
      expect(await answer(browser.get('/auth/sessions'))).toEqual(UNAUTHORIZED)
      expect(await end(browser, handle)).toEqual(UNAUTHORIZED)
      expect(await endOthers(browser)).toEqual(UNAUTHORIZED)
    }
    expect(await statusOf(first)).toBe(200)
  })

  test('signing in once more is the same session, signed in later; the cookie from before is dead', async () => {
    const user = { ...ada, email: `again-${adapter}@example.com` }
    const browser = portal.browser()
    await browser.post('/auth/register', user)
    await browser.post('/auth/login', user)
    const [before] = await list(browser)
    const copy = browser.copy()
    vi.setSystemTime(Date.now() + minutes(10))
    await browser.post('/auth/login', user)
    const now = Date.now()
    expect(await list(browser)).toEqual([
      { ...before, authenticatedAt: now, lastSeenAt: now, expiresAt: now + days(1) },
    ])
    expect(await statusOf(copy)).toBe(401)
  })
})
