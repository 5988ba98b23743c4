import { keyTaken, SessionError } from '../../core/errors.js'
import {
  isBroken,
  isNested,
  isTaken,
  isUnreadable,
  reason,
  retryBusy,
  START_TIMEOUT,
  type SqliteDatabase,
  type SqliteStatement,
  type SqliteValue,
} from './driver.js'
import { prepareTable } from './layout.js'
import type { OwnFile } from './own-file.js'
import { Patience } from './patience.js'
import { unreadable, type Row } from './row.js'
import type { Statement } from './statements.js'

/** A database, and the statements of a store on it. */
interface Opened {
  readonly database: SqliteDatabase
  readonly statements: Readonly<Record<Statement, SqliteStatement>>
}

/**
 * The database of a store, and its statements. What the driver throws goes out as it is, except for what has a name
 * of ours: `RECORD_EXISTS` and `RECORD_UNREADABLE`. A file of the store's own that was replaced, or mended, is opened anew.
 */
export class Connection {
  readonly #isOwned: boolean
  readonly #table: string
  readonly #file: OwnFile | undefined
  readonly #reading = new Patience()
  readonly #writing = new Patience()
  #opened: Opened
  #isInTransaction = false
  #isClosed = false

  /** Makes the table. `isOwned`: the database is the store's own, and closed with it, also when this fails. */
  constructor(database: SqliteDatabase, isOwned: boolean, table: string, file?: OwnFile) {
    this.#isOwned = isOwned
    this.#table = table
    this.#file = file
    this.#opened = this.#prepared(database, START_TIMEOUT)
  }

  /** The one row of a statement; `undefined` for none. */
  row(name: Statement, ...values: SqliteValue[]): Row | undefined {
    const { database, statements } = this.#ready()
    const statement = statements[name]
    try {
      const row = this.#reading.isOver
        ? this.#reading.run(database, () => statement.get(...values))
        : statement.get(...values)
      // Drivers differ in what they give for no row.
      return (row as Row | undefined | null) ?? undefined
    } catch (error) {
      this.#reading.failed(error)
      throw this.#translated(error)
    }
  }

  /** All rows of a statement. */
  rows(name: Statement, ...values: SqliteValue[]): readonly Row[] {
    const { database, statements } = this.#ready()
    try {
      return this.#reading.run(database, () => statements[name].all(...values)) as readonly Row[]
    } catch (error) {
      throw this.#translated(error)
    }
  }

  /** Runs one statement that writes, by itself, and answers how many rows it changed. */
  write(name: Statement, ...values: SqliteValue[]): number {
    return this.transaction(() => this.run(name, ...values))
  }

  /** Runs a statement of a transaction, and answers how many rows it changed. */
  run(name: Statement, ...values: SqliteValue[]): number {
    try {
      return Number(this.#opened.statements[name].run(...values).changes)
    } catch (error) {
      throw this.#translated(error)
    }
  }

  /** All of the work or, where it throws, nothing of it. No other process writes meanwhile. */
  transaction<T>(work: () => T): T {
    const { database } = this.#ready()
    return this.#writing.run(database, () => this.#transact(database, work))
  }

  /** Closes the database if it is the store's own, its log written back into it. Twice is not an error. */
  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    if (!this.#isOwned) return
    const { database } = this.#opened
    try {
      // Some drivers do this at close, libsql when its statements are collected.
      database.exec('PRAGMA wal_checkpoint(PASSIVE)')
    } catch {
      // A file that is broken or gone is closed as it is.
    } finally {
      database.close()
    }
  }

  /** The database as it is to be used now. In a transaction it is the one that this has begun on. */
  #ready(): Opened {
    if (this.#isClosed) {
      throw new SessionError('STORE_CLOSED', 'The SQLite store was closed. Close it only after the last request.')
    }
    const opened = this.#isInTransaction ? undefined : this.#file?.reopened(this.#prepareAgain)
    if (opened === undefined) return this.#opened
    const before = this.#opened
    this.#opened = opened
    quietly(() => before.database.close())
    return opened
  }

  /** Without waiting: the process would stand still. */
  readonly #prepareAgain = (database: SqliteDatabase): Opened => this.#prepared(database, 0)

  #prepared(database: SqliteDatabase, patience: number): Opened {
    try {
      return { database, statements: retryBusy(() => prepareTable(database, this.#table), patience) }
    } catch (error) {
      if (this.#isOwned) quietly(() => database.close())
      throw this.#translated(error)
    }
  }

  #transact<T>(database: SqliteDatabase, work: () => T): T {
    try {
      const { commit, rollback } = this.#begin(database)
      try {
        this.#isInTransaction = true
        const result = work()
        database.exec(commit)
        return result
      } catch (error) {
        // After some errors (a full disk) SQLite has rolled back by itself. What went wrong is the first error.
        quietly(() => database.exec(rollback))
        throw error
      }
    } catch (error) {
      throw this.#translated(error)
    } finally {
      this.#isInTransaction = false
    }
  }

  /**
   * Takes the right to write, so that no prepared statement is refused it: libsql leaves such a statement half done, and
   * from then on commits nothing that this connection writes. A database that was handed in may be in a transaction of
   * the application; then this is a part of it.
   */
  #begin(database: SqliteDatabase): Transaction {
    try {
      database.exec('BEGIN IMMEDIATE')
      return WHOLE
    } catch (error) {
      if (this.#isOwned || !isNested(error)) throw error
    }
    database.exec(PART.begin)
    try {
      database.exec(`DELETE FROM "${this.#table}" WHERE 0`)
    } catch (error) {
      quietly(() => database.exec(PART.rollback))
      throw error
    }
    return PART
  }

  #translated(error: unknown): unknown {
    if (isBroken(error)) this.#file?.suspect()
    if (isTaken(error)) return keyTaken()
    return isUnreadable(error) ? unreadable(reason(error)) : error
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

/** Does what may fail because there is nothing left to do. */
function quietly(work: () => unknown): void {
  try {
    work()
  } catch {
    // What matters is the error before it, or what comes after.
  }
}
