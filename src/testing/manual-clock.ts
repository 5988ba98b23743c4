import type { Duration } from '../core/duration.js'
import type { Clock } from '../core/expiry.js'

/** A clock that stands still until it is told otherwise. Hand {@link ManualClock.now} to whatever takes a `Clock`. */
export class ManualClock {
  #now: number

  /** @param start - epoch milliseconds; default: the present moment. */
  constructor(start: number = Date.now()) {
    this.#now = start
  }

  /** The time in epoch milliseconds. Bound, so it can be handed on alone. */
  readonly now: Clock = () => this.#now

  /** Moves the time by `duration`, backwards if it is negative. */
  advance(duration: Duration): void {
    this.#now += duration
  }

  /** Sets the time to `epochMs`, which may lie in the past. */
  set(epochMs: number): void {
    this.#now = epochMs
  }
}
