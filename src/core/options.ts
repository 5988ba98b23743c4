import { shortened } from './codec.js'
import { days, MAX_DURATION, minutes, seconds, type Duration } from './duration.js'
import { SessionError } from './errors.js'
import type { SessionObserver } from './events.js'
import type { Clock } from './expiry.js'
import type { SessionMetrics } from './metrics.js'
import type { Ability, Awaitable, SessionStore } from './store.js'

/** What the engine can be told. The doors (`latchkey`, `latchkey/express`, `latchkey/fastify`) take these and those of the transport. */
export interface EngineOptions {
  /** Where the records are kept. */
  readonly store: SessionStore
  /**
   * The secret, or several, newest first: the first signs, all verify, and a token signed by an older one is re-signed.
   * A string is split at commas, a list is taken as it is. Default: the environment's `SESSION_SECRET`. In production
   * each has at least 32 characters.
   */
  readonly secret?: string | readonly string[] | undefined
  /** How long a session lives without a request. Default: 30 minutes. */
  readonly idleTimeout?: Duration | undefined
  /** How long a session lives at most. Default: 1 day. */
  readonly lifetime?: Duration | undefined
  /** Use of a session is noted at most this often. Default: 1 minute, or a quarter of a session's idle timeout where that is less. */
  readonly touchInterval?: Duration | undefined
  /** How long a store call may take before the request is answered without it. Default: 500 ms. */
  readonly storeTimeout?: Duration | undefined
  /** How long a start waits for the store. Default: 5 seconds. */
  readonly startTimeout?: Duration | undefined
  /** Whether the application starts although the store could not be used in that time. Default: `false`. */
  readonly startWithoutStore?: boolean | undefined
  /**
   * How many bytes the data of a session may take, keys and encoded values together. More is refused with
   * `SESSION_TOO_LARGE` (413) before anything is stored. Default: 65,536.
   */
  readonly maxBytes?: number | undefined
  /**
   * How many sessions a subject may have at once: a whole number from 1, or what this function answers for it
   * (`undefined`: any number). Needs a store with the ability `by-subject`. Default: any number.
   */
  readonly maxSessions?: number | ((subject: string) => Awaitable<number | undefined>) | undefined
  /**
   * What happens at a sign-in beyond `maxSessions`: `evict-oldest` ends the session that was signed in first, `refuse` ends
   * none, and the sign-in fails with `SESSION_LIMIT_REACHED` (409). Default: `evict-oldest`.
   */
  readonly onLimit?: 'evict-oldest' | 'refuse' | undefined
  /** How old an id gets before the session is moved to a new one. Needs a store with the ability `rotating`. Default: never. */
  readonly rotateEvery?: Duration | undefined
  /** How long an id stays good after the one that took its place came back from the client. Default: 10 seconds. */
  readonly rotationGrace?: Duration | undefined
  /**
   * What happens when an id is used after that: `report` tells of it (`reuse-detected`), `revoke` also ends the
   * session. Default: `report`.
   */
  readonly onReuse?: 'report' | 'revoke' | undefined
  /**
   * How long a session lives that was signed in with `remember: true`; where that is longer than `lifetime`, used or not.
   * Default: 30 days.
   */
  readonly rememberFor?: Duration | undefined
  /**
   * Whom a session belongs to, read from its data: a string, a number, a bigint, or `undefined` for nobody. When it
   * changes, the session rotates. Default: `session.userId`.
   */
  readonly subject?: ((data: Readonly<Record<string, unknown>>) => unknown) | undefined
  /** Is told what happens. Default: nobody. */
  readonly onEvent?: SessionObserver | undefined
  /** Is told what there is to count and to measure, such as that of `latchkey/opentelemetry`. Default: nobody. */
  readonly metrics?: SessionMetrics | undefined
  /** Tells the time. Default: `Date.now`. */
  readonly clock?: Clock | undefined
}

/** {@link EngineOptions}, checked and complete. */
export interface ResolvedEngineOptions {
  readonly store: SessionStore
  readonly secrets: readonly string[]
  readonly idleTimeout: Duration
  readonly lifetime: Duration
  readonly touchInterval: Duration
  readonly storeTimeout: Duration
  readonly startTimeout: Duration
  readonly startWithoutStore: boolean
  readonly maxBytes: number
  readonly maxSessions: EngineOptions['maxSessions']
  readonly onLimit: 'evict-oldest' | 'refuse'
  readonly rotateEvery: Duration | undefined
  readonly rotationGrace: Duration
  readonly onReuse: 'report' | 'revoke'
  readonly rememberFor: Duration
  readonly subject: (data: Readonly<Record<string, unknown>>) => unknown
  readonly onEvent: SessionObserver | undefined
  readonly metrics: SessionMetrics | undefined
  readonly clock: Clock
}

