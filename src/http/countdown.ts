import type { Duration } from '../core/duration.js'

/** How many things are under way. */
export class Countdown {
  #count = 0
  #over: (() => void) | undefined

  begin(): void {
    this.#count++
  }

  end(): void {
    if (--this.#count === 0) this.#over?.()
  }

  /** Resolves when nothing is under way, or after so many milliseconds. */
  async isOver(atMost: Duration): Promise<void> {
    if (this.#count === 0) return
    let timer: NodeJS.Timeout | undefined
    await new Promise<void>((resolve) => {
      this.#over = resolve
      timer = setTimeout(resolve, atMost)
    })
    this.#over = undefined
    clearTimeout(timer)
  }
}
