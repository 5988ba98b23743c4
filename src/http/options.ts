import { TOKEN_LENGTH } from '../core/token.js'
import { cookieName, HOST_PREFIX } from './cookie-text.js'
import { ENGINE_OPTIONS, invalid, refuseUnknown, shown, type EngineOptions } from '../core/options.js'
import { CrossSiteCheck, resolveTrustedOrigins } from './cross-site.js'
import type { SessionLog } from './log.js'
import type { StoreDownPolicy } from './objections.js'

/** How a token travels: in a cookie, or in `Authorization: Bearer`. */
export type Transport = 'cookie' | 'bearer'

/** The session cookie. All of it is checked at start-up. */
export interface CookieOptions {
  /** Default: `sessionId`; on a secure connection with `path` `/` and no `domain` it is sent as `__Host-sessionId`. */
  readonly name?: string | undefined
  /** Default: `/`. */
  readonly path?: string | undefined
  /** Default: none, so that the cookie goes to this host alone. */
  readonly domain?: string | undefined
  /** `auto`: by the connection, and always in production. Default: `auto`. */
  readonly secure?: boolean | 'auto' | undefined
  /** Default: `lax`. */
  readonly sameSite?: 'lax' | 'strict' | 'none' | undefined
  /** Default: `true`. */
  readonly httpOnly?: boolean | undefined
  /** Default: `false`. */
  readonly partitioned?: boolean | undefined
}

/** Options of a door: those of the engine, and how tokens travel. */
export interface SessionOptions extends EngineOptions {
  readonly cookie?: CookieOptions | undefined
  /**
   * Which transports are in use. With `bearer`, a request that brings a token in `Authorization: Bearer` never gets a
   * cookie, and new tokens are sent in the response header `Session-Token`; with `bearer` alone no cookie is ever set.
   * Default: `['cookie']`.
   */
  readonly transports?: readonly Transport[] | undefined
  /**
   * What becomes of a request whose session can't be loaded because the store is down: `refuse` answers 503 with
   * `Retry-After`; `anonymous` runs its handler with a session that is empty, whose `isAvailable` is `false`, and to which
   * nothing can be written. The cookie is left alone either way. A function gets the request as the platform has it (in
   * Nest on Fastify, Node's own); where it throws, the request is refused. A change that can't be saved is a 503 always.
   * Default: `refuse`.
   */
  readonly onStoreDown?: StoreDownPolicy | ((request: never) => StoreDownPolicy) | undefined
  /**
   * Whether the session of this request is read from the store now, past a near cache. A function that gets the request as the
   * platform has it (in Nest on Fastify, Node's own); where it throws, the session is read. Without a near cache it makes
   * no difference. Default: of no request.
   */
  readonly fresh?: ((request: never) => boolean) | undefined
  /**
   * Whether a state-changing request (any but GET, HEAD, OPTIONS and TRACE) that brings a session cookie is refused with 403
   * if a page of another site has sent it. Default: `true`.
   */
  readonly csrf?: boolean | undefined
  /**
   * Origins whose pages may send such requests all the same, such as `https://app.example.com`: scheme, host, and a port if
   * it is not the scheme's own. Default: none.
   */
  readonly trustedOrigins?: readonly string[] | undefined
  /**
   * Takes one line for what an operator must see, and the same as fields; `false` for silence. Default: `console.warn`
   * with the line, and in Nest its logger with both.
   */
  readonly log?: SessionLog | false | undefined
}

/** {@link CookieOptions}, checked and complete. */
export interface ResolvedCookieOptions {
  readonly name: string
  readonly path: string
  readonly domain: string | undefined
  readonly secure: boolean | 'auto'
  readonly sameSite: 'lax' | 'strict' | 'none'
  readonly httpOnly: boolean
  readonly partitioned: boolean
}

const COOKIE_OPTIONS = ['name', 'path', 'domain', 'secure', 'sameSite', 'httpOnly', 'partitioned'] as const

