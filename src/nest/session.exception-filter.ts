import { Catch, InternalServerErrorException, Logger, type ArgumentsHost } from '@nestjs/common'
import { BaseExceptionFilter } from '@nestjs/core'
import { SessionError } from '../core/errors.js'
import { asHttp, bodyOf, SessionStoreUnavailableException } from './session.exceptions.js'

/**
 * Answers a {@link SessionError} that a handler lets through, such as one of `session.save()`, with its status, its code and
 * a general sentence, and sends `Retry-After` where the store is down. Global, and the last to be asked: a filter of the
 * application that catches such an error, or all, goes over it.
 */
@Catch(SessionError, SessionStoreUnavailableException)
export class SessionExceptionFilter extends BaseExceptionFilter {
  override catch(error: SessionError | SessionStoreUnavailableException, host: ArgumentsHost): unknown {
    const answer = told(asHttp(error))
    const type = host.getType<string>()
    // GraphQL tells its client what a filter answers. Others have rules of their own for what nobody caught.
    if (type !== 'http') return type === 'graphql' ? answer : undefined
    if (answer instanceof SessionStoreUnavailableException) this.#sendRetryAfter(answer, host)
    super.catch(answer, host)
  }

  #sendRetryAfter({ retryAfter }: SessionStoreUnavailableException, host: ArgumentsHost): void {
    const adapter = this.httpAdapterHost?.httpAdapter
    const response: unknown = host.switchToHttp().getResponse()
    if (retryAfter === undefined || !adapter || adapter.isHeadersSent(response)) return
    adapter.setHeader(response, 'Retry-After', String(retryAfter))
  }
}

const logger = new Logger('SessionExceptionFilter')

/** A fault of the application is for its log; its client is told that much, by a code. */
function told(error: unknown): unknown {
  if (!(error instanceof SessionError)) return error
  logger.error(error)
  return new InternalServerErrorException(bodyOf(error), { cause: error })
}
