/** What is known of an index while somebody works on it. */
export interface Turn {
  /** Its members, as they were said last: a guess, and good enough for one. */
  members: readonly string[]
}

/** How long somebody waits for those before, in milliseconds. A command that never comes back must not stop all others. */
const WAIT_AT_MOST = 100

/**
 * Lets the calls of one process for one index go one after the other. They would come right without it, because each
 * script checks what it was told; it keeps many sign-ins of one subject from making each other try again.
 */
export class Turns {
  readonly #lines = new Map<string, { readonly turn: Turn; last: Promise<unknown>; count: number }>()

  async take<T>(index: string, work: (turn: Turn) => Promise<T>): Promise<T> {
    const line = this.#lines.get(index) ?? { turn: { members: [] }, last: Promise.resolve(), count: 0 }
    const before = line.count === 0 ? undefined : line.last
    const own = before === undefined ? work(line.turn) : atLast(before).then(() => work(line.turn))
    line.last = own.catch(() => {})
    line.count++
    this.#lines.set(index, line)
    try {
      return await own
    } finally {
      if (--line.count === 0) this.#lines.delete(index)
    }
  }
}

async function atLast(before: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise((resolve) => (timer = setTimeout(resolve, WAIT_AT_MOST)))
  await Promise.race([before, late])
  clearTimeout(timer)
}
