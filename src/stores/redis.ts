import { SessionError } from '../core/errors.js'
import { type Clock, isExpired } from '../core/expiry.js'
import type { RecordPatch, RotatePatch, SessionRecord } from '../core/record.js'
import type { Ability, Closing, Outcome, Rotating, SessionStore } from '../core/store.js'
import { type Connection, read } from './redis/client.js'
import { indexKey, integer, patchArguments, recordFields, recordFrom, recordKey, unreadable } from './redis/layout.js'
import { checkOptions, type RedisStoreOptions } from './redis/options.js'
import { type Answer, CREATE, DELETE, ROTATE, type Script, TOUCH, UPDATE } from './redis/scripts.js'

export type { IoredisClient, NodeRedisClient, RedisClient } from './redis/client.js'
export type { RedisStoreOptions } from './redis/options.js'

/**
 * Keeps sessions in one Redis or Valkey server: a hash for each, with its time to live, and for each subject the set
 * of its sessions. For several processes on several machines.
 *
 * A load is one HGETALL, a write is one script. Nothing connects before the first of them. What the client rejects with
 * goes out as it is. Layout, memory and advice: `docs/reference/stores-redis.md`.
 */
export class RedisStore implements SessionStore, Rotating, Closing {
  readonly name = 'redis'
  readonly abilities: ReadonlySet<Ability> = new Set<Ability>(['rotating', 'closing'])
  readonly #connection: Connection
  readonly #prefix: string
  readonly #clock: Clock
  #closing: Promise<void> | undefined

  /** Throws `OPTIONS_INVALID` for an option that can't work; whether Redis answers shows at the first verb. */
  constructor(options: RedisStoreOptions = {}) {
    const { connection, prefix, clock } = checkOptions(options)
    this.#connection = connection
    this.#prefix = prefix
    this.#clock = clock
  }

  /** One HGETALL, sent once more if the connection was lost under it. Also a record that only the clock has ended is `undefined`. */
  async load(key: string): Promise<SessionRecord | undefined> {
    this.#refuseClosed()
    const reply = await read(this.#connection, ['hgetall', recordKey(this.#prefix, key)]).catch(rethrow)
    const record = recordFrom(key, reply)
    return record === undefined || isExpired(record, this.#clock()) ? undefined : record
  }

  async create(record: SessionRecord): Promise<void> {
    if ((await this.#run(CREATE, this.#keys(record.key), recordFields(record))) === 'exists') throw taken()
  }

  async update(key: string, patch: RecordPatch): Promise<Outcome> {
    return outcome(await this.#run(UPDATE, this.#keys(key), patchArguments(patch)))
  }

  async touch(key: string, lastSeenAt: number): Promise<boolean> {
    const answer = await this.#run(TOUCH, [recordKey(this.#prefix, key)], [integer(lastSeenAt)])
    if (answer === 'unreadable') throw unreadable('its times are missing or no numbers')
    return answer === 'live'
  }

  /** A hash that can't be read is removed too, and answered with `false`. */
  async delete(key: string): Promise<boolean> {
    return (await this.#run(DELETE, this.#keys(key), [])) === 'live'
  }

  /** A `newKey` that is taken is refused with `RECORD_EXISTS`, and everything is left as it was. */
  async rotate(key: string, newKey: string, patch: RotatePatch): Promise<Outcome> {
    const answer = await this.#run(ROTATE, [...this.#keys(key), ...this.#keys(newKey)], patchArguments(patch))
    if (answer === 'exists') throw taken()
    return outcome(answer)
  }

  /** Closes the connection that the store opened from a URL; a client that was handed in stays open. */
  close(): Promise<void> {
    return (this.#closing ??= this.#connection.close())
  }

  async #run(script: Script, keys: readonly string[], args: readonly string[]): Promise<Answer> {
    this.#refuseClosed()
    return script.run(this.#connection, keys, [integer(this.#clock()), ...args]).catch(rethrow)
  }

  #keys(key: string): readonly [string, string] {
    return [recordKey(this.#prefix, key), indexKey(this.#prefix, key)]
  }

  #refuseClosed(): void {
    if (this.#closing === undefined) return
    throw new SessionError('STORE_CLOSED', 'The Redis store was closed. Close it only after the last request.')
  }
}

function outcome(answer: Answer): Outcome {
  if (answer === 'unreadable') throw unreadable('its times are missing or no numbers')
  return answer as Outcome
}

function taken(): SessionError {
  return new SessionError(
    'RECORD_EXISTS',
    'The key of a new session is already taken. Create each session with a new id.',
  )
}

/**
 * The client's error as it is, except that a key of another type is an unreadable record, and that what ioredis adds to
 * an error is taken off: a log would show the password, or the data of the session.
 */
function rethrow(error: unknown): never {
  if (!(error instanceof Error)) throw error
  if (error.message.includes('WRONGTYPE')) throw unreadable('its key holds no hash')
  Reflect.deleteProperty(error, 'command')
  throw error
}
