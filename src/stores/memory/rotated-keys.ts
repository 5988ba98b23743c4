import type { Clock } from '../../core/expiry.js'
import type { FormerKey } from '../../core/record.js'

/** What is known of a key that was rotated away, and until when. */
interface RotatedKey {
  readonly until: number
  /** Nothing for a key that is dead for good. */
  readonly former: FormerKey | undefined
}

/** The keys that were rotated away: at most so many of them, each for its time. */
export class RotatedKeys {
  readonly #most: number
  readonly #clock: Clock
  /** The oldest first. */
  readonly #keys = new Map<string, RotatedKey>()

  constructor(most: number, clock: Clock) {
    this.#most = most
    this.#clock = clock
  }

  has(key: string): boolean {
    return this.#known(key) !== undefined
  }

  /** A copy: what is kept is never handed out. */
  former(key: string): FormerKey | undefined {
    const former = this.#known(key)?.former
    return former && { ...former }
  }

  add(key: string, until: number, former: FormerKey | undefined): void {
    if (this.#keys.size >= this.#most) this.#makeRoom()
    this.#keys.set(key, { until, former })
  }

  /** Takes another answer for a key that is known. */
  change(key: string, until: number, former: FormerKey): void {
    if (this.#known(key)) this.#keys.set(key, { until, former })
  }

  /** Removes those whose time is over. */
  sweep(): void {
    const now = this.#clock()
    for (const [key, { until }] of this.#keys) if (now >= until) this.#keys.delete(key)
  }

  clear(): void {
    this.#keys.clear()
  }

  #known(key: string): RotatedKey | undefined {
    const known = this.#keys.get(key)
    return known && this.#clock() < known.until ? known : undefined
  }

  #makeRoom(): void {
    this.sweep()
    for (const key of this.#keys.keys()) {
      if (this.#keys.size < this.#most) return
      this.#keys.delete(key)
    }
  }
}
