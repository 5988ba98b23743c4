import { SessionError } from '../../core/errors.js'
import type { Clock } from '../../core/expiry.js'
import type { Connection } from './client.js'
import { type Fields, fieldsOf, indexKey, keyIn, probeKey, recordKey, unreadable } from './layout.js'
import { integer } from './numbers.js'
import { refusalOf } from './refusal.js'
import { again, patient, retried } from './retry.js'
import type { Script } from './script.js'

/** How a store asks its Redis: under its prefix, by its clock, and until it is closed. */
export class Commands {
  readonly clock: Clock
  readonly #direct: Connection
  /** The same, for what is not read. */
  readonly #connection: Connection
  readonly #prefix: string
  #isCluster: boolean
  #closing: Promise<void> | undefined
  #onWrite: ((name: string) => void) | undefined

  constructor(connection: Connection, prefix: string, clock: Clock) {
    this.clock = clock
    this.#direct = connection
    this.#connection = patient(connection)
    this.#prefix = prefix
    this.#isCluster = connection.isCluster
  }

  /** Whether a script may touch the keys of one slot only. */
  get isCluster(): boolean {
    return this.#isCluster
  }

  /** The Redis key of a record. */
  record(key: string): string {
    return recordKey(this.#prefix, key)
  }

  /** The Redis key of the index for all keys with the tag of this one. */
  index(key: string): string {
    return indexKey(this.#prefix, key)
  }

  /** The key of the record with this name in Redis; `undefined` for any other name. */
  keyIn(name: string): string | undefined {
    return keyIn(this.#prefix, name)
  }

  /** The name of a key that nobody uses, in the slot of the record under `key`. */
  probe(key: string): string {
    return probeKey(this.#prefix, key)
  }

  /** Has somebody told the names of the keys that a script may write to, before it is sent and when it is answered. */
  watchWrites(listener: (name: string) => void): void {
    this.#onWrite = listener
  }

  /** One HGETALL, sent once more if the connection was lost under it. */
  fields(key: string): Promise<Fields> {
    return this.read(key, fieldsOf)
  }

  /**
   * What `make` makes of the answer to an HGETALL, sent once more if the connection was lost under it. Every request waits
   * for it, so it is one promise more than the connection's own; what another try needs is made for that alone.
   */
  read<T>(key: string, make: (reply: unknown) => T): Promise<T> {
    const name = this.record(key)
    const args = ['hgetall', name]
    try {
      this.#refuseClosed()
      return this.#direct
        .send(args, name)
        .then(make, (error: unknown) => retried(this.#direct, args, name, error).then(make, rethrow))
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /** Whether Redis will drop the record by itself. */
  async endsByItself(key: string): Promise<boolean> {
    this.#refuseClosed()
    const name = this.record(key)
    return Number(await this.#connection.send(['pttl', name], name).catch(rethrow)) > 0
  }

  /** Runs a script, its first argument the present time. The answer is what the script says it is. */
  async run<T>(script: Script, keys: readonly string[], args: readonly string[]): Promise<T> {
    this.#refuseClosed()
    if (this.#onWrite) return this.#runWatched(this.#onWrite, script, keys, args)
    const answer = script.run(this.#connection, keys, [integer(this.clock()), ...args])
    return (await answer.catch(rethrow)) as T
  }

  /** Runs a script that may as well run twice: it is sent once more if the connection was lost under it. */
  async runTwice<T>(script: Script, keys: readonly string[], args: readonly string[]): Promise<T> {
    return again(() => this.run<T>(script, keys, args))
  }

  /**
   * Runs a script over two slots, on a single server. Where that is refused although the client is not that of a Cluster (a
   * proxy before one, or one node of it), the answer is `undefined`, and from then on it counts as one.
   */
  async runAcross<T>(script: Script, keys: readonly string[], args: readonly string[]): Promise<T | undefined> {
    try {
      return await this.run<T>(script, keys, args)
    } catch (error) {
      if (!(error instanceof Error && error.message.includes('CROSSSLOT'))) throw error
      this.#isCluster = true
      return undefined
    }
  }

  close(): Promise<void> {
    return (this.#closing ??= this.#connection.close())
  }

  async #runWatched<T>(
    onWrite: (name: string) => void,
    script: Script,
    keys: readonly string[],
    args: readonly string[],
  ): Promise<T> {
    keys.forEach(onWrite)
    try {
      return (await script.run(this.#connection, keys, [integer(this.clock()), ...args]).catch(rethrow)) as T
    } finally {
      keys.forEach(onWrite)
    }
  }

  #refuseClosed(): void {
    if (this.#closing === undefined) return
    throw new SessionError('STORE_CLOSED', 'The Redis store was closed. Close it only after the last request.')
  }
}

/**
 * The client's error as it is, except that a key of another type is an unreadable record, that a refusal of the user says
 * what to do, and that what ioredis adds to an error is taken off: a log would show the password, or the data of the session.
 */
function rethrow(error: unknown): never {
  if (!(error instanceof Error)) throw error
  if (error.message.includes('WRONGTYPE')) throw unreadable('its key holds no hash')
  Reflect.deleteProperty(error, 'command')
  throw refusalOf(error) ?? error
}
