import { ForbiddenException, Inject, Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common'
import { Reflector } from '@nestjs/core'
import type { Session } from '../core/session.js'
import type { Door } from '../http/door.js'
import { recipeUser } from '../http/user.js'
import { PUBLIC, ROLES, SESSION_DOOR, SESSION_OPTIONS } from './session.constants.js'
import type { SessionModuleOptions } from './session.module-definition.js'
import { assertUnopposed, notSignedIn } from './session.policy-guard.js'
import { requestOf } from './session.request.js'

/**
 * Lets in whoever is signed in, that is, whose session has a subject, and puts the user on `request.user`.
 *
 * Without one it answers 401 `Session not found`, and 503 where the store is down, because then nobody knows; with
 * `@Roles()` and none of the roles, 403. With `@Public()` it lets everybody in. For single controllers by `@UseGuards(SessionAuthGuard)`, for all by `APP_GUARD`.
 */
@Injectable()
export class SessionAuthGuard implements CanActivate {
  constructor(
    @Inject(Reflector) protected readonly reflector: Reflector,
    @Inject(SESSION_DOOR) protected readonly door: Door,
    @Inject(SESSION_OPTIONS) protected readonly options: SessionModuleOptions,
  ) {}

  canActivate(context: ExecutionContext): boolean {
    const request = requestOf(context)
    assertUnopposed(request)
    const { session } = request
    const isSignedIn = session !== undefined && this.door.engine.subjectOf(session) !== undefined
    if (isSignedIn) request.user = this.userOf(session)
    if (this.metadata<boolean>(PUBLIC, context)) return true
    if (!isSignedIn) throw notSignedIn(request)
    const roles = this.metadata<readonly unknown[]>(ROLES, context)
    if (roles && !rolesOf(request.user).some((role) => roles.includes(role))) {
      throw new ForbiddenException('Your role does not allow this')
    }
    return true
  }

  /** What is put on `request.user`: by default what the option `user` makes of the session. */
  protected userOf(session: Session<Record<string, unknown>>): unknown {
    return (this.options.user ?? recipeUser)(session)
  }

  private metadata<T>(key: string, context: ExecutionContext): T | undefined {
    return this.reflector.getAllAndOverride<T | undefined>(key, [context.getHandler(), context.getClass()])
  }
}

function rolesOf(user: unknown): readonly unknown[] {
  const { role, roles } = (user ?? {}) as { role?: unknown; roles?: unknown }
  return Array.isArray(roles) ? [role, ...(roles as unknown[])] : [role]
}
