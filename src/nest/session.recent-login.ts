import {
  applyDecorators,
  ForbiddenException,
  Inject,
  Injectable,
  SetMetadata,
  UseGuards,
  type CanActivate,
  type ExecutionContext,
} from '@nestjs/common'
import { Reflector } from '@nestjs/core'
import type { Duration } from '../core/duration.js'
import { invalid, shown } from '../core/options.js'
import type { Door } from '../http/door.js'
import { RECENT_LOGIN, SESSION_DOOR } from './session.constants.js'
import { assertUnopposed, notSignedIn } from './session.policy-guard.js'
import { requestOf } from './session.request.js'

/**
 * Lets in only who signed in lately; see {@link RequireRecentLogin}, which brings it along.
 */
@Injectable()
export class RecentLoginGuard implements CanActivate {
  constructor(
    @Inject(Reflector) protected readonly reflector: Reflector,
    @Inject(SESSION_DOOR) protected readonly door: Door,
  ) {}

  canActivate(context: ExecutionContext): boolean {
    const within = this.reflector.getAllAndOverride<Duration | undefined>(RECENT_LOGIN, [
      context.getHandler(),
      context.getClass(),
    ])
    if (within === undefined) return true
    const request = requestOf(context)
    assertUnopposed(request)
    const { session } = request
    const { engine } = this.door
    if (session === undefined || engine.subjectOf(session) === undefined) {
      throw notSignedIn(request)
    }
    const { authenticatedAt } = session
    if (authenticatedAt !== undefined && engine.now - authenticatedAt < within) return true
    throw new ForbiddenException({
      statusCode: 403,
      code: 'RECENT_LOGIN_REQUIRED',
      error: 'Forbidden',
      message: 'You signed in too long ago for this. Sign in again.',
    })
  }
}

/**
 * Lets in only who signed in within this time: `@RequireRecentLogin(minutes(5))`, on a handler or a controller. Others get
 * 403 with the code `RECENT_LOGIN_REQUIRED`, on which a client can ask for the password once more; who is not signed in at
 * all gets 401. Signing in again by `SessionService.login` counts; assigning the same `userId` once more does not.
 *
 * @param within - milliseconds, such as `minutes(5)`
 * @throws SessionError `OPTIONS_INVALID` for anything but a positive number.
 */
export function RequireRecentLogin(within: Duration): ClassDecorator & MethodDecorator {
  if (typeof within !== 'number' || !Number.isFinite(within) || within <= 0) {
    throw invalid(
      `RequireRecentLogin got ${shown(within)}. Give a positive number of milliseconds, such as minutes(5).`,
    )
  }
  return applyDecorators(SetMetadata(RECENT_LOGIN, within), UseGuards(RecentLoginGuard))
}
