import { moved, patched } from '../core/changed-record.js'
import { keyTaken, limitReached, SessionError } from '../core/errors.js'
import { type Clock, endsAt, isExpired } from '../core/expiry.js'
import type { FormerKey, RecordPatch, RotatePatch, SessionRecord, SubjectLimit } from '../core/record.js'
import { inOrderOfSignIn } from '../core/record.js'
import type {
  Ability,
  BySubject,
  Closing,
  Evictions,
  Outcome,
  Probing,
  Rotating,
  SessionStore,
  Sweeping,
} from '../core/store.js'
import { REUSE_KNOWN_FOR, ROTATED_FOR } from '../core/store.js'
import { checkOptions, type MemoryStoreOptions } from './memory/options.js'
import { RotatedKeys } from './memory/rotated-keys.js'
import { SubjectIndex } from './memory/subject-index.js'

export type { MemoryStoreOptions } from './memory/options.js'

/**
 * Keeps sessions in this process: for tests and for a single process whose sessions may end with it.
 *
 * Every verb answers synchronously. What is handed in and out are copies. When it is full, a new session takes the place
 * of the expired ones or, where there are none, of the one least recently seen.
 */
export class MemoryStore implements SessionStore, BySubject, Rotating, Sweeping, Probing, Closing {
  readonly name = 'memory'
  readonly abilities: ReadonlySet<Ability> = new Set<Ability>([
    'by-subject',
    'rotating',
    'sweeping',
    'probing',
    'closing',
  ])
  readonly #maxSessions: number
  readonly #clock: Clock
  /** The least recently seen first. A record in here is never changed, only replaced. */
  readonly #records = new Map<string, SessionRecord>()
  readonly #subjects = new SubjectIndex()
  readonly #rotated: RotatedKeys
  /** No record ends before this. */
  #firstEnd = Infinity
  #isClosed = false

  /** Throws `OPTIONS_INVALID` for an option that can't work, and in production unless `allowInProduction` is `true`. */
  constructor(options: MemoryStoreOptions = {}) {
    const { maxSessions, clock } = checkOptions(options)
    this.#maxSessions = maxSessions
    this.#clock = clock
    this.#rotated = new RotatedKeys(maxSessions, clock)
  }

  load(key: string): SessionRecord | FormerKey | undefined {
    const record = this.#live(key)
    return record ? copyOf(record) : this.#rotated.former(key)
  }

