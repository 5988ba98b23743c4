import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Awaitable, SessionStore } from 'latchkey/core'

/** Stands before every call of a store, or every command of a client: makes it, at once or when it is time. */
export type Pass = <T>(name: string, call: () => Awaitable<T>) => Awaitable<T>

/** A store whose verbs all go through `pass`, and which is otherwise the one inside. */
export function watched(inner: SessionStore, pass: Pass): SessionStore {
  return new Proxy(inner, {
    get(store, name) {
      const value: unknown = Reflect.get(store, name, store)
      if (typeof value !== 'function') return value
      const verb = value as (...args: unknown[]) => Awaitable<unknown>
      return name === 'close'
        ? () => verb.call(store)
        : (...args: unknown[]) => pass(String(name), () => verb.apply(store, args))
    },
  })
}

/** Knows when all calls of a store are done, those included that nobody waits for. */
export class Settling {
  readonly #pending = new Set<PromiseLike<unknown>>()

  readonly pass: Pass = (_name, call) => {
    const answer = call()
    if (typeof answer === 'object' && answer !== null && 'then' in answer) {
      const settle = (): void => void this.#pending.delete(done)
      const done: PromiseLike<void> = answer.then(settle, settle)
      this.#pending.add(done)
    }
    return answer
  }

  /** Also what is done with the answers, as far as that takes no other call. */
  async settled(): Promise<void> {
    while (this.#pending.size > 0) {
      await Promise.all(this.#pending)
      await nextTurn()
    }
  }
}
