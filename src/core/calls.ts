import { Breaker } from './breaker.js'
import { Deadlines } from './deadlines.js'
import type { Duration } from './duration.js'
import { SessionError, type SessionErrorCode } from './errors.js'
import { keyOf, newId } from './id.js'
import type { SessionMetrics, StoreCallOutcome } from './metrics.js'
import type { FormerKey, RecordPatch, RotatePatch, SessionRecord, SubjectLimit } from './record.js'
import type {
  Adopting,
  Awaitable,
  BySubject,
  Evictions,
  LoadOptions,
  Outcome,
  Probing,
  Rotating,
  SessionStore,
  Sweeping,
} from './store.js'

/** Whether a store answered with a promise. */
export function isPromise<T>(value: Awaitable<T>): value is PromiseLike<T> {
  return typeof value === 'object' && value !== null && 'then' in value
}

/** Goes on with a value, at once if it is there. */
export function after<T, R>(value: Awaitable<T>, next: (value: T) => Awaitable<R>): Awaitable<R> {
  return isPromise(value) ? value.then(next) : next(value)
}

/** Does some work, tells whether it failed and with what error, and goes on with it; at once where the work is. */
export function watched<T>(
  work: () => Awaitable<T>,
  ended: (hasFailed: boolean, error?: unknown) => void,
): Awaitable<T> {
  const failed = (error: unknown): never => {
    ended(true, error)
    throw error
  }
  let result: Awaitable<T>
  try {
    result = work()
  } catch (error) {
    return failed(error)
  }
  const done = (value: T): T => {
    ended(false)
    return value
  }
  return isPromise(result) ? result.then(done, failed) : done(result)
}

/** Who is told of what becomes of a store. */
export interface StoreListener {
  /** A call failed or passed its deadline. */
  failed(verb: string, error: SessionError): void
  /** From now on the store is not asked. */
  down(error: SessionError): void
  /** The store is asked again; it was down for so many milliseconds. */
  up(downFor: number): void
}

/**
 * A store as the engine calls it: every call has a deadline, and whatever goes wrong becomes a `STORE_UNAVAILABLE` with
 * its cause. What a call answers after its deadline is dropped. A store that only fails is not asked any more, until it
 * answers a try that is made in the background; see {@link Breaker}.
 */
export class StoreCalls {
  readonly #store: SessionStore
  readonly #timeout: Duration
  readonly #listener: StoreListener
  readonly #metrics: SessionMetrics | undefined
  readonly #deadlines: Deadlines
  readonly #breaker: Breaker

  constructor(store: SessionStore, timeout: Duration, listener: StoreListener, metrics?: SessionMetrics) {
    this.#store = store
    this.#metrics = metrics
    this.#timeout = timeout
    this.#listener = listener
    this.#deadlines = new Deadlines(timeout, (verb) => this.#failure(verb, this.#late()))
    this.#breaker = new Breaker(() => this.check(), listener)
  }

  /** For how long the store has not been asked, in milliseconds; `undefined` while it is. */
  get downFor(): Duration | undefined {
    return this.#breaker.downFor
  }

