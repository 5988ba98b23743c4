import { probeRecord, unfit } from '../core/probe.js'
import type { FormerKey, RecordPatch, RotatePatch, SessionRecord, SubjectLimit } from '../core/record.js'
import type {
  Ability,
  Adopting,
  Awaitable,
  BySubject,
  Closing,
  Evictions,
  LoadOptions,
  Outcome,
  Probing,
  Rotating,
  SessionStore,
} from '../core/store.js'
import { RedisAdopting } from './redis/adopt.js'
import { Commands } from './redis/commands.js'
import { recordFields } from './redis/layout.js'
import { Members } from './redis/members.js'
import { NearCache } from './redis/near-cache.js'
import { checkOptions, type RedisStoreOptions } from './redis/options.js'
import { Records } from './redis/records.js'
import { Subjects } from './redis/subjects.js'

export type {
  IoredisClient,
  NodeRedisClient,
  NodeRedisCluster,
  NodeRedisSentinel,
  RedisClient,
} from './redis/client.js'
export type { AdoptedLibrary, AdoptOptions } from './redis/adopt-options.js'
export type { NearCacheOptions } from './redis/near-cache/options.js'
export type { RedisStoreOptions } from './redis/options.js'

/**
 * Keeps sessions in Redis or Valkey, one server, one with Sentinels or a Cluster: a hash for each, with its time to live,
 * and for each subject the set of its sessions. For several processes on several machines.
 *
 * A load is one HGETALL, a write is one script. Nothing connects before the first of them. What the client rejects with
 * goes out as it is. Layout, memory and advice: `docs/reference/stores-redis.md`.
 */
export class RedisStore implements SessionStore, BySubject, Rotating, Probing, Closing {
  readonly name = 'redis'
  readonly abilities: ReadonlySet<Ability> = new Set<Ability>(['by-subject', 'rotating', 'probing', 'closing'])
  readonly adopting: Adopting | undefined
  readonly #commands: Commands
  readonly #records: Records
  readonly #subjects: Subjects
  readonly #near: NearCache | undefined

  /** Throws `OPTIONS_INVALID` for an option that can't work; whether Redis answers shows at the first verb. */
  constructor(options: RedisStoreOptions = {}) {
    const { connection, prefix, clock, adopt, nearCache } = checkOptions(options)
    this.#commands = new Commands(connection, prefix, clock)
    const members = new Members(this.#commands)
    this.#subjects = new Subjects(this.#commands, members)
    this.#records = new Records(this.#commands, members, this.#subjects)
    this.adopting = adopt && new RedisAdopting(adopt, this.#commands, members, this.#records)
    this.#near = nearCache && new NearCache(this.#commands, this.#records, nearCache.maxEntries, nearCache.open)
  }

  /**
   * One HGETALL, sent once more if the connection was lost under it; none for what is in the near cache. Also a record that only
   * the clock has ended is `undefined`.
   */
  load(key: string, options?: LoadOptions): Awaitable<SessionRecord | FormerKey | undefined> {
    if (this.#near === undefined) return this.#records.load(key)
    return options?.fresh === true ? this.#near.loadFresh(key) : this.#near.load(key)
  }

  /** With a limit it takes a second command where the subject has other sessions. */
  async create(record: SessionRecord, limit?: SubjectLimit): Promise<Evictions | undefined> {
    return this.#records.create(record.key, recordFields(record), limit)
  }

  async update(key: string, patch: RecordPatch): Promise<Outcome> {
    return this.#records.update(key, patch)
  }

  async touch(key: string, lastSeenAt: number): Promise<boolean> {
    return this.#records.touch(key, lastSeenAt)
  }

  /** A hash that can't be read is removed too, and answered with `false`. */
  async delete(key: string): Promise<boolean> {
    return this.#records.delete(key)
  }

  /**
   * One step, except on a Redis Cluster where the tag changes, as it does with the subject: there the new record is in its
   * place a moment before the old one is gone. What is answered, and what is left at the end, is the same.
   *
   * Throws a `RangeError` for a sealed id with a key of another tag.
   */
  async rotate(key: string, newKey: string, patch: RotatePatch): Promise<Outcome | Evictions> {
    return this.#records.rotate(key, newKey, patch)
  }

  async confirm(key: string, formerKey: string, goodUntil: number): Promise<void> {
    return this.#records.confirm(key, formerKey, goodUntil)
  }

  async list(subject: string): Promise<readonly SessionRecord[]> {
    return this.#subjects.list(subject)
  }

  async find(subject: string, handle: string): Promise<SessionRecord | undefined> {
    return this.#subjects.find(subject, handle)
  }

  async count(subject: string): Promise<number> {
    return this.#subjects.count(subject)
  }

  async revoke(subject: string, handle: string): Promise<boolean> {
    return this.#subjects.revoke(subject, handle)
  }

  /** What can't be read is removed too, unless it says that it is another subject's. */
  async revokeAll(subject: string, exceptHandle?: string): Promise<readonly string[]> {
    return this.#subjects.revokeAll(subject, exceptHandle)
  }

  async updateAll(subject: string, patch: Pick<RecordPatch, 'set' | 'remove'>): Promise<number> {
    return this.#subjects.updateAll(subject, patch)
  }

  async probe(): Promise<void> {
    const record = probeRecord(this.#commands.clock())
    await this.create(record)
    try {
      if (!(await this.#records.load(record.key))) throw unfit(this.name, 'does not keep what is written')
      if (!(await this.#commands.endsByItself(record.key))) throw unfit(this.name, 'keeps for ever what has a deadline')
      await this.#near?.works(record.key)
    } finally {
      await this.delete(record.key)
    }
  }

  /** Closes the connections that the store opened; a client that was handed in stays open. */
  async close(): Promise<void> {
    await Promise.all([this.#near?.close(), this.#commands.close()])
  }
}