/** The names of {@link EngineOptions}, for {@link refuseUnknown}. */
export const ENGINE_OPTIONS = [
  'store',
  'secret',
  'idleTimeout',
  'lifetime',
  'touchInterval',
  'storeTimeout',
  'startTimeout',
  'startWithoutStore',
  'maxBytes',
  'maxSessions',
  'onLimit',
  'rotateEvery',
  'rotationGrace',
  'onReuse',
  'rememberFor',
  'subject',
  'onEvent',
  'metrics',
  'clock',
] as const satisfies readonly (keyof EngineOptions)[]

/** Shortest secret that production takes: 32 characters. */
const MIN_SECRET_LENGTH = 32

/** The largest delay that a timer can take, in milliseconds: about 24.8 days. */
const MAX_TIMER = 2 ** 31 - 1

/**
 * Checks options and fills in the defaults.
 *
 * @throws SessionError `OPTIONS_INVALID` for the first option that can't work, with its value and the mend.
 */
export function resolveEngineOptions(
  options: EngineOptions,
  environment: NodeJS.ProcessEnv = process.env,
): ResolvedEngineOptions {
  assertStore(options.store)
  return {
    store: options.store,
    secrets: resolveSecrets(options.secret, environment),
    idleTimeout: duration('idleTimeout', options.idleTimeout, minutes(30)),
    lifetime: duration('lifetime', options.lifetime, days(1)),
    touchInterval: duration('touchInterval', options.touchInterval, minutes(1)),
    storeTimeout: duration('storeTimeout', options.storeTimeout, 500, MAX_TIMER),
    startTimeout: duration('startTimeout', options.startTimeout, seconds(5), MAX_TIMER),
    startWithoutStore: flag('startWithoutStore', options.startWithoutStore),
    maxBytes: maxBytes(options.maxBytes),
    maxSessions: maxSessions(options),
    onLimit: oneOf('onLimit', options.onLimit, ['evict-oldest', 'refuse']),
    rotateEvery: rotateEvery(options),
    rotationGrace: duration('rotationGrace', options.rotationGrace, seconds(10)),
    onReuse: oneOf('onReuse', options.onReuse, ['report', 'revoke']),
    rememberFor: duration('rememberFor', options.rememberFor, days(30)),
    subject: callable('subject', options.subject) ?? subjectByUserId,
    onEvent: callable('onEvent', options.onEvent),
    metrics: metrics(options.metrics),
    clock: callable('clock', options.clock) ?? Date.now,
  }
}

/**
 * Refuses option names that are not known, with a hint for those of express-session.
 *
 * @throws SessionError `OPTIONS_INVALID`
 */
export function refuseUnknown(options: unknown, known: readonly string[], where = 'option'): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw invalid(`Session options must be an object, not ${options === null ? 'null' : typeof options}.`)
  }
  for (const name of Object.keys(options)) {
    if (known.includes(name)) continue
    const hint = FORMER_OPTIONS[where === 'cookie option' ? `cookie.${name}` : name]
    throw invalid(`Unknown ${where} "${name}". ${hint ?? `Known are: ${known.join(', ')}.`}`)
  }
}

/** An `OPTIONS_INVALID` with this message. */
export function invalid(message: string, cause?: unknown): SessionError {
  return new SessionError('OPTIONS_INVALID', message, { cause })
}

/** Options of express-session and @fastify/session that are not ours, and what to do about each. */
const FORMER_OPTIONS: Readonly<Record<string, string | undefined>> = {
  name: 'The name of the cookie is `cookie: { name }`.',
  cookieName: 'The name of the cookie is `cookie: { name }`.',
  resave: 'Leave it out: only what changed is ever written.',
  saveUninitialized: 'Leave it out: an empty session is never stored.',
  rolling: 'Leave it out: `idleTimeout` ends a session that is not used, and use prolongs it.',
  genid: 'Leave it out: an id is 256 random bits.',
  idGenerator: 'Leave it out: an id is 256 random bits.',
  unset: 'Leave it out and call `session.destroy()`.',
  proxy: "Leave it out: the platform's own setting decides (`trust proxy` on Express, `trustProxy` on Fastify).",
  maxAge: 'Use `lifetime` and `idleTimeout`.',
  ttl: 'Use `lifetime` and `idleTimeout`.',
  secrets: 'Use `secret`, which takes a list.',
  'cookie.maxAge': 'Use `lifetime`: the cookie follows it.',
  'cookie.expires': 'Use `lifetime`: the cookie follows it.',
  'cookie.signed': 'Leave it out: the token is always signed.',
}

function assertStore(store: unknown): void {
  if (typeof store !== 'object' || store === null) {
    throw invalid(
      "Sessions need a store. Pass `store`: a RedisStore from 'latchkey/stores/redis', a SqliteStore from " +
        "'latchkey/stores/sqlite', or a MemoryStore from 'latchkey/stores/memory'.",
    )
  }
  for (const verb of ['load', 'create', 'update', 'touch', 'delete']) {
    if (typeof (store as Record<string, unknown>)[verb] !== 'function') {
      throw invalid(`The store given has no method "${verb}", so it is not a SessionStore of Latchkey.`)
    }
  }
  if (!((store as SessionStore).abilities instanceof Set)) {
    throw invalid('The store given declares no `abilities`. A store with none has an empty set.')
  }
}

