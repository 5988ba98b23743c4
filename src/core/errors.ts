/**
 * What went wrong, as a literal that code can act on. Every code is explained in `docs/reference/errors.md`.
 */
export type SessionErrorCode =
  | 'OPTIONS_INVALID'
  | 'STORE_UNAVAILABLE'
  | 'STORE_CLOSED'
  | 'STORE_UNFIT'
  | 'RECORD_EXISTS'
  | 'SESSION_LIMIT_REACHED'
  | 'RECORD_UNREADABLE'
  | 'VALUE_NOT_STORABLE'
  | 'SESSION_TOO_LARGE'
  | 'SUBJECT_INVALID'
  | 'SUBJECT_CHANGE_REFUSED'
  | 'SESSION_GONE'
  | 'WRITE_CONFLICT'
  | 'CROSS_SITE_REQUEST'
  | 'COOKIE_UNDELIVERABLE'
  | 'HEADERS_SENT'
  | 'REQUEST_WITHOUT_SESSION'
  | 'ABILITY_MISSING'

/** The error of a store that keeps a subject's limit by refusing. */
export function limitReached(max: number): SessionError {
  return new SessionError(
    'SESSION_LIMIT_REACHED',
    `The subject has ${max === 1 ? 'a session already' : `${max} sessions already`}, which is as many as \`maxSessions\` allows, and \`onLimit\` is 'refuse'. ` +
      'End one of them first, or let the oldest go with `evict-oldest`.',
  )
}

/** The error of a store for a new record whose key is not free. */
export function keyTaken(): SessionError {
  return new SessionError(
    'RECORD_EXISTS',
    'The key of a new session is already taken. Create each session with a new id.',
  )
}

/**
 * The one error class of Latchkey: a broken thing, never an absent one.
 *
 * The message says what happened, with what value, and what to do about it. It never holds an id, a token, a key or
 * a cookie. `cause` is the error underneath, where there is one.
 */
export class SessionError extends Error {
  override readonly name = 'SessionError'
  readonly code: SessionErrorCode

  constructor(code: SessionErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options)
    this.code = code
  }
}
