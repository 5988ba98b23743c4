import { hash, verify } from '@node-rs/argon2'
import { getDataSourceToken } from '@nestjs/typeorm'
import { minutes } from 'latchkey'
import type { CookieAgent } from 'latchkey/testing'
import type { DataSource } from 'typeorm'
import { afterAll, beforeAll, describe, expect, test, vi, type Mock } from 'vitest'
import { UsersService } from '../src/users/users.service.js'
import { ada, adapters, answer, startPortal, type Portal } from './support/portal.js'

// Leaves the calls as they are, and lets a test hold one back.
vi.mock('@node-rs/argon2', { spy: true })

const NEW = 'battery staple'

beforeAll(() => void vi.useFakeTimers({ toFake: ['Date'] }))
afterAll(() => void vi.useRealTimers())

describe.each(adapters)('POST /auth/password on %s', (adapter) => {
  let portal: Portal
  let count = 0

  beforeAll(async () => {
    portal = await startPortal({ adapter })
  })

  afterAll(() => portal.stop())

  async function registered(): Promise<typeof ada> {
    const user = { ...ada, email: `ada-${++count}@example.com` }
    await portal.browser().post('/auth/register', user)
    return user
  }

  async function signedIn(user: typeof ada): Promise<CookieAgent> {
    const browser = portal.browser()
    expect((await browser.post('/auth/login', user)).status).toBe(200)
    return browser
  }

  type Change = Readonly<Record<string, unknown>>

  const change = (browser: CookieAgent, body: Change = { newPassword: NEW }): ReturnType<typeof answer> =>
    answer(browser.post('/auth/password', body))

  const statusOf = async (browser: CookieAgent): Promise<number> => (await browser.get('/profile')).status

  /** Which of the passwords signs the user in. */
  async function passwordOf(user: typeof ada): Promise<readonly string[]> {
    const fits: string[] = []
    for (const password of [ada.password, NEW]) {
      const { status } = await portal.browser().post('/auth/login', { ...user, password })
      if (status === 200) fits.push(password)
    }
    return fits
  }

  async function handleOf(browser: CookieAgent): Promise<string> {
    const { body } = await answer(browser.get('/auth/sessions'))
    const { sessions } = body as { sessions: { handle: string; current: boolean }[] }
    return sessions.find(({ current }) => current)!.handle
  }

  test('changes the password, ends the other sessions, and keeps this one', async () => {
    const [user, somebody] = [await registered(), await registered()]
    const [browser, second, third] = [await signedIn(user), await signedIn(user), await signedIn(user)]
    const theirs = await signedIn(somebody)
    const handle = await handleOf(browser)
    expect(await change(browser)).toEqual({ status: 200, body: { message: 'Password changed', ended: 2 } })
    expect([await statusOf(browser), await statusOf(second), await statusOf(third)]).toEqual([200, 401, 401])
    expect(await statusOf(theirs)).toBe(200)
    expect(await handleOf(browser)).toBe(handle)
    expect(await passwordOf(user)).toEqual([NEW])
    expect(await passwordOf(somebody)).toEqual([ada.password])
  })

  test('makes the cookie from before it worthless, whoever has a copy', async () => {
    const browser = await signedIn(await registered())
    const copy = browser.copy()
    await change(browser)
    expect([await statusOf(browser), await statusOf(copy)]).toEqual([200, 401])
  })

  test('needs a sign-in within five minutes, and changes nothing without', async () => {
    const user = await registered()
    const [browser, second] = [await signedIn(user), await signedIn(user)]
    vi.setSystemTime(Date.now() + minutes(5))
    expect(await change(browser)).toEqual({
      status: 403,
      body: {
        statusCode: 403,
        code: 'RECENT_LOGIN_REQUIRED',
        error: 'Forbidden',
        message: 'You signed in too long ago for this. Sign in again.',
      },
    })
    // Even who knows the password signs in first: that is where attempts are counted.
    expect((await change(browser, { currentPassword: ada.password, newPassword: NEW })).status).toBe(403)
    expect([await statusOf(browser), await statusOf(second)]).toEqual([200, 200])
    expect(await passwordOf(user)).toEqual([ada.password])
    await browser.post('/auth/login', user)
    vi.setSystemTime(Date.now() + minutes(5) - 1)
    expect((await change(browser)).status).toBe(200)
  })

  test('checks the current password where it is given', async () => {
    const user = await registered()
    const [browser, second] = [await signedIn(user), await signedIn(user)]
    expect(await change(browser, { currentPassword: 'wrong horse', newPassword: NEW })).toEqual({
      status: 400,
      body: { statusCode: 400, error: 'Bad Request', message: 'The current password is wrong' },
    })
    expect(await statusOf(second)).toBe(200)
    expect(await passwordOf(user)).toEqual([ada.password])
    expect((await change(browser, { currentPassword: ada.password, newPassword: NEW })).status).toBe(200)
    expect(await passwordOf(user)).toEqual([NEW])
  })

  test.each([
    [{}, ['newPassword must be a string']],
    [{ newPassword: 'short' }, ['newPassword must be longer than or equal to 8 characters']],
    [{ newPassword: 'x'.repeat(129) }, ['newPassword must be shorter than or equal to 128 characters']],
    [{ newPassword: [NEW] }, ['newPassword must be a string']],
    [{ newPassword: NEW, currentPassword: null }, ['currentPassword must be a string']],
    [{ newPassword: NEW, currentPassword: { $ne: '' } }, ['currentPassword must be a string']],
    [{ newPassword: NEW, userId: 1 }, ['property userId should not exist']],
  ] as [Change, string[]][])('a change to %j is refused with the reason', async (body, message) => {
    const user = await registered()
    const [browser, second] = [await signedIn(user), await signedIn(user)]
    expect(await change(browser, body)).toEqual({
      status: 400,
      body: { statusCode: 400, error: 'Bad Request', message },
    })
    expect(await statusOf(second)).toBe(200)
    expect(await passwordOf(user)).toEqual([ada.password])
  })

  test('is for those who are signed in, and still in the database', async () => {
    const unauthorized = { status: 401, body: { statusCode: 401, error: 'Unauthorized', message: 'Session not found' } }
    expect(await change(portal.browser())).toEqual(unauthorized)
    const user = await registered()
    const browser = await signedIn(user)
    await portal.app.get<DataSource>(getDataSourceToken()).query('DELETE FROM users WHERE email = $1', [user.email])
    expect(await change(browser)).toEqual(unauthorized)
  })

  describe('while something else is under way', () => {
    test('a sign-in with the old password that comes in after the change is none', async () => {
      const user = await registered()
      const browser = await signedIn(user)
      const held = holdNext(verify)
      const late = portal.browser()
      const login = answer(late.post('/auth/login', user))
      await held.reached
      expect((await change(browser)).status).toBe(200)
      held.release()
      expect(await login).toEqual({
        status: 401,
        body: { statusCode: 401, error: 'Unauthorized', message: 'The password was changed meanwhile' },
      })
      expect(late.cookies).toEqual([])
      expect(await answer(browser.request('/auth/sessions', { method: 'DELETE' }))).toMatchObject({
        body: { ended: 0 },
      })
    })

    test('a session that is ended changes nothing any more', async () => {
      const user = await registered()
      const [browser, second] = [await signedIn(user), await signedIn(user)]
      const held = holdNext(hash)
      const changing = change(second)
      await held.reached
      await browser.request('/auth/sessions', { method: 'DELETE' })
      held.release()
      expect(await changing).toMatchObject({ status: 401, body: { statusCode: 401, code: 'SESSION_GONE' } })
      expect(second.cookies).toEqual([])
      expect(await passwordOf(user)).toEqual([ada.password])
    })

    test('of two changes of one password the first counts', async () => {
      const user = await registered()
      const browser = await signedIn(user)
      const held = holdNext(hash)
      const changing = change(browser)
      await held.reached
      const users = portal.app.get(UsersService)
      const stored = await users.findByEmail(user.email)
      expect(await users.changePassword(stored!, await hash('somebody else came first'))).toBe(true)
      held.release()
      expect(await changing).toEqual({
        status: 409,
        body: { statusCode: 409, error: 'Conflict', message: 'The password was changed meanwhile' },
      })
      expect(await passwordOf(user)).toEqual([])
      expect(await statusOf(browser)).toBe(200)
    })
  })
})

/** Holds back the answer of the next call. */
function holdNext(call: typeof hash | typeof verify): { readonly reached: Promise<void>; release(): void } {
  let release = (): void => {}
  const released = new Promise<void>((resolve) => (release = resolve))
  const reached = new Promise<void>((resolve) => {
    const mock = call as unknown as Mock<(...args: unknown[]) => Promise<unknown>>
    mock.mockImplementationOnce(async (...args) => {
      const argon = await vi.importActual<Record<string, typeof mock>>('@node-rs/argon2')
      const result = await argon[call === hash ? 'hash' : 'verify']!(...args)
      resolve()
      await released
      return result
    })
  })
  return { reached, release: () => release() }
}
