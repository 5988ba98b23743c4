import { after, isPromise } from './calls.js'
import type { SessionContext } from './context.js'
import type { ResolvedEngineOptions } from './options.js'
import type { SessionRecord } from './record.js'
import { LATE_FOR, type Awaitable } from './store.js'

/** What is noted in the store while the handler runs, and awaited at the end of the request, where it costs no extra wait. */
export class Background {
  /** When this request has noted the use of the session in the store; 0 for not at all. */
  touchedAt = 0
  #touching: Awaitable<boolean> | undefined
  #confirming: Awaitable<boolean> = true

  get isUnderWay(): boolean {
    return this.#touching !== undefined || isPromise(this.#confirming)
  }

  /** Notes that the session is used. */
  touch({ calls }: SessionContext, record: SessionRecord, now: number): void {
    // A touch that fails costs at most one interval of idle time: the event tells of it, the request goes on.
    const touching = (): Awaitable<boolean> =>
      after(calls.touch(record.key, now), (isAlive) => {
        if (isAlive) this.touchedAt = now
        return isAlive
      })
    this.#touching = quietly(touching, true)
  }

  /** Notes that the client has the new id, which starts the grace of the one before. If that fails, it is done next time. */
  confirm({ options, calls }: SessionContext, record: SessionRecord, formerKey: string, now: number): void {
    const { key } = record
    const grace = now + options.rotationGrace
    // Old instances of the application may still send the cookie that the session had in another library.
    const goodUntil = record.adopted === undefined ? grace : Math.max(grace, record.createdAt + LATE_FOR)
    const confirming = (): Awaitable<boolean> => after(calls.confirm(key, formerKey, goodUntil), () => true)
    const confirmed = quietly(confirming, false)
    this.#confirming = confirmed
    // A verb in the middle of the request knows it then, too.
    if (isPromise(confirmed)) void confirmed.then((isConfirmed) => (this.#confirming = isConfirmed))
  }

  /** Whether the former id is known to be on its way out: only then may the session rotate once more. */
  get confirmed(): Awaitable<boolean> {
    return this.#confirming
  }

  /** Waits for all of it. `false` if the touch met no record. */
  settle(): Awaitable<boolean> {
    const touching = this.#touching ?? true
    this.#touching = undefined
    return after(this.#confirming, (isConfirmed) => {
      this.#confirming = isConfirmed
      return touching
    })
  }
}

/** Whether the use of a session is to be noted again. */
export function isTouchDue({ touchInterval }: ResolvedEngineOptions, record: SessionRecord, now: number): boolean {
  return now - record.lastSeenAt >= Math.min(touchInterval, record.idleTimeout / 4)
}

function quietly(call: () => Awaitable<boolean>, otherwise: boolean): Awaitable<boolean> {
  try {
    const done = call()
    return isPromise(done) ? done.then(undefined, () => otherwise) : done
  } catch {
    return otherwise
  }
}
