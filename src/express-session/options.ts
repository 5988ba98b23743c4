import type { Request } from 'express'
import type { IncomingMessage } from 'node:http'
import type { Duration } from '../core/duration.js'
import type { EngineOptions } from '../core/options.js'
import type { SessionStore } from '../core/store.js'
import type { CookieSecret } from '../http/foreign-cookie.js'
import type { SessionLog } from '../http/log.js'
import { Cookie, cookieText, type CookieOptions } from './cookie.js'
import { cookieOf } from './cookie-of-session.js'
import type { ExpressStore } from '../stores/express.js'

/** Options of the engine that the drop-in takes besides those of express-session. */
const ENGINE_OPTIONS = [
  'idleTimeout',
  'lifetime',
  'touchInterval',
  'storeTimeout',
  'startTimeout',
  'startWithoutStore',
  'maxBytes',
  'maxSessions',
  'onLimit',
  'subject',
  'onEvent',
  'metrics',
  'clock',
] as const satisfies readonly (keyof EngineOptions)[]

/** The options of express-session, and those of Latchkey that have no counterpart there. */
export interface SessionOptions extends Pick<EngineOptions, (typeof ENGINE_OPTIONS)[number]> {
  /**
   * What signs the cookie, or several, newest first: the first signs, all verify. Strings are not split at commas. Default:
   * `req.secret`, as cookie-parser leaves it there.
   */
  secret?: CookieSecret | readonly CookieSecret[] | undefined
  /**
   * Where sessions are kept: a store of Latchkey, or any store for express-session, which goes on keeping its own ids and
   * records. Default: a {@link MemoryStore}.
   */
  store?: SessionStore | ExpressStore | undefined
  /** The attributes of the cookie, or a function that answers those for a request. */
  cookie?: CookieOptions | ((request: Request) => CookieOptions) | undefined
  /** Makes an id. On a store of Latchkey it is what comes after the first eight characters of the id. Default: 256 random bits. */
  genid?: ((request: Request) => string) | undefined
  /** The name of the cookie. Default: `connect.sid`. */
  name?: string | undefined
  /** The older name of `name`. */
  key?: string | undefined
  /** Whether `X-Forwarded-Proto` says if a connection is secure. Default: what Express's `trust proxy` says. */
  proxy?: boolean | undefined
  /** Whether each request is noted as use of its session. What did not change is never written anew. Default: `true`, with a warning. */
  resave?: boolean | undefined
  /** Whether each answer sends the cookie anew, so that it ends `maxAge` after the last answer. Default: `false`. */
  rolling?: boolean | undefined
  /** Whether a session that is new and empty is stored. Default: `true`, with a warning. */
  saveUninitialized?: boolean | undefined
  /** What `req.session = null` and `delete req.session` do: `keep` leaves the session as it was stored, `destroy` ends it. Default: `keep`. */
  unset?: 'destroy' | 'keep' | undefined
  /** Takes one line for what an operator must see, and the same as fields; `false` for silence. Default: `console.warn` with the line. */
  log?: SessionLog | false | undefined
}

const OWN_OPTIONS = [
  'secret',
  'store',
  'cookie',
  'genid',
  'name',
  'key',
  'proxy',
  'resave',
  'rolling',
  'saveUninitialized',
  'unset',
  'log',
] as const satisfies readonly (keyof SessionOptions)[]

const KNOWN: readonly string[] = [...OWN_OPTIONS, ...ENGINE_OPTIONS]

/** {@link SessionOptions}, checked and complete, without the store and what the engine takes as it is. */
export interface ResolvedOptions {
  readonly secrets: readonly CookieSecret[] | undefined
  readonly cookie: CookieOptions | ((request: IncomingMessage) => CookieOptions)
  readonly genid: ((request: IncomingMessage) => unknown) | undefined
  readonly name: string
  readonly proxy: boolean | undefined
  readonly rolling: boolean
  readonly saveUninitialized: boolean
  readonly unset: 'destroy' | 'keep'
  /** How long a session lives without use whose cookie has no length. */
  readonly idleTimeout: Duration
  readonly engine: Omit<EngineOptions, 'store' | 'secret'>
  /** What an operator should know of the options. */
  readonly warnings: readonly string[]
}

/** As long as connect-redis keeps a session whose cookie has no length: a day. */
const DEFAULT_IDLE: Duration = 86_400_000

/** At each request: the least that the engine takes. */
const EACH_REQUEST: Duration = 1

