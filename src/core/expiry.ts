import type { Duration } from './duration.js'

/** Tells the time: epoch milliseconds. Handed in, so that tests hold it. */
export type Clock = () => number

/** The times of a record that decide when it ends. Epoch milliseconds, except for the idle timeout. */
export interface Deadlines {
  /** When a request last used the session. */
  readonly lastSeenAt: number
  /** How long the session lives without a request, in milliseconds. */
  readonly idleTimeout: Duration
  /** The end of its lifetime, however busy it is. */
  readonly expiresAt: number
}

/** The moment at which the session ends: the earlier of its two deadlines, in epoch milliseconds. */
export function endsAt(deadlines: Deadlines): number {
  return Math.min(deadlines.lastSeenAt + deadlines.idleTimeout, deadlines.expiresAt)
}

/** The deadline by which the session has ended at `now`: the earlier of those that have passed; `undefined` while it lives. */
export function passedDeadline(deadlines: Deadlines, now: number): 'idle' | 'lifetime' | undefined {
  if (!isExpired(deadlines, now)) return undefined
  return deadlines.lastSeenAt + deadlines.idleTimeout < deadlines.expiresAt ? 'idle' : 'lifetime'
}

/** Whether the session has ended at `now`. At the very millisecond of its deadline it has. */
export function isExpired(deadlines: Deadlines, now: number): boolean {
  return now >= endsAt(deadlines)
}
