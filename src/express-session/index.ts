import type { IncomingMessage, ServerResponse } from 'node:http'
import { Cookie, type CookieData, type CookieOptions } from './cookie.js'
import { SessionDoor, type DropInRequest } from './door.js'
import { MemoryStore } from './memory-store.js'
import type { SessionOptions } from './options.js'
import { Session, type SessionData, type StoredSession } from './session.js'
import { Store } from './store.js'
import type { RequestSession } from '../http/request-session.js'

declare global {
  // eslint-disable-next-line @typescript-eslint/no-namespace
  namespace Express {
    interface LatchkeySessions {
      dropIn: Session & Partial<SessionData>
    }

    interface Request {
      /** The id of the session. A secret. */
      sessionID: string
      /** The store, as express-session shows it. */
      sessionStore: Store
    }
  }
}

/** The middleware that {@link session} makes. */
export interface SessionMiddlewareFunction {
  (request: IncomingMessage, response: ServerResponse, next: (error?: unknown) => void): void
  /**
   * Waits until the store can be used, for `startTimeout` at most: `await` it before the server listens.
   *
   * @throws SessionError `STORE_UNAVAILABLE`, `STORE_UNFIT`
   */
  ready(): Promise<void>
  /**
   * Waits for the requests that are under way to be saved, 5 seconds at most, and closes what a store of Latchkey opened
   * itself. Twice is not an error.
   */
  close(): Promise<void>
}

/**
 * The middleware of express-session, over the engine of Latchkey: `app.use(session({ secret, store }))`. Cookies and records
 * that express-session has written stay good. What is different, and why: `docs/guide/from-express-session.md`.
 *
 * @throws TypeError for options that express-session refuses, and SessionError `OPTIONS_INVALID` for others that can't work.
 */
function session(options: SessionOptions = {}): SessionMiddlewareFunction {
  const door = new SessionDoor(options)
  return Object.assign(
    function session(request: IncomingMessage, response: ServerResponse, next: (error?: unknown) => void): void {
      door.enter(request as DropInRequest, response, next)
    },
    { ready: () => door.engine.ready(), close: () => door.close() },
  )
}

// As express-session has them, behind the name of its function.
// eslint-disable-next-line @typescript-eslint/no-namespace
declare namespace session {
  export { Cookie, MemoryStore, Session, Store }
  export type { CookieData, CookieOptions, SessionData, SessionOptions, StoredSession }
}

Object.assign(session, { Cookie, MemoryStore, Session, Store })

export default session
export { session as 'module.exports', Cookie, MemoryStore, Session, Store }
export { SessionError, type SessionErrorCode } from '../core/errors.js'
export type { SessionEvent, SessionObserver } from '../core/events.js'
export type { CookieSecret } from '../http/foreign-cookie.js'
export type { LogFields, LogLevel, SessionLog } from '../http/log.js'
export type { ExpressStore } from '../stores/express.js'
export type { MemoryStoreConstructor } from './memory-store.js'
export type { SessionRequest } from './session.js'
export type { StoreConstructor } from './store.js'
export type { CookieData, CookieOptions, RequestSession, SessionData, SessionOptions, StoredSession }
