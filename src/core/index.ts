export type { Carrier, Client } from './context.js'
export { days, hours, minutes, seconds, type Duration } from './duration.js'
export { SessionEngine } from './engine.js'
export { SessionError, type SessionErrorCode } from './errors.js'
export type { SessionEvent, SessionObserver } from './events.js'
export { endsAt, isExpired, type Clock, type Deadlines } from './expiry.js'
export { keyOf, newHandle, newId, tagOf } from './id.js'
export type { CommitOutcome, OpenOutcome, SessionMetrics, StoreCallOutcome } from './metrics.js'
export type { OpenSession } from './open-session.js'
export type { EngineOptions } from './options.js'
export {
  inOrderOfSignIn,
  isFormerKey,
  RECORD_FORMAT,
  type FormerKey,
  type RecordPatch,
  type RecordTimes,
  type RotatePatch,
  type SessionRecord,
  type SignIn,
  type SubjectLimit,
} from './record.js'
export type { Session, SessionCookie, SessionData, SessionVerbs, VerbCallback } from './session.js'
export type { SignInOptions } from './sign-in.js'
export {
  REUSE_KNOWN_FOR,
  ROTATED_FOR,
  type Ability,
  type Adopting,
  type Awaitable,
  type BySubject,
  type Closing,
  type Evictions,
  type ForeignCookies,
  type ForeignSession,
  type LoadOptions,
  type Outcome,
  type Probing,
  type Rotating,
  type SessionStore,
  type Sweeping,
} from './store.js'
export type { SessionInfo, SubjectSessions } from './subject-sessions.js'
export type { UnavailableSession } from './unavailable-session.js'
