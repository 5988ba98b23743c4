import { createRequire } from 'node:module'
import { invalid } from '../../core/options.js'

/** What is used of a SQLite database: common to `node:sqlite`, `better-sqlite3` and `libsql`. All calls are synchronous. */
export interface SqliteDatabase {
  exec(sql: string): unknown
  prepare(sql: string): SqliteStatement
  close(): unknown
}

/** What is used of a prepared statement. */
export interface SqliteStatement {
  get(...values: SqliteValue[]): unknown
  all(...values: SqliteValue[]): readonly unknown[]
  run(...values: SqliteValue[]): { readonly changes: number | bigint }
}

/** What a statement is given. */
export type SqliteValue = string | number | null

/** The class of a driver, such as the default export of `libsql`. */
export type SqliteDriver = new (path: string) => SqliteDatabase

/** The drivers that are looked for: packages first, because they were installed on purpose; `node:sqlite` is in Node from 22.13 on. */
const KNOWN: readonly (readonly [name: string, pick: (module: unknown) => unknown])[] = [
  ['better-sqlite3', (module) => module],
  ['libsql', (module) => module],
  ['node:sqlite', (module) => (module as { DatabaseSync: unknown }).DatabaseSync],
]

/**
 * The first driver that is installed.
 *
 * @throws SessionError `OPTIONS_INVALID` if there is none, or if one is installed that can't be loaded.
 */
export function findDriver(load: (name: string) => unknown = createRequire(import.meta.url)): SqliteDriver {
  for (const [name, pick] of KNOWN) {
    try {
      return pick(load(name)) as SqliteDriver
    } catch (cause) {
      if (!isMissing(cause, name))
        throw invalid(`SqliteStore: ${name} can't be loaded: ${reason(cause)}. Install it anew.`, cause)
    }
  }
  throw invalid(
    'SqliteStore: no SQLite driver is installed. Run `npm install libsql` (or better-sqlite3), use Node 22.13 or newer, ' +
      'or hand in an open `database`.',
  )
}

/**
 * Refuses a database that doesn't answer at once, such as one of `libsql/promise` or of the package `sqlite3`.
 *
 * @throws SessionError `OPTIONS_INVALID`
 */
export function assertSynchronous(database: SqliteDatabase, option: 'database' | 'driver'): void {
  const statement = database.prepare('SELECT 1 AS one') as Partial<SqliteStatement> | undefined
  const row = statement?.get?.()
  if (typeof row === 'object' && row !== null && Number(Object.values(row)[0]) === 1) return
  throw invalid(`SqliteStore: ${option} doesn't answer at once. Give one of node:sqlite, better-sqlite3 or libsql.`)
}

/** How long a start waits for other processes that start on the same file, in milliseconds. */
export const START_TIMEOUT = 5000

/**
 * Does the work of a start again while another process is in the way. SQLite's own wait doesn't cover all of it: of two
 * processes that change a file to WAL, one may fail at once. Blocks.
 */
export function retryBusy<T>(work: () => T, timeout = START_TIMEOUT): T {
  const end = performance.now() + timeout
  for (;;) {
    try {
      return work()
    } catch (error) {
      if (!isBusy(error) || performance.now() >= end) throw error
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5)
    }
  }
}

/** Whether a row was refused because its key is there. The drivers say it in different words. */
export function isTaken(error: unknown): boolean {
  const { code, errcode } = error as DriverError
  return (
    code === 'SQLITE_CONSTRAINT_PRIMARYKEY' ||
    code === 'SQLITE_CONSTRAINT_UNIQUE' ||
    errcode === 1555 ||
    errcode === 2067
  )
}

/** Whether a transaction can't begin because one is under way. */
export function isNested(error: unknown): boolean {
  return error instanceof Error && error.message.includes('within a transaction')
}

/** Whether what is in a row kept SQLite from reading it: data that are no JSON, bytes where a text or a number belongs. */
export function isUnreadable(error: unknown): boolean {
  const { message } = error as DriverError
  return typeof message === 'string' && /malformed JSON|JSON cannot hold BLOB/.test(message)
}

/** What an error says, for the end of a message. */
export function reason(error: unknown): string {
  return error instanceof Error ? error.message.replace(/\.$/, '') : String(error)
}

/** What drivers put on their errors: a `code` in words, or in `node:sqlite` a number as `errcode`. */
interface DriverError {
  readonly code?: unknown
  readonly errcode?: unknown
  readonly message?: unknown
}

/** Whether another process has what is needed locked. */
export function isBusy(error: unknown): boolean {
  return isOneOf(error, BUSY)
}

/** Whether there is something wrong with the file, so that it may help to open it anew once it is mended. */
export function isBroken(error: unknown): boolean {
  return isOneOf(error, BROKEN)
}

/** Result codes of SQLite, by which of them a driver knows them. */
type ResultCodes = readonly (readonly [name: string, number: number])[]

const BUSY: ResultCodes = [['SQLITE_BUSY', 5]]

const BROKEN: ResultCodes = [
  ['SQLITE_IOERR', 10],
  ['SQLITE_CORRUPT', 11],
  ['SQLITE_CANTOPEN', 14],
  ['SQLITE_NOTADB', 26],
]

/** Also one of their extended codes, such as `SQLITE_BUSY_SNAPSHOT`. */
function isOneOf(error: unknown, codes: ResultCodes): boolean {
  const { code, errcode } = (error ?? {}) as DriverError
  if (typeof errcode === 'number') return codes.some(([, number]) => (errcode & 0xff) === number)
  return typeof code === 'string' && codes.some(([name]) => code.startsWith(name))
}

/** A driver whose own part is missing, such as the binary of its platform, is not missing but broken. */
function isMissing(error: unknown, name: string): boolean {
  const { code, message } = error as DriverError
  if (code === 'ERR_UNKNOWN_BUILTIN_MODULE') return true
  return code === 'MODULE_NOT_FOUND' && typeof message === 'string' && message.includes(`'${name}'`)
}
