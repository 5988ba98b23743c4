/** Lets the work on one key go one after the other, also where it is on several keys at once. */
export class Turns {
  /** What the next one on a key waits for. Never rejects. */
  readonly #last = new Map<string, Promise<void>>()

  /** Does the work when all that was begun on one of the keys before is over, well or not. */
  take<T>(keys: readonly string[], work: () => Promise<T>): Promise<T> {
    const before = keys.flatMap((key) => this.#last.get(key) ?? [])
    const done = before.length === 0 ? work() : Promise.all(before).then(work)
    const over = done.then(noop, noop)
    // All at once: who comes later waits for this one on every key, so nobody waits in a circle.
    for (const key of keys) this.#last.set(key, over)
    void over.then(() => {
      for (const key of keys) if (this.#last.get(key) === over) this.#last.delete(key)
    })
    return done
  }
}

function noop(): void {}
