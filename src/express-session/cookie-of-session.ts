import type { SessionRecord } from '../core/record.js'
import { Cookie, type CookieOptions } from './cookie.js'

/** The attributes that one session may have for itself. Its length is in its record. */
const ATTRIBUTES = ['path', 'domain', 'httpOnly', 'secure', 'sameSite', 'partitioned', 'priority'] as const

/** The attributes that a session keeps because they are not those of the options. */
type KeptAttributes = Partial<Record<(typeof ATTRIBUTES)[number], unknown>>

/** The cookie of a session: that of the options, with the length that its record has. */
export function cookieOf(options: CookieOptions, record: SessionRecord | undefined, isSecure: boolean): Cookie {
  const cookie = new Cookie(options)
  if (cookie.secure === 'auto') cookie.secure = isSecure
  if (cookie.sameSite === 'auto') cookie.sameSite = isSecure ? 'none' : 'lax'
  if (record) {
    const end = Math.min(record.lastSeenAt + record.idleTimeout, record.expiresAt)
    cookie.resume(record.persistent ? record.idleTimeout : null, record.persistent ? new Date(end) : null)
  }
  return cookie
}

/** Gives a cookie the attributes that its session has kept for itself. */
export function restoreAttributes(cookie: Cookie, kept: unknown): void {
  if (typeof kept !== 'object' || kept === null) return
  for (const name of ATTRIBUTES) {
    if (Object.hasOwn(kept, name)) (cookie as KeptAttributes)[name] = (kept as KeptAttributes)[name]
  }
}

/**
 * The attributes that a session has to keep; `undefined` for none. `auto` means those of the connection, which no session
 * keeps.
 *
 * @param options - those of all sessions; `undefined` where each has its own
 */
export function changedAttributes(cookie: Cookie, options: CookieOptions | undefined): object | undefined {
  const given: KeptAttributes = options ?? {}
  let kept: Record<string, unknown> | undefined
  for (const name of ATTRIBUTES) {
    const value = cookie[name]
    const usual = given[name] ?? DEFAULTS[name]
    if (value === usual || usual === 'auto') continue
    ;(kept ??= {})[name] = value ?? null
  }
  return kept
}

const DEFAULTS: KeptAttributes = { path: '/', httpOnly: true }
