import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { SessionError } from '../../core/errors.js'
import type { Duration } from '../../core/duration.js'
import type { Clock } from '../../core/expiry.js'
import { findDriver, type SqliteDatabase, type SqliteDriver } from './driver.js'

/** How a `SqliteStore` is made. Give `path` or `database`, not both. */
export interface SqliteStoreOptions {
  /** The file; it and its folder are made if missing. `:memory:` for none. The store closes it. */
  readonly path?: string | undefined
  /** An open database of the application. It stays the application's to close, and its settings are left as they are. */
  readonly database?: SqliteDatabase | undefined
  /** The class that opens `path`. Default: `better-sqlite3`, `libsql` or `node:sqlite`, whichever is there first. */
  readonly driver?: SqliteDriver | undefined
  /** `normal`: a power cut may cost the last moments; `full`: it costs nothing, and every write waits for the disk. Default `normal`. */
  readonly synchronous?: 'normal' | 'full' | undefined
  /** How long a write waits for another process, in milliseconds. Nothing else in this process runs meanwhile. Default 400. */
  readonly busyTimeout?: Duration | undefined
  /** The name of the table. Default `latchkey_sessions`. */
  readonly table?: string | undefined
  /** Tells the time, in epoch milliseconds. Default `Date.now`. */
  readonly clock?: Clock | undefined
}

/** What the options say, checked and with the defaults filled in. */
export interface CheckedOptions {
  readonly database: SqliteDatabase
  /** Whether the store opened the database, and so closes it. */
  readonly isOwned: boolean
  readonly table: string
  readonly clock: Clock
}

const KNOWN = ['path', 'database', 'driver', 'synchronous', 'busyTimeout', 'table', 'clock']

/** Checks the options of a `SqliteStore` and opens the file. Throws `OPTIONS_INVALID` with the value and the mend, or `STORE_UNAVAILABLE`. */
export function checkOptions(options: SqliteStoreOptions): CheckedOptions {
  if (typeof options !== 'object' || options === null) throw invalid('it needs options. Give it { path } or { database }')
  for (const name of Object.keys(options)) {
    if (!KNOWN.includes(name)) throw invalid(`unknown option '${name}'. It knows ${KNOWN.join(', ')}`)
  }
  const { path, database, table = 'latchkey_sessions', clock = Date.now } = options
  if (typeof table !== 'string' || !/^[A-Za-z_][A-Za-z0-9_]{0,62}$/.test(table)) {
    throw invalid(`table is ${JSON.stringify(table)}. Give letters, digits and underscores, a letter first`)
  }
  if (typeof clock !== 'function') throw invalid(`clock is a ${typeof clock}. Give it a function such as Date.now`)
  if (database !== undefined) {
    if (path !== undefined) throw invalid('both path and database are given. Leave one out')
    if (typeof database?.prepare !== 'function' || typeof database.exec !== 'function') {
      throw invalid('database has no prepare and exec. Give an open database of node:sqlite, better-sqlite3 or libsql')
    }
    return { database, isOwned: false, table, clock }
  }
  if (typeof path !== 'string' || path === '') {
    throw invalid(`path is ${JSON.stringify(path)}. Give the path of a file, such as 'data/sessions.db'`)
  }
  return { database: open(path, options), isOwned: true, table, clock }
}

function open(path: string, { driver, synchronous = 'normal', busyTimeout = 400 }: SqliteStoreOptions): SqliteDatabase {
  if (synchronous !== 'normal' && synchronous !== 'full') {
    throw invalid(`synchronous is ${JSON.stringify(synchronous)}. Give 'normal' or 'full'`)
  }
  if (!Number.isSafeInteger(busyTimeout) || busyTimeout < 0) {
    throw invalid(`busyTimeout is ${String(busyTimeout)}. Give a whole number of milliseconds from 0`)
  }
  if (driver !== undefined && typeof driver !== 'function') {
    throw invalid(`driver is a ${typeof driver}. Give the class of a SQLite driver`)
  }
  const Database = driver ?? findDriver()
  try {
    if (path !== ':memory:') mkdirSync(dirname(path), { recursive: true })
    const database = new Database(path)
    database.exec(`PRAGMA busy_timeout = ${busyTimeout}`)
    database.exec('PRAGMA journal_mode = WAL')
    database.exec(`PRAGMA synchronous = ${synchronous}`)
    return database
  } catch (cause) {
    throw new SessionError(
      'STORE_UNAVAILABLE',
      `The SQLite file ${path} can't be opened. Check that its folder can be written to and that the file is a database.`,
      { cause },
    )
  }
}

function invalid(what: string): SessionError {
  return new SessionError('OPTIONS_INVALID', `SqliteStore: ${what}.`)
}
