import { createParamDecorator, SetMetadata, type CustomDecorator, type ExecutionContext } from '@nestjs/common'
import { PUBLIC, ROLES } from './session.constants.js'
import { requestOf } from './session.request.js'

/**
 * The user that {@link SessionAuthGuard} put on the request, or one property of it: `@CurrentUser('id')`. `undefined`
 * where the guard did not run or nobody is signed in.
 */
export const CurrentUser: (property?: string) => ParameterDecorator = createParamDecorator(
  (property: string | undefined, context: ExecutionContext): unknown => {
    const { user } = requestOf(context)
    return property === undefined ? user : (user as Readonly<Record<string, unknown>> | undefined)?.[property]
  },
)

/** Lets everybody in where {@link SessionAuthGuard} is global. A signed-in user is put on the request all the same. */
export const Public = (): CustomDecorator => SetMetadata(PUBLIC, true)

/** Lets only users in who have one of these roles in `role`, or in the list `roles`; others get 403. For {@link SessionAuthGuard}. */
export const Roles = (...roles: readonly string[]): CustomDecorator => SetMetadata(ROLES, roles)
