export { days, hours, minutes, seconds, type Duration } from './core/duration.js'
export { SessionError, type SessionErrorCode } from './core/errors.js'
export type { SessionEvent, SessionObserver } from './core/events.js'
export type { SessionInfo } from './core/subject-sessions.js'
export type { Session, SessionCookie, SessionData, SessionVerbs, VerbCallback } from './core/session.js'
export type { CookieOptions, SessionOptions, Transport } from './http/options.js'
export { CurrentUser, Public, Roles } from './nest/session.decorators.js'
export {
  SessionGoneException,
  SessionLimitException,
  SessionStoreUnavailableException,
  SessionTooLargeException,
} from './nest/session.exceptions.js'
export { SessionAuthGuard } from './nest/session.guard.js'
export { SessionMiddleware } from './nest/session.middleware.js'
export type { SessionModuleOptions } from './nest/session.module-definition.js'
export { SessionModule } from './nest/session.module.js'
export { RecentLoginGuard, RequireRecentLogin } from './nest/session.recent-login.js'
export { SessionService, type LoginOptions } from './nest/session.service.js'