function resolveSecrets(given: EngineOptions['secret'], environment: NodeJS.ProcessEnv): readonly string[] {
  const source: unknown = given ?? environment['SESSION_SECRET']
  if (source === undefined || source === '') {
    throw invalid('Sessions need a secret. Set SESSION_SECRET in the environment, or pass `secret`.')
  }
  const secrets: readonly unknown[] =
    typeof source === 'string'
      ? source.split(',').map((part) => part.trim())
      : Array.isArray(source)
        ? source
        : [source]
  if (secrets.length === 0) throw invalid('The list of secrets is empty. Give at least one.')
  return secrets.map((secret, index) => {
    const which = secrets.length === 1 ? 'The secret' : `Secret ${index + 1} of ${secrets.length}`
    if (typeof secret !== 'string') throw invalid(`${which} is of type ${typeof secret}. Give a string.`)
    if (secret === '') throw invalid(`${which} is empty. Between commas there must be a secret.`)
    if (environment['NODE_ENV'] === 'production' && secret.length < MIN_SECRET_LENGTH) {
      throw invalid(
        `${which} has ${secret.length} characters. In production it must have at least ${MIN_SECRET_LENGTH}; ` +
          '`openssl rand -base64 32` makes one. (A comma separates secrets.)',
      )
    }
    return secret
  })
}

function maxBytes(given: unknown): number {
  if (given === undefined) return 65_536
  if (Number.isSafeInteger(given) && (given as number) >= 1) return given as number
  throw invalid(`maxBytes is ${shown(given)}. Give a whole number of bytes from 1, such as 65536.`)
}

function maxSessions({ maxSessions: given, store }: EngineOptions): EngineOptions['maxSessions'] {
  if (given === undefined) return undefined
  if (typeof given !== 'function') assertMaxSessions(given)
  assertAbility(store, 'by-subject', 'maxSessions')
  return given
}

/**
 * Refuses a number of sessions that can't be meant.
 *
 * @throws SessionError `OPTIONS_INVALID`
 */
export function assertMaxSessions(value: unknown): asserts value is number {
  if (Number.isSafeInteger(value) && (value as number) >= 1) return
  throw invalid(`maxSessions is ${shown(value)}. Give a whole number from 1, or a function that answers one.`)
}

function rotateEvery(options: EngineOptions): Duration | undefined {
  if (options.rotateEvery === undefined) return undefined
  assertAbility(options.store, 'rotating', 'rotateEvery')
  return duration('rotateEvery', options.rotateEvery, 0)
}

function assertAbility(store: SessionStore, ability: Ability, option: string): void {
  if (store.abilities.has(ability)) return
  throw invalid(
    `${option} needs a store with the ability ${ability}, which "${store.name}" does not have. Leave it out.`,
  )
}

function metrics(given: SessionMetrics | undefined): SessionMetrics | undefined {
  if (given === undefined) return undefined
  for (const method of ['storeCall', 'opened', 'committed', 'happened'] as const) {
    if (typeof (given as Partial<SessionMetrics> | null)?.[method] !== 'function') {
      throw invalid(
        `metrics is ${shown(given)} without the method ${method}. Give openTelemetryMetrics() of latchkey/opentelemetry, or all four methods.`,
      )
    }
  }
  return given
}

function oneOf<const T extends string>(name: string, value: T | undefined, known: readonly [T, ...T[]]): T {
  if (value === undefined) return known[0]
  if (known.includes(value)) return value
  throw invalid(`${name} is ${shown(value)}. Give ${known.map((each) => `'${each}'`).join(' or ')}.`)
}

/** Checks a duration: a number of milliseconds from 1 to `max`. */
function duration(name: string, value: unknown, fallback: Duration, max = MAX_DURATION): Duration {
  if (value === undefined) return fallback
  if (typeof value !== 'number' || !Number.isFinite(value) || value < 1 || value > max) {
    throw invalid(`${name} is ${shown(value)}. Give a number of milliseconds from 1 to ${max}, such as minutes(30).`)
  }
  return Math.round(value)
}

function flag(name: string, value: unknown): boolean {
  if (value === undefined) return false
  if (typeof value === 'boolean') return value
  throw invalid(`${name} is ${shown(value)}. Give true or false.`)
}

/**
 * Checks that an option is a function, if it is given.
 *
 * @throws SessionError `OPTIONS_INVALID`
 */
export function callable<T>(name: string, value: T | undefined): T | undefined {
  if (value !== undefined && typeof value !== 'function') throw invalid(`${name} is ${shown(value)}. Give a function.`)
  return value
}

/** A value as a message may show it. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(shortened(value))
  if (typeof value === 'object' && value !== null) return 'an object'
  return typeof value === 'function' ? 'a function' : String(value)
}

function subjectByUserId(data: Readonly<Record<string, unknown>>): unknown {
  return data['userId']
}
