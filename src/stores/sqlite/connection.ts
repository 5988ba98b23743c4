import { keyTaken, SessionError } from '../../core/errors.js'
import {
  isNested,
  isTaken,
  isUnreadable,
  reason,
  retryBusy,
  type SqliteDatabase,
  type SqliteStatement,
  type SqliteValue,
} from './driver.js'
import { prepareTable } from './layout.js'
import { unreadable, type Row } from './row.js'
import type { Statement } from './statements.js'

/**
 * A database and the statements of a store on it. What the driver throws goes out as it is, except for what has a name
 * of ours: `RECORD_EXISTS` and `RECORD_UNREADABLE`.
 */
export class Connection {
  readonly #database: SqliteDatabase
  readonly #isOwned: boolean
  readonly #table: string
  readonly #statements: Readonly<Record<Statement, SqliteStatement>>
  #isClosed = false

  /** Makes the table. `isOwned`: the database is the store's own, and closed with it, also when this fails. */
  constructor(database: SqliteDatabase, isOwned: boolean, table: string) {
    this.#database = database
    this.#isOwned = isOwned
    this.#table = table
    try {
      this.#statements = retryBusy(() => prepareTable(database, table))
    } catch (error) {
      if (isOwned) database.close()
      throw error
    }
  }

  /** The one row of a statement; `undefined` for none. */
  row(name: Statement, ...values: SqliteValue[]): Row | undefined {
    const statement = this.#statement(name)
    try {
      // Drivers differ in what they give for no row.
      return (statement.get(...values) as Row | undefined | null) ?? undefined
    } catch (error) {
      throw translated(error)
    }
  }

  /** All rows of a statement. */
  rows(name: Statement, ...values: SqliteValue[]): readonly Row[] {
    const statement = this.#statement(name)
    try {
      return statement.all(...values) as readonly Row[]
    } catch (error) {
      throw translated(error)
    }
  }

  /** Runs one statement that writes, by itself, and answers how many rows it changed. */
  write(name: Statement, ...values: SqliteValue[]): number {
    return this.transaction(() => this.run(name, ...values))
  }

  /** Runs a statement of a transaction, and answers how many rows it changed. */
  run(name: Statement, ...values: SqliteValue[]): number {
    const statement = this.#statement(name)
    try {
      return Number(statement.run(...values).changes)
    } catch (error) {
      throw translated(error)
    }
  }

  /** All of the work or, where it throws, nothing of it. No other process writes meanwhile. */
  transaction<T>(work: () => T): T {
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

  /** Closes the database if it is the store's own, its log written back into it. Twice is not an error. */
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

function translated(error: unknown): unknown {
  if (isTaken(error)) return keyTaken()
  return isUnreadable(error) ? unreadable(reason(error)) : error
}
