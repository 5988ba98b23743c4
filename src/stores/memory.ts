import { SessionError } from '../core/errors.js'
import { type Clock, endsAt, isExpired } from '../core/expiry.js'
import type { RecordPatch, RotatePatch, SessionRecord } from '../core/record.js'
import { type Ability, type Closing, type Outcome, ROTATED_FOR, type Rotating } from '../core/store.js'
import type { SessionStore, Sweeping } from '../core/store.js'
import { checkOptions, type MemoryStoreOptions } from './memory/options.js'

export type { MemoryStoreOptions } from './memory/options.js'

/**
 * Keeps sessions in this process: for tests and for a single process whose sessions may end with it.
 *
 * Every verb answers synchronously. What is handed in and out are copies. When it is full, a new session takes the place
 * of the expired ones or, where there are none, of the one least recently seen.
 */
export class MemoryStore implements SessionStore, Rotating, Sweeping, Closing {
  readonly name = 'memory'
  readonly abilities: ReadonlySet<Ability> = new Set<Ability>(['rotating', 'sweeping', 'closing'])
  readonly #maxSessions: number
  readonly #clock: Clock
  /** The least recently seen first. A record in here is never changed, only replaced. */
  readonly #records = new Map<string, SessionRecord>()
  /** Until when a key that was rotated away says so, the oldest first. */
  readonly #rotated = new Map<string, number>()
  /** No record ends before this. */
  #firstEnd = Infinity
  #isClosed = false

  /** Throws `OPTIONS_INVALID` for an option that can't work, and in production unless `allowInProduction` is `true`. */
  constructor(options: MemoryStoreOptions = {}) {
    const { maxSessions, clock } = checkOptions(options)
    this.#maxSessions = maxSessions
    this.#clock = clock
  }

  load(key: string): SessionRecord | undefined {
    const record = this.#live(key)
    return record && copyOf(record)
  }

  create(record: SessionRecord): void {
    this.#refuseTaken(record.key)
    if (this.#records.size >= this.#maxSessions) this.#makeRoom()
    this.#keep(copyOf(record))
  }

  update(key: string, patch: RecordPatch): Outcome {
    const record = this.#live(key)
    if (!record) return this.#isRotated(key) ? 'rotated' : 'gone'
    if (patch.ifVersion !== undefined && patch.ifVersion !== record.version) return 'conflict'
    this.#keep(patched(record, patch))
    return 'updated'
  }

  touch(key: string, lastSeenAt: number): boolean {
    const record = this.#live(key)
    if (!record) return false
    if (lastSeenAt > record.lastSeenAt) this.#keep({ ...record, lastSeenAt })
    return true
  }

  delete(key: string): boolean {
    return this.#live(key) !== undefined && this.#records.delete(key)
  }

  /** A `newKey` that is taken is refused with `RECORD_EXISTS`, and everything is left as it was. */
  rotate(key: string, newKey: string, patch: RotatePatch): Outcome {
    const record = this.#live(key)
    if (!record) return this.#isRotated(key) ? 'rotated' : 'gone'
    if (patch.ifVersion !== undefined && patch.ifVersion !== record.version) return 'conflict'
    this.#refuseTaken(newKey)
    this.#keep({ ...patched(record, patch), key: newKey, subject: patch.subject })
    this.#records.delete(key)
    this.#markRotated(key)
    return 'updated'
  }

  /** Looks through all records where one may have expired: 100,000 take some milliseconds. */
  sweep(limit: number): number {
    this.#refuseClosed()
    this.#forgetRotated(this.#maxSessions)
    return this.#removeExpired(limit)
  }

  /** Forgets every session. */
  close(): void {
    this.#isClosed = true
    this.#records.clear()
    this.#rotated.clear()
  }

  #live(key: string): SessionRecord | undefined {
    this.#refuseClosed()
    const record = this.#records.get(key)
    return record && !isExpired(record, this.#clock()) ? record : undefined
  }

  #keep(record: SessionRecord): void {
    this.#records.delete(record.key)
    this.#records.set(record.key, record)
    this.#firstEnd = Math.min(this.#firstEnd, endsAt(record))
  }

  #makeRoom(): void {
    if (this.#removeExpired(Infinity) > 0) return
    for (const key of this.#records.keys()) {
      this.#records.delete(key)
      return
    }
  }

  #removeExpired(limit: number): number {
    const now = this.#clock()
    if (now < this.#firstEnd) return 0
    let removed = 0
    let firstEnd = Infinity
    for (const record of this.#records.values()) {
      if (!isExpired(record, now)) firstEnd = Math.min(firstEnd, endsAt(record))
      else if (removed >= limit) return removed
      else {
        this.#records.delete(record.key)
        removed++
      }
    }
    this.#firstEnd = firstEnd
    return removed
  }

  #isRotated(key: string): boolean {
    const until = this.#rotated.get(key)
    return until !== undefined && this.#clock() < until
  }

  #markRotated(key: string): void {
    this.#forgetRotated(this.#maxSessions - 1)
    this.#rotated.set(key, this.#clock() + ROTATED_FOR)
  }

  #forgetRotated(most: number): void {
    const now = this.#clock()
    for (const [key, until] of this.#rotated) {
      if (now < until && this.#rotated.size <= most) return
      this.#rotated.delete(key)
    }
  }

  #refuseTaken(key: string): void {
    if (!this.#live(key) && !this.#isRotated(key)) return
    throw new SessionError(
      'RECORD_EXISTS',
      'The key of a new session is already taken. Create each session with a new id.',
    )
  }

  #refuseClosed(): void {
    if (!this.#isClosed) return
    throw new SessionError('STORE_CLOSED', 'The memory store was closed. Close it only after the last request.')
  }
}

/** The fields of a record and nothing else, always in this order. */
function copyOf(record: SessionRecord): SessionRecord {
  return {
    key: record.key,
    handle: record.handle,
    subject: record.subject,
    createdAt: record.createdAt,
    lastSeenAt: record.lastSeenAt,
    idleTimeout: record.idleTimeout,
    expiresAt: record.expiresAt,
    version: record.version,
    persistent: record.persistent,
    device: record.device,
    data: new Map(record.data),
  }
}

function patched(record: SessionRecord, patch: RecordPatch): SessionRecord {
  const { lastSeenAt, idleTimeout, expiresAt, persistent } = patch.times ?? record
  const data = new Map(record.data)
  for (const key of patch.remove) data.delete(key)
  for (const [key, value] of patch.set) data.set(key, value)
  return {
    ...record,
    lastSeenAt: Math.max(record.lastSeenAt, lastSeenAt),
    idleTimeout,
    expiresAt,
    version: record.version + 1,
    persistent,
    data,
  }
}
