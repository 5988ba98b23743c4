import type { ServerResponse } from 'node:http'
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
  const answer = code === undefined ? undefined : ANSWERS[code]
  const { statusCode, reason, message, retryAfter } = answer ?? OTHER
  const known = answer ? code : 'SESSION_FAILED'
  return { statusCode, retryAfter, body: JSON.stringify({ statusCode, code: known, error: reason, message }) }
}

/** Whether an error has an answer of its own, beside that nothing was saved. */
export function isAnswered({ code }: SessionError): boolean {
  return ANSWERS[code] !== undefined
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
  CROSS_SITE_REQUEST: {
    statusCode: 403,
    reason: 'Forbidden',
    message: 'This came from a page of another site, so nothing was done. Try again on the page of this site.',
  },
  SESSION_TOO_LARGE: {
    statusCode: 413,
    reason: 'Payload Too Large',
    message: 'Your session could not be saved: it holds too much.',
  },
  COOKIE_UNDELIVERABLE: {
    statusCode: 500,
    reason: 'Internal Server Error',
    message: 'Your session could not be saved: its cookie can not be delivered on this connection.',
  },
  SESSION_GONE: {
    statusCode: 401,
    reason: 'Unauthorized',
    message: 'Your session has ended meanwhile. Sign in again.',
  },
  SESSION_LIMIT_REACHED: {
    statusCode: 409,
    reason: 'Conflict',
    message: 'You are signed in on as many devices as you may be. Sign out on one of them first.',
  },
}

const OTHER: Answer = {
  statusCode: 500,
  reason: 'Internal Server Error',
  message: 'Your session could not be saved.',
}

/** Headers that speak of the answer that is not given. */
const OF_THE_BODY =
  /^(?:content-|transfer-encoding$|etag$|last-modified$|cache-control$|expires$|location$|set-cookie$|session-token$|accept-ranges$|trailer$|link$)/i

/**
 * Gives a failure as the whole answer, unless one has left already. Headers that are not about the body, such as those of
 * CORS, stay.
 *
 * @param methods - whose `writeHead` and `end` to call: those below a middleware that would dress up the head once more.
 */
export function answer(
  response: ServerResponse,
  { statusCode, retryAfter, body }: Failure,
  methods: Readonly<Record<'writeHead' | 'end', (this: unknown, ...args: never[]) => unknown>> = response,
): void {
  // Somebody before the sessions, such as a time-out, may have answered while the store was asked.
  if (response.headersSent) return
  for (const name of response.getHeaderNames()) {
    if (OF_THE_BODY.test(name) && !/^content-security-policy/i.test(name)) response.removeHeader(name)
  }
  response.setHeader('Content-Type', 'application/json; charset=utf-8')
  response.setHeader('Content-Length', Buffer.byteLength(body))
  response.setHeader('Cache-Control', 'no-store')
  if (retryAfter !== undefined) response.setHeader('Retry-After', retryAfter)
  methods.writeHead.call(response, statusCode as never)
  methods.end.call(response, body as never)
}
