import type { Duration } from './duration.js'
import { SessionError } from './errors.js'

/** How somebody is signed in. */
export interface SignInOptions {
  /**
   * How long the session lives, in milliseconds; where that is longer than `lifetime`, used or not. The cookie then outlives
   * the browser. Default: as any other.
   */
  readonly remember?: Duration | undefined
  /**
   * What the session held before and keeps: everything, nothing, or the keys named. Default: everything, but nothing of a
   * session that belonged to somebody else.
   */
  readonly keep?: boolean | readonly string[] | undefined
}

/** What a session holds once somebody has signed in: what it keeps of before, under what is new. */
export function signInData(
  held: object,
  data: Readonly<Record<string, unknown>>,
  keep: boolean | readonly string[],
): Map<string, unknown> {
  const isKept = (key: string): boolean => (typeof keep === 'boolean' ? keep : keep.includes(key))
  const before = Object.entries(held).filter(([key]) => isKept(key))
  const next = new Map<string, unknown>(before)
  for (const [key, value] of Object.entries(data)) next.set(key, value)
  return next
}

/** The error for a sign-in after which the session would belong to nobody. */
export function nobody(): SessionError {
  return new SessionError(
    'SUBJECT_INVALID',
    'Nobody would be signed in: the data name no subject. Give the user an id (by default it goes to session.userId; the option `subject` reads another).',
  )
}
