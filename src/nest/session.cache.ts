import { AsyncLocalStorage } from 'node:async_hooks'
import { Inject, Injectable } from '@nestjs/common'
import { notStorable } from '../core/codec.js'
import { changesOf, NO_DATA, type EncodedData } from '../core/data.js'
import type { Duration } from '../core/duration.js'
import type { SessionEngine } from '../core/engine.js'
import { invalid } from '../core/options.js'
import { SESSION_DOOR } from './session.constants.js'
import { asHttp } from './session.exceptions.js'

/**
 * What a `SessionService` as the recipe has it gets for `@Inject(CACHE_MANAGER)`: the three methods of a cache manager that
 * it calls, over the very records that requests use. A key is `session:ID`, with the id that `session.id` gives.
 *
 * Nothing else is kept under other keys: they have no value. Where the store fails, all throw
 * `SessionStoreUnavailableException` (503).
 */
@Injectable()
export class SessionCache {
  readonly #engine: SessionEngine

  /** @param door - what has the engine of the sessions, such as the middleware of `latchkey/express` */
  constructor(@Inject(SESSION_DOOR) door: { readonly engine: SessionEngine }) {
    this.#engine = door.engine
  }

  /** A copy of the session's data; `undefined` if there is no such session. Does not count as use of it. */
  get<T = Record<string, unknown>>(key: string): Promise<T | undefined> {
    const id = idIn(key)
    return id === undefined ? Promise.resolve(undefined) : (this.#read(id, look()) as Promise<T | undefined>)
  }

  /**
   * Makes `value` all that the session holds. After a {@link get} of the same key only what differs from what that one gave
   * is written, so that a change which a request has made in between stays. Answers the value; `undefined` if there is no
   * such session: none is created or brought back.
   *
   * @param ttl - milliseconds from now until the session's lifetime ends; without it, and with 0, the deadlines stay.
   * @throws SessionError `OPTIONS_INVALID` for a key of another form, `VALUE_NOT_STORABLE`, and `SUBJECT_CHANGE_REFUSED` if it
   *   would then belong to somebody else.
   * @throws SessionTooLargeException (413)
   */
  async set<T>(key: string, value: T, ttl?: Duration): Promise<T | undefined> {
    const id = idIn(key)
    if (id === undefined) {
      throw invalid(
        'A value was to be kept under a key that names no session. The keys of this cache are `session:` and the id that ' +
          '`session.id` gives. For anything else, inject CACHE_MANAGER of @nestjs/cache-manager.',
      )
    }
    if (typeof value !== 'object' || value === null) throw notStorable('the session', 'no object')
    const before = SEEN.getStore()?.get(id)
    const lifetime = ttl === 0 ? undefined : ttl
    if (!before) {
      const data = value as Record<string, unknown>
      return (await this.#engine.write(id, data, 'replace', lifetime).catch(rethrow)) ? value : undefined
    }
    const [seen, held] = [look(), encoded(value)]
    const isThere = await this.#engine.write(id, differences(value, before), 'merge', lifetime).catch(rethrow)
    if (isThere) seen.set(id, held)
    return isThere ? value : undefined
  }

  /** Ends the session; `false` if there was none. A request that is under way can't bring it back. */
  async del(key: string): Promise<boolean> {
    const id = idIn(key)
    return id !== undefined && this.#engine.revoke(id).catch(rethrow)
  }

  async #read(id: string, seen: Map<string, EncodedData>): Promise<unknown> {
    const data = await this.#engine.read(id).catch(rethrow)
    if (data) seen.set(id, encoded(data))
    else seen.delete(id)
    return data
  }
}

const PREFIX = 'session:'

function idIn(key: unknown): string | undefined {
  return typeof key === 'string' && key.startsWith(PREFIX) ? key.slice(PREFIX.length) : undefined
}

/** What the code that now runs has read so far, by id. Parallel runs know nothing of one another. */
const SEEN = new AsyncLocalStorage<ReadonlyMap<string, EncodedData>>()

/** A place for what is read next. Whoever awaits that goes on with it. */
function look(): Map<string, EncodedData> {
  const seen = new Map(SEEN.getStore())
  SEEN.enterWith(seen)
  return seen
}

function encoded(data: object): EncodedData {
  return changesOf(data, NO_DATA)?.set ?? NO_DATA
}

/** The keys of a value that differ from what was seen; one that is gone is `undefined`. */
function differences(value: object, seen: EncodedData): Record<string, unknown> {
  const changes = changesOf(value, seen)
  const changed = [...(changes?.set.keys() ?? [])].map((key) => [key, (value as Record<string, unknown>)[key]])
  const gone = (changes?.remove ?? []).map((key) => [key, undefined])
  return Object.fromEntries([...changed, ...gone]) as Record<string, unknown>
}

function rethrow(error: unknown): never {
  throw asHttp(error)
}
