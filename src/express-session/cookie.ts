import type { Duration } from '../core/duration.js'

/** The attributes of a cookie, and how long it lasts. */
export interface CookieOptions {
  /** Milliseconds; `null` for a cookie that goes with the browser. Default: `null`. */
  maxAge?: number | null | undefined
  /** The end as a date. Of `maxAge` and `expires` the one given last counts. */
  expires?: Date | null | false | undefined
  /** Default: `/`. Requests for other paths get no session. */
  path?: string | undefined
  domain?: string | undefined
  /** Default: `true`. */
  httpOnly?: boolean | undefined
  /** `auto`: by the connection. Default: `false`. */
  secure?: boolean | 'auto' | undefined
  /** `true` is `strict`; `auto` is `none` on a secure connection and `lax` on any other. Default: `false`, no attribute. */
  sameSite?: boolean | 'lax' | 'strict' | 'none' | 'auto' | undefined
  partitioned?: boolean | undefined
  priority?: 'low' | 'medium' | 'high' | undefined
  /** Passed over: the cookie is signed always. */
  signed?: boolean | undefined
  /** What encodes the value. Default: `encodeURIComponent`. */
  encode?: ((value: string) => string) | undefined
}

/** What a {@link Cookie} shows of itself as JSON, and what a store of express-session keeps of it. */
export interface CookieData {
  originalMaxAge: Duration | null
  expires?: Date | null | false | undefined
  path?: string | undefined
  domain?: string | undefined
  httpOnly?: boolean | undefined
  secure?: boolean | 'auto' | undefined
  sameSite?: boolean | 'lax' | 'strict' | 'none' | 'auto' | undefined
  partitioned?: boolean | undefined
  priority?: 'low' | 'medium' | 'high' | undefined
}

/**
 * The cookie of one session: `req.session.cookie`. Its attributes may be changed for this session alone, and stay so.
 *
 * The session lives as long as the cookie says, counted from its last use; one without `maxAge` as long as the option
 * `idleTimeout` says.
 */
export class Cookie {
  path: string | undefined = '/'
  domain: string | undefined
  httpOnly: boolean | undefined = true
  secure: boolean | 'auto' | undefined
  sameSite: boolean | 'lax' | 'strict' | 'none' | 'auto' | undefined
  partitioned: boolean | undefined
  priority: 'low' | 'medium' | 'high' | undefined
  encode: ((value: string) => string) | undefined
  /** The length that the cookie was given, in milliseconds; `null` where it goes with the browser. */
  originalMaxAge: Duration | null = null
  #expires: Date | null | false | undefined = null

  /** @throws TypeError for options that are no object, and for a `maxAge` that is no number. */
  constructor(options?: CookieOptions | CookieData) {
    if (options === undefined || options === null) return
    if (typeof options !== 'object') throw new TypeError('argument options must be a object')
    // In their order: of `maxAge` and `expires` the last one counts.
    for (const [name, value] of Object.entries(options)) {
      if (name !== 'data') (this as Record<string, unknown>)[name] = value
    }
    const { originalMaxAge } = options as CookieData
    if (typeof originalMaxAge === 'number') this.originalMaxAge = originalMaxAge
  }

  /** The end of the cookie as a date; `null` where it goes with the browser. Assigning it gives it another length. */
  get expires(): Date | null | false | undefined {
    return this.#expires
  }

  set expires(date: Date | null | false | undefined) {
    this.#expires = date
    this.originalMaxAge = this.#left
  }

  /** Milliseconds that are left; `null` where it goes with the browser. Assigning it gives it another length. */
  get maxAge(): Duration | null {
    return this.#left
  }

  set maxAge(length: Duration | Date | null | undefined | false) {
    if (length && typeof length !== 'number' && !(length instanceof Date)) {
      throw new TypeError('maxAge must be a number or Date')
    }
    if (typeof length !== 'number') {
      this.expires = length
      return
    }
    this.#expires = new Date(Date.now() + length)
    this.originalMaxAge = length
  }

  get #left(): Duration | null {
    return this.#expires instanceof Date ? this.#expires.getTime() - Date.now() : null
  }

  /** Begins its length anew. */
  reset(): void {
    if (this.originalMaxAge !== null) this.#expires = new Date(Date.now() + this.originalMaxAge)
  }

  /** Says when it ends, and how long it was, without giving it another length. */
  resume(originalMaxAge: Duration | null, expires: Date | null): void {
    this.#expires = expires
    this.originalMaxAge = originalMaxAge
  }

  /** The attributes as a store of express-session keeps them. */
  get data(): CookieData {
    return {
      originalMaxAge: this.originalMaxAge,
      partitioned: this.partitioned,
      priority: this.priority,
      expires: this.#expires,
      secure: this.secure,
      httpOnly: this.httpOnly,
      domain: this.domain,
      path: this.path,
      sameSite: this.sameSite,
    }
  }

  /**
   * The text of a Set-Cookie header (RFC 6265bis, section 4.1).
   *
   * @throws TypeError for an attribute that no cookie can have.
   */
  serialize(name: string, value: string): string {
    return cookieText(name, (this.encode ?? encodeURIComponent)(value), this)
  }

  toJSON(): CookieData {
    return this.data
  }
}

/**
 * The text of a Set-Cookie header with these attributes.
 *
 * @param value - encoded
 * @throws TypeError for an attribute that no cookie can have.
 */
export function cookieText(name: string, value: string, cookie: Cookie): string {
  const { expires, domain, path, priority, sameSite } = cookie
  let text = `${fitting('name', name, NAME)}=${fitting('val', value, VALUE)}`
  if (domain) text += `; Domain=${fitting('domain', domain, ATTRIBUTE)}`
  if (path) text += `; Path=${fitting('path', path, ATTRIBUTE)}`
  if (expires) {
    if (Number.isNaN(expires.getTime())) throw new TypeError('option expires is invalid')
    text += `; Expires=${expires.toUTCString()}`
  }
  if (cookie.httpOnly) text += '; HttpOnly'
  if (cookie.secure) text += '; Secure'
  if (cookie.partitioned) text += '; Partitioned'
  if (priority) text += `; Priority=${known('priority', priority, PRIORITIES)}`
  return sameSite ? `${text}; SameSite=${known('sameSite', String(sameSite), SAME_SITES)}` : text
}

const NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const VALUE = /^[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]*$/
// eslint-disable-next-line no-control-regex
const ATTRIBUTE = /^[\x20-\x3a\x3c-\x7e]*$/
const PRIORITIES: Readonly<Record<string, string | undefined>> = { low: 'Low', medium: 'Medium', high: 'High' }
const SAME_SITES: Readonly<Record<string, string | undefined>> = {
  true: 'Strict',
  strict: 'Strict',
  lax: 'Lax',
  none: 'None',
}

function fitting(name: string, value: unknown, pattern: RegExp): string {
  if (typeof value === 'string' && pattern.test(value)) return value
  throw new TypeError(`option ${name} is invalid`)
}

function known(name: string, value: string, names: Readonly<Record<string, string | undefined>>): string {
  const text = names[value.toLowerCase()]
  if (text !== undefined) return text
  throw new TypeError(`option ${name} is invalid`)
}
