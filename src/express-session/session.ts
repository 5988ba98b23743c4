import type { VerbCallback } from '../core/session.js'
import type { Cookie, CookieData } from './cookie.js'

/**
 * The data of your sessions, typed once by declaration merging:
 *
 * ```ts fragment
 * declare module 'latchkey/express-session' {
 *   interface SessionData {
 *     userId: number
 *   }
 * }
 * ```
 *
 * Every property may be absent in a session, so `req.session.userId` is `number | undefined`.
 */
export interface SessionData {
  cookie: Cookie
}

/** What the verbs of a session do, for a request whose session this library keeps. */
export interface SessionKeeper {
  save(session: Session, callback?: VerbCallback): void
  reload(session: Session, callback?: VerbCallback): void
  regenerate(session: Session, callback?: VerbCallback): void
  destroy(session: Session, callback?: VerbCallback): void
  touch(session: Session): void
}

/** What a session needs of its request: one of Express, or anything with an id and a store, as a WebSocket server makes it. */
export interface SessionRequest {
  sessionID: string
  sessionStore: StoreOfRequest
  session?: (Session & Partial<SessionData>) | null | undefined
}

/** What a session needs of the store of its request. */
export interface StoreOfRequest {
  get(sid: string, callback: (error?: unknown, session?: StoredSession | null) => void): void
  set(sid: string, session: SessionData, callback?: VerbCallback): void
  destroy(sid: string, callback?: VerbCallback): void
  regenerate(request: SessionRequest, callback: VerbCallback): void
  createSession(request: SessionRequest, session: StoredSession): Session & Partial<SessionData>
}

/** A session as a store gives it back: data, and its cookie as it was kept. */
export interface StoredSession {
  cookie: CookieData
  [key: string]: unknown
}

const KEEPER = Symbol('latchkey.keeper')

/** A request whose session may be kept by one of ours. */
interface KeptRequest {
  [KEEPER]?: SessionKeeper
}

/** Has the sessions of a request do through `keeper` what their verbs say. */
export function keepSessionsOf(request: object, keeper: SessionKeeper): void {
  ;(request as KeptRequest)[KEEPER] = keeper
}

/** Who keeps the sessions of a request, if it has come through here. */
export function keeperOf(request: object): SessionKeeper | undefined {
  return (request as KeptRequest)[KEEPER]
}

/**
 * What a handler holds as `req.session`: data as plain properties, `cookie`, and express-session's verbs. Those that take a
 * callback may go without, and the response waits for them either way.
 *
 * One that was made for something else than a request of the middleware (`store.load`, `store.createSession`) goes to
 * `req.sessionStore` by itself.
 */
export class Session {
  /** Its request. */
  declare readonly req: SessionRequest
  /** What the cookie brings: the same as `req.sessionID`. A secret. */
  declare readonly id: string
  declare cookie: Cookie

  /** @param data - what it holds; names that the session itself has are passed over */
  constructor(request: SessionRequest, data?: object | null) {
    Object.defineProperty(this, 'req', { value: request })
    nameSession(this, request.sessionID)
    if (typeof data !== 'object' || data === null) return
    for (const [name, value] of Object.entries(data)) {
      if (!(name in this)) (this as Record<string, unknown>)[name] = value
    }
  }

  /** Begins its time anew. The middleware does so at the end of each request. */
  touch(): this {
    this.resetMaxAge()
    keeperOf(this.req)?.touch(this)
    return this
  }

  /** Gives `cookie.maxAge` its original value. */
  resetMaxAge(): this {
    this.cookie.reset()
    return this
  }

  /** Stores it now instead of at the end of the request. */
  save(callback?: VerbCallback): this {
    const keeper = keeperOf(this.req)
    if (keeper) keeper.save(this, callback)
    else this.req.sessionStore.set(this.id, this, callback ?? noop)
    return this
  }

  /** Reads it again: `req.session` is then another object with what is stored. */
  reload(callback?: VerbCallback): this {
    const keeper = keeperOf(this.req)
    if (keeper) keeper.reload(this, callback)
    else this.#reload(callback ?? noop)
    return this
  }

  /** Ends it. `req.session` is gone at once. */
  destroy(callback?: VerbCallback): this {
    delete this.req.session
    const keeper = keeperOf(this.req)
    if (keeper) keeper.destroy(this, callback)
    else this.req.sessionStore.destroy(this.id, callback)
    return this
  }

  /** Ends it and puts a new one with another id on the request. */
  regenerate(callback?: VerbCallback): this {
    const keeper = keeperOf(this.req)
    if (keeper) keeper.regenerate(this, callback)
    else this.req.sessionStore.regenerate(this.req, callback ?? noop)
    return this
  }

  #reload(callback: VerbCallback): void {
    const { req } = this
    req.sessionStore.get(this.id, (error, stored) => {
      if (error) return callback(error)
      if (!stored) return callback(new Error('failed to load session'))
      req.sessionStore.createSession(req, stored)
      callback()
    })
  }
}

/** Tells a session its id, which a sign-in may change. */
export function nameSession(session: Session, id: string): void {
  Object.defineProperty(session, 'id', { value: id, configurable: true })
}

function noop(): void {}
