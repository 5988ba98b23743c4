import type { SessionEngine } from '../core/engine.js'
import { cookieValues, MAX_COOKIES } from '../http/cookie-text.js'
import { readExpressCookie, type CookieSecret, type ForeignCookie } from '../http/foreign-cookie.js'
import type { DropInRequest } from './door.js'

/** The ids that a request brings, in their order. */
export interface Presented {
  readonly sids: readonly string[]
  /** Whether one of them was signed by an older secret. */
  readonly isOld: boolean
}

/** The ids of a request whose signature is good, from its cookies or from what cookie-parser has left on it. */
export function presentedCookies(
  request: DropInRequest,
  name: string,
  secrets: readonly CookieSecret[],
  engine: SessionEngine,
): Presented {
  const header = request.headers.cookie
  const good: ForeignCookie[] = []
  for (const value of header === undefined ? [] : cookieValues(header, name, MAX_COOKIES)) {
    const read = readExpressCookie(value, secrets)
    if (read) good.push(read)
    else engine.emit({ type: 'token-rejected', reason: hasSignature(value) ? 'signature' : 'malformed' })
  }
  if (good.length === 0) good.push(...parsedCookies(request, name, secrets))
  return { sids: good.map(({ sid }) => sid), isOld: good.some(({ secret }) => secret > 0) }
}

function parsedCookies(
  { signedCookies, cookies }: DropInRequest,
  name: string,
  secrets: readonly CookieSecret[],
): readonly ForeignCookie[] {
  const signed = signedCookies?.[name]
  if (typeof signed === 'string' && signed !== '') return [{ sid: signed, secret: 0 }]
  const value = cookies?.[name]
  const read = typeof value === 'string' ? readExpressCookie(encodeURIComponent(value), secrets) : undefined
  return read ? [read] : []
}

function hasSignature(value: string): boolean {
  return /^"?s(?::|%3a).+\../i.test(value)
}