/** The names of {@link SessionOptions}. */
export const SESSION_OPTIONS: readonly string[] = [
  ...ENGINE_OPTIONS,
  'cookie',
  'transports',
  'onStoreDown',
  'fresh',
  'csrf',
  'trustedOrigins',
  'log',
]

/** A cookie name is a token of RFC 9110, section 5.6.2. */
const COOKIE_NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/

/** Printable ASCII without `;`: RFC 6265bis, section 4.1.1. */
const COOKIE_PATH = /^\/[\x20-\x3a\x3c-\x7e]*$/

/** Labels of letters, digits and inner hyphens, as a name of DNS has them (RFC 1123, section 2.1). */
const COOKIE_DOMAIN = /^\.?[0-9A-Za-z]([0-9A-Za-z-]{0,61}[0-9A-Za-z])?(\.[0-9A-Za-z]([0-9A-Za-z-]{0,61}[0-9A-Za-z])?)*$/

/** Browsers drop a cookie whose name and value are longer, in bytes: RFC 6265bis, section 5.7. */
const MAX_NAME_AND_VALUE = 4096

/** Browsers pass over an attribute that is longer, in bytes: RFC 6265bis, section 5.6. */
const MAX_ATTRIBUTE = 1024

/** A name of DNS is no longer. */
const MAX_DOMAIN = 253

/**
 * Checks the cookie's options and fills in the defaults.
 *
 * @throws SessionError `OPTIONS_INVALID` for what no browser would take, with the mend.
 */
export function resolveCookieOptions(
  options: CookieOptions | undefined,
  environment: NodeJS.ProcessEnv = process.env,
): ResolvedCookieOptions {
  refuseUnknown(options ?? {}, COOKIE_OPTIONS, 'cookie option')
  const given = options?.secure ?? 'auto'
  const resolved: ResolvedCookieOptions = {
    name: matching('name', options?.name ?? 'sessionId', COOKIE_NAME, "letters, digits and !#$%&'*+-.^_`|~"),
    path: matching('path', options?.path ?? '/', COOKIE_PATH, 'a path that begins with / and has no semicolon'),
    domain:
      options?.domain === undefined
        ? undefined
        : matching('domain', options.domain, COOKIE_DOMAIN, 'a host name such as example.com'),
    secure: given === 'auto' && environment['NODE_ENV'] === 'production' ? true : given,
    sameSite: options?.sameSite ?? 'lax',
    httpOnly: flag('httpOnly', options?.httpOnly, true),
    partitioned: flag('partitioned', options?.partitioned, false),
  }
  if (!['auto', true, false].includes(resolved.secure)) {
    throw invalid(`cookie.secure is ${shown(resolved.secure)}. Give true, false or 'auto'.`)
  }
  if (!['lax', 'strict', 'none'].includes(resolved.sameSite)) {
    throw invalid(`cookie.sameSite is ${shown(resolved.sameSite)}. Give 'lax', 'strict' or 'none'.`)
  }
  assertPossible(resolved)
  return resolved
}

/**
 * Checks the list of transports.
 *
 * @throws SessionError `OPTIONS_INVALID`
 */
export function resolveTransports(transports: readonly Transport[] | undefined): ReadonlySet<Transport> {
  const list: unknown = transports ?? ['cookie']
  if (!Array.isArray(list) || list.length === 0 || list.some((item) => item !== 'cookie' && item !== 'bearer')) {
    throw invalid("transports must be a list of 'cookie', 'bearer' or both.")
  }
  return new Set(list as Transport[])
}

/**
 * Checks the options on requests of other sites. `undefined` where none is refused.
 *
 * @throws SessionError `OPTIONS_INVALID`
 */
export function resolveCrossSite({
  csrf,
  trustedOrigins,
}: Pick<SessionOptions, 'csrf' | 'trustedOrigins'>): CrossSiteCheck | undefined {
  const trusted = resolveTrustedOrigins(trustedOrigins)
  if (csrf !== undefined && typeof csrf !== 'boolean') throw invalid(`csrf is ${shown(csrf)}. Give true or false.`)
  return csrf === false ? undefined : new CrossSiteCheck(trusted)
}

