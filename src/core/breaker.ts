import type { SessionError } from './errors.js'

/** How many calls in a row fail before the store is not asked any more. */
const MAX_FAILURES = 5

/** How long after it went down the store is tried for the first time, in milliseconds. The pause doubles from try to try. */
const FIRST_PAUSE = 100

/** The longest pause between two tries, in milliseconds. */
const MAX_PAUSE = 500

/** Who is told of a store that is down, or back. */
export interface BreakerListener {
  /** @param error - of the call that failed last */
  down(error: SessionError): void
  /** @param downFor - milliseconds */
  up(downFor: number): void
}

/**
 * Knows whether a store can be asked. After {@link MAX_FAILURES} failures in a row, with no answer between, it can't: from
 * then on it is tried in the background, one call at a time, and when that is answered it can be asked again. So nobody
 * waits for a dead store, and nobody is needed to find out that it is back.
 */
export class Breaker {
  readonly #tryOut: () => Promise<unknown>
  readonly #listener: BreakerListener
  #failures = 0
  /** Since when the store is down, by `performance.now()`. */
  #downSince: number | undefined
  #timer: NodeJS.Timeout | undefined
  #isClosed = false

  /** @param tryOut - asks the store for something, and rejects if it fails or is late */
  constructor(tryOut: () => Promise<unknown>, listener: BreakerListener) {
    this.#tryOut = tryOut
    this.#listener = listener
  }

  get isDown(): boolean {
    return this.#downSince !== undefined
  }

  /** For how long the store has been down, in milliseconds; `undefined` while it is not. */
  get downFor(): number | undefined {
    return this.#downSince === undefined ? undefined : performance.now() - this.#downSince
  }

  /** A call was answered. Only a try brings a store back that is down: an answer may have been long on its way. */
  answered(): void {
    this.#failures = 0
  }

  /** A call failed. */
  failed(error: SessionError): void {
    if (++this.#failures >= MAX_FAILURES) this.down(error)
  }

  /** The store is not to be asked until a try was answered. */
  down(error: SessionError): void {
    if (this.isDown || this.#isClosed) return
    this.#downSince = performance.now()
    this.#schedule(FIRST_PAUSE)
    this.#listener.down(error)
  }

  /** Ends the tries. The state stays as it is. */
  close(): void {
    this.#isClosed = true
    clearTimeout(this.#timer)
  }

  #schedule(pause: number): void {
    if (this.#isClosed) return
    this.#timer = setTimeout(() => void this.#try(pause), pause)
    this.#timer.unref()
  }

  async #try(pause: number): Promise<void> {
    try {
      await this.#tryOut()
    } catch {
      return this.#schedule(Math.min(pause * 2, MAX_PAUSE))
    }
    const downFor = this.downFor
    if (this.#isClosed || downFor === undefined) return
    this.#downSince = undefined
    this.#failures = 0
    this.#listener.up(downFor)
  }
}
