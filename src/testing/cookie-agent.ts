import type { Clock } from '../core/expiry.js'
import { CookieJar, type CookieSite, type KeptCookie } from './cookie-jar.js'

/** How a {@link CookieAgent} behaves. */
export interface CookieAgentOptions {
  /** Tells it when cookies end, in epoch milliseconds. Default `Date.now`. */
  readonly clock?: Clock | undefined
  /** Sent with every request, unless the request says otherwise. */
  readonly headers?: Readonly<Record<string, string>> | undefined
  /**
   * Whether `Secure` cookies pass on a plain connection to `localhost` or a loopback address, as in Chrome and Firefox.
   * Default `false`: they pass on HTTPS only, as everywhere else.
   */
  readonly trustLocalhost?: boolean | undefined
}

/**
 * A browser, as far as cookies go, for tests against one server. Redirects are not followed unless `redirect: 'follow'` is
 * asked for, and then the cookies of the answers on the way are not seen.
 */
export class CookieAgent {
  readonly #base: URL
  readonly #options: CookieAgentOptions
  readonly #jar: CookieJar

  /** @param baseUrl - what paths are resolved against, such as `http://127.0.0.1:3000` */
  constructor(baseUrl: string | URL, options: CookieAgentOptions = {}, cookies: readonly KeptCookie[] = []) {
    this.#base = new URL(baseUrl)
    this.#options = options
    this.#jar = new CookieJar(options.clock ?? Date.now, cookies)
  }

  /** The cookies kept now, the oldest first. */
  get cookies(): readonly KeptCookie[] {
    return this.#jar.cookies
  }

  /** The value of the cookie with this name; `undefined` if none is kept. */
  cookie(name: string): string | undefined {
    return this.cookies.find((cookie) => cookie.name === name)?.value
  }

  /** Takes a Set-Cookie line as if an answer to `path` had brought it. `false` if a browser would refuse it. */
  take(line: string, path = '/'): boolean {
    return this.#jar.take(line, this.#siteOf(new URL(path, this.#base)))
  }

  /** Forgets the cookie with this name, or all of them. */
  forget(name?: string): void {
    this.#jar.forget((cookie) => name === undefined || cookie.name === name)
  }

  /** Closes the browser and opens it again: cookies without Max-Age and Expires are gone. */
  restart(): void {
    this.#jar.forget((cookie) => cookie.expiresAt === undefined)
  }

  /** Another agent with the same cookies, such as a thief's. */
  copy(): CookieAgent {
    return new CookieAgent(this.#base, this.#options, this.cookies)
  }

  /** A GET. */
  get(path: string, init: RequestInit = {}): Promise<Response> {
    return this.request(path, { ...init, method: 'GET' })
  }

  /** A POST. A plain object or an array goes as JSON, other bodies as they are. */
  post(path: string, body?: unknown, init: RequestInit = {}): Promise<Response> {
    const headers = new Headers(init.headers)
    if (!isPlain(body))
      return this.request(path, {
        ...init,
        headers,
        method: 'POST',
        body: (body ?? null) as NonNullable<RequestInit['body']>,
      })
    if (!headers.has('content-type')) headers.set('content-type', 'application/json')
    return this.request(path, { ...init, headers, method: 'POST', body: JSON.stringify(body) })
  }

  /** Any request. A `cookie` header of its own replaces the kept ones. */
  async request(path: string, init: RequestInit = {}): Promise<Response> {
    const url = new URL(path, this.#base)
    const site = this.#siteOf(url)
    const headers = new Headers(this.#options.headers)
    for (const [name, value] of new Headers(init.headers)) headers.set(name, value)
    const kept = this.#jar.headerFor(site)
    if (kept !== undefined && !headers.has('cookie')) headers.set('cookie', kept)
    const response = await fetch(url, { redirect: 'manual', ...init, headers })
    for (const line of response.headers.getSetCookie()) this.#jar.take(line, site)
    return response
  }

  #siteOf(url: URL): CookieSite {
    const isTrusted = this.#options.trustLocalhost === true && LOCAL.test(url.hostname)
    return { host: url.hostname, path: url.pathname, secure: url.protocol === 'https:' || isTrusted }
  }
}

const LOCAL = /^(localhost|.+\.localhost|127(\.\d+){3}|\[::1\])$/

function isPlain(body: unknown): boolean {
  if (Array.isArray(body)) return true
  return typeof body === 'object' && body !== null && Object.getPrototypeOf(body) === Object.prototype
}
