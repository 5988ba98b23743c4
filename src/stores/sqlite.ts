import { SessionError } from '../core/errors.js'
import type { Clock } from '../core/expiry.js'
import type { RecordPatch, RotatePatch, SessionRecord } from '../core/record.js'
import {
  ROTATED_FOR,
  type Ability,
  type Closing,
  type Outcome,
  type Rotating,
  type SessionStore,
  type Sweeping,
} from '../core/store.js'
import {
  isNested,
  isTaken,
  isUnreadable,
  reason,
  retryBusy,
  type SqliteDatabase,
  type SqliteStatement,
  type SqliteValue,
} from './sqlite/driver.js'
import { prepareTable, type Statement } from './sqlite/layout.js'
import { checkOptions, type SqliteStoreOptions, unavailable } from './sqlite/options.js'
import {
  integer,
  patchValues,
  recordFrom,
  recordValues,
  refusal,
  type Row,
  textValue,
  unreadable,
} from './sqlite/row.js'

export type { SqliteDatabase, SqliteDriver, SqliteStatement, SqliteValue } from './sqlite/driver.js'
export type { SqliteStoreOptions } from './sqlite/options.js'

/**
 * Keeps sessions in a SQLite file: for one process or several on one machine, through restarts and `kill -9`.
 *
 * Every verb answers synchronously and is one statement or one transaction. What the driver throws goes out as it is.
 * What a power cut can cost: `docs/reference/stores-sqlite.md`.
 */
export class SqliteStore implements SessionStore, Rotating, Sweeping, Closing {
  readonly name = 'sqlite'
  readonly abilities: ReadonlySet<Ability> = new Set<Ability>(['rotating', 'sweeping', 'closing'])
  readonly #database: SqliteDatabase
  readonly #isOwned: boolean
  readonly #table: string
  readonly #statements: Readonly<Record<Statement, SqliteStatement>>
  readonly #clock: Clock
  #isClosed = false

  /** Throws `OPTIONS_INVALID` for an option that can't work, and `STORE_UNAVAILABLE` for a file that can't be used. */
  constructor(options: SqliteStoreOptions) {
    const { database, isOwned, table, clock } = checkOptions(options)
    this.#database = database
    this.#isOwned = isOwned
    this.#table = table
    this.#clock = clock
    try {
      this.#statements = retryBusy(() => prepareTable(database, table))
    } catch (error) {
      if (isOwned) database.close()
      throw unavailable(options.path, error)
    }
  }

  load(key: string): SessionRecord | undefined {
    let row: unknown
    try {
      row = this.#statement('load').get(key, this.#clock())
    } catch (error) {
      throw translated(error)
    }
    // Drivers differ in what they give for no row.
    return row === undefined || row === null ? undefined : recordFrom(key, row as Row)
  }

