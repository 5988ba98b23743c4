import { SessionError } from '../../core/errors.js'
import { isExpired } from '../../core/expiry.js'
import type { FormerKey, SessionRecord } from '../../core/record.js'
import type { Awaitable } from '../../core/store.js'
import type { Commands } from './commands.js'
import { foundIn } from './layout.js'
import { Kept } from './near-cache/kept.js'
import type { OpenTrackers, Trackers } from './near-cache/trackers.js'
import type { Tracking } from './near-cache/tracking.js'
import type { Records } from './records.js'

/**
 * Keeps records that were read lately in this process, for as long as Redis would tell of their changes. What is kept is
 * answered at once, without a promise. Everything else is asked of Redis, as without it: what can't be kept, what is to be
 * fresh, and all of it while Redis can't tell.
 */
export class NearCache {
  readonly #commands: Commands
  readonly #records: Records
  readonly #kept: Kept<Tracking>
  readonly #trackers: Trackers
  #wasWarned = false
  #isClosed = false

  constructor(commands: Commands, records: Records, maxEntries: number, open: OpenTrackers) {
    this.#commands = commands
    this.#records = records
    this.#kept = new Kept(maxEntries)
    this.#trackers = open({ changed: (name) => this.#changed(name), refused: (error) => this.#warn(error) })
    commands.watchWrites((name) => this.#forget(name))
  }

  load(key: string): Awaitable<SessionRecord | FormerKey | undefined> {
    const entry = this.#kept.get(key)
    // One that has ended may have been used elsewhere a moment ago: who says so is Redis.
    if (!entry?.source.isTrusted || isExpired(entry.record, this.#commands.clock())) return this.#read(key)
    if (entry.source.isBeatDue) entry.source.beat(this.#probeFor(key))
    return copyOf(entry.record)
  }

  /** What is stored now. What is kept must not be older than what somebody has seen. */
  async loadFresh(key: string): Promise<SessionRecord | FormerKey | undefined> {
    this.#kept.forget(key)
    try {
      return await this.#records.load(key)
    } finally {
      this.#kept.forget(key)
    }
  }

  /**
   * Resolves when Redis tells of changes.
   *
   * @throws SessionError `STORE_UNFIT` if it never will
   */
  async works(key: string): Promise<void> {
    try {
      await this.#trackers.works(key, this.#probeFor(key))
    } catch (error) {
      throw isLasting(error) ? new SessionError('STORE_UNFIT', why(error), { cause: error }) : error
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#kept.forgetAll()
    await this.#trackers.close()
  }

  async #read(key: string): Promise<SessionRecord | FormerKey | undefined> {
    const probe = this.#probeFor(key)
    const tracking = this.#isClosed ? undefined : this.#trackers.of(key, probe)
    if (!tracking?.isReady) return this.loadFresh(key)
    if (tracking.isBeatDue) tracking.beat(probe)
    const reading = this.#kept.begin(key)
    try {
      const reply = await tracking.askSoon(['hgetall', this.#nameOf(key)])
      const now = this.#commands.clock()
      const found = foundIn(key, reply, now)
      if (found === undefined || 'movedTo' in found) return found
      if (isExpired(found, now)) return undefined
      this.#kept.keep(key, reading, { record: found, source: tracking })
      return copyOf(found)
    } catch {
      // The other connection may do better, and says what is wrong if it does not. What it answers is newer than what is kept.
      return await this.loadFresh(key)
    } finally {
      this.#kept.end(key, reading)
    }
  }

  /** The name of the record in Redis, as Redis tells of it. */
  #nameOf(key: string): string {
    return this.#trackers.keyPrefix + this.#commands.record(key)
  }

  /** In the slot of the record. */
  #probeFor(key: string): string {
    return this.#trackers.keyPrefix + this.#commands.probe(key)
  }

  #changed(name: string | undefined): void {
    if (name === undefined) this.#kept.forgetAll()
    else this.#forget(name.slice(this.#trackers.keyPrefix.length))
  }

  #forget(name: string): void {
    const key = this.#commands.keyIn(name)
    if (key !== undefined) this.#kept.forget(key)
  }

  #warn(error: unknown): void {
    if (this.#wasWarned || !isLasting(error)) return
    this.#wasWarned = true
    process.emitWarning(why(error), { type: 'LatchkeyWarning', code: 'LATCHKEY_NEAR_CACHE_OFF' })
  }
}

/** Whoever gets it may change it. */
function copyOf(record: SessionRecord): SessionRecord {
  return { ...record, data: new Map(record.data) }
}

/** Whether it is an answer that will be the same the next time, and not a Redis that is away, full, or not the master just now. */
function isLasting(error: unknown): boolean {
  return error instanceof Error && /^(?:ERR|NOPERM|NOPROTO|NOAUTH|WRONGPASS|It took)\b/.test(error.message)
}

function why(error: unknown): string {
  const said = error instanceof Error ? error.message : String(error)
  return (
    `The near cache of RedisStore is not in use, because Redis does not tell of changes. It said: ${said} It needs Redis 6 ` +
    'or Valkey, without a proxy that does not pass on CLIENT TRACKING, and a user with the rights that ' +
    '`docs/reference/stores-redis.md` names. Mend that, or leave out `nearCache`.'
  )
}
