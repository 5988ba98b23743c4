/** The token under which the module's options are injected. */
export { MODULE_OPTIONS_TOKEN as SESSION_OPTIONS } from './session.module-definition.js'

/** The token of what the module, the middleware and the service share. */
export const SESSION_DOOR = Symbol('latchkey.door')

/** The token of where the module tells what happens, for `SessionEvents`. */
export const SESSION_SUBJECT = Symbol('latchkey.subject')

/**
 * The token of a cache whose keys `session:ID` are the sessions themselves, for a `SessionService` as the recipe has it:
 * `@Inject(CACHE_MANAGER)`. {@link SessionModule} provides a `Cache` for it. It is not that of `@nestjs/cache-manager`, and
 * goes beside it.
 */
export const CACHE_MANAGER: symbol = Symbol('latchkey.cache')

/** Metadata of `@Public()`. */
export const PUBLIC = 'latchkey:public'

/** Metadata of `@Roles()`. */
export const ROLES = 'latchkey:roles'

/** Metadata of `@SkipCsrf()`. */
export const SKIP_CSRF = 'latchkey:skip-csrf'

/** Metadata of `@OnStoreDown()`. */
export const ON_STORE_DOWN = 'latchkey:on-store-down'

/** Metadata of `@FreshSession()`. */
export const FRESH_SESSION = 'latchkey:fresh-session'

/** Metadata of `@RequireRecentLogin()`. */
export const RECENT_LOGIN = 'latchkey:recent-login'
