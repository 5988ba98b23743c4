import { ServiceUnavailableException } from '@nestjs/common'
import { SessionError } from '../core/errors.js'
import { failureOf } from '../http/failure.js'

/** The store could not be asked: 503, with the code `STORE_UNAVAILABLE` in its body. `cause` is the {@link SessionError}. */
export class SessionStoreUnavailableException extends ServiceUnavailableException {
  constructor(error: SessionError) {
    super(JSON.parse(failureOf(error).body) as object, { cause: error })
  }
}

/** Gives an error of the store its HTTP status; others pass. */
export function asHttp(error: unknown): unknown {
  return error instanceof SessionError && error.code === 'STORE_UNAVAILABLE'
    ? new SessionStoreUnavailableException(error)
    : error
}
