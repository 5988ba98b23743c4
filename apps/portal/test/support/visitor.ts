import type { Browser, BrowserContextOptions, Locator, Page } from 'playwright-core'

/** Somebody who looks at the page, in a browser of their own. */
export class Visitor {
  readonly page: Page
  /** Errors of the page, and what it wrote to the console. */
  readonly complaints: string[] = []

  /** Opens the page, on a phone unless told otherwise. */
  static async comes(browser: Browser, base: string, options: BrowserContextOptions = {}): Promise<Visitor> {
    const context = await browser.newContext({ viewport: { width: 360, height: 720 }, ...options })
    context.setDefaultTimeout(10_000)
    const visitor = new Visitor(await context.newPage())
    await visitor.page.goto(base)
    return visitor
  }

  private constructor(page: Page) {
    this.page = page
    page.on('pageerror', (error) => this.complaints.push(String(error)))
    page.on('console', (entry) => {
      // Of what the server refuses the browser itself tells in the console.
      const isOurs = entry.type() === 'error' && !entry.text().includes('Failed to load resource')
      if (isOurs) this.complaints.push(entry.text())
    })
  }

  /** What is to be seen of the page. */
  get view(): Locator {
    return this.page.locator('main > section:visible')
  }

  /** The devices that the page lists. */
  get devices(): Locator {
    return this.page.getByRole('region', { name: 'Your devices' }).locator('ul > li')
  }

  fill(label: string, text: string): Promise<void> {
    return this.view.getByLabel(label, { exact: true }).fill(text)
  }

  press(name: string): Promise<void> {
    return this.view.getByRole('button', { name }).click()
  }

  heading(name: string): Promise<void> {
    return this.page.getByRole('heading', { name }).waitFor()
  }

  /** Waits until the page says this. */
  message(text: string): Promise<void> {
    return this.page.locator('#message', { hasText: text }).waitFor()
  }

  async signUp({ email, name, password }: Readonly<Record<'email' | 'name' | 'password', string>>): Promise<void> {
    await this.view.getByRole('link', { name: 'Create an account' }).click()
    await this.fill('Name', name)
    await this.fill('E-mail', email)
    await this.fill('Password', password)
    await this.press('Create account')
  }

  async signIn({ email, password }: Readonly<Record<'email' | 'password', string>>): Promise<void> {
    await this.fill('E-mail', email)
    await this.fill('Password', password)
    await this.press('Sign in')
    await this.heading('Hello')
  }

  /** Comes back to the page from another tab. */
  async looksAgain(): Promise<void> {
    await this.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
  }

  leaves(): Promise<void> {
    return this.page.context().close()
  }
}
