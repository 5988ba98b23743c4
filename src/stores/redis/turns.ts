/** What is known of an index while somebody works on it. */
export interface Turn {
  /** Its members, as they were said last: a guess, and good enough for one. */
  members: readonly string[]
}

/** How long somebody keeps the others waiting, in milliseconds. A command that never comes back must not stop them. */
const TURN_AT_MOST = 100

/**
 * Lets the calls of one process for one index go one after the other. They would come right without it, because each
 * script checks what it was told; it keeps many sign-ins of one subject from making each other try again.
 */
export class Turns {
  readonly #lines = new Map<string, { readonly turn: Turn; last: Promise<void>; count: number }>()

  async take<T>(index: string, work: (turn: Turn) => Promise<T>): Promise<T> {
    const line = this.#lines.get(index) ?? { turn: { members: [] }, last: Promise.resolve(), count: 0 }
    const begun = line.count === 0 ? { own: work(line.turn) } : line.last.then(() => ({ own: work(line.turn) }))
    line.last = turnOf(begun)
    line.count++
    this.#lines.set(index, line)
    try {
      return await (
        await begun
      ).own
    } finally {
      if (--line.count === 0) this.#lines.delete(index)
    }
  }
}

/** Until what was begun is over, or has taken too long. */
async function turnOf(begun: { own: Promise<unknown> } | Promise<{ own: Promise<unknown> }>): Promise<void> {
  const { own } = await begun
  let timer: NodeJS.Timeout | undefined
  const late = new Promise((resolve) => (timer = setTimeout(resolve, TURN_AT_MOST)))
  await Promise.race([own.catch(() => {}), late])
  clearTimeout(timer)
}
