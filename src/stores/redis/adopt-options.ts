import type { SessionError } from '../../core/errors.js'
import { invalid as invalidOption, refuseUnknown, shown } from '../../core/options.js'
import type { ForeignCookies } from '../../core/store.js'

/** The libraries whose sessions can be taken over. */
export type AdoptedLibrary = ForeignCookies['from']

/** Which sessions of another library are taken over, each at its first request, and how they are told. */
export interface AdoptOptions {
  /**
   * What wrote them: `connect-redis` for express-session with connect-redis 7 to 9, `@fastify/session` for that with the
   * same store. Both keep JSON.
   */
  readonly from: AdoptedLibrary
  /** What its keys begin with, the option `prefix` of connect-redis. Default: `sess:`. */
  readonly prefix?: string | undefined
  /** The name of its cookie. Default: `connect.sid` for `connect-redis`, `sessionId` for `@fastify/session`. */
  readonly cookieName?: string | undefined
  /** The path of its cookie, by which a browser deletes it. Default: `/`. */
  readonly cookiePath?: string | undefined
  /** The domain of its cookie, by which a browser deletes it. Default: none. */
  readonly cookieDomain?: string | undefined
  /** What signed its cookies, or several, where that is not the `secret` of the sessions. Of any length, and never split at commas. */
  readonly secret?: string | readonly string[] | undefined
  /**
   * Whether the other library prolonged a session with every request (`rolling: true`). Then one that is used lives on as a
   * new one would; otherwise it ends when what was left of it is over. Default: `false`.
   */
  readonly rolling?: boolean | undefined
  /**
   * Makes the data of a session what they are from now on, such as a key renamed whose name is one of ours. It may be called
   * more than once for a session, and must answer the same. Default: they stay as they are.
   */
  readonly convert?: ((data: Record<string, unknown>) => Record<string, unknown>) | undefined
}

/** {@link AdoptOptions}, checked and complete. */
export interface ResolvedAdoptOptions {
  readonly prefix: string
  readonly cookies: ForeignCookies
  readonly rolling: boolean
  readonly convert: (data: Record<string, unknown>) => Record<string, unknown>
}

const KNOWN = ['from', 'prefix', 'cookieName', 'cookiePath', 'cookieDomain', 'secret', 'rolling', 'convert']

const COOKIE_NAMES: Readonly<Record<AdoptedLibrary, string>> = {
  'connect-redis': 'connect.sid',
  '@fastify/session': 'sessionId',
}

/**
 * Checks the option `adopt`, and fills in the defaults. `undefined` where nothing is taken over.
 *
 * @throws SessionError `OPTIONS_INVALID`
 */
export function checkAdopt(
  given: AdoptedLibrary | AdoptOptions | undefined,
  isCluster: boolean,
): ResolvedAdoptOptions | undefined {
  if (given === undefined) return undefined
  const options: AdoptOptions = typeof given === 'string' ? { from: given } : given
  refuseUnknown(options, KNOWN, 'option of adopt')
  const { from, prefix = 'sess:', rolling = false, convert = itself } = options
  if (!Object.hasOwn(COOKIE_NAMES, from)) {
    throw invalid(`adopt is from ${shown(from)}. Give 'connect-redis' or '@fastify/session'`)
  }
  if (isCluster) {
    throw invalid(
      'adopt needs its old and its new keys in one step, which a Redis Cluster does not do. Take the sessions over on a ' +
        'single server, or let those of the other library run out: leave `adopt` out',
    )
  }
  if (typeof prefix !== 'string') throw invalid(`adopt.prefix is ${shown(prefix)}. Give the text before its ids`)
  if (typeof rolling !== 'boolean') throw invalid(`adopt.rolling is ${shown(rolling)}. Give true or false`)
  if (typeof convert !== 'function') throw invalid(`adopt.convert is ${shown(convert)}. Give a function`)
  return { prefix, rolling, convert, cookies: cookiesOf(options) }
}

function cookiesOf({ from, cookieName, cookiePath, cookieDomain, secret }: AdoptOptions): ForeignCookies {
  return {
    from,
    name: matching('cookieName', cookieName ?? COOKIE_NAMES[from], COOKIE_NAME, 'its name, such as connect.sid'),
    path: matching('cookiePath', cookiePath ?? '/', ATTRIBUTE, 'its path, such as /'),
    domain:
      cookieDomain === undefined
        ? undefined
        : matching('cookieDomain', cookieDomain, ATTRIBUTE, 'its domain, such as example.com'),
    secrets: secret === undefined ? undefined : secretsOf(secret),
  }
}

/** A token of RFC 9110, section 5.6.2. */
const COOKIE_NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/

/** Printable ASCII without `;`: RFC 6265bis, section 4.1.1. */
const ATTRIBUTE = /^[\x21-\x3a\x3c-\x7e][\x20-\x3a\x3c-\x7e]*$/

function matching(name: string, value: unknown, pattern: RegExp, wanted: string): string {
  if (typeof value === 'string' && pattern.test(value)) return value
  throw invalid(`adopt.${name} is ${shown(value)}. Give ${wanted}`)
}

function secretsOf(secret: unknown): readonly string[] {
  const secrets: readonly unknown[] = Array.isArray(secret) ? secret : [secret]
  if (secrets.length > 0 && secrets.every((each) => typeof each === 'string' && each !== '')) {
    return secrets as readonly string[]
  }
  throw invalid('adopt.secret is no secret. Give the text that signed its cookies, or a list of texts')
}

function itself(data: Record<string, unknown>): Record<string, unknown> {
  return data
}

function invalid(what: string): SessionError {
  return invalidOption(`RedisStore: ${what}.`)
}
