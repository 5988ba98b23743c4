import { days, minutes } from 'latchkey'
import type { CookieAgent } from 'latchkey/testing'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { ada, adapters, answer, startPortal, type Portal } from './support/portal.js'

beforeAll(() => void vi.useFakeTimers({ toFake: ['Date'] }))
afterAll(() => void vi.useRealTimers())

describe.each(adapters)('on %s', (adapter) => {
  let portal: Portal
  let browser: CookieAgent

  beforeAll(async () => {
    portal = await startPortal({ adapter })
    await portal.browser().post('/auth/register', ada)
  })

  afterAll(() => portal.stop())

  async function maxAgeAfterLogin(remember: unknown): Promise<number> {
    browser = portal.browser()
    const login = await browser.post('/auth/login', { ...ada, remember })
    expect(login.status).toBe(200)
    return Number(/; Max-Age=(\d+)/.exec(login.headers.getSetCookie()[0]!)?.[1]) * 1000
  }

  /** Whoever keeps the cookie for longer than told to. */
  function keeper(): CookieAgent {
    return portal.browser({ cookie: `sessionId=${browser.cookie('sessionId')}` })
  }

  test('who asks to be remembered is signed in for 30 days, used or not, also in a browser that was closed', async () => {
    expect(await maxAgeAfterLogin(true)).toBe(days(30))
    const kept = keeper()
    browser.restart()
    vi.setSystemTime(Date.now() + days(30) - 1)
    expect((await browser.get('/profile')).status).toBe(200)
    vi.setSystemTime(Date.now() + 1)
    expect(browser.cookies).toEqual([])
    expect((await kept.get('/profile')).status).toBe(401)
  })

  test.each([undefined, false, null])(
    'with remember: %s a sign-in ends after 30 minutes without use',
    async (given) => {
      expect(await maxAgeAfterLogin(given)).toBe(days(1))
      vi.setSystemTime(Date.now() + minutes(30) - 1)
      expect((await browser.get('/profile')).status).toBe(200)
      vi.setSystemTime(Date.now() + minutes(30))
      expect((await browser.get('/profile')).status).toBe(401)
    },
  )

  test('who signs in once more, without asking, stays remembered', async () => {
    await maxAgeAfterLogin(true)
    vi.setSystemTime(Date.now() + days(10))
    await browser.post('/auth/login', ada)
    vi.setSystemTime(Date.now() + days(19))
    expect((await browser.get('/profile')).status).toBe(200)
  })

  test.each(['yes', 1, 0, '', {}, [true]])('remember: %j is refused, and nobody is signed in', async (remember) => {
    const refused = portal.browser()
    expect(await answer(refused.post('/auth/login', { ...ada, remember }))).toEqual({
      status: 400,
      body: { statusCode: 400, error: 'Bad Request', message: ['remember must be a boolean value'] },
    })
    expect(refused.cookies).toEqual([])
  })
})
