import {
  ConflictException,
  PayloadTooLargeException,
  ServiceUnavailableException,
  UnauthorizedException,
} from '@nestjs/common'
import { SessionError } from '../core/errors.js'
import { failureOf } from '../http/failure.js'

/** The store could not be asked: 503, with the code `STORE_UNAVAILABLE` in its body. `cause` is the {@link SessionError}. */
export class SessionStoreUnavailableException extends ServiceUnavailableException {
  constructor(error: SessionError) {
    super(bodyOf(error), { cause: error })
  }
}

/** The user has as many sessions as `maxSessions` allows: 409, with the code `SESSION_LIMIT_REACHED` in its body. `cause` is the {@link SessionError}. */
export class SessionLimitException extends ConflictException {
  constructor(error: SessionError) {
    super(bodyOf(error), { cause: error })
  }
}

/** The session ended while the request was at work on it: 401, with the code `SESSION_GONE` in its body. `cause` is the {@link SessionError}. */
export class SessionGoneException extends UnauthorizedException {
  constructor(error: SessionError) {
    super(bodyOf(error), { cause: error })
  }
}

/** The data would be larger than `maxBytes` allows: 413, with the code `SESSION_TOO_LARGE` in its body. `cause` is the {@link SessionError}. */
export class SessionTooLargeException extends PayloadTooLargeException {
  constructor(error: SessionError) {
    super(bodyOf(error), { cause: error })
  }
}

/** Gives errors that are a client's to hear of their HTTP status; others pass. */
export function asHttp(error: unknown): unknown {
  if (!(error instanceof SessionError)) return error
  switch (error.code) {
    case 'STORE_UNAVAILABLE':
      return new SessionStoreUnavailableException(error)
    case 'SESSION_GONE':
      return new SessionGoneException(error)
    case 'SESSION_LIMIT_REACHED':
      return new SessionLimitException(error)
    case 'SESSION_TOO_LARGE':
      return new SessionTooLargeException(error)
    default:
      return error
  }
}

function bodyOf(error: SessionError): object {
  return JSON.parse(failureOf(error).body) as object
}
