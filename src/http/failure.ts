import type { SessionError, SessionErrorCode } from '../core/errors.js'

/** An answer that says what went wrong, in general words: a client sees no text of a store and no stack. */
export interface Failure {
  readonly statusCode: number
  /** Seconds, for the header Retry-After. */
  readonly retryAfter: number | undefined
  /** JSON. */
  readonly body: string
}

/** The answer for a session that could not be opened or committed. */
export function failureOf(error: unknown): Failure {
  const code = (error as SessionError | undefined)?.code
  const { statusCode, reason, message, retryAfter } = ANSWERS[code as SessionErrorCode] ?? ANSWERS.OPTIONS_INVALID!
  const known = code !== undefined && code in ANSWERS ? code : 'SESSION_FAILED'
  return { statusCode, retryAfter, body: JSON.stringify({ statusCode, code: known, error: reason, message }) }
}

interface Answer {
  readonly statusCode: number
  readonly reason: string
  readonly message: string
  readonly retryAfter?: number
}

const ANSWERS: Readonly<Partial<Record<SessionErrorCode, Answer>>> = {
  STORE_UNAVAILABLE: {
    statusCode: 503,
    reason: 'Service Unavailable',
    message: 'Your session could not be read or saved just now. Try again in a moment.',
    retryAfter: 1,
  },
  VALUE_NOT_STORABLE: {
    statusCode: 500,
    reason: 'Internal Server Error',
    message: 'Your session could not be saved: it holds a value that can not be stored.',
  },
  COOKIE_UNDELIVERABLE: {
    statusCode: 500,
    reason: 'Internal Server Error',
    message: 'Your session could not be saved: its cookie can not be delivered on this connection.',
  },
  SESSION_LIMIT_REACHED: {
    statusCode: 409,
    reason: 'Conflict',
    message: 'You are signed in on as many devices as you may be. Sign out on one of them first.',
  },
  OPTIONS_INVALID: {
    statusCode: 500,
    reason: 'Internal Server Error',
    message: 'Your session could not be saved.',
  },
}
