import type { SessionContext } from './context.js'
import { minutes } from './duration.js'
import type { SessionStore } from './store.js'

/** How often expired records are looked for. */
const INTERVAL = minutes(1)

/** How many records one step removes; the next step follows at once only after other work had its turn. */
const BATCH = 500

/** Removes expired records now and then, where the store can't see to that itself. Keeps no process alive. */
export class Sweeper {
  readonly #context: SessionContext
  #timer: NodeJS.Timeout | undefined
  #isStopped = false

  constructor(store: SessionStore, context: SessionContext) {
    this.#context = context
    if (store.abilities.has('sweeping')) this.#schedule(INTERVAL)
  }

  stop(): void {
    this.#isStopped = true
    clearTimeout(this.#timer)
  }

  #schedule(delay: number): void {
    this.#timer = setTimeout(() => void this.#sweep(), delay)
    this.#timer.unref()
  }

  async #sweep(): Promise<void> {
    let removed = 0
    try {
      removed = await this.#context.calls.sweep(BATCH)
      if (removed > 0) this.#context.emit({ type: 'expired', reason: 'swept', count: removed })
    } catch {
      // The failure was told as an event; the next round tries again.
    }
    if (!this.#isStopped) this.#schedule(removed === BATCH ? 10 : INTERVAL)
  }
}
