import { accessSync, constants, mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import type { SessionError } from '../../core/errors.js'
import type { Duration } from '../../core/duration.js'
import type { Clock } from '../../core/expiry.js'
import { invalid as invalidOption, refuseUnknown, shown } from '../../core/options.js'
import {
  assertSynchronous,
  findDriver,
  retryBusy,
  START_TIMEOUT,
  type SqliteDatabase,
  type SqliteDriver,
} from './driver.js'
import { OwnFile, unavailable } from './own-file.js'

/** How a `SqliteStore` is made. Give `path` or `database`, not both. */
export interface SqliteStoreOptions {
  /** The file; it and its folder are made if missing. `:memory:` for none. The store closes it. */
  readonly path?: string | undefined
  /** An open database of the application. It stays the application's to close, and its settings are left: give none of the next three. */
  readonly database?: SqliteDatabase | undefined
  /** The class that opens `path`. Default: `better-sqlite3`, `libsql` or `node:sqlite`, whichever is there first. */
  readonly driver?: SqliteDriver | undefined
  /** `normal`: a power cut may cost the last moments; `full`: it costs nothing, and every write waits for the disk. Default `normal`. */
  readonly synchronous?: 'normal' | 'full' | undefined
  /**
   * How long a write waits for another process, in milliseconds. Nothing else in this process runs meanwhile. When one has
   * waited in vain, the next ones fail at once until one has succeeded. Default 400.
   */
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
  /** The file that the store opened, if it is one. */
  readonly file: OwnFile | undefined
  readonly table: string
  readonly clock: Clock
}

const KNOWN = ['path', 'database', 'driver', 'synchronous', 'busyTimeout', 'table', 'clock']

/** What belongs to a file that the store opens itself. */
const OF_PATH = ['driver', 'synchronous', 'busyTimeout'] as const

/** Checks the options of a `SqliteStore` and opens the file. Throws `OPTIONS_INVALID` with the value and the mend, or `STORE_UNAVAILABLE`. */
export function checkOptions(options: SqliteStoreOptions): CheckedOptions {
  if (typeof options !== 'object' || options === null)
    throw invalid('it needs options. Give it { path } or { database }')
  refuseUnknown(options, KNOWN, 'option of SqliteStore')
  const { path, database, table = 'latchkey_sessions', clock = Date.now } = options
  if (typeof table !== 'string' || !/^(?!sqlite_)[a-z_][a-z0-9_]{0,62}$/i.test(table)) {
    throw invalid(`table is ${shown(table)}. Give letters, digits and underscores, not a digit or sqlite_ first`)
  }
  if (typeof clock !== 'function') throw invalid(`clock is ${shown(clock)}. Give a function such as Date.now`)
  if (database !== undefined) {
    assertHandedIn(options)
    return { database, isOwned: false, file: undefined, table, clock }
  }
  if (typeof path !== 'string' || path === '') {
    throw invalid(`path is ${shown(path)}. Give the path of a file, such as 'data/sessions.db'`)
  }
  // libsql would connect to it. Its text is not shown: it may hold a password.
  if (/^(file:|[a-z][a-z0-9+.-]*:\/\/)/i.test(path))
    throw invalid('path is an address. Give the path of a file on this machine')
  const own = open(path, options, START_TIMEOUT)
  const file = path === MEMORY ? undefined : new OwnFile(path, () => open(path, options, 0))
  return { database: own, isOwned: true, file, table, clock }
}

function assertHandedIn(options: SqliteStoreOptions): void {
  const { path, database } = options
  if (path !== undefined) throw invalid('both path and database are given. Leave one out')
  for (const name of OF_PATH) {
    if (options[name] === undefined) continue
    throw invalid(`${name} goes with path. Leave it out, and set up the database before you hand it in`)
  }
  if (typeof database?.prepare !== 'function' || typeof database.exec !== 'function') {
    throw invalid('database has no prepare and exec. Give an open database of node:sqlite, better-sqlite3 or libsql')
  }
  try {
    retryBusy(() => assertSynchronous(database, 'database'))
  } catch (cause) {
    throw unavailable(undefined, cause)
  }
}

function open(path: string, options: SqliteStoreOptions, patience: number): SqliteDatabase {
  const { driver, synchronous = 'normal', busyTimeout = 400 } = options
  if (synchronous !== 'normal' && synchronous !== 'full') {
    throw invalid(`synchronous is ${shown(synchronous)}. Give 'normal' or 'full'`)
  }
  if (!Number.isSafeInteger(busyTimeout) || busyTimeout < 0 || busyTimeout > MAX_BUSY_TIMEOUT) {
    throw invalid(`busyTimeout is ${shown(busyTimeout)}. Give a whole number of milliseconds up to ${MAX_BUSY_TIMEOUT}`)
  }
  if (driver !== undefined && typeof driver !== 'function') {
    throw invalid(`driver is ${shown(driver)}. Give the class of a SQLite driver`)
  }
  const Database = driver ?? findDriver()
  let database: SqliteDatabase | undefined
  try {
    if (path !== MEMORY) mkdirSync(dirname(path), { recursive: true })
    database = new Database(path)
    database.exec(`PRAGMA busy_timeout = ${busyTimeout}`)
    const opened = database
    retryBusy(() => setUp(opened, path, synchronous), patience)
    return database
  } catch (cause) {
    database?.close?.()
    throw unavailable(path, cause)
  }
}

const MEMORY = ':memory:'

/** What SQLite keeps it in: 31 bits. */
const MAX_BUSY_TIMEOUT = 2 ** 31 - 1

function setUp(database: SqliteDatabase, path: string, synchronous: string): void {
  assertSynchronous(database, 'driver')
  const row = database.prepare('PRAGMA journal_mode = WAL').get() as object
  database.exec(`PRAGMA synchronous = ${synchronous}`)
  if (path === MEMORY) return
  const [mode] = Object.values(row) as unknown[]
  if (mode !== 'wal') throw new Error(`its file system doesn't take WAL, but only ${String(mode)}`)
  // SQLite opens what it can't write as read-only, and says so at the first write.
  accessSync(path, constants.R_OK | constants.W_OK)
  accessSync(dirname(path), constants.W_OK)
}

function invalid(what: string): SessionError {
  return invalidOption(`SqliteStore: ${what}.`)
}