  /** @param isFresh - whether the answer must be what is stored now */
  load(key: string, isFresh = false): Awaitable<SessionRecord | FormerKey | undefined> {
    // Every request comes here, so it is spared the function that the other calls make.
    if (this.#metrics) return this.#call('load', () => this.#store.load(key, isFresh ? FRESH : undefined))
    if (this.#breaker.isDown) throw this.#turnedAway('load')
    let answer: Awaitable<SessionRecord | FormerKey | undefined>
    try {
      answer = isFresh ? this.#store.load(key, FRESH) : this.#store.load(key)
    } catch (cause) {
      throw this.#failure('load', cause)
    }
    return this.#answered('load', answer)
  }

  create(record: SessionRecord, limit?: SubjectLimit): Awaitable<Evictions | undefined> {
    return this.#call('create', () => this.#store.create(record, limit))
  }

  update(key: string, patch: RecordPatch): Awaitable<Outcome> {
    return this.#call('update', () => this.#store.update(key, patch))
  }

  touch(key: string, lastSeenAt: number): Awaitable<boolean> {
    return this.#call('touch', () => this.#store.touch(key, lastSeenAt))
  }

  delete(key: string): Awaitable<boolean> {
    return this.#call('delete', () => this.#store.delete(key))
  }

  /** `rotate` of a store with that ability. */
  rotate(key: string, newKey: string, patch: RotatePatch): Awaitable<Outcome | Evictions> {
    return this.#call('rotate', () => (this.#store as SessionStore & Rotating).rotate(key, newKey, patch))
  }

  /** `confirm` of a store with the ability `rotating`. */
  confirm(key: string, formerKey: string, goodUntil: number): Awaitable<void> {
    return this.#call('confirm', () => (this.#store as SessionStore & Rotating).confirm(key, formerKey, goodUntil))
  }

  /** A verb of a store with the ability `by-subject`. */
  bySubject<T>(verb: keyof BySubject, call: (store: BySubject) => Awaitable<T>): Awaitable<T> {
    return this.#call(verb, () => call(this.#store as SessionStore & BySubject))
  }

  /** A verb of a store that takes over the sessions of another library. */
  adopting<T>(
    verb: 'foreign' | 'adopt' | 'forget' | 'settle',
    call: (adopting: Adopting) => Awaitable<T>,
  ): Awaitable<T> {
    return this.#call(verb, () => call(this.#store.adopting!))
  }

  /** `sweep` of a store with that ability. */
  sweep(limit: number): Awaitable<number> {
    return this.#call('sweep', () => (this.#store as SessionStore & Sweeping).sweep(limit))
  }

  /**
   * Asks for a record that can't be there, also while the store is down.
   *
   * @throws SessionError `STORE_UNAVAILABLE`
   */
  async check(): Promise<void> {
    await this.#try('load', () => this.#nobody())
  }

  /**
   * Has the store prove itself, where it has the ability `probing`, else as {@link check}.
   *
   * @param atMost - milliseconds that are left for it, where those are less than `storeTimeout`
   * @throws SessionError `STORE_UNAVAILABLE`, `STORE_UNFIT`
   */
  async probe(atMost = this.#timeout): Promise<void> {
    const timeout = Math.min(this.#timeout, atMost)
    if (!this.#store.abilities.has('probing')) await this.#try('load', () => this.#nobody(), timeout)
    else await this.#try('probe', () => (this.#store as SessionStore & Probing).probe(), timeout)
  }

  /** The store is not to be asked until it has answered a try. */
  takeDown(error: SessionError): void {
    this.#breaker.down(error)
  }

  /**
   * What a function of the application answers, by the same deadline.
   *
   * @throws SessionError `STORE_UNAVAILABLE` if it is late, and what the function throws.
   */
  inTime<T>(name: string, answer: Awaitable<T>): Awaitable<T> {
    if (!isPromise(answer)) return answer
    return new Promise((resolve, reject) => {
      const late = new SessionError(
        'STORE_UNAVAILABLE',
        `The function \`${name}\` gave no answer within ${this.#timeout} ms, so the request was refused. Have it answer sooner.`,
      )
      const timer = setTimeout(reject, this.#timeout, late)
      answer.then(resolve, reject).then(() => clearTimeout(timer))
    })
  }

  /** Ends the tries of a store that is down, and waits for the calls that are under way. */
  close(): Promise<void> {
    this.#breaker.close()
    return this.#deadlines.idle()
  }

  #call<T>(verb: string, call: () => Awaitable<T>): Awaitable<T> {
    return this.#metrics ? this.#measured(this.#metrics, verb, call) : this.#ask(verb, call)
  }

  #measured<T>(metrics: SessionMetrics, verb: string, call: () => Awaitable<T>): Awaitable<T> {
    const isRefused = this.#breaker.isDown
    const start = performance.now()
    return watched(
      () => this.#ask(verb, call),
      (hasFailed, error) => {
        const outcome = isRefused ? 'refused' : hasFailed ? outcomeOf(error) : 'ok'
        metrics.storeCall(verb, outcome, performance.now() - start)
      },
    )
  }

  #ask<T>(verb: string, call: () => Awaitable<T>): Awaitable<T> {
    if (this.#breaker.isDown) throw this.#turnedAway(verb)
    let answer: Awaitable<T>
    try {
      answer = call()
    } catch (cause) {
      throw this.#failure(verb, cause)
    }
    return this.#answered(verb, answer)
  }

  #answered<T>(verb: string, answer: Awaitable<T>): Awaitable<T> {
    if (isPromise(answer)) return this.#beforeDeadline(verb, answer)
    this.#breaker.answered()
    return answer
  }

  #beforeDeadline<T>(verb: string, answer: PromiseLike<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const waiting = this.#deadlines.begin(verb, reject)
      answer.then(
        (value) => {
          if (!this.#deadlines.end(waiting)) return
          this.#breaker.answered()
          resolve(value)
        },
        (cause: unknown) => {
          if (this.#deadlines.end(waiting)) reject(this.#failure(verb, cause))
        },
      )
    })
  }

  /** A call besides those of the requests: what becomes of it is for its caller to tell. */
  async #try(verb: string, call: () => Awaitable<unknown>, timeout = this.#timeout): Promise<void> {
    let timer: NodeJS.Timeout | undefined
    try {
      const late = new Promise((_, reject) => (timer = setTimeout(() => reject(this.#late(timeout)), timeout)))
      await Promise.race([call(), late])
    } catch (cause) {
      const error = this.#errorOf(verb, cause)
      if (!ANSWERS.has(error.code)) throw error
    } finally {
      clearTimeout(timer)
    }
  }

  #failure(verb: string, cause: unknown): SessionError {
    const error = this.#errorOf(verb, cause)
    if (ANSWERS.has(error.code)) this.#breaker.answered()
    else {
      this.#listener.failed(verb, error)
      // A store that refuses to write may well read: one that is full, or has become a replica.
      if (READS.has(verb) || cause instanceof LateError) this.#breaker.failed(error)
    }
    return error
  }

  #errorOf(verb: string, cause: unknown): SessionError {
    if (cause instanceof SessionError && (ANSWERS.has(cause.code) || AS_THEY_ARE.has(cause.code))) return cause
    return new SessionError(
      'STORE_UNAVAILABLE',
      `The session store "${this.#store.name}" did not ${verb}. See the cause. Nothing was half saved.`,
      { cause },
    )
  }

  #turnedAway(verb: string): SessionError {
    const seconds = ((this.downFor ?? 0) / 1000).toFixed(1)
    return new SessionError(
      'STORE_UNAVAILABLE',
      `The session store "${this.#store.name}" was not asked to ${verb}: it has been down for ${seconds} s. It is tried ` +
        'again in the background. Nothing was half saved.',
    )
  }

  /** Under a key that no session has. */
  #nobody(): Awaitable<unknown> {
    return this.#store.load(keyOf(newId(undefined)), FRESH)
  }

