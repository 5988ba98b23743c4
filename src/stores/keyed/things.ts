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
  /** The times of a value that was not written by Latchkey; `undefined` where it is no session. Without this there are none. */
  outsideTimes?(value: KeptValue, now: number): OutsideTimes | undefined
}