/**
 * Checks the options and fills in the defaults.
 *
 * @throws TypeError for a `genid`, `unset` or `secret` that express-session refuses too, and for a cookie that can't be.
 */
export function resolveOptions(options: SessionOptions): ResolvedOptions {
  const { genid, unset, secret, cookie = {}, resave, saveUninitialized, rolling = false } = options
  if (genid !== undefined && typeof genid !== 'function') throw new TypeError('genid option must be a function')
  if (unset && unset !== 'destroy' && unset !== 'keep') throw new TypeError('unset option must be "destroy" or "keep"')
  if (Array.isArray(secret) && secret.length === 0) {
    throw new TypeError('secret option array must contain one or more strings')
  }
  const fixed = typeof cookie === 'function' ? new Cookie() : new Cookie(cookie)
  const name = options.name ?? options.key ?? 'connect.sid'
  if (typeof cookie !== 'function') cookieText(name, '', cookieOf(cookie, undefined, false))
  const idleTimeout = options.idleTimeout ?? DEFAULT_IDLE
  const notesEachUse = rolling || resave !== false
  return {
    secrets: secretsOf(secret),
    cookie: cookie as ResolvedOptions['cookie'],
    genid: genid as ResolvedOptions['genid'],
    name,
    proxy: options.proxy,
    rolling: Boolean(rolling),
    saveUninitialized: saveUninitialized ?? true,
    unset: unset === 'destroy' ? 'destroy' : 'keep',
    idleTimeout,
    engine: {
      ...engineOptions(options),
      idleTimeout: fixed.originalMaxAge !== null && fixed.originalMaxAge >= 1 ? fixed.originalMaxAge : idleTimeout,
      touchInterval: options.touchInterval ?? (notesEachUse ? EACH_REQUEST : undefined),
      subject: options.subject ?? subjectOf,
    },
    warnings: warningsOf(options, fixed),
  }
}

function secretsOf(secret: SessionOptions['secret']): readonly CookieSecret[] | undefined {
  if (!secret) return undefined
  return Array.isArray(secret) ? (secret as readonly CookieSecret[]) : [secret as CookieSecret]
}

function engineOptions(options: SessionOptions): Pick<EngineOptions, (typeof ENGINE_OPTIONS)[number]> {
  return Object.fromEntries(ENGINE_OPTIONS.map((name) => [name, options[name]]))
}

/** Whose session it is, as apps on express-session say it: `userId`, or the user whom Passport has put there. */
function subjectOf(data: Readonly<Record<string, unknown>>): string | number | bigint | undefined {
  const { userId, passport } = data
  return nameIn(userId) ?? nameIn((passport as { readonly user?: unknown } | null | undefined)?.user)
}

function nameIn(value: unknown): string | number | bigint | undefined {
  if (typeof value === 'string') return value.isWellFormed() && value !== '' ? value : undefined
  return typeof value === 'bigint' || (typeof value === 'number' && Number.isFinite(value)) ? value : undefined
}

function warningsOf(options: SessionOptions, { secure, sameSite, partitioned }: Cookie): readonly string[] {
  const warnings: string[] = []
  if (options.resave === undefined) {
    warnings.push('The option resave is not given, so each request is noted as use of its session. Give resave: false.')
  }
  if (options.saveUninitialized === undefined) {
    warnings.push(
      'The option saveUninitialized is not given, so each visitor gets a session and a cookie. Give saveUninitialized: false.',
    )
  }
  if (!options.secret) warnings.push('The option secret is not given. Without req.secret no request gets a session.')
  const isProduction = process.env['NODE_ENV'] === 'production'
  if (isProduction && secretsOf(options.secret)?.some((secret) => typeof secret === 'string' && secret.length < 32)) {
    warnings.push(
      'A secret has less than 32 characters. Put one of `openssl rand -base64 32` first in the list of secrets.',
    )
  }
  if (sameSite === 'none' && !secure) {
    warnings.push("cookie.sameSite 'none' needs cookie.secure: browsers drop such a cookie otherwise.")
  }
  if (partitioned && !secure) {
    warnings.push('cookie.partitioned needs cookie.secure: browsers drop such a cookie otherwise.')
  }
  const unknown = Object.keys(options).filter((name) => !KNOWN.includes(name))
  if (unknown.length > 0) warnings.push(`There are no such options, so they do nothing: ${unknown.join(', ')}.`)
  return warnings
}