  #late(timeout = this.#timeout): Error {
    return new LateError(`No answer within ${Math.round(timeout)} ms.`)
  }
}

const FRESH: LoadOptions = Object.freeze({ fresh: true })

/** The verbs whose failure says that the store can't be asked. Of the others only silence says so. */
const READS: ReadonlySet<string> = new Set(['load', 'list', 'find', 'count', 'foreign'])

/** The cause of a failure that is a deadline. */
class LateError extends Error {}

function outcomeOf(error: unknown): StoreCallOutcome {
  if (!(error instanceof SessionError)) return 'failed'
  if (ANSWERS.has(error.code)) return 'ok'
  return error.cause instanceof LateError ? 'timeout' : 'failed'
}

/** Errors by which a store answers a call. Any other, such as one for a client that is not installed, is a failure of it. */
const ANSWERS: ReadonlySet<SessionErrorCode> = new Set<SessionErrorCode>([
  'RECORD_EXISTS',
  'RECORD_UNREADABLE',
  'SESSION_LIMIT_REACHED',
  'SESSION_TOO_LARGE',
])

/** Errors of a store that need no other around them. */
const AS_THEY_ARE: ReadonlySet<SessionErrorCode> = new Set<SessionErrorCode>(['STORE_UNAVAILABLE', 'STORE_UNFIT'])
