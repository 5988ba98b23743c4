import type { Duration } from './duration.js'
import { SessionError, type SessionErrorCode } from './errors.js'
import type { FormerKey, RecordPatch, RotatePatch, SessionRecord, SubjectLimit } from './record.js'
import type { Awaitable, BySubject, Evictions, Outcome, Rotating, SessionStore, Sweeping } from './store.js'

/** Whether a store answered with a promise. */
export function isPromise<T>(value: Awaitable<T>): value is PromiseLike<T> {
  return typeof value === 'object' && value !== null && 'then' in value
}

/** Goes on with a value, at once if it is there. */
export function after<T, R>(value: Awaitable<T>, next: (value: T) => Awaitable<R>): Awaitable<R> {
  return isPromise(value) ? value.then(next) : next(value)
}

/**
 * A store as the engine calls it: every call has a deadline, and whatever goes wrong becomes a `STORE_UNAVAILABLE` with
 * its cause. What a call answers after its deadline is dropped.
 */
export class StoreCalls {
  readonly #store: SessionStore
  readonly #timeout: Duration
  readonly #failed: (verb: string, error: SessionError) => void

  constructor(store: SessionStore, timeout: Duration, failed: (verb: string, error: SessionError) => void) {
    this.#store = store
    this.#timeout = timeout
    this.#failed = failed
  }

  load(key: string): Awaitable<SessionRecord | FormerKey | undefined> {
    return this.#call('load', () => this.#store.load(key))
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

  /** `sweep` of a store with that ability. */
  sweep(limit: number): Awaitable<number> {
    return this.#call('sweep', () => (this.#store as SessionStore & Sweeping).sweep(limit))
  }

  #call<T>(verb: string, call: () => Awaitable<T>): Awaitable<T> {
    let answer: Awaitable<T>
    try {
      answer = call()
    } catch (cause) {
      throw this.#failure(verb, cause)
    }
    return isPromise(answer) ? this.#beforeDeadline(verb, answer) : answer
  }

  #beforeDeadline<T>(verb: string, answer: PromiseLike<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      let late = false
      const timer = setTimeout(() => {
        late = true
        reject(this.#failure(verb, new Error(`No answer within ${this.#timeout} ms.`)))
      }, this.#timeout)
      answer.then(
        (value) => {
          clearTimeout(timer)
          resolve(value)
        },
        (cause: unknown) => {
          clearTimeout(timer)
          if (!late) reject(this.#failure(verb, cause))
        },
      )
    })
  }

  #failure(verb: string, cause: unknown): SessionError {
    if (cause instanceof SessionError && ANSWERS.has(cause.code)) return cause
    const error =
      cause instanceof SessionError && cause.code === 'STORE_UNAVAILABLE'
        ? cause
        : new SessionError(
            'STORE_UNAVAILABLE',
            `The session store "${this.#store.name}" did not ${verb}. See the cause; the request was refused and nothing was half saved.`,
            { cause },
          )
    this.#failed(verb, error)
    return error
  }
}

/** Errors by which a store answers a call. Any other, such as one for a client that is not installed, is a failure of it. */
const ANSWERS: ReadonlySet<SessionErrorCode> = new Set<SessionErrorCode>([
  'RECORD_EXISTS',
  'RECORD_UNREADABLE',
  'SESSION_LIMIT_REACHED',
])
