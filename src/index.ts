export { days, hours, minutes, seconds, type Duration } from './core/duration.js'
export { SessionError, type SessionErrorCode } from './core/errors.js'
export type { SessionEvent, SessionObserver } from './core/events.js'
export type { SessionInfo } from './core/subject-sessions.js'
export type { Session, SessionCookie, SessionData, SessionVerbs, VerbCallback } from './core/session.js'
export { explain, type Explanation, type ExplanationReason } from './http/explain.js'
export type { LogFields, LogLevel, SessionLog } from './http/log.js'
export type { StoreDownPolicy } from './http/objections.js'
export type { CookieOptions, SessionOptions, Transport } from './http/options.js'
export { SessionCache as Cache } from './nest/session.cache.js'
export { CACHE_MANAGER } from './nest/session.constants.js'
export { CurrentUser, FreshSession, OnStoreDown, Public, Roles, SkipCsrf } from './nest/session.decorators.js'
export { SessionEvents } from './nest/session.events.js'
export {
  CrossSiteRequestException,
  SessionGoneException,
  SessionLimitException,
  SessionStoreUnavailableException,
  SessionTooLargeException,
} from './nest/session.exceptions.js'
export { SessionAuthGuard } from './nest/session.guard.js'
export { SessionHealthIndicator, type SessionHealth } from './nest/session.health.js'
export { SessionMiddleware } from './nest/session.middleware.js'
export type { SessionModuleOptions } from './nest/session.module-definition.js'
export { SessionModule } from './nest/session.module.js'
export { RecentLoginGuard, RequireRecentLogin } from './nest/session.recent-login.js'
export { SessionService, type LoginOptions } from './nest/session.service.js'