  create(record: SessionRecord): void {
    if (this.#write('create', ...recordValues(record), this.#clock()) === 0) throw taken()
  }

  update(key: string, patch: RecordPatch): Outcome {
    const now = this.#clock()
    if (this.#write('update', ...patchValues(patch), key, now, patch.ifVersion ?? null) > 0) return 'updated'
    return this.#whyNot(key, now, patch.ifVersion)
  }

  touch(key: string, lastSeenAt: number): boolean {
    const now = this.#clock()
    const seen = integer(lastSeenAt)
    if (this.#write('touch', seen, seen, key, now) > 0) return true
    this.#whyNot(key, now, undefined)
    return false
  }

  /** A row that can't be read is removed too. */
  delete(key: string): boolean {
    return this.#write('delete', key, this.#clock()) > 0
  }

  /** A `newKey` that is taken is refused with `RECORD_EXISTS`, and everything is left as it was. */
  rotate(key: string, newKey: string, patch: RotatePatch): Outcome {
    return this.#inTransaction(() => {
      const now = this.#clock()
      this.#run('dropEnded', newKey, now)
      const values = [newKey, textValue(patch.subject), ...patchValues(patch), key, now, patch.ifVersion ?? null]
      if (this.#run('move', ...values) === 0) return this.#whyNot(key, now, patch.ifVersion)
      this.#run('mark', key, now + ROTATED_FOR, now + ROTATED_FOR)
      return 'updated'
    })
  }

  sweep(limit: number): number {
    return this.#write('sweep', this.#clock(), Math.min(Math.max(0, Math.floor(limit)), Number.MAX_SAFE_INTEGER))
  }

  /** Closes the file that the store opened, its log written back into it; a database that was handed in stays open. */
  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    if (!this.#isOwned) return
    try {
      // Some drivers do this at close, libsql when its statements are collected.
      this.#database.exec('PRAGMA wal_checkpoint(PASSIVE)')
    } finally {
      this.#database.close()
    }
  }

  /** Runs one statement that writes, by itself, and answers how many rows it changed. */
  #write(name: Statement, ...values: SqliteValue[]): number {
    return this.#inTransaction(() => this.#run(name, ...values))
  }

  /** Runs a statement of a transaction, and answers how many rows it changed. */
  #run(name: Statement, ...values: SqliteValue[]): number {
    try {
      return Number(this.#statement(name).run(...values).changes)
    } catch (error) {
      throw translated(error)
    }
  }

  /** Why a write met no row. A look after it: nothing was written either way. */
  #whyNot(key: string, now: number, ifVersion: number | undefined): Outcome {
    const row = this.#statement('state').get(key) as Row | undefined | null
    return row ? refusal(row, now, ifVersion) : 'gone'
  }

  #inTransaction<T>(work: () => T): T {
    this.#refuseClosed()
    const { commit, rollback } = this.#begin()
    try {
      const result = work()
      this.#database.exec(commit)
      return result
    } catch (error) {
      this.#rollback(rollback)
      throw error
    }
  }

  /**
   * Takes the right to write, so that no prepared statement is refused it: libsql leaves such a statement half done, and
   * from then on commits nothing that this connection writes. A database that was handed in may be in a transaction of
   * the application; then this is a part of it.
   */
  #begin(): Transaction {
    try {
      this.#database.exec('BEGIN IMMEDIATE')
      return WHOLE
    } catch (error) {
      if (this.#isOwned || !isNested(error)) throw error
    }
    this.#database.exec(PART.begin)
    try {
      this.#database.exec(`DELETE FROM "${this.#table}" WHERE 0`)
    } catch (error) {
      this.#rollback(PART.rollback)
      throw error
    }
    return PART
  }

  #rollback(rollback: string): void {
    try {
      this.#database.exec(rollback)
    } catch {
      // After some errors (a full disk) SQLite has rolled back by itself. What went wrong is the first error.
    }
  }

  #statement(name: Statement): SqliteStatement {
    this.#refuseClosed()
    return this.#statements[name]
  }

  #refuseClosed(): void {
    if (!this.#isClosed) return
    throw new SessionError('STORE_CLOSED', 'The SQLite store was closed. Close it only after the last request.')
  }
}

interface Transaction {
  readonly commit: string
  readonly rollback: string
}

const WHOLE: Transaction = { commit: 'COMMIT', rollback: 'ROLLBACK' }

const PART: Transaction & { readonly begin: string } = {
  begin: 'SAVEPOINT latchkey',
  commit: 'RELEASE latchkey',
  rollback: 'ROLLBACK TO latchkey; RELEASE latchkey',
}

/** The driver's error as it is, except for those that have a name of ours. */
function translated(error: unknown): unknown {
  if (isTaken(error)) return taken()
  return isUnreadable(error) ? unreadable(reason(error)) : error
}

function taken(): SessionError {
  return new SessionError(
    'RECORD_EXISTS',
    'The key of a new session is already taken. Create each session with a new id.',
  )
}
