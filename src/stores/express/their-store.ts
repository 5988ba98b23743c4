import { isPromise } from '../../core/calls.js'
import { defineData } from '../../core/codec.js'
import { MAX_DURATION, type Duration } from '../../core/duration.js'
import { SessionError } from '../../core/errors.js'
import type { SessionRecord } from '../../core/record.js'
import { MARK } from '../keyed/kept-value.js'
import type { KeptValue, KeyedThings, OutsideTimes } from '../keyed/things.js'
import type { ResolvedExpressStoreOptions } from './options.js'

/** What a store of express-session calls when it is done. */
export type ExpressCallback = (error?: unknown, value?: unknown) => void

/**
 * A store as express-session takes it, by structure: connect-pg-simple, connect-mongo, session-file-store, memorystore,
 * connect-redis, express-session's own `MemoryStore`. A method may call back, or answer a promise where it declares no
 * parameter for the callback.
 */
export interface ExpressStore {
  get(sid: string, callback: (error: unknown, session?: unknown) => void): unknown
  set(sid: string, session: unknown, callback?: (error?: unknown) => void): unknown
  destroy(sid: string, callback?: (error?: unknown) => void): unknown
  touch?(sid: string, session: unknown, callback?: (error?: unknown) => void): unknown
}

/** A store of express-session as a place that keeps values. */
export class TheirStore implements KeyedThings {
  readonly name: string
  readonly touch: KeyedThings['touch']
  readonly usedAt: KeyedThings['usedAt']
  readonly isNewFree: boolean
  readonly shortest: Duration | undefined
  readonly #store: ExpressStore
  readonly #options: ResolvedExpressStoreOptions

  constructor(store: ExpressStore, options: ResolvedExpressStoreOptions) {
    this.name = options.name
    this.#store = store
    this.#options = options
    this.isNewFree = options.isTheirs
    this.shortest = options.isTheirs ? 1 : undefined
    const touches = options.isTheirs && typeof store.touch === 'function'
    this.touch = touches ? (sid, timeToLive, record) => this.#touch(sid, timeToLive, record) : undefined
    this.usedAt = touches ? ({ cookie }, idleTimeout, now) => lastUse(endOf(cookie), idleTimeout, now) : undefined
  }

  nameOf(key: string): string {
    return this.#options.sidOf(key)
  }

  async get(sid: string): Promise<unknown> {
    const store = this.#store
    const value = await this.#asked('get', store.get.length < 2, (callback) => store.get(sid, callback))
    const { names } = this.#options
    return names && typeof value === 'object' && value !== null ? renamed(value, names.here) : value
  }

  async set(sid: string, value: KeptValue, timeToLive: Duration): Promise<void> {
    const store = this.#store
    const record = this.#options.isTheirs ? (value[MARK] as SessionRecord | undefined) : undefined
    const { cookie, names } = this.#options
    const session = { cookie: cookieOf(timeToLive, cookie, record), ...(names ? renamed(value, names.there) : value) }
    await this.#asked('set', store.set.length < 3, (callback) => store.set(sid, session, callback))
  }

  async delete(sid: string): Promise<void> {
    const store = this.#store
    await this.#asked('destroy', store.destroy.length < 2, (callback) => store.destroy(sid, callback))
  }

