import type { Browser } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { browsedAdapters, startChromium } from './support/chromium.js'
import { ada, startPortal, type Portal } from './support/portal.js'
import { Visitor } from './support/visitor.js'

let browser: Browser

beforeAll(async () => {
  browser = await startChromium()
})

afterAll(() => browser.close())

describe.each(browsedAdapters)('the page on %s', (adapter) => {
  let portal: Portal
  let visitor: Visitor
  let user: typeof ada
  let count = 0

  beforeAll(async () => {
    portal = await startPortal({ adapter })
  })

  afterAll(() => portal.stop())

  beforeEach(async () => {
    user = { ...ada, email: `ada-${++count}@example.com` }
    visitor = await Visitor.comes(browser, portal.base)
  })

  afterEach(async () => {
    expect(visitor.complaints).toEqual([])
    await visitor.leaves()
  })

  test('signs up, signs in, is the same after a reload, signs out', async () => {
    const { page } = visitor
    await visitor.heading('Sign in')
    await visitor.signUp(user)
    await visitor.message('Your account is ready. Sign in with it.')
    await visitor.press('Sign in')
    await visitor.heading('Hello, Ada Lovelace')
    expect(await visitor.view.getByRole('definition').allTextContents()).toEqual([
      user.email,
      'user',
      expect.stringMatching(/^\d+$/),
    ])
    expect(await page.evaluate('document.cookie')).toBe('')

    await page.reload()
    await visitor.heading('Hello, Ada Lovelace')

    await visitor.press('Sign out')
    await visitor.message('You are signed out.')
    await page.reload()
    await visitor.heading('Sign in')

    await visitor.fill('E-mail', user.email)
    await visitor.fill('Password', user.password)
    await page.keyboard.press('Enter')
    await visitor.heading('Hello, Ada Lovelace')
    expect(await page.evaluate('document.activeElement.id')).toBe('account-title')
  })

  test('shows what the server refuses, and where', async () => {
    const { page } = visitor
    await visitor.fill('E-mail', user.email)
    await visitor.fill('Password', 'wrong horse')
    await visitor.press('Sign in')
    await visitor.message('The e-mail address or the password is wrong.')
    expect(await page.getByRole('alert').count()).toBe(1)
    expect(await page.evaluate('document.activeElement.name')).toBe('password')

    await portal.browser().post('/auth/register', user)
    await visitor.signUp(user)
    await visitor.message('There is an account with this e-mail address already.')
    expect(await page.evaluate('document.activeElement.name')).toBe('email')

    await visitor.fill('E-mail', 'ada@localhost')
    await visitor.press('Create account')
    await visitor.message('Email must be an e-mail address.')
  })

  test('says that the server gave no answer, and signs in once it does', async () => {
    const { page } = visitor
    await portal.browser().post('/auth/register', user)
    await page.route('**/auth/*', (route) => route.abort())
    await visitor.fill('E-mail', user.email)
    await visitor.fill('Password', user.password)
    await visitor.press('Sign in')
    await visitor.message('The server gave no answer. Check your connection and try again.')
    await page.unroute('**/auth/*')
    await visitor.press('Sign in')
    await visitor.heading('Hello, Ada Lovelace')
  })

  test.each([
    [true, 30],
    [false, 1],
  ])('keeps the visitor signed in as asked: %s, for %d days', async (asked, days) => {
    await portal.browser().post('/auth/register', user)
    const choice = visitor.view.getByRole('checkbox', { name: 'Keep me signed in' })
    expect(await choice.isChecked()).toBe(false)
    if (asked) await choice.check()
    await visitor.signIn(user)
    const [cookie] = await visitor.page.context().cookies()
    const left = cookie!.expires - Date.now() / 1000
    expect(Math.round(left / 3600)).toBe(days * 24)
  })

  test('notices that another tab has signed out', async () => {
    await portal.browser().post('/auth/register', user)
    await visitor.signIn(user)
    await visitor.page.context().clearCookies()
    await visitor.looksAgain()
    await visitor.heading('Sign in')
    await visitor.message('Your session here has ended. Sign in again.')
  })

  test('shows a name as text, whatever it holds', async () => {
    const name = '<img src=x onerror=alert(1)> 👩‍🚀'
    await visitor.signUp({ ...user, name })
    await visitor.message('Your account is ready.')
    await visitor.press('Sign in')
    await visitor.heading(`Hello, ${name}`)
  })

  test('shows a password when asked, and fits on a phone', async () => {
    await visitor.fill('Password', 'correct horse')
    const input = visitor.view.locator('input[name=password]')
    await visitor.press('Show the password')
    expect(await input.getAttribute('type')).toBe('text')
    await visitor.press('Hide the password')
    expect(await input.getAttribute('type')).toBe('password')
    expect(await visitor.page.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true)
  })
})
