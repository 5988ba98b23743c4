import {
  ConflictException,
  ForbiddenException,
  HttpException,
  PayloadTooLargeException,
  ServiceUnavailableException,
  UnauthorizedException,
} from '@nestjs/common'
import { SessionError } from '../core/errors.js'
import { failureOf } from '../http/failure.js'

/** The store could not be asked: 503, with the code `STORE_UNAVAILABLE` in its body. `cause` is the {@link SessionError}. */
export class SessionStoreUnavailableException extends ServiceUnavailableException {
  /** Seconds, for the header Retry-After. A filter of the application that answers by itself should send it. */
  readonly retryAfter: number | undefined

  constructor(error: SessionError) {
    super(bodyOf(error), { cause: error })
    this.retryAfter = failureOf(error).retryAfter
  }
}

/** A page of another site has sent the request: 403, with the code `CROSS_SITE_REQUEST` in its body. `cause` is the {@link SessionError}. */
export class CrossSiteRequestException extends ForbiddenException {
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
    case 'CROSS_SITE_REQUEST':
      return new CrossSiteRequestException(error)
    case 'SESSION_GONE':
      return new SessionGoneException(error)
    case 'SESSION_LIMIT_REACHED':
      return new SessionLimitException(error)
    case 'SESSION_TOO_LARGE':
      return new SessionTooLargeException(error)
    default: {
      const { statusCode } = failureOf(error)
      return statusCode === 500 ? error : new HttpException(bodyOf(error), statusCode, { cause: error })
    }
  }
}

/** What a client is told of an error. */
export function bodyOf(error: SessionError): object {
  return JSON.parse(failureOf(error).body) as object
}
