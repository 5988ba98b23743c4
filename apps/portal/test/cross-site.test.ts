import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Browser, Request, Response } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { startChromium } from './support/chromium.js'
import { ada, adapters, startPortal, type Portal } from './support/portal.js'
import { Visitor } from './support/visitor.js'

/** What the page of somebody else does with a portal: it signs out whoever looks at it. */
const ATTACKS = {
  'a form': (portal: string) =>
    `<form method="POST" action="${portal}/auth/logout"></form><script>document.forms[0].submit()</script>`,
  fetch: (portal: string) =>
    `<script>fetch('${portal}/auth/logout', { method: 'POST', mode: 'no-cors', credentials: 'include' })</script>`,
  'a frame without an origin': (portal: string) =>
    `<iframe sandbox="allow-forms allow-scripts" srcdoc="<form method=POST action='${portal}/auth/logout'></form>` +
    `<script>document.forms[0].submit()</script>"></iframe>`,
} as const

type Attack = keyof typeof ATTACKS

let browser: Browser
let elsewhere: Server

beforeAll(async () => {
  browser = await startChromium('*.test')
  elsewhere = createServer((request, response) => {
    const { searchParams } = new URL(request.url!, 'http://elsewhere')
    const attack = ATTACKS[searchParams.get('attack') as Attack] as ((portal: string) => string) | undefined
    response.setHeader('content-type', 'text/html')
    response.end(attack?.(searchParams.get('portal')!) ?? '')
  })
  await new Promise<void>((resolve) => elsewhere.listen(0, '127.0.0.1', resolve))
})

afterAll(async () => {
  await browser.close()
  elsewhere.closeAllConnections()
  await new Promise((resolve) => elsewhere.close(resolve))
})

describe.each(adapters)('the portal on %s', (adapter) => {
  let portal: Portal
  let visitor: Visitor
  let port: string
  let count = 0

  beforeAll(async () => {
    portal = await startPortal({ adapter })
    port = new URL(portal.base).port
  })

  afterAll(() => portal.stop())

  /** Signs somebody in on the page of the portal at this host. */
  async function signsIn(host: string): Promise<string> {
    const base = `http://${host}:${port}`
    const user = { ...ada, email: `ada-${++count}@example.com` }
    await portal.browser().post('/auth/register', user)
    await visitor.page.goto(base)
    await visitor.signIn(user)
    return base
  }

  beforeEach(async () => {
    visitor = await Visitor.comes(browser, portal.base)
  })

  afterEach(() => visitor.leaves())

  /** What becomes of an attack by the page at this host. */
  async function attacked(host: string, attack: Attack, base: string): Promise<Response> {
    const page = await visitor.page.context().newPage()
    const isAttack = (request: Request): boolean => request.url() === `${base}/auth/logout`
    const sent = page.waitForRequest(isAttack)
    const url = new URL(`http://${host}:${(elsewhere.address() as AddressInfo).port}/`)
    url.searchParams.set('attack', attack)
    url.searchParams.set('portal', base)
    await page.goto(url.href).catch(() => undefined)
    return (await (await sent).response())!
  }

  async function isSignedIn(): Promise<boolean> {
    await visitor.page.reload()
    await visitor.heading('')
    const me: unknown = await visitor.page.evaluate("fetch('/auth/me').then((answer) => answer.json())")
    return (me as { authenticated: boolean }).authenticated
  }

  // Where the browser says where a request is from, and on plain HTTP, where it does not.
  const hosts: readonly (readonly [string, string, string])[] = [
    ['on another port, with Fetch Metadata', '127.0.0.1', '127.0.0.1'],
    ['on a subdomain, with an Origin alone', 'app.test', 'blog.app.test'],
  ]

  describe.each(hosts)('a page %s', (_name, host, foreign) => {
    test.each(Object.keys(ATTACKS) as Attack[])('can not sign out by %s', async (attack) => {
      const base = await signsIn(host)
      const answer = await attacked(foreign, attack, base)
      const { cookie, 'sec-fetch-site': site } = await answer.request().allHeaders()
      expect(cookie).toMatch(/sessionId=/)
      expect(site === undefined).toBe(host === 'app.test')
      expect(answer.status()).toBe(403)
      expect(await isSignedIn()).toBe(true)
    })

    test('while its own page can', async () => {
      await signsIn(host)
      const signedOut = visitor.page.waitForResponse((answer) => answer.url().endsWith('/auth/logout'))
      await visitor.press('Sign out')
      expect((await signedOut).status()).toBe(200)
      expect(await isSignedIn()).toBe(false)
    })
  })
})
