import { createParamDecorator, SetMetadata, type CustomDecorator, type ExecutionContext } from '@nestjs/common'
import type { StoreDownPolicy } from '../http/objections.js'
import { assertStoreDownPolicy } from '../http/options.js'
import { FRESH_SESSION, ON_STORE_DOWN, PUBLIC, ROLES, SKIP_CSRF } from './session.constants.js'
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

/**
 * Takes requests of other sites on this handler, or all of a controller, whatever the option `csrf` says: for what is meant
 * to be called from anywhere. Nest middleware still runs before it is known which handler it will be, and sees nobody
 * signed in on such a request; the handler, its guards and its pipes see the session.
 */
export const SkipCsrf = (): CustomDecorator => SetMetadata(SKIP_CSRF, true)

/**
 * Reads the session from the store again before the guards of this handler, or of all of a controller, past a near cache: for
 * what must not be done by somebody who was signed out a moment ago. If the session is over by then, the request is one
 * without a session. Nest middleware has run before that. It costs one store call, and is of use only with a near cache.
 */
export const FreshSession = (): CustomDecorator => SetMetadata(FRESH_SESSION, true)

/**
 * What becomes of a request to this handler, or to all of a controller, whose session can't be loaded because the store is
 * down: `refuse` answers 503, `anonymous` runs it with an empty session whose `isAvailable` is `false`. On a handler it goes
 * over that of the controller, and both over the option `onStoreDown`.
 *
 * @throws SessionError `OPTIONS_INVALID` for anything else.
 */
export function OnStoreDown(policy: StoreDownPolicy): CustomDecorator {
  assertStoreDownPolicy('The policy of @OnStoreDown()', policy)
  return SetMetadata(ON_STORE_DOWN, policy)
}
