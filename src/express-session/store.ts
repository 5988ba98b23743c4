import { EventEmitter } from 'node:events'
import type { VerbCallback } from '../core/session.js'
import { Cookie } from './cookie.js'
import { Session, type SessionData, type SessionRequest, type StoredSession } from './session.js'

/**
 * What every store of express-session is: an `EventEmitter` with `get`, `set` and `destroy` by id, and where it can `touch`,
 * `all`, `length` and `clear`. Extend it, or call it on an object of yours and inherit from its prototype.
 */
export interface Store extends EventEmitter {
  /** The session with this id; nothing for none, and for an error whose `code` is `ENOENT`. */
  get(sid: string, callback: (error?: unknown, session?: StoredSession | null) => void): void
  set(sid: string, session: SessionData, callback?: VerbCallback): void
  destroy(sid: string, callback?: VerbCallback): void
  touch?(sid: string, session: SessionData, callback?: VerbCallback): void
  all?(callback: (error?: unknown, sessions?: StoredSession[] | Record<string, StoredSession> | null) => void): void
  length?(callback: (error?: unknown, length?: number) => void): void
  clear?(callback?: VerbCallback): void
  /** Puts a new session on a request of the middleware; set by the middleware that uses the store. */
  generate(request: SessionRequest): void
  /** Ends the session of a request and puts a new one on it. */
  regenerate(request: SessionRequest, callback: VerbCallback): void
  /** The session with this id as an object with verbs, without a request. */
  load(sid: string, callback: (error?: unknown, session?: Session & Partial<SessionData>) => void): void
  /** Makes what a store answered the session of a request. */
  createSession(request: SessionRequest, session: StoredSession): Session & Partial<SessionData>
}

/** How {@link Store} is made: with `new`, by a class that extends it, or by a call on an object that inherits from it. */
export interface StoreConstructor {
  new (options?: unknown): Store
  (this: object, options?: unknown): void
  readonly prototype: Store
}

// Stores that are years old call it on their own object, which a class would refuse.
function BaseStore(this: object): void {
  ;(EventEmitter as unknown as (this: object) => void).call(this)
}

Object.setPrototypeOf(BaseStore, EventEmitter)

BaseStore.prototype = Object.create(EventEmitter.prototype, {
  constructor: { value: BaseStore, writable: true, configurable: true },
}) as Store

Object.assign(BaseStore.prototype, {
  regenerate(this: Store, request: SessionRequest, callback: VerbCallback): void {
    this.destroy(request.sessionID, (error) => {
      this.generate(request)
      callback(error)
    })
  },

  load(this: Store, sid: string, callback: (error?: unknown, session?: Session) => void): void {
    this.get(sid, (error, stored) => {
      if (error) return callback(error)
      if (!stored) return callback()
      callback(undefined, this.createSession({ sessionID: sid, sessionStore: this }, stored))
    })
  },

  createSession(this: Store, request: SessionRequest, stored: StoredSession): Session & Partial<SessionData> {
    const { expires, originalMaxAge } = stored.cookie
    const cookie = new Cookie(stored.cookie)
    cookie.resume(originalMaxAge ?? null, expires ? new Date(expires) : null)
    const session = new Session(request, { ...stored, cookie })
    request.session = session
    return session
  },
} satisfies Partial<Store>)

/** The base of the stores of express-session. */
export const Store = BaseStore as unknown as StoreConstructor
