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
import type { SqliteDatabase, SqliteStatement } from './sqlite/driver.js'
import {
  createTable,
  patchValues,
  recordFrom,
  recordValues,
  statements,
  textValue,
  type Row,
  type Statement,
} from './sqlite/layout.js'
import { checkOptions, type SqliteStoreOptions } from './sqlite/options.js'

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
  readonly #statements: Readonly<Record<Statement, SqliteStatement>>
  readonly #clock: Clock
  #isClosed = false

  /**
   * Throws `OPTIONS_INVALID` for an option that can't work, and `STORE_UNAVAILABLE` for a file that can't be opened.
   */
  constructor(options: SqliteStoreOptions) {
    const { database, isOwned, table, clock } = checkOptions(options)
    this.#database = database
    this.#isOwned = isOwned
    this.#clock = clock
    try {
      createTable(database, table)
      this.#statements = prepared(database, statements(table))
    } catch (error) {
      if (isOwned) database.close()
      throw unavailable(error, options.path)
    }
  }

  load(key: string): SessionRecord | undefined {
    const row = this.#statement('load').get(key, this.#clock()) as Row | undefined
    // Drivers differ in what they give for no row.
    return row === undefined || row === null ? undefined : recordFrom(row)
  }

  create(record: SessionRecord): void {
    this.#statement('dropEnded').run(record.key, this.#clock())
    this.#insert(record)
  }

  update(key: string, patch: RecordPatch): Outcome {
    const version = patch.ifVersion ?? null
    const { changes } = this.#statement('update').run(...patchValues(patch), key, this.#clock(), version, version)
    return Number(changes) > 0 ? 'updated' : this.#whyNot(key)
  }

  touch(key: string, lastSeenAt: number): boolean {
    return Number(this.#statement('touch').run(lastSeenAt, lastSeenAt, key, this.#clock()).changes) > 0
  }

  delete(key: string): boolean {
    return Number(this.#statement('delete').run(key, this.#clock()).changes) > 0
  }

  /** A `newKey` that is taken is refused with `RECORD_EXISTS`, and everything is left as it was. */
  rotate(key: string, newKey: string, patch: RotatePatch): Outcome {
    return this.#inTransaction(() => {
      const now = this.#clock()
      const version = patch.ifVersion ?? null
      this.#statement('dropEnded').run(newKey, now)
      const values = [newKey, textValue(patch.subject), ...patchValues(patch), key, now, version, version]
      if (Number(this.#refusing(() => this.#statement('move').run(...values)).changes) === 0) return this.#whyNot(key)
      this.#statement('mark').run(key, now + ROTATED_FOR, now + ROTATED_FOR)
      return 'updated'
    })
  }

  sweep(limit: number): number {
    return Number(this.#statement('sweep').run(this.#clock(), limit).changes)
  }

  /** Closes the file that the store opened; a database that was handed in stays open. */
  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    if (this.#isOwned) this.#database.close()
  }

  #insert(record: SessionRecord): void {
    this.#refusing(() => this.#statement('create').run(...recordValues(record)))
  }

  #refusing<T>(write: () => T): T {
    try {
      return write()
    } catch (error) {
      throw isTaken(error) ? taken() : error
    }
  }

  /** Why a write met no row. A look after it: nothing was written either way. */
  #whyNot(key: string): Outcome {
    const row = this.#statement('state').get(key) as { moved_until: unknown; ends_at: unknown } | undefined | null
    if (!row) return 'gone'
    const now = this.#clock()
    if (row.moved_until !== null) return Number(row.moved_until) > now ? 'rotated' : 'gone'
    return Number(row.ends_at) > now ? 'conflict' : 'gone'
  }

  /** A savepoint and not a transaction: a database that was handed in may be in one already. */
  #inTransaction<T>(work: () => T): T {
    this.#refuseClosed()
    const isAlone = this.#isOwned
    this.#database.exec(isAlone ? 'BEGIN IMMEDIATE' : 'SAVEPOINT latchkey')
    try {
      const result = work()
      this.#database.exec(isAlone ? 'COMMIT' : 'RELEASE latchkey')
      return result
    } catch (error) {
      this.#database.exec(isAlone ? 'ROLLBACK' : 'ROLLBACK TO latchkey; RELEASE latchkey')
      throw error
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

function prepared(database: SqliteDatabase, sql: Readonly<Record<Statement, string>>): Record<Statement, SqliteStatement> {
  const entries = Object.entries(sql).map(([name, text]) => [name, database.prepare(text)] as const)
  return Object.fromEntries(entries) as Record<Statement, SqliteStatement>
}

/** The drivers say it in different words: a code in two of them, a number in `node:sqlite`. */
function isTaken(error: unknown): boolean {
  const { code, errcode } = error as { code?: unknown; errcode?: unknown }
  return code === 'SQLITE_CONSTRAINT_PRIMARYKEY' || code === 'SQLITE_CONSTRAINT_UNIQUE' || errcode === 1555 || errcode === 2067
}

function taken(): SessionError {
  return new SessionError(
    'RECORD_EXISTS',
    'The key of a new session is already taken. Create each session with a new id.',
  )
}

function unavailable(error: unknown, path: string | undefined): unknown {
  if (error instanceof SessionError) return error
  const what = path === undefined ? 'The SQLite database' : `The SQLite file ${path}`
  return new SessionError(
    'STORE_UNAVAILABLE',
    `${what} can't be used. Check that it can be written to and that it is a database.`,
    { cause: error },
  )
}
