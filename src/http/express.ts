import type { IncomingMessage, ServerResponse } from 'node:http'
import type { SessionEngine } from '../core/engine.js'
import type { Session, SessionData } from '../core/session.js'
import { Door, TRUST_PROXY } from './door.js'
import type { SessionOptions } from './options.js'
import type { RequestSession } from './request-session.js'

declare global {
  // eslint-disable-next-line @typescript-eslint/no-namespace
  namespace Express {
    interface LatchkeySessions {
      native: Session
    }
  }
}

/** A middleware for Express, and for everything else that calls `(req, res, next)` with Node's own request and response. */
export interface SessionMiddlewareFunction {
  (request: IncomingMessage, response: ServerResponse, next: (error?: unknown) => void): void
  /** The engine behind it. */
  readonly engine: SessionEngine
  /**
   * Waits until the store can be used, for `startTimeout` at most: `await` it before the server listens.
   *
   * @throws SessionError `STORE_UNAVAILABLE`, `STORE_UNFIT`; then everything is closed.
   */
  ready(): Promise<void>
  /**
   * Waits for the requests that are under way to be committed, 5 seconds at most, stops what runs in the background and
   * closes what the store opened itself. Twice is not an error.
   */
  close(): Promise<void>
}

/**
 * Sessions for Express: `app.use(sessions({ secret, store }))`. Every request after it has `req.session`, loaded.
 *
 * A store that fails is answered with 503 and `Retry-After`, never passed on as an error.
 *
 * @throws SessionError `OPTIONS_INVALID` for options that can't work.
 */
export function sessions(options: SessionOptions): SessionMiddlewareFunction {
  const door = new Door(options, () => TRUST_PROXY.express)
  return Object.assign(
    (request: IncomingMessage, response: ServerResponse, next: (error?: unknown) => void): void => {
      door.enter(request, response, request, next)
    },
    { engine: door.engine, ready: () => door.ready(), close: () => door.close() },
  )
}

export { explain, type Explanation, type ExplanationReason } from './explain.js'
export type { LogFields, LogLevel, SessionLog } from './log.js'
export type { StoreDownPolicy } from './objections.js'
export type { CookieOptions, SessionOptions, Transport } from './options.js'
export { days, hours, minutes, seconds, type Duration } from '../core/duration.js'
export { SessionError, type SessionErrorCode } from '../core/errors.js'
export type { SessionEvent, SessionObserver } from '../core/events.js'
export type { RequestSession }
export type { Session, SessionData }
