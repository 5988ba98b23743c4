import type { Clock } from '../core/expiry.js'

/** A cookie that a {@link CookieAgent} keeps. */
export interface KeptCookie {
  readonly name: string
  readonly value: string
  readonly path: string
  /** The host it goes to. */
  readonly domain: string
  /** Whether it goes to hosts below `domain` too, because the server named a Domain. */
  readonly subdomains: boolean
  readonly secure: boolean
  readonly httpOnly: boolean
  /** As the server wrote it; `undefined` if it said nothing. */
  readonly sameSite: string | undefined
  /** Epoch milliseconds; `undefined` for a cookie that ends with the browser. */
  readonly expiresAt: number | undefined
}

/** Where a cookie comes from or goes to. */
export interface CookieSite {
  readonly host: string
  readonly path: string
  /** Whether `Secure` cookies may pass. */
  readonly secure: boolean
}

/**
 * Cookies as a browser keeps them, by RFC 6265bis, as far as one site goes: Max-Age before Expires, deletion by either,
 * Path, Domain, Secure, SameSite=None only with Secure, and the prefixes `__Host-` and `__Secure-`.
 */
export class CookieJar {
  readonly #clock: Clock
  #cookies: readonly KeptCookie[] = []

  constructor(clock: Clock, cookies: readonly KeptCookie[] = []) {
    this.#clock = clock
    this.#cookies = cookies
  }

  /** What is kept now, the oldest first. */
  get cookies(): readonly KeptCookie[] {
    const now = this.#clock()
    this.#cookies = this.#cookies.filter(({ expiresAt }) => expiresAt === undefined || expiresAt > now)
    return this.#cookies
  }

  /** Takes a Set-Cookie line. `false` if a browser would refuse it. */
  take(line: string, site: CookieSite): boolean {
    const cookie = this.#parse(line, site)
    if (!cookie || !isAllowed(cookie, site)) return false
    // RFC 6265bis 5.7, "leave secure cookies alone": a plain connection can't replace one.
    if (!site.secure && this.cookies.some((kept) => kept.secure && kept.name === cookie.name)) return false
    const isSame = (kept: KeptCookie): boolean =>
      kept.name === cookie.name && kept.domain === cookie.domain && kept.path === cookie.path
    this.#cookies = [...this.cookies.filter((kept) => !isSame(kept)), cookie]
    return true
  }

  /** The Cookie header for a request, the longest path first; `undefined` for none. */
  headerFor(site: CookieSite): string | undefined {
    const sent = this.cookies.filter((cookie) => goesTo(cookie, site))
    if (sent.length === 0) return undefined
    return sent
      .toSorted((one, two) => two.path.length - one.path.length)
      .map(({ name, value }) => (name === '' ? value : `${name}=${value}`))
      .join('; ')
  }

  /** Forgets all cookies, or those that `which` names. */
  forget(which: (cookie: KeptCookie) => boolean = () => true): void {
    this.#cookies = this.#cookies.filter((cookie) => !which(cookie))
  }

  #parse(line: string, site: CookieSite): KeptCookie | undefined {
    const [pair = '', ...parts] = line.split(';')
    const [name, value] = pair.includes('=') ? halves(pair) : ['', pair.trim()]
    if (name === '' && value === '') return undefined
    const attributes = new Map(
      parts.map(halves).map(([attribute, setting]) => [attribute.toLowerCase(), setting] as const),
    )
    const domain = attributes.get('domain')?.replace(/^\./, '').toLowerCase()
    const path = attributes.get('path')
    return {
      name,
      value,
      path: path?.startsWith('/') ? path : defaultPath(site.path),
      domain: domain ? domain : site.host,
      subdomains: Boolean(domain),
      secure: attributes.has('secure'),
      httpOnly: attributes.has('httponly'),
      sameSite: attributes.get('samesite'),
      expiresAt: this.#expiry(attributes.get('max-age'), attributes.get('expires')),
    }
  }

  #expiry(maxAge: string | undefined, expires: string | undefined): number | undefined {
    if (maxAge !== undefined && /^-?\d+$/.test(maxAge)) return this.#clock() + Math.max(0, Number(maxAge)) * 1000
    const date = Date.parse(expires ?? '')
    return Number.isNaN(date) ? undefined : date
  }
}

function isAllowed(cookie: KeptCookie, site: CookieSite): boolean {
  if (!hostMatches(cookie, site.host)) return false
  if (cookie.secure && !site.secure) return false
  if (cookie.sameSite?.toLowerCase() === 'none' && !cookie.secure) return false
  // Browsers compare the prefixes without regard to case.
  const name = cookie.name.toLowerCase()
  if (name.startsWith('__secure-')) return cookie.secure
  if (name.startsWith('__host-')) return cookie.secure && !cookie.subdomains && cookie.path === '/'
  return true
}

function goesTo(cookie: KeptCookie, site: CookieSite): boolean {
  return hostMatches(cookie, site.host) && (site.secure || !cookie.secure) && pathMatches(cookie.path, site.path)
}

function hostMatches({ domain, subdomains }: KeptCookie, host: string): boolean {
  return host === domain || (subdomains && host.endsWith(`.${domain}`) && !/^[\d.]+$/.test(host))
}

function pathMatches(cookiePath: string, path: string): boolean {
  if (path === cookiePath) return true
  return path.startsWith(cookiePath) && (cookiePath.endsWith('/') || path[cookiePath.length] === '/')
}

function defaultPath(path: string): string {
  return path.slice(0, Math.max(1, path.lastIndexOf('/')))
}

function halves(text: string): readonly [string, string] {
  const at = text.indexOf('=')
  return at < 0 ? [text.trim(), ''] : [text.slice(0, at).trim(), text.slice(at + 1).trim()]
}
