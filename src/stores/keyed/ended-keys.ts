import { ROTATED_FOR } from '../../core/store.js'

/** How a key has ended. */
export type End = 'deleted' | 'rotated'

/** How many ends are remembered at most. */
const MOST = 100_000

/**
 * The keys that have lately ended, each for a minute: whatever of an earlier write still arrives in the place, in this
 * process such a key has no session.
 */
export class EndedKeys {
  /** The oldest first. */
  readonly #keys = new Map<string, { readonly how: End; readonly until: number }>()

  how(key: string, now: number): End | undefined {
    const end = this.#keys.get(key)
    return end && now < end.until ? end.how : undefined
  }

  add(key: string, how: End, now: number): void {
    for (const [oldest, { until }] of this.#keys) {
      if (now < until && this.#keys.size < MOST) break
      this.#keys.delete(oldest)
    }
    this.#keys.delete(key)
    this.#keys.set(key, { how, until: now + ROTATED_FOR })
  }

  /** A key that was deleted may be used again. */
  forget(key: string): void {
    this.#keys.delete(key)
  }
}
