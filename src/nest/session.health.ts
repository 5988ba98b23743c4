import { Inject, Injectable } from '@nestjs/common'
import type { Door } from '../http/door.js'
import { SESSION_DOOR } from './session.constants.js'

/** What {@link SessionHealthIndicator} says of the session store. */
export interface SessionHealth {
  /** `down` while requests that need the store are refused. */
  readonly status: 'up' | 'down'
  /** Since when the store is not asked any more, in epoch milliseconds. Absent where it is up, or has only just failed. */
  readonly since?: number
}

/**
 * Tells `@nestjs/terminus`, or whoever else asks, whether the session store answers:
 * `health.check([() => this.sessions.check()])`. {@link SessionModule} provides it.
 */
@Injectable()
export class SessionHealthIndicator {
  readonly #door: Door
  #asking: Promise<boolean> | undefined

  constructor(@Inject(SESSION_DOOR) door: Door) {
    this.#door = door
  }

  /**
   * Asks the store for a record that can't be there, and answers after `storeTimeout` at the latest; checks at the same time
   * share one call. A store that is down is not asked, for it is tried in the background anyway. Never rejects, and says
   * nothing of the error: that is for the log. A store that answers but takes no writes is up.
   *
   * @param key - the name of the store in the result. Default: `sessions`.
   */
  async check<const Key extends string = 'sessions'>(key?: Key): Promise<Record<Key, SessionHealth>> {
    const { engine } = this.#door
    const answers = engine.storeDownFor === undefined && (await this.#answers())
    // It may have gone down meanwhile.
    const downFor = engine.storeDownFor
    const health: SessionHealth =
      downFor === undefined
        ? { status: answers ? 'up' : 'down' }
        : { status: 'down', since: Math.round(engine.now - downFor) }
    return { [key ?? 'sessions']: health } as Record<Key, SessionHealth>
  }

  #answers(): Promise<boolean> {
    this.#asking ??= this.#door.engine
      .check()
      .then(
        () => true,
        () => false,
      )
      .finally(() => (this.#asking = undefined))
    return this.#asking
  }
}
