import { RECORD_FORMAT } from '../../core/record.js'
import { invalid } from '../../core/options.js'
import { reason, type SqliteDatabase, type SqliteStatement } from './driver.js'

const COLUMNS =
  'key, format, subject, handle, created_at, last_seen_at, idle_timeout, expires_at, ends_at, version, persistent, device, data'

/**
 * What `load` reads. Texts come as bytes: libsql ends the process at a text that isn't UTF-8, and others replace
 * what they can't read.
 */
const READ = `format, CAST(subject AS BLOB) AS subject, CAST(handle AS BLOB) AS handle, created_at, last_seen_at,
  idle_timeout, expires_at, version, persistent, CAST(device AS BLOB) AS device, CAST(data AS BLOB) AS data`

/**
 * Makes the table and its indexes if they are not there, and prepares the statements.
 *
 * A row with `moved_until` is no session: it says until that time that the record has moved to a new id. `ends_at` is the
 * earlier of the two deadlines, so that one index finds what has ended. A table without rowid would cost twice as much
 * for every verb once the data take some kilobytes.
 *
 * @throws SessionError `OPTIONS_INVALID` if there is a table of this name with other columns.
 */
export function prepareTable(database: SqliteDatabase, table: string): Readonly<Record<Statement, SqliteStatement>> {
  database.exec(`
    CREATE TABLE IF NOT EXISTS "${table}" (
      key TEXT NOT NULL PRIMARY KEY, format INTEGER NOT NULL, subject TEXT, handle TEXT NOT NULL,
      created_at INTEGER NOT NULL, last_seen_at INTEGER NOT NULL, idle_timeout INTEGER NOT NULL,
      expires_at INTEGER NOT NULL, ends_at INTEGER NOT NULL, version INTEGER NOT NULL,
      persistent INTEGER NOT NULL, device TEXT, data TEXT NOT NULL, moved_until INTEGER
    )`)
  try {
    // Names every column, and needs the key to be unique.
    database.prepare(statements(table).create)
  } catch (cause) {
    if (!/no column|ON CONFLICT|view/.test(reason(cause))) throw cause
    throw invalid(
      `SqliteStore: there is a table ${table} already, with other columns. Name another one with the option table.`,
      cause,
    )
  }
  database.exec(`CREATE INDEX IF NOT EXISTS "${table}_ends_at" ON "${table}" (ends_at)`)
  database.exec(`CREATE INDEX IF NOT EXISTS "${table}_subject" ON "${table}" (subject) WHERE subject IS NOT NULL`)
  return prepared(database, statements(table))
}

/** The statements of a store, with `?` for values in the order that `row.ts` gives them. */
export function statements(name: string): Readonly<Record<Statement, string>> {
  const table = `"${name}"`
  const isLive = 'key = ? AND moved_until IS NULL AND ends_at > ?'
  const isWritable = `${isLive} AND format = ${RECORD_FORMAT}`
  const isVersion = 'version = ifnull(?, version)'
  const patch = `
    data = json_patch(data, ?), version = version + 1,
    last_seen_at = max(last_seen_at, ifnull(?, last_seen_at)),
    idle_timeout = ifnull(?, idle_timeout), expires_at = ifnull(?, expires_at), persistent = ifnull(?, persistent),
    ends_at = min(max(last_seen_at, ifnull(?, last_seen_at)) + ifnull(?, idle_timeout), ifnull(?, expires_at))`
  const replaced = COLUMNS.replace(/\w+/g, '$& = excluded.$&')
  return {
    load: `SELECT ${READ} FROM ${table} WHERE ${isLive}`,
    create: `INSERT INTO ${table} (${COLUMNS}) VALUES (${COLUMNS.replace(/\w+/g, '?')})
      ON CONFLICT (key) DO UPDATE SET ${replaced}, moved_until = NULL WHERE ifnull(moved_until, ends_at) <= ?`,
    update: `UPDATE ${table} SET ${patch} WHERE ${isWritable} AND ${isVersion}`,
    touch: `UPDATE ${table} SET last_seen_at = max(last_seen_at, ?),
      ends_at = min(max(last_seen_at, ?) + idle_timeout, expires_at) WHERE ${isWritable}`,
    delete: `DELETE FROM ${table} WHERE ${isLive}`,
    dropEnded: `DELETE FROM ${table} WHERE key = ? AND ifnull(moved_until, ends_at) <= ?`,
    move: `UPDATE ${table} SET key = ?, subject = ?, ${patch} WHERE ${isWritable} AND ${isVersion}`,
    mark: `INSERT INTO ${table} (${COLUMNS}, moved_until) VALUES (?, ${RECORD_FORMAT}, NULL, '', 0, 0, 0, 0, ?, 0, 0, NULL, '{}', ?)`,
    state: `SELECT format, moved_until, ends_at FROM ${table} WHERE key = ?`,
    sweep: `DELETE FROM ${table} WHERE key IN (SELECT key FROM ${table} WHERE ends_at <= ? LIMIT ?)`,
  }
}

/** What a statement does; the last three serve the others. */
export type Statement =
  'load' | 'create' | 'update' | 'touch' | 'delete' | 'move' | 'sweep' | 'dropEnded' | 'mark' | 'state'

function prepared(
  database: SqliteDatabase,
  sql: Readonly<Record<Statement, string>>,
): Record<Statement, SqliteStatement> {
  const entries = Object.entries(sql).map(([name, text]) => {
    const statement: SqliteStatement & { setReturnArrays?: (on: boolean) => unknown } = database.prepare(text)
    // A database of node:sqlite can be told to give rows as arrays.
    statement.setReturnArrays?.(false)
    return [name, statement] as const
  })
  return Object.fromEntries(entries) as Record<Statement, SqliteStatement>
}
