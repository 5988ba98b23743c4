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
  /** A request goes on. One that is not there begins: on this engine, with this token, 0 for none and 1 for the newest. */
  | {
      readonly in: 'request'
      readonly slot: number
      readonly engine: number
      readonly token: number
      readonly act: Act
    }
  | { readonly in: 'revoke'; readonly user: User; readonly session: number }
  | { readonly in: 'revokeAll' | 'updateAll'; readonly user: User }
  | { readonly in: 'revokeOthers'; readonly user: User; readonly session: number }
  | { readonly in: 'writeById' | 'endById'; readonly token: number }
  | { readonly in: 'sweep' }
  | { readonly in: 'wait'; readonly for: number }

const user = fc.constantFrom(...USERS)
const token = fc.nat(7)
const session = fc.nat(7)

const act: fc.Arbitrary<Act> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('login'), user: process.env['TEMP'] ? fc.constant('ann' as const) : user }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('signIn'), user: process.env['TEMP'] ? fc.constant('ann' as const) : user }),
  },
  { weight: 8, arbitrary: fc.record({ do: fc.constantFrom('look', 'write', 'save', 'count', 'rotate') }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('commit') }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('leave', 'destroy', 'regenerate', 'abandon') }) },
)

const request = fc.record({ in: fc.constant('request'), slot: fc.nat(2), engine: fc.nat(1), token, act })

const fromOutside = fc.oneof(
  fc.record({ in: fc.constant('revoke'), user, session }),
  fc.record({ in: fc.constantFrom('revokeAll', 'updateAll'), user }),
  fc.record({ in: fc.constant('revokeOthers'), user, session }),
  fc.record({ in: fc.constantFrom('writeById', 'endById'), token }),
  fc.record({ in: fc.constant('sweep') }),
)

const short = fc.constantFrom(1, seconds(5), ROTATION_GRACE, ROTATION_GRACE + 1, TOUCH_INTERVAL, minutes(5))
const long = fc.constantFrom(IDLE_TIMEOUT - 1, IDLE_TIMEOUT, LIFETIME - IDLE_TIMEOUT)

export const steps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.oneof(
    { weight: 12, arbitrary: request as fc.Arbitrary<Step> },
    { weight: 3, arbitrary: fromOutside as fc.Arbitrary<Step> },
    { weight: 2, arbitrary: fc.record({ in: fc.constant('wait'), for: short }) as fc.Arbitrary<Step> },
    { weight: 1, arbitrary: fc.record({ in: fc.constant('wait'), for: long }) as fc.Arbitrary<Step> },
  ),
  { minLength: 1, maxLength: 40, size: 'max' },
)
