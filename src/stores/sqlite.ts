import { keyTaken, limitReached } from '../core/errors.js'
import type { Clock } from '../core/expiry.js'
import { probeRecord, unfit } from '../core/probe.js'
import type { FormerKey, RecordPatch, RotatePatch, SessionRecord, SubjectLimit } from '../core/record.js'
import {
  REUSE_KNOWN_FOR,
  ROTATED_FOR,
  type Ability,
  type BySubject,
  type Closing,
  type Evictions,
  type Outcome,
  type Probing,
  type Rotating,
  type SessionStore,
  type Sweeping,
} from '../core/store.js'
import { Connection } from './sqlite/connection.js'
import { checkOptions, type SqliteStoreOptions } from './sqlite/options.js'
import { unavailable } from './sqlite/own-file.js'
import { foundIn, handlesFrom, recordsFrom, refusal } from './sqlite/row.js'
import { dataText, integer, movedText, moveValues, patchValues, recordValues, textValue } from './sqlite/values.js'

export type { SqliteDatabase, SqliteDriver, SqliteStatement, SqliteValue } from './sqlite/driver.js'
export type { SqliteStoreOptions } from './sqlite/options.js'

/**
 * Keeps sessions in a SQLite file: for one process or several on one machine, through restarts and `kill -9`.
 *
 * Every verb answers synchronously and is one statement or one transaction. What the driver throws goes out as it is.
 * A row that can't be read is still its subject's: it is counted, keeps its place in a limit and is removed like others.
 * What a power cut can cost: `docs/reference/stores-sqlite.md`.
 */
export class SqliteStore implements SessionStore, BySubject, Rotating, Sweeping, Probing, Closing {
  readonly name = 'sqlite'
  readonly abilities: ReadonlySet<Ability> = new Set<Ability>([
    'by-subject',
    'rotating',
    'sweeping',
    'probing',
    'closing',
  ])
  readonly #connection: Connection
  readonly #clock: Clock

  /** Throws `OPTIONS_INVALID` for an option that can't work, and `STORE_UNAVAILABLE` for a file that can't be used. */
  constructor(options: SqliteStoreOptions) {
    const { database, isOwned, file, table, clock } = checkOptions(options)
    this.#clock = clock
    try {
      this.#connection = new Connection(database, isOwned, table, file)
    } catch (error) {
      throw unavailable(options.path, error)
    }
  }

  load(key: string): SessionRecord | FormerKey | undefined {
    const row = this.#connection.row('load', key, this.#clock())
    return row && foundIn(key, row)
  }

