import { minutes } from 'latchkey'
import type { Browser, BrowserContextOptions } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { browsedAdapters, startChromium } from './support/chromium.js'
import { ada, startPortal, type Portal } from './support/portal.js'
import { Visitor } from './support/visitor.js'

const FIREFOX = 'Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0'
const SAFARI =
  'Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1'

const ENDED = 'Your session here has ended. Sign in again.'

let browser: Browser

beforeAll(async () => {
  // Of the server; the browser has a clock of its own.
  vi.useFakeTimers({ toFake: ['Date'] })
  browser = await startChromium()
})

afterAll(async () => {
  await browser.close()
  vi.useRealTimers()
})

describe.each(browsedAdapters)('two browsers of one user, on %s', (adapter) => {
  let portal: Portal
  let user: typeof ada
  let desk: Visitor
  let phone: Visitor
  let count = 0
  /** When both were signed in. */
  let since: string

  beforeAll(async () => {
    portal = await startPortal({ adapter })
  })

  afterAll(() => portal.stop())

  beforeEach(async () => {
    user = { ...ada, email: `ada-${++count}@example.com` }
    await portal.browser().post('/auth/register', user)
    since = new Date().toISOString()
    phone = await signedIn({ userAgent: SAFARI })
    desk = await signedIn({ userAgent: FIREFOX, colorScheme: 'dark' })
    await expect.poll(() => desk.devices.count()).toBe(2)
  })

  afterEach(async () => {
    expect([...desk.complaints, ...phone.complaints]).toEqual([])
    await desk.leaves()
    await phone.leaves()
  })

  async function signedIn(options: BrowserContextOptions): Promise<Visitor> {
    const visitor = await Visitor.comes(browser, portal.base, options)
    await visitor.signIn(user)
    return visitor
  }

  const focusOf = ({ page }: Visitor): Promise<unknown> => page.evaluate('document.activeElement.id')

  /** What is written there, with a space between the parts. */
  async function deviceTexts({ devices }: Visitor): Promise<readonly string[]> {
    return (await devices.allInnerTexts()).map((text) => text.replaceAll(/\s+/g, ' '))
  }

  test('each sees both, itself first, with when and from where', async () => {
    expect(await deviceTexts(desk)).toEqual([
      'Firefox on Linux This device Signed in just now Active now 127.0.0.1',
      'Safari on iOS Signed in just now Active just now 127.0.0.1 End session',
    ])
    await phone.looksAgain()
    await expect.poll(() => deviceTexts(phone)).toHaveLength(2)
    expect((await deviceTexts(phone))[0]).toMatch(/^Safari on iOS This device/)
    const times = desk.devices.nth(1).locator('time')
    for (const time of await times.all()) expect(await time.getAttribute('datetime')).toBe(since)
    expect(await desk.page.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true)
  })

  test('says how long ago that was', async () => {
    await desk.page.clock.setFixedTime(Date.now() + minutes(60 * 49 + 59))
    await desk.looksAgain()
    await expect.poll(async () => (await deviceTexts(desk))[1]).toMatch(/Signed in 2 days ago Active 2 days ago/)
    await desk.page.clock.setFixedTime(Date.now() + minutes(119))
    await desk.looksAgain()
    await expect.poll(async () => (await deviceTexts(desk))[1]).toMatch(/Signed in 1 hour ago/)
    await desk.page.clock.setFixedTime(Date.now() + minutes(4))
    await desk.looksAgain()
    await expect.poll(async () => (await deviceTexts(desk))[1]).toMatch(/Signed in 4 minutes ago/)
  })

  test('one ends the other, which is signed out at its next request', async () => {
    await desk.press('End session: Safari on iOS')
    await desk.message('Safari on iOS is signed out.')
    expect(await desk.devices.count()).toBe(1)
    expect(await focusOf(desk)).toBe('devices-title')
    expect(await desk.view.getByRole('button', { name: 'End all other sessions' }).isVisible()).toBe(false)

    await phone.heading('Hello')
    await phone.fill('New password', 'battery staple')
    await phone.press('Change password')
    await phone.heading('Sign in')
    await phone.message(ENDED)
    expect(await focusOf(phone)).toBe('sign-in-email')
    expect(await phone.page.locator('#devices li').count()).toBe(0)
    expect(await phone.page.locator('#new-password').inputValue()).toBe('')
    await desk.page.reload()
    await desk.heading('Hello')
  })

  test('one ends all others, which see it as soon as they are looked at', async () => {
    await desk.press('End all other sessions')
    await desk.message('All your other devices are signed out.')
    expect(await desk.devices.count()).toBe(1)
    await phone.looksAgain()
    await phone.heading('Sign in')
    await phone.message(ENDED)
  })

  test('what is over already is as good as ended', async () => {
    await phone.press('Sign out')
    await phone.message('You are signed out.')
    await desk.press('End session: Safari on iOS')
    await desk.message('Safari on iOS is signed out.')
    expect(await desk.devices.count()).toBe(1)
  })

  test('a list that comes anew leaves the focus where it was', async () => {
    const button = desk.view.getByRole('button', { name: 'End session: Safari on iOS' })
    await button.focus()
    await button.evaluate((element) => element.setAttribute('data-old', ''))
    await desk.looksAgain()
    await desk.page.locator('[data-old]').waitFor({ state: 'detached' })
    expect(await button.evaluate((element) => element === element.ownerDocument.activeElement)).toBe(true)
  })

  test('a new password right after signing in ends the other', async () => {
    await desk.fill('New password', 'battery staple')
    await desk.press('Change password')
    await desk.message('Your password is changed. All your other devices are signed out.')
    expect(await desk.page.locator('#new-password').inputValue()).toBe('')
    expect(await desk.devices.count()).toBe(1)
    await phone.looksAgain()
    await phone.message(ENDED)
    await phone.signIn({ ...user, password: 'battery staple' })
  })

  test('a new password later asks for the present one first, and goes on', async () => {
    const dialog = desk.page.getByRole('dialog', { name: 'Is it you?' })
    const present = dialog.getByLabel('Present password', { exact: true })
    vi.setSystemTime(Date.now() + minutes(5))
    await desk.fill('New password', 'battery staple')
    await desk.press('Change password')
    await dialog.waitFor()
    await dialog.getByRole('button', { name: 'Cancel' }).click()
    await dialog.waitFor({ state: 'hidden' })
    expect(await desk.page.locator('#new-password').inputValue()).toBe('battery staple')

    await desk.press('Change password')
    await present.fill('wrong horse')
    await desk.page.keyboard.press('Enter')
    await dialog.getByRole('alert').filter({ hasText: 'That is not your password.' }).waitFor()
    await present.fill(user.password)
    await dialog.getByRole('button', { name: 'Go on' }).click()
    await desk.message('Your password is changed. All your other devices are signed out.')
    expect(await dialog.isVisible()).toBe(false)
    expect(await desk.page.locator('#again-password').inputValue()).toBe('')
    await phone.looksAgain()
    await phone.message(ENDED)
  })

  test('a refused password is said in words, and where', async () => {
    await desk.page.locator('#new-password').evaluate((input) => input.removeAttribute('minlength'))
    await desk.fill('New password', 'short')
    await desk.press('Change password')
    await desk.message('New password must be longer than or equal to 8 characters.')
    expect(await focusOf(desk)).toBe('new-password')
  })

  test('the name of a device is text, whatever it holds', async () => {
    const name = '<img src=x>'
    await portal.browser({ 'user-agent': `${name}/1.0 (X11; Linux)` }).post('/auth/login', user)
    await desk.looksAgain()
    await desk.devices.nth(2).waitFor()
    expect(await desk.devices.getByRole('heading').allInnerTexts()).toContain(`${name} on Linux`)
    expect(await desk.page.locator('#devices img').count()).toBe(0)
  })
})
