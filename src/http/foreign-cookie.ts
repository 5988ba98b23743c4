import { createHmac, timingSafeEqual, type BinaryLike, type KeyObject } from 'node:crypto'

/** What signs a cookie of express-session: all that `createHmac` takes. */
export type CookieSecret = BinaryLike | KeyObject

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
export function readExpressCookie(value: string, secrets: readonly CookieSecret[]): ForeignCookie | undefined {
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
export function readFastifyCookie(value: string, secrets: readonly CookieSecret[]): ForeignCookie | undefined {
  return unsigned(decoded(value), secrets) ?? readExpressCookie(value, secrets)
}

/** The value of a Set-Cookie header by which express-session knows the session again. */
export function expressCookieValue(sid: string, secret: CookieSecret): string {
  return encodeURIComponent(`${EXPRESS_PREFIX}${sid}.${signature(sid, secret)}`)
}

function unsigned(text: string, secrets: readonly CookieSecret[]): ForeignCookie | undefined {
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

function signature(sid: string, secret: CookieSecret): string {
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
