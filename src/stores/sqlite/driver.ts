import { createRequire } from 'node:module'
import { SessionError } from '../../core/errors.js'

/** What is used of a SQLite database: common to `node:sqlite`, `better-sqlite3` and `libsql`. All calls are synchronous. */
export interface SqliteDatabase {
  exec(sql: string): unknown
  prepare(sql: string): SqliteStatement
  close(): unknown
}

/** What is used of a prepared statement. */
export interface SqliteStatement {
  get(...values: readonly SqliteValue[]): unknown
  all(...values: readonly SqliteValue[]): readonly unknown[]
  run(...values: readonly SqliteValue[]): { readonly changes: number | bigint }
}

/** What a statement is given. */
export type SqliteValue = string | number | null

/** The class of a driver, such as the default export of `libsql`. */
export type SqliteDriver = new (path: string) => SqliteDatabase

/** The drivers that are looked for, best known first: packages were installed on purpose, `node:sqlite` is in Node from 22.13 on. */
const KNOWN: readonly (readonly [name: string, pick: (module: unknown) => unknown])[] = [
  ['better-sqlite3', (module) => module],
  ['libsql', (module) => module],
  ['node:sqlite', (module) => (module as { DatabaseSync: unknown }).DatabaseSync],
]

/**
 * The first driver that is installed.
 *
 * @throws SessionError `OPTIONS_INVALID` if there is none.
 */
export function findDriver(load: (name: string) => unknown = createRequire(import.meta.url)): SqliteDriver {
  for (const [name, pick] of KNOWN) {
    try {
      return pick(load(name)) as SqliteDriver
    } catch (error) {
      if (!isMissing(error)) throw error
    }
  }
  throw new SessionError(
    'OPTIONS_INVALID',
    'SqliteStore: no SQLite driver is installed. Run `npm install libsql` (or better-sqlite3), use Node 22.13 or newer, ' +
      'or hand in an open `database`.',
  )
}

function isMissing(error: unknown): boolean {
  const { code } = error as { code?: unknown }
  return code === 'MODULE_NOT_FOUND' || code === 'ERR_MODULE_NOT_FOUND' || code === 'ERR_UNKNOWN_BUILTIN_MODULE'
}