  create(record: SessionRecord, limit?: SubjectLimit): Evictions | undefined {
    this.#refuseTaken(record.key)
    const evictions = this.#keepLimit(record.subject, limit)
    if (this.#records.size >= this.#maxSessions) this.#makeRoom()
    this.#keep(copyOf(record))
    return evictions
  }

  update(key: string, patch: RecordPatch): Outcome {
    const record = this.#live(key)
    if (!record) return this.#rotated.has(key) ? 'rotated' : 'gone'
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
    const record = this.#live(key)
    if (record) this.#drop(record)
    return record !== undefined
  }

  /** A `newKey` that is taken is refused with `RECORD_EXISTS`, and everything is left as it was. */
  rotate(key: string, newKey: string, patch: RotatePatch): Outcome | Evictions {
    const record = this.#live(key)
    if (!record) return this.#rotated.has(key) ? 'rotated' : 'gone'
    if (patch.ifVersion !== undefined && patch.ifVersion !== record.version) return 'conflict'
    this.#refuseTaken(newKey)
    const evictions = this.#keepLimit(patch.subject, patch.limit, key)
    this.#drop(record)
    this.#keep(moved(record, newKey, patch))
    if (patch.sealedId === undefined) this.#rotated.add(key, this.#clock() + ROTATED_FOR, undefined)
    else {
      const former = { movedTo: newKey, sealedId: patch.sealedId, goodUntil: undefined }
      this.#rotated.add(key, (patch.times ?? record).expiresAt, former)
    }
    return evictions ?? 'updated'
  }

  confirm(key: string, formerKey: string, goodUntil: number): void {
    const record = this.#live(key)
    if (record?.formerKey !== formerKey) return
    this.#keep({ ...record, formerKey: undefined })
    this.#rotated.change(formerKey, goodUntil + REUSE_KNOWN_FOR, { movedTo: key, sealedId: undefined, goodUntil })
  }

  list(subject: string): readonly SessionRecord[] {
    return this.#of(subject).map(copyOf)
  }

  find(subject: string, handle: string): SessionRecord | undefined {
    const record = this.#of(subject).find((each) => each.handle === handle)
    return record && copyOf(record)
  }

  count(subject: string): number {
    return this.#of(subject).length
  }

  revoke(subject: string, handle: string): boolean {
    const record = this.#of(subject).find((each) => each.handle === handle)
    if (record) this.#drop(record)
    return record !== undefined
  }

  revokeAll(subject: string, exceptHandle?: string): readonly string[] {
    const records = this.#of(subject).filter(({ handle }) => handle !== exceptHandle)
    return this.#dropAll(records)
  }

  updateAll(subject: string, patch: Pick<RecordPatch, 'set' | 'remove'>): number {
    const records = this.#of(subject)
    for (const record of records) this.#keep(patched(record, patch))
    return records.length
  }

  /** Looks through all records where one may have expired: 100,000 take some milliseconds. */
  sweep(limit: number): number {
    this.#refuseClosed()
    this.#rotated.sweep()
    return this.#removeExpired(limit)
  }

  /** The memory of the process has nothing to prove. */
  probe(): void {
    this.#refuseClosed()
  }

  /** Forgets every session. */
  close(): void {
    this.#isClosed = true
    this.#records.clear()
    this.#subjects.clear()
    this.#rotated.clear()
  }

  #live(key: string): SessionRecord | undefined {
    this.#refuseClosed()
    const record = this.#records.get(key)
    return record && !isExpired(record, this.#clock()) ? record : undefined
  }

  /** The live records of a subject, the first signed in first. */
  #of(subject: string): SessionRecord[] {
    this.#refuseClosed()
    const records = this.#subjects.of(subject).map((key) => this.#live(key))
    return records.filter((record) => record !== undefined).sort(inOrderOfSignIn)
  }

  /** Makes room for one more session of a subject, besides that under `key`, which moves. */
  #keepLimit(subject: string | undefined, limit: SubjectLimit | undefined, key?: string): Evictions | undefined {
    if (subject === undefined || limit === undefined) return undefined
    const others = this.#of(subject).filter((record) => record.key !== key)
    const excess = others.length + 1 - limit.max
    if (excess <= 0) return undefined
    if (limit.onLimit === 'refuse') throw limitReached(limit.max)
    return { evicted: this.#dropAll(others.slice(0, excess)) }
  }

  #keep(record: SessionRecord): void {
    const before = this.#records.get(record.key)
    if (before) this.#drop(before)
    this.#records.set(record.key, record)
    this.#subjects.add(record.subject, record.key)
    this.#firstEnd = Math.min(this.#firstEnd, endsAt(record))
  }

  #drop(record: SessionRecord): void {
    this.#records.delete(record.key)
    this.#subjects.remove(record.subject, record.key)
  }

  #dropAll(records: readonly SessionRecord[]): readonly string[] {
    for (const record of records) this.#drop(record)
    return records.map(({ handle }) => handle)
  }

  #makeRoom(): void {
    if (this.#removeExpired(Infinity) > 0) return
    for (const record of this.#records.values()) {
      this.#drop(record)
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
        this.#drop(record)
        removed++
      }
    }
    this.#firstEnd = firstEnd
    return removed
  }

  #refuseTaken(key: string): void {
    if (!this.#live(key) && !this.#rotated.has(key)) return
    throw keyTaken()
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
    authenticatedAt: record.authenticatedAt,
    rotatedAt: record.rotatedAt,
    lastSeenAt: record.lastSeenAt,
    idleTimeout: record.idleTimeout,
    expiresAt: record.expiresAt,
    version: record.version,
    persistent: record.persistent,
    device: record.device,
    ip: record.ip,
    formerKey: record.formerKey,
    data: new Map(record.data),
  }
}
