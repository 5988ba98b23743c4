import type { Duration } from './duration.js'

/** A call whose answer is waited for. */
export interface Waiting {
  readonly verb: string
  /** Is told when it is too late. */
  readonly late: (error: unknown) => void
  /** By `performance.now()`. */
  readonly until: number
}

/**
 * The deadlines of calls that are all equally long. One timer serves them all: who began to wait first is late first, and an
 * answer in time costs the timer nothing.
 */
export class Deadlines {
  readonly #timeout: Duration
  readonly #errorOf: (verb: string) => unknown
  /** In the order in which they began. */
  readonly #waiting = new Set<Waiting>()
  #timer: NodeJS.Timeout | undefined
  /** When the timer is to go off, by `performance.now()`. */
  #due = 0
  #resting: (() => void) | undefined

  /** @param errorOf - the error for a call of this verb that is late */
  constructor(timeout: Duration, errorOf: (verb: string) => unknown) {
    this.#timeout = timeout
    this.#errorOf = errorOf
  }

  /** A call was made. If it isn't ended in time, `late` gets the error. */
  begin(verb: string, late: (error: unknown) => void): Waiting {
    const waiting = { verb, late, until: performance.now() + this.#timeout }
    this.#waiting.add(waiting)
    if (this.#timer === undefined) this.#lookIn(this.#timeout)
    else if (this.#waiting.size === 1) this.#timer.ref()
    return waiting
  }

  /** A call was answered. `false` if that was too late. */
  end(waiting: Waiting): boolean {
    const isInTime = this.#waiting.delete(waiting)
    if (isInTime && this.#waiting.size === 0) this.#rest()
    return isInTime
  }

  /** Resolves when no call is under way, which is at the last deadline or before. */
  async idle(): Promise<void> {
    while (this.#waiting.size > 0) {
      await new Promise<void>((resolve) => (this.#resting = resolve))
      // Whoever waited may go on to the next call.
      await new Promise((resolve) => setImmediate(resolve))
    }
  }

  /** The timer goes on, but keeps no process alive. */
  #rest(): void {
    this.#timer?.unref()
    this.#resting?.()
    this.#resting = undefined
  }

  #lookIn(delay: number): void {
    this.#due = performance.now() + delay
    this.#timer = setTimeout(() => this.#look(), delay)
  }

  /**
   * Where the process itself was busy past a deadline, answers may be there that nobody has read yet. They are let in first:
   * a process that stood still must not take that for a store that is down.
   */
  #look(): void {
    this.#timer = undefined
    if (performance.now() - this.#due > STOOD_STILL) this.#lookIn(CATCH_UP)
    else this.#judge()
  }

  #judge(): void {
    const now = performance.now()
    for (const waiting of this.#waiting) {
      if (waiting.until > now) return this.#lookIn(Math.ceil(waiting.until - now))
      this.#waiting.delete(waiting)
      waiting.late(this.#errorOf(waiting.verb))
    }
    this.#rest()
  }
}

/** A timer that goes off so much too late says that the process was busy, in milliseconds. */
const STOOD_STILL = 50

/** How long the process has then to read what has come, in milliseconds. */
const CATCH_UP = 20
