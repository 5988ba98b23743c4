import { Catch, UnauthorizedException, type ArgumentsHost } from '@nestjs/common'
import { BaseExceptionFilter } from '@nestjs/core'
import { SessionError } from 'latchkey'

/** A session that was ended while its request ran is a 401, as it is for the requests after. */
@Catch(SessionError)
export class SessionGoneFilter extends BaseExceptionFilter {
  override catch(error: SessionError, host: ArgumentsHost): void {
    const isGone = error.code === 'SESSION_GONE'
    super.catch(isGone ? new UnauthorizedException('Session not found', { cause: error }) : error, host)
  }
}