  create(record: SessionRecord, limit?: SubjectLimit): Evictions | undefined {
    return this.#connection.transaction(() => {
      const now = this.#clock()
      if (this.#connection.run('create', ...recordValues(record), now) === 0) throw keyTaken()
      return this.#keepLimit(record.subject, limit, record.key, now)
    })
  }

  update(key: string, patch: RecordPatch): Outcome {
    const now = this.#clock()
    if (this.#connection.write('update', ...patchValues(patch), key, now, patch.ifVersion ?? null) > 0) return 'updated'
    return this.#whyNot(key, now, patch.ifVersion)
  }

  touch(key: string, lastSeenAt: number): boolean {
    const now = this.#clock()
    const seen = integer(lastSeenAt)
    if (this.#connection.write('touch', seen, seen, key, now) > 0) return true
    this.#whyNot(key, now, undefined)
    return false
  }

  /** A row that can't be read is removed too. */
  delete(key: string): boolean {
    return this.#connection.write('delete', key, this.#clock()) > 0
  }

  /** A `newKey` that is taken is refused with `RECORD_EXISTS`, and everything is left as it was. */
  rotate(key: string, newKey: string, patch: RotatePatch): Outcome | Evictions {
    return this.#connection.transaction(() => {
      const now = this.#clock()
      this.#connection.run('dropEnded', newKey, now)
      const values = [...moveValues(key, newKey, patch), key, now, patch.ifVersion ?? null]
      if (this.#connection.run('move', ...values) === 0) return this.#whyNot(key, now, patch.ifVersion)
      const { sealedId } = patch
      const former = sealedId === undefined ? undefined : { movedTo: newKey, sealedId, goodUntil: undefined }
      // Without an end of its own it is known until the lifetime of the record ends.
      const until = former ? null : integer(now + ROTATED_FOR)
      this.#connection.run('mark', key, until, movedText(former), newKey)
      return this.#keepLimit(patch.subject, patch.limit, newKey, now) ?? 'updated'
    })
  }

  confirm(key: string, formerKey: string, goodUntil: number): void {
    this.#connection.transaction(() => {
      const now = this.#clock()
      if (this.#connection.run('forget', key, now, formerKey) === 0) return
      const until = integer(goodUntil)
      const former = { movedTo: key, sealedId: undefined, goodUntil: until }
      this.#connection.run('settle', movedText(former), until + REUSE_KNOWN_FOR, formerKey, now)
    })
  }

  list(subject: string): readonly SessionRecord[] {
    return recordsFrom(this.#connection.rows('list', textValue(subject), this.#clock()))
  }

  find(subject: string, handle: string): SessionRecord | undefined {
    return recordsFrom(this.#connection.rows('find', textValue(subject), this.#clock(), textValue(handle)))[0]
  }

  count(subject: string): number {
    return Number(this.#connection.row('count', textValue(subject), this.#clock())?.['count'])
  }

  revoke(subject: string, handle: string): boolean {
    return this.#connection.write('revoke', textValue(subject), this.#clock(), textValue(handle)) > 0
  }

  revokeAll(subject: string, exceptHandle?: string): readonly string[] {
    const values = [textValue(subject), this.#clock(), textValue(exceptHandle)]
    return handlesFrom(this.#connection.transaction(() => this.#connection.rows('revokeAll', ...values)))
  }

  /** A row whose data can't be read is left out. */
  updateAll(subject: string, { set, remove }: Pick<RecordPatch, 'set' | 'remove'>): number {
    return this.#connection.write('updateAll', dataText(set, remove), textValue(subject), this.#clock())
  }

  /** Removes also what rotations have left behind, once its time is over, and counts it. */
  sweep(limit: number): number {
    const most = Math.min(Math.max(0, Math.floor(limit)), Number.MAX_SAFE_INTEGER)
    return this.#connection.write('sweep', this.#clock(), most)
  }

  probe(): void {
    const record = probeRecord(this.#clock())
    this.create(record)
    try {
      if (!this.load(record.key)) throw unfit(this.name, 'does not keep what is written')
      if (this.#connection.row('load', record.key, record.expiresAt)) {
        throw unfit(this.name, 'does not let end what has a deadline')
      }
    } finally {
      this.delete(record.key)
    }
  }

  /** Closes the file that the store opened, its log written back into it; a database that was handed in stays open. */
  close(): void {
    this.#connection.close()
  }

  /** Makes room for the session that was just written under `key`. A refusal takes that write back. */
  #keepLimit(
    subject: string | undefined,
    limit: SubjectLimit | undefined,
    key: string,
    now: number,
  ): Evictions | undefined {
    if (subject === undefined || limit === undefined) return undefined
    const others = this.#connection.rows('others', textValue(subject), now, key)
    const excess = others.length + 1 - limit.max
    if (excess <= 0) return undefined
    if (limit.onLimit === 'refuse') throw limitReached(limit.max)
    this.#connection.run('evict', textValue(subject), now, key, excess)
    return { evicted: handlesFrom(others.slice(0, excess)) }
  }

  /** Why a write met no row. A look after it: nothing was written either way. */
  #whyNot(key: string, now: number, ifVersion: number | undefined): Outcome {
    const row = this.#connection.row('state', key)
    return row ? refusal(row, now, ifVersion) : 'gone'
  }
}
