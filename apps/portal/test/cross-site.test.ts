import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Browser } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { browsedAdapters, startChromium } from './support/chromium.js'
import { ada, startPortal, type Portal } from './support/portal.js'
import { Visitor } from './support/visitor.js'

/** What the page of somebody else does with a portal: it signs out whoever looks at it. */
const ATTACKS = {
  'a form': (portal: string) =>
    `<form method="POST" action="${portal}/auth/logout"></form><script>document.forms[0].submit()</script>`,
  fetch: (portal: string) =>
    `<script>fetch('${portal}/auth/logout', { method: 'POST', mode: 'no-cors', credentials: 'include' })</script>`,
} as const

type Attack = keyof typeof ATTACKS

interface Received {
  readonly headers: IncomingHttpHeaders
  readonly status: number
}

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

describe.each(browsedAdapters)('the portal on %s', (adapter) => {
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

  /** What the portal gets from the page at this host, and what it answers. */
  async function attacked(host: string, attack: Attack, base: string): Promise<Received> {
    const server = portal.app.getHttpServer() as Server
    const received = new Promise<Received>((resolve) => {
      server.on('request', function watch(request: IncomingMessage, response: ServerResponse) {
        if (request.url !== '/auth/logout') return
        server.off('request', watch)
        response.on('close', () => resolve({ headers: request.headers, status: response.statusCode }))
      })
    })
    const url = new URL(`http://${host}:${(elsewhere.address() as AddressInfo).port}/`)
    url.searchParams.set('attack', attack)
    url.searchParams.set('portal', base)
    const page = await visitor.page.context().newPage()
    // The page is left as soon as it is there, which the browser may count as one that never came.
    await page.goto(url.href).catch(() => undefined)
    return received
  }

  async function isSignedIn(): Promise<boolean> {
    await visitor.page.reload()
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
      const { headers, status } = await attacked(foreign, attack, base)
      expect(headers.cookie).toMatch(/sessionId=/)
      expect(headers['sec-fetch-site']).toBe(host === 'app.test' ? undefined : 'same-site')
      expect(status).toBe(403)
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