  async #touch(sid: string, timeToLive: Duration, record: SessionRecord): Promise<void> {
    const store = this.#store
    const session = { cookie: cookieOf(timeToLive, this.#options.cookie, record) }
    await this.#asked('touch', store.touch!.length < 3, (callback) => store.touch!(sid, session, callback))
  }

  /** A cookie that goes with the browser says nothing of how long. */
  hasOtherLength({ cookie }: KeptValue, { idleTimeout, persistent }: SessionRecord): boolean {
    if (!this.#options.isTheirs || typeof cookie !== 'object' || cookie === null) return false
    const { originalMaxAge } = cookie as { readonly originalMaxAge?: unknown }
    if (typeof originalMaxAge !== 'number') return originalMaxAge === null && persistent
    return originalMaxAge >= 1 && (!persistent || Math.ceil(originalMaxAge) !== idleTimeout)
  }

  /**
   * A session that express-session has written has what is left of its cookie. Where the store gives it out although its
   * cookie is over, a touch has moved the deadline in the store alone, so the store is believed.
   */
  outsideTimes({ cookie }: KeptValue, now: number): OutsideTimes | undefined {
    if (typeof cookie !== 'object' || cookie === null) return undefined
    const { originalMaxAge } = cookie as { readonly originalMaxAge?: unknown }
    const idleTimeout = typeof originalMaxAge === 'number' && originalMaxAge >= 1 ? Math.ceil(originalMaxAge) : ONE_DAY
    const end = endOf(cookie)
    if (this.#options.isTheirs) return rollingTimes(idleTimeout, end, now)
    const expiresAt = end > now ? end : now + idleTimeout
    // Its last use is not known: half of the time is left, so that the next request notes its own.
    const lastSeenAt = now - Math.floor(idleTimeout / 2)
    return { createdAt: lastSeenAt, lastSeenAt, idleTimeout, expiresAt, persistent: !Number.isNaN(end) }
  }

  /** Whatever comes first counts: the callback, what is thrown or rejected, and what a promise gives where it alone answers. */
  #asked(verb: string, answersPromise: boolean, call: (callback: ExpressCallback) => unknown): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const failed = (cause: unknown): void => {
        if (verb === 'get' && isNoFile(cause)) resolve(undefined)
        else reject(this.#failure(verb, cause))
      }
      try {
        const answer = call((error, value) => (error ? failed(error) : resolve(value)))
        if (isPromise(answer)) answer.then((value) => answersPromise && resolve(value), failed)
      } catch (cause) {
        failed(cause)
      }
    })
  }

  #failure(verb: string, cause: unknown): SessionError {
    return new SessionError(
      'STORE_UNAVAILABLE',
      `The express-session store "${this.name}" failed at ${verb}. See the cause.`,
      { cause },
    )
  }
}

function renamed(value: object, name: (name: string) => string): KeptValue {
  const answer: Record<string, unknown> = {}
  for (const [each, item] of Object.entries(value)) defineData(answer, name(each), item)
  return answer
}

/** As express-session means it: a session that is used has no other end than that. */
function rollingTimes(idleTimeout: Duration, end: number, now: number): OutsideTimes {
  const lastSeenAt = lastUse(end, idleTimeout, now)
  return {
    createdAt: lastSeenAt,
    lastSeenAt,
    idleTimeout,
    expiresAt: now + MAX_DURATION,
    persistent: !Number.isNaN(end),
  }
}

/**
 * Some stores note a touch in the cookie that they keep. In others it moves the deadline in the store alone: then the last
 * use is not known, but what the store gives out is not over.
 */
function lastUse(end: number, idleTimeout: Duration, now: number): number {
  return end > now ? Math.min(end - idleTimeout, now) : now - Math.floor(idleTimeout / 2)
}

function endOf(cookie: unknown): number {
  const { expires } = (cookie ?? {}) as { readonly expires?: unknown }
  return new Date((expires ?? NaN) as string).getTime()
}

/** What most stores take where a cookie says nothing, in milliseconds. */
const ONE_DAY = 86_400_000

/** As express-session has it: a store of files says so of a session that isn't there. */
function isNoFile(error: unknown): boolean {
  return typeof error === 'object' && error !== null && (error as { code?: unknown }).code === 'ENOENT'
}

/**
 * The cookie in the form in which stores look for the deadline: in `expires`, in `originalMaxAge`, or in `maxAge`.
 *
 * @param record - whose cookie it is, where express-session is to find it as it would have written it itself
 */
function cookieOf(timeToLive: Duration, attributes: object, record?: SessionRecord): object {
  // The store decides how long it keeps one that goes with the browser.
  if (record?.persistent === false) return { originalMaxAge: null, expires: null, ...attributes }
  const cookie = {
    originalMaxAge: record?.idleTimeout ?? timeToLive,
    expires: new Date(Date.now() + timeToLive),
    ...attributes,
  }
  // In express-session it is of the moment, and not written down.
  return Object.defineProperty(cookie, 'maxAge', { value: timeToLive })
}
