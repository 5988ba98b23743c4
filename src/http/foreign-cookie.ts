import { createHmac, timingSafeEqual } from 'node:crypto'
import type { ForeignCookies } from '../core/store.js'
import { isTokenShaped } from '../core/token.js'
import { cookieValues } from './cookie-text.js'

/** The cookie of another library, whose signature is good. */
export interface ForeignCookie {
  /** The id of the session there. It is a secret, as ours is. */
  readonly sid: string
  /** Which of the secrets signed it: 0 for the first. */
  readonly secret: number
}

/** An HMAC-SHA256 in base64 without padding. */
const SIGNATURE_LENGTH = 43

const EXPRESS_PREFIX = 's:'

/**
 * Reads the value of a cookie as express-session sends it: `s:`, the id, a dot and an HMAC-SHA256 of the id in base64
 * without padding, all of it percent-encoded. `undefined` for anything else, and for a signature that none of the secrets
 * made. Takes the same time wherever a signature differs.
 *
 * @param value - as it stands in the Cookie header
 * @param secrets - as the application gave them to express-session: any of them may have signed
 */
export function readExpressCookie(value: string, secrets: readonly string[]): ForeignCookie | undefined {
  const text = decoded(value)
  return text.startsWith(EXPRESS_PREFIX) ? unsigned(text.slice(EXPRESS_PREFIX.length), secrets) : undefined
}

/**
 * Reads the value of a cookie as @fastify/session sends it: the id, a dot and the same signature. With the `cookiePrefix`
 * that makes it look like one of express-session it is read too.
 *
 * @param value - as it stands in the Cookie header
 * @param secrets - as the application gave them to @fastify/session: any of them may have signed
 */
export function readFastifyCookie(value: string, secrets: readonly string[]): ForeignCookie | undefined {
  return unsigned(decoded(value), secrets) ?? readExpressCookie(value, secrets)
}

/** The value of a Set-Cookie header by which express-session knows the session again. */
export function expressCookieValue(sid: string, secret: string): string {
  return encodeURIComponent(`${EXPRESS_PREFIX}${sid}.${signature(sid, secret)}`)
}

/** How a door tells the cookies of another library, whose sessions its store takes over, from its own. */
export class ForeignCookieReader {
  readonly #cookies: ForeignCookies
  readonly #secrets: readonly string[]
  readonly #read: typeof readExpressCookie

  /** @param secrets - those of the application, where the library had no other */
  constructor(cookies: ForeignCookies, secrets: readonly string[]) {
    this.#cookies = cookies
    this.#secrets = cookies.secrets ?? secrets
    this.#read = cookies.from === 'connect-redis' ? readExpressCookie : readFastifyCookie
  }

  /**
   * The values in the cookies of our name, and the ids in theirs, at most `max` of each. Where both have one name, a cookie
   * of theirs is none of ours, and one of our form is none of theirs.
   */
  tell(
    header: string,
    name: string,
    max: number,
  ): { readonly ours: readonly string[]; readonly sids: readonly string[] } {
    const ours = cookieValues(header, name, max)
    const isOneName = name === this.#cookies.name
    const theirs = isOneName ? ours : cookieValues(header, this.#cookies.name, max)
    const sids = new Map<string, string>()
    for (const value of theirs) {
      const sid = isTokenShaped(value) ? undefined : this.#read(value, this.#secrets)?.sid
      if (sid !== undefined) sids.set(value, sid)
    }
    if (sids.size === 0) return { ours, sids: NO_SIDS }
    return { ours: isOneName ? ours.filter((value) => !sids.has(value)) : ours, sids: [...sids.values()] }
  }

  /** The Set-Cookie that deletes theirs; `undefined` where it has the name of ours, which takes its place. */
  deletion(name: string, isSecure: boolean): string | undefined {
    const { name: theirs, path, domain } = this.#cookies
    if (theirs === name) return undefined
    const where = `Path=${path}${domain === undefined ? '' : `; Domain=${domain}`}`
    const secure = isSecure ? '; Secure' : ''
    return `${theirs}=; ${where}; Max-Age=0; Expires=${new Date(0).toUTCString()}; HttpOnly${secure}; SameSite=Lax`
  }
}

const NO_SIDS: readonly string[] = []

function unsigned(text: string, secrets: readonly string[]): ForeignCookie | undefined {
  const dot = text.lastIndexOf('.')
  if (dot < 1) return undefined
  const sid = text.slice(0, dot)
  const given = Buffer.from(text.slice(dot + 1))
  if (given.length !== SIGNATURE_LENGTH) return undefined
  for (let index = 0; index < secrets.length; index++) {
    if (timingSafeEqual(given, Buffer.from(signature(sid, secrets[index]!)))) return { sid, secret: index }
  }
  return undefined
}

function signature(sid: string, secret: string): string {
  return createHmac('sha256', secret).update(sid).digest('base64').slice(0, SIGNATURE_LENGTH)
}

/** As the package `cookie` reads a value: without quotes around it, and as it is where it can't be decoded. */
function decoded(value: string): string {
  const text = value.startsWith('"') && value.endsWith('"') && value.length > 1 ? value.slice(1, -1) : value
  if (!text.includes('%')) return text
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
