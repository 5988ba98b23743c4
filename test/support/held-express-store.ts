import type { ExpressStore } from '../../src/stores/express.js'

type Callback = (error?: unknown, session?: unknown) => void
type Verb = 'get' | 'set' | 'destroy'

/** A call that a test has in its hands. */
export interface HeldCall {
  /** Resolves when the call has come. */
  readonly come: Promise<void>
  /** Lets it go on. */
  go(): void
}

/** A store as others make them for express-session, whose calls a test can hold, replace and look at. */
export class HeldExpressStore implements ExpressStore {
  /** What is stored: texts, as in a real one. */
  readonly kept = new Map<string, string>()
  /** The calls that have come. */
  readonly calls: Verb[] = []
  readonly #next: { verb: Verb; meet: (work: () => unknown, callback: Callback) => unknown }[] = []

  get(sid: string, callback: Callback): unknown {
    return this.#meet('get', callback, () => JSON.parse(this.kept.get(sid) ?? 'null') as unknown)
  }

  set(sid: string, session: unknown, callback: Callback): unknown {
    const text = JSON.stringify(session)
    return this.#meet('set', callback, () => void this.kept.set(sid, text))
  }

  destroy(sid: string, callback: Callback): unknown {
    return this.#meet('destroy', callback, () => void this.kept.delete(sid))
  }

  /** Holds the next call of a verb before it does anything. */
  hold(verb: Verb): HeldCall {
    return this.#held(verb, (work, callback) => () => callback(null, work()))
  }

  /** Holds the answer of the next call of a verb: what it writes is written, what it reads is read. */
  holdAnswer(verb: Verb): HeldCall {
    return this.#held(verb, (work, callback) => {
      const value = work()
      return () => callback(null, value)
    })
  }

  /** Has the next call of a verb do this instead, and answer what it answers. */
  once(verb: Verb, instead: (callback: Callback) => unknown): void {
    this.#next.push({ verb, meet: (_, callback) => instead(callback) })
  }

  #held(verb: Verb, begin: (work: () => unknown, callback: Callback) => () => void): HeldCall {
    let go: () => void = () => {
      throw new Error(`No ${verb} has come.`)
    }
    const come = new Promise<void>((resolve) => {
      const meet = (work: () => unknown, callback: Callback): void => {
        go = begin(work, callback)
        resolve()
      }
      this.#next.push({ verb, meet })
    })
    return { come, go: () => go() }
  }

  #meet(verb: Verb, callback: Callback, work: () => unknown): unknown {
    this.calls.push(verb)
    const at = this.#next.findIndex((next) => next.verb === verb)
    const [next] = at < 0 ? [] : this.#next.splice(at, 1)
    if (next) return next.meet(work, callback)
    setImmediate(() => callback(null, work()))
    return undefined
  }
}
