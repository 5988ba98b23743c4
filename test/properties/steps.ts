import fc from 'fast-check'
import { hours, minutes, seconds } from 'latchkey/core'

/** The times that all runs share. A session that nobody ends is over long before a former key is forgotten. */
export const IDLE_TIMEOUT = minutes(30)
export const LIFETIME = hours(2)
export const TOUCH_INTERVAL = minutes(1)
export const ROTATION_GRACE = seconds(10)

export const USERS = ['ann', 'bob'] as const
export type User = (typeof USERS)[number]

/** How the engines of a run are set up. */
export interface Setting {
  readonly maxSessions: number | undefined
  readonly onLimit: 'evict-oldest' | 'refuse'
  readonly rotateEvery: number | undefined
  readonly onReuse: 'report' | 'revoke'
}

export const setting: fc.Arbitrary<Setting> = fc.record({
  maxSessions: fc.constantFrom(undefined, 1, 2, 3),
  onLimit: fc.constantFrom('evict-oldest', 'refuse'),
  rotateEvery: fc.constantFrom(undefined, minutes(5)),
  onReuse: fc.constantFrom('report', 'revoke'),
})

/** What a handler does with the session of its request. */
export type Act =
  | { readonly do: 'look' | 'write' | 'save' | 'count' | 'rotate' | 'commit' }
  | { readonly do: 'leave' | 'destroy' | 'regenerate' | 'abandon' }
  | { readonly do: 'login' | 'signIn'; readonly user: User }

/** One step of a run. Of several requests under way each has a slot; numbers choose among what there is. */
export type Step =
  /**
   * A request goes on, and perhaps to its end. One that is not there begins: on this engine, with this token, 0 for none and
   * 1 for the newest.
   */
  | {
      readonly in: 'request'
      readonly slot: number
      readonly engine: number
      readonly token: number
      readonly acts: readonly Act[]
      readonly ends: boolean
    }
  | { readonly in: 'revoke'; readonly user: User; readonly session: number }
  | { readonly in: 'revokeAll' | 'updateAll'; readonly user: User }
  | { readonly in: 'revokeOthers'; readonly user: User; readonly session: number }
  | { readonly in: 'writeById' | 'endById'; readonly token: number }
  | { readonly in: 'sweep' }
  | { readonly in: 'wait'; readonly for: number }

const user = fc.constantFrom(...USERS)
const session = fc.nat(7)
/** Mostly the newest, as a browser has it. */
const token = fc.oneof({ weight: 3, arbitrary: fc.constant(1) }, { weight: 2, arbitrary: fc.nat(7) })

const act: fc.Arbitrary<Act> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ do: fc.constant('login'), user }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('signIn'), user }) },
  { weight: 8, arbitrary: fc.record({ do: fc.constantFrom('look', 'write', 'save', 'count', 'rotate') }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('rotate', 'commit') }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('leave', 'destroy', 'regenerate', 'abandon') }) },
)

const request: fc.Arbitrary<Step> = fc.record({
  in: fc.constant('request'),
  slot: fc.nat(2),
  engine: fc.nat(1),
  token,
  acts: fc.array(act, { minLength: 1, maxLength: 3, size: 'max' }),
  ends: fc.boolean(),
})

const fromOutside: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ in: fc.constant('revoke'), user, session }),
  fc.record({ in: fc.constantFrom('revokeAll', 'updateAll'), user }),
  fc.record({ in: fc.constant('revokeOthers'), user, session }),
  fc.record({ in: fc.constantFrom('writeById', 'endById'), token }),
  fc.record({ in: fc.constant('sweep') }),
)

const short = fc.constantFrom(1, seconds(5), ROTATION_GRACE, ROTATION_GRACE + 1, TOUCH_INTERVAL, minutes(5))
const long = fc.constantFrom(IDLE_TIMEOUT - 1, IDLE_TIMEOUT, LIFETIME - IDLE_TIMEOUT)

const wait: fc.Arbitrary<Step> = fc.record({
  in: fc.constant('wait'),
  for: fc.oneof({ weight: 4, arbitrary: short }, { weight: 1, arbitrary: long }),
})

export const steps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.oneof({ weight: 12, arbitrary: request }, { weight: 2, arbitrary: fromOutside }, { weight: 3, arbitrary: wait }),
  { minLength: 1, maxLength: 30, size: 'max' },
)
