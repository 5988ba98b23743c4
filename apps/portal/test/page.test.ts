import type { BrowserContext, Locator, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { startChromium } from './support/chromium.js'
import { ada, adapters, startPortal, type Portal } from './support/portal.js'

let browser: BrowserContext

beforeAll(async () => {
  browser = await startChromium({ viewport: { width: 360, height: 720 } })
  browser.setDefaultTimeout(10_000)
})

afterAll(() => browser.close())

describe.each(adapters)('the page on %s', (adapter) => {
  let portal: Portal
  let page: Page
  let complaints: string[]
  let user: typeof ada
  let count = 0

  beforeAll(async () => {
    portal = await startPortal({ adapter })
  })

  afterAll(() => portal.stop())

  beforeEach(async () => {
    user = { ...ada, email: `ada-${++count}@example.com` }
    await browser.clearCookies()
    page = await browser.newPage()
    complaints = []
    page.on('pageerror', (error) => complaints.push(String(error)))
    page.on('console', (entry) => {
      // A refused login is told of in the console by the browser itself.
      if (entry.type() === 'error' && !entry.text().includes('Failed to load resource')) complaints.push(entry.text())
    })
    await page.goto(portal.base)
  })

  afterEach(async () => {
    expect(complaints).toEqual([])
    await page.close()
  })

  const view = (): Locator => page.locator('section:visible')
  const fill = (label: string, text: string): Promise<void> => view().getByLabel(label, { exact: true }).fill(text)
  const press = (name: string): Promise<void> => view().getByRole('button', { name }).click()
  const heading = (name: string): Promise<void> => page.getByRole('heading', { name }).waitFor()
  const message = (text: string): Promise<void> => page.locator('#message', { hasText: text }).waitFor()

  async function signUp({ email, name, password }: typeof ada): Promise<void> {
    await view().getByRole('link', { name: 'Create an account' }).click()
    await fill('Name', name)
    await fill('E-mail', email)
    await fill('Password', password)
    await press('Create account')
  }

  test('signs up, signs in, is the same after a reload, signs out', async () => {
    await heading('Sign in')
    await signUp(user)
    await message('Your account is ready. Sign in with it.')
    await press('Sign in')
    await heading('Hello, Ada Lovelace')
    expect(await view().getByRole('definition').allTextContents()).toEqual([
      user.email,
      'user',
      expect.stringMatching(/^\d+$/),
    ])
    expect(await page.evaluate('document.cookie')).toBe('')

    await page.reload()
    await heading('Hello, Ada Lovelace')

    await press('Sign out')
    await message('You are signed out.')
    await page.reload()
    await heading('Sign in')

    await fill('E-mail', user.email)
    await fill('Password', user.password)
    await page.keyboard.press('Enter')
    await heading('Hello, Ada Lovelace')
    expect(await page.evaluate('document.activeElement.id')).toBe('account-title')
  })

  test('shows what the server refuses, and where', async () => {
    await fill('E-mail', user.email)
    await fill('Password', 'wrong horse')
    await press('Sign in')
    await message('The e-mail address or the password is wrong.')
    expect(await page.getByRole('alert').count()).toBe(1)
    expect(await page.evaluate('document.activeElement.name')).toBe('password')

    await portal.browser().post('/auth/register', user)
    await signUp(user)
    await message('There is an account with this e-mail address already.')
    expect(await page.evaluate('document.activeElement.name')).toBe('email')

    await fill('E-mail', 'ada@localhost')
    await press('Create account')
    await message('Email must be an e-mail address.')
  })

  test('says that the server gave no answer, and signs in once it does', async () => {
    await portal.browser().post('/auth/register', user)
    await page.route('**/auth/*', (route) => route.abort())
    await fill('E-mail', user.email)
    await fill('Password', user.password)
    await press('Sign in')
    await message('The server gave no answer. Check your connection and try again.')
    await page.unroute('**/auth/*')
    await press('Sign in')
    await heading('Hello, Ada Lovelace')
  })

  test('notices that another tab has signed out', async () => {
    await signUp(user)
    await message('Your account is ready.')
    await press('Sign in')
    await heading('Hello')
    await browser.clearCookies()
    await page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    await heading('Sign in')
  })

  test('shows a name as text, whatever it holds', async () => {
    const name = '<img src=x onerror=alert(1)> 👩‍🚀'
    await signUp({ ...user, name })
    await message('Your account is ready.')
    await press('Sign in')
    await heading(`Hello, ${name}`)
  })

  test('shows a password when asked, and fits on a phone', async () => {
    await fill('Password', 'correct horse')
    const input = view().locator('input[name=password]')
    await press('Show the password')
    expect(await input.getAttribute('type')).toBe('text')
    await press('Hide the password')
    expect(await input.getAttribute('type')).toBe('password')
    expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true)
  })
})
