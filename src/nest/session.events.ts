import { Inject, Injectable, Logger } from '@nestjs/common'
import { Observable, type Observer, type Operator, type Subscription } from 'rxjs'
import type { SessionEvent } from '../core/events.js'
import { SESSION_SUBJECT } from './session.constants.js'

/**
 * An observable whose subscribers can't end the process: rxjs would report what one throws as an uncaught error. What
 * operators make of it is one too.
 */
class Guarded<T> extends Observable<T> {
  override lift<R>(operator?: Operator<T, R>): Observable<R> {
    const lifted = super.lift(operator)
    return new Guarded<R>((subscriber) => lifted.subscribe(subscriber))
  }

  override subscribe(
    observer?: Partial<Observer<T>> | ((value: T) => void) | null,
    error?: ((error: unknown) => void) | null,
    complete?: (() => void) | null,
  ): Subscription {
    const given = typeof observer === 'object' && observer !== null ? observer : { next: observer, error, complete }
    return super.subscribe({
      next: (value) => attempt(() => given.next?.(value)),
      error: (cause: unknown) => attempt(() => (given.error ? given.error(cause) : report(cause))),
      complete: () => attempt(() => given.complete?.()),
    })
  }
}

/**
 * Every {@link SessionEvent} as a stream, to be injected: `events.subscribe(…)`, or `pipe` as of any observable. Works
 * beside the option `onEvent`. It is hot: who subscribes later has missed what was before. It completes when the
 * application has shut down and the store is closed, and never fails.
 *
 * A subscriber is called in the middle of the request that the event is of, so it should hand on what takes long. What it
 * throws, or rejects with, goes to Nest's logger and no further. An operator that throws ends its own subscription, as
 * rxjs has it. Where a subscription goes through an observable that rxjs makes, such as that of `merge`, rxjs reports the
 * error as an uncaught one: catch it there.
 */
@Injectable()
export class SessionEvents extends Guarded<SessionEvent> {
  constructor(@Inject(SESSION_SUBJECT) source: Observable<SessionEvent>) {
    super((subscriber) => source.subscribe(subscriber))
  }
}

function attempt(call: () => unknown): void {
  try {
    const done = call()
    if (done instanceof Promise) done.catch(report)
  } catch (error) {
    report(error)
  }
}

const logger = new Logger('SessionEvents')

function report(error: unknown): void {
  const [message, stack] = error instanceof Error ? [error.message, error.stack] : [String(error), undefined]
  logger.error(`A subscriber of SessionEvents failed; the request was not disturbed. Cause: ${message}`, stack)
}
