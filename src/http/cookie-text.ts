import type { Duration } from '../core/duration.js'
import type { ResolvedCookieOptions } from './options.js'

const SPACE = 0x20
const TAB = 0x09
const EQUALS = 0x3d

/** How many cookies of our name are looked at: a stale one may stand before the good one. */
export const MAX_COOKIES = 3

/**
 * The values of all cookies of one name in a Cookie header, in their order, each value once, at most `max`. A name
 * matches exactly, case and all; only spaces and tabs around names and values are passed over.
 */
export function cookieValues(header: string, name: string, max: number): string[] {
  const values: string[] = []
  let start = 0
  while (start < header.length && values.length < max) {
    const semicolon = header.indexOf(';', start)
    const end = semicolon < 0 ? header.length : semicolon
    const nameStart = skipBlanks(header, start, end)
    if (header.startsWith(name, nameStart)) {
      const equals = skipBlanks(header, nameStart + name.length, end)
      if (equals < end && header.charCodeAt(equals) === EQUALS) {
        const value = header.slice(skipBlanks(header, equals + 1, end), endWithoutBlanks(header, equals + 1, end))
        if (!values.includes(value)) values.push(value)
      }
    }
    start = end + 1
  }
  return values
}

/** The name that the cookie has on such a connection: `__Host-` before it where a browser will grant that. */
export function cookieName(options: ResolvedCookieOptions, isSecure: boolean): string {
  const isHostOnly = isSecure && options.path === '/' && options.domain === undefined
  return isHostOnly && !options.name.startsWith('__') ? HOST_PREFIX + options.name : options.name
}

/** Makes a browser keep the cookie to the host that set it: RFC 6265bis, section 4.1.3.2. */
export const HOST_PREFIX = '__Host-'

/**
 * The text of a Set-Cookie header (RFC 6265bis, section 4.1).
 *
 * @param maxAge - milliseconds; `undefined` for a cookie that goes with the browser; 0 to delete it.
 */
export function setCookieText(
  options: ResolvedCookieOptions,
  isSecure: boolean,
  value: string,
  maxAge: Duration | undefined,
): string {
  let text = `${cookieName(options, isSecure)}=${value}; Path=${options.path}`
  if (options.domain !== undefined) text += `; Domain=${options.domain}`
  if (maxAge !== undefined) {
    // Old clients know Expires only.
    const expires = maxAge <= 0 ? new Date(0) : new Date(Date.now() + maxAge)
    text += `; Max-Age=${Math.max(0, Math.ceil(maxAge / 1000))}; Expires=${expires.toUTCString()}`
  }
  if (options.httpOnly) text += '; HttpOnly'
  if (isSecure) text += '; Secure'
  text += SAME_SITE[options.sameSite]
  return options.partitioned ? text + '; Partitioned' : text
}

const SAME_SITE = { lax: '; SameSite=Lax', strict: '; SameSite=Strict', none: '; SameSite=None' } as const

function skipBlanks(text: string, from: number, end: number): number {
  let index = from
  while (index < end && isBlank(text.charCodeAt(index))) index++
  return index
}

function endWithoutBlanks(text: string, from: number, end: number): number {
  let index = end
  while (index > from && isBlank(text.charCodeAt(index - 1))) index--
  return index
}

function isBlank(code: number): boolean {
  return code === SPACE || code === TAB
}