/**
 * Checks the option on a store that is down.
 *
 * @throws SessionError `OPTIONS_INVALID`
 */
export function resolveStoreDown(given: SessionOptions['onStoreDown']): NonNullable<SessionOptions['onStoreDown']> {
  const policy = given === undefined ? 'refuse' : given
  if (typeof policy !== 'function') assertStoreDownPolicy('onStoreDown', policy)
  return policy
}

/**
 * Refuses what is no policy for a store that is down.
 *
 * @throws SessionError `OPTIONS_INVALID`
 */
export function assertStoreDownPolicy(name: string, value: unknown): asserts value is StoreDownPolicy {
  if (value === 'refuse' || value === 'anonymous') return
  throw invalid(`${name} is ${shown(value)}. Give 'refuse' or 'anonymous'.`)
}

/** What a browser refuses silently: RFC 6265bis, sections 4.1.3, 5.6 and 5.7. */
function assertPossible(options: ResolvedCookieOptions): void {
  const { name, path, domain, secure, sameSite, httpOnly, partitioned } = options
  assertShort(options)
  if (secure !== true && sameSite === 'none') {
    throw invalid("cookie.sameSite 'none' needs cookie.secure true: browsers drop such a cookie otherwise.")
  }
  if (secure !== true && partitioned) {
    throw invalid('cookie.partitioned needs cookie.secure true: browsers drop such a cookie otherwise.')
  }
  const lower = name.toLowerCase()
  if (lower.startsWith('__host-') && (domain !== undefined || path !== '/')) {
    throw invalid(
      `cookie.name "${name}" begins with __Host-, so leave out cookie.domain and cookie.path, or rename it.`,
    )
  }
  if ((lower.startsWith('__host-') || lower.startsWith('__secure-')) && secure !== true) {
    throw invalid(`cookie.name "${name}" needs cookie.secure true: browsers drop such a cookie otherwise.`)
  }
  // Prefixes of draft-ietf-httpbis-layered-cookies.
  const isHttp = lower.startsWith('__http-') || lower.startsWith('__host-http-')
  if (isHttp && (secure !== true || !httpOnly)) {
    throw invalid(
      `cookie.name "${name}" needs cookie.secure true and cookie.httpOnly true: browsers drop such a cookie otherwise.`,
    )
  }
}

/** Name, path and domain are ASCII: a character is a byte. The value is a token, all of which are of one length. */
function assertShort(options: ResolvedCookieOptions): void {
  const { path, domain } = options
  const longest = MAX_NAME_AND_VALUE - TOKEN_LENGTH
  const { length } = cookieName(options, options.secure !== false)
  if (length > longest) {
    throw invalid(
      `cookie.name has ${length} characters as it is sent, and its value has ${TOKEN_LENGTH}: browsers drop a cookie whose ` +
        `name and value pass ${MAX_NAME_AND_VALUE} bytes. Give a name of at most ${longest - HOST_PREFIX.length} characters.`,
    )
  }
  if (path.length > MAX_ATTRIBUTE) {
    throw invalid(
      `cookie.path has ${path.length} characters: browsers pass over one of more than ${MAX_ATTRIBUTE}. Give a shorter one.`,
    )
  }
  if (domain !== undefined && domain.length > MAX_DOMAIN) {
    throw invalid(`cookie.domain has ${domain.length} characters. A host name has at most ${MAX_DOMAIN}.`)
  }
}

function matching(name: string, value: unknown, pattern: RegExp, wanted: string): string {
  if (typeof value === 'string' && pattern.test(value)) return value
  throw invalid(`cookie.${name} is ${shown(value)}. Give ${wanted}.`)
}

function flag(name: string, value: unknown, fallback: boolean): boolean {
  if (value === undefined) return fallback
  if (typeof value === 'boolean') return value
  throw invalid(`cookie.${name} is ${shown(value)}. Give true or false.`)
}
