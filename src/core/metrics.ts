import type { Duration } from './duration.js'
import type { SessionEvent } from './events.js'
import type { Fate } from './held-record.js'
import type { Finding } from './open-session.js'

/**
 * What became of a call of the store: `ok`, also where it answered that there is no such record; `failed`; `timeout`, no
 * answer within `storeTimeout`; `refused`, it was not asked, because it is known to be down.
 */
export type StoreCallOutcome = 'ok' | 'failed' | 'timeout' | 'refused'

/** What the tokens of a request led to; `unavailable` where the store could not be asked. */
export type OpenOutcome = Finding | 'unavailable'

/** What became of the session of a request by its end; `failed` where that could not be saved. */
export type CommitOutcome = Fate | 'failed'

/**
 * Is told what there is to count and to measure: the option `metrics`. `latchkey/opentelemetry` has one.
 *
 * Its methods are called in the middle of requests, so they only note. What one throws is ignored.
 */
export interface SessionMetrics {
  /** A call of the store has ended, after so many milliseconds. */
  storeCall(verb: string, outcome: StoreCallOutcome, duration: Duration): void
  /** The session of a request was looked for. */
  opened(outcome: OpenOutcome): void
  /**
   * A request that looked at its session, or had something of it to store, is about to be answered. A stream whose session
   * changes after its head counts once more, with what became of it then.
   */
  committed(outcome: CommitOutcome): void
  /** The same as `onEvent` is told. */
  happened(event: SessionEvent): void
}

/** Metrics that can't break a request. */
export class GuardedMetrics implements SessionMetrics {
  readonly #metrics: SessionMetrics

  constructor(metrics: SessionMetrics) {
    this.#metrics = metrics
  }

  storeCall(verb: string, outcome: StoreCallOutcome, duration: Duration): void {
    guarded(() => this.#metrics.storeCall(verb, outcome, duration))
  }

  opened(outcome: OpenOutcome): void {
    guarded(() => this.#metrics.opened(outcome))
  }

  committed(outcome: CommitOutcome): void {
    guarded(() => this.#metrics.committed(outcome))
  }

  happened(event: SessionEvent): void {
    guarded(() => this.#metrics.happened(event))
  }
}

/** What an observer throws, or rejects with although it should answer at once, is its own business. */
function guarded(tell: () => unknown): void {
  try {
    const done = tell()
    if (done instanceof Promise) done.catch(() => {})
  } catch {}
}
