import type { Duration } from '../../core/duration.js'
import type { SessionRecord } from '../../core/record.js'

/** A value as such a place takes it: an object that JSON can write down. */
export type KeptValue = Readonly<Record<string, unknown>>

/** The times of a record that somebody else has written. */
export type OutsideTimes = Pick<SessionRecord, 'createdAt' | 'lastSeenAt' | 'idleTimeout' | 'expiresAt' | 'persistent'>

/**
 * A place that keeps values under names and knows no step but these three: an express-session store, a cache. Each call
 * rejects with a `SessionError` `STORE_UNAVAILABLE` where the place fails.
 */
export interface KeyedThings {
  /** What the place is called in messages. */
  readonly name: string
  /** The name under which the record of a key is kept. */
  nameOf(key: string): string
  /** What is kept; `undefined` or `null` for nothing. */
  get(name: string): Promise<unknown>
  /** @param timeToLive - milliseconds after which the place may let go of it; more than 0 */
  set(name: string, value: KeptValue, timeToLive: Duration): Promise<void>
  /** Twice is not an error. */
  delete(name: string): Promise<void>
  /** Moves the deadline alone, and never creates. Without it a touch is a `get` and a `set`. */
  readonly touch?: ((name: string, timeToLive: Duration, record: SessionRecord) => Promise<void>) | undefined
  /** When a value was last used, as far as the place knows: a touch of its own leaves the record as it was. */
  readonly usedAt?: ((value: KeptValue, idleTimeout: Duration, now: number) => number) | undefined
  /** Whether somebody else has given a value of Latchkey's another length: then its times are those of `outsideTimes`. */
  hasOtherLength?(value: KeptValue, record: SessionRecord): boolean
  /** Whether the name of a new record is free without a look. */
  readonly isNewFree?: boolean | undefined
  /** The shortest time to live that the place is given, in milliseconds. Default: a second, for some count in seconds. */
  readonly shortest?: Duration | undefined
  /** The times of a value that was not written by Latchkey; `undefined` where it is no session. Without this there are none. */
  outsideTimes?(value: KeptValue, now: number): OutsideTimes | undefined
}
