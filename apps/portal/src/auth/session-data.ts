import type { PublicUser, User } from '../users/user.entity.js'

/** What a session of the portal holds. */
declare module 'latchkey' {
  interface SessionData {
    userId: number
    email: string
    role: string
  }
}

/** A request that `AuthGuard('local')` let in. */
export interface AuthenticatedRequest {
  readonly user: User
}

/** What `SessionAuthGuard` makes of a session. */
export type SessionUser = Pick<PublicUser, 'id' | 'email' | 'role'>
