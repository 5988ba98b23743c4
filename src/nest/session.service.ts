import { Inject, Injectable } from '@nestjs/common'
import { MAX_DURATION, type Duration } from '../core/duration.js'
import { invalid, shown } from '../core/options.js'
import type { SessionData } from '../core/session.js'
import type { Door } from '../http/door.js'
import { SESSION_DOOR, SESSION_OPTIONS } from './session.constants.js'
import { asHttp } from './session.exceptions.js'
import type { SessionModuleOptions } from './session.module-definition.js'
import { recipeUser } from './session.user.js'

/**
 * Reads, changes and ends sessions by their id, from outside of their requests. These are the very records that
 * `req.session` uses; a session that is over is never brought back.
 *
 * An id is what `session.id` gives. Anything else is an id without a session. Every method throws
 * {@link SessionStoreUnavailableException} (503) where the store fails or passes its deadline.
 */
@Injectable()
export class SessionService {
  readonly #door: Door
  readonly #options: SessionModuleOptions

  constructor(@Inject(SESSION_DOOR) door: Door, @Inject(SESSION_OPTIONS) options: SessionModuleOptions) {
    this.#door = door
    this.#options = options
  }

  /** A copy of the session's data; `undefined` if there is no such session. Does not count as use of it. */
  async getSession<Data extends object = SessionData>(id: string): Promise<Partial<Data> | undefined> {
    return (await this.#door.engine.read(id).catch(rethrow)) as Partial<Data> | undefined
  }

  /**
   * Makes `data` all that the session holds. `false` if there is no such session: none is created.
   *
   * @param ttl - milliseconds from now until the session's lifetime ends; without it the deadlines stay.
   * @throws SessionError `SUBJECT_CHANGE_REFUSED` if it would then belong to somebody else, `VALUE_NOT_STORABLE`, and
   *   `OPTIONS_INVALID` for a `ttl` that is no positive number.
   */
  setSession<Data extends object = SessionData>(id: string, data: Partial<Data>, ttl?: Duration): Promise<boolean> {
    if (ttl !== undefined && !(typeof ttl === 'number' && ttl > 0 && ttl <= MAX_DURATION)) {
      throw invalid(
        `The ttl is ${shown(ttl)}. Give a number of milliseconds up to ${MAX_DURATION}, such as minutes(30).`,
      )
    }
    return this.#door.engine.write(id, data as Record<string, unknown>, 'replace', ttl).catch(rethrow)
  }

  /**
   * Writes these keys and leaves the others, in one step; a key that is `undefined` is removed. The deadlines stay.
   * `false` if there is no such session.
   *
   * @throws SessionError `SUBJECT_CHANGE_REFUSED`, `VALUE_NOT_STORABLE`
   */
  updateSession<Data extends object = SessionData>(id: string, partial: Partial<Data>): Promise<boolean> {
    return this.#door.engine.write(id, partial as Record<string, unknown>, 'merge').catch(rethrow)
  }

  /** Ends the session; `false` if there was none. A request that is under way can't bring it back. */
  destroySession(id: string): Promise<boolean> {
    return this.#door.engine.revoke(id).catch(rethrow)
  }

  /**
   * Whose session it is: its `user`, if its data has one, else what the guard would put on the request;
   * `undefined` for nobody.
   */
  async getUserFromSession(id: string): Promise<unknown> {
    const data = await this.getSession<Record<string, unknown>>(id)
    if (!data) return undefined
    if (data['user'] !== undefined) return data['user']
    if (this.#door.engine.subjectOf(data) === undefined) return undefined
    return (this.#options.user ?? recipeUser)(data)
  }
}

function rethrow(error: unknown): never {
  throw asHttp(error)
}
