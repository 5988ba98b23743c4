import { endsAt } from '../../core/expiry.js'
import { SessionError } from '../../core/errors.js'
import { RECORD_FORMAT, type RecordPatch, type SessionRecord } from '../../core/record.js'
import type { SqliteDatabase, SqliteValue } from './driver.js'

/** A row as it is read: what is in its columns is only believed after a look. */
export type Row = Readonly<Record<string, unknown>>

const COLUMNS =
  'key, format, subject, handle, created_at, last_seen_at, idle_timeout, expires_at, ends_at, version, persistent, device, data'

/**
 * Makes the table and its indexes if they are not there.
 *
 * A row with `moved_until` is no session: it says until that time that the record has moved to a new id. `ends_at` is the
 * earlier of the two deadlines, so that one index finds what has ended.
 *
 * @throws SessionError `OPTIONS_INVALID` if there is a table of this name with other columns.
 */
export function createTable(database: SqliteDatabase, table: string): void {
  database.exec(`
    CREATE TABLE IF NOT EXISTS ${table} (
      key TEXT NOT NULL PRIMARY KEY, format INTEGER NOT NULL, subject TEXT, handle TEXT NOT NULL,
      created_at INTEGER NOT NULL, last_seen_at INTEGER NOT NULL, idle_timeout INTEGER NOT NULL,
      expires_at INTEGER NOT NULL, ends_at INTEGER NOT NULL, version INTEGER NOT NULL,
      persistent INTEGER NOT NULL, device TEXT, data TEXT NOT NULL, moved_until INTEGER
    ) WITHOUT ROWID`)
  try {
    database.prepare(`SELECT ${COLUMNS}, moved_until FROM ${table} LIMIT 0`)
  } catch (cause) {
    throw new SessionError(
      'OPTIONS_INVALID',
      `SqliteStore: there is a table ${table} already, with other columns. Name another one with the option table.`,
      { cause },
    )
  }
  database.exec(`CREATE INDEX IF NOT EXISTS ${table}_ends_at ON ${table} (ends_at)`)
  database.exec(`CREATE INDEX IF NOT EXISTS ${table}_subject ON ${table} (subject) WHERE subject IS NOT NULL`)
}

/** The statements of a store, with `?` for values in the order that the functions below give them. */
export function statements(table: string): Readonly<Record<Statement, string>> {
  const isLive = 'key = ? AND moved_until IS NULL AND ends_at > ?'
  const patch = `
    data = json_patch(data, ?), version = version + 1,
    last_seen_at = max(last_seen_at, ifnull(?, last_seen_at)),
    idle_timeout = ifnull(?, idle_timeout), expires_at = ifnull(?, expires_at), persistent = ifnull(?, persistent),
    ends_at = min(max(last_seen_at, ifnull(?, last_seen_at)) + ifnull(?, idle_timeout), ifnull(?, expires_at))`
  const isVersion = '(? IS NULL OR version = ?)'
  return {
    load: `SELECT ${COLUMNS} FROM ${table} WHERE ${isLive}`,
    create: `INSERT INTO ${table} (${COLUMNS}) VALUES (${COLUMNS.replace(/\w+/g, '?')})`,
    dropEnded: `DELETE FROM ${table} WHERE key = ? AND ifnull(moved_until, ends_at) <= ?`,
    update: `UPDATE ${table} SET ${patch} WHERE ${isLive} AND ${isVersion}`,
    touch: `UPDATE ${table} SET last_seen_at = max(last_seen_at, ?),
      ends_at = min(max(last_seen_at, ?) + idle_timeout, expires_at) WHERE ${isLive}`,
    delete: `DELETE FROM ${table} WHERE ${isLive}`,
    move: `UPDATE ${table} SET key = ?, subject = ?, ${patch} WHERE ${isLive} AND ${isVersion}`,
    mark: `INSERT INTO ${table} (${COLUMNS}, moved_until) VALUES (?, ${RECORD_FORMAT}, NULL, '', 0, 0, 0, 0, ?, 0, 0, NULL, '{}', ?)`,
    state: `SELECT moved_until, ends_at FROM ${table} WHERE key = ?`,
    sweep: `DELETE FROM ${table} WHERE key IN (SELECT key FROM ${table} WHERE ends_at <= ? LIMIT ?)`,
  }
}

/** What a statement does; the last three serve the others. */
export type Statement =
  | 'load'
  | 'create'
  | 'update'
  | 'touch'
  | 'delete'
  | 'move'
  | 'sweep'
  | 'dropEnded'
  | 'mark'
  | 'state'

/** A new record as the values of `create`. */
export function recordValues(record: SessionRecord): SqliteValue[] {
  return [
    record.key,
    RECORD_FORMAT,
    textValue(record.subject),
    record.handle,
    record.createdAt,
    record.lastSeenAt,
    record.idleTimeout,
    record.expiresAt,
    endsAt(record),
    record.version,
    record.persistent ? 1 : 0,
    textValue(record.device),
    dataText(record.data),
  ]
}

/** A patch as the values of `update` up to its condition. */
export function patchValues({ set, remove, times }: RecordPatch): SqliteValue[] {
  const { lastSeenAt = null, idleTimeout = null, expiresAt = null } = times ?? {}
  const persistent = times ? Number(times.persistent) : null
  return [dataText(set, remove), lastSeenAt, idleTimeout, expiresAt, persistent, lastSeenAt, idleTimeout, expiresAt]
}

/**
 * The record in a row.
 *
 * @throws SessionError `RECORD_UNREADABLE`
 */
export function recordFrom(row: Row): SessionRecord {
  const format = row['format']
  if (format !== RECORD_FORMAT) throw unreadable(`its format is ${String(format)}, and this release reads ${RECORD_FORMAT}`)
  return {
    key: text(row, 'key'),
    handle: text(row, 'handle'),
    subject: row['subject'] === null ? undefined : unescaped(text(row, 'subject')),
    createdAt: whole(row, 'created_at'),
    lastSeenAt: whole(row, 'last_seen_at'),
    idleTimeout: whole(row, 'idle_timeout'),
    expiresAt: whole(row, 'expires_at'),
    version: whole(row, 'version'),
    persistent: whole(row, 'persistent') !== 0,
    device: row['device'] === null ? undefined : unescaped(text(row, 'device')),
    data: dataFrom(text(row, 'data')),
  }
}

/** A subject or device as it is stored; `null` for none. */
export function textValue(text: string | undefined): string | null {
  return text === undefined ? null : escaped(text)
}

/**
 * What is stored as `%` and two digits: what JSON writes with a backslash, because SQLite compares such keys by their
 * spelling and takes some for others; NUL, at which a driver ends a text; and `%` itself.
 */
const NEEDS_ESCAPE = /[%"\\\p{Cc}]/gu

/** Data as one JSON object of strings, and with `null` for what a merge removes: then RFC 7396 is exactly a patch. */
function dataText(set: ReadonlyMap<string, string>, remove: readonly string[] = []): string {
  const object = Object.create(null) as Record<string, string | null>
  for (const key of remove) object[escaped(key)] = null
  for (const [key, value] of set) object[escaped(key)] = value
  return JSON.stringify(object)
}

function dataFrom(json: string): ReadonlyMap<string, string> {
  let object: unknown
  try {
    object = JSON.parse(json)
  } catch {
    throw unreadable('its data are no JSON')
  }
  if (typeof object !== 'object' || object === null || Array.isArray(object)) throw unreadable('its data are no object')
  const data = new Map<string, string>()
  for (const [key, value] of Object.entries(object)) {
    if (typeof value !== 'string') throw unreadable('a value in its data is no text')
    data.set(unescaped(key), value)
  }
  return data
}

function escaped(key: string): string {
  return key.replace(NEEDS_ESCAPE, encodeURIComponent)
}

function unescaped(text: string): string {
  if (!text.includes('%')) return text
  try {
    return decodeURIComponent(text)
  } catch {
    throw unreadable('a text in it is not spelled as Latchkey does')
  }
}

function text(row: Row, column: string): string {
  const value = row[column]
  if (typeof value !== 'string') throw unreadable(`its ${column} is no text`)
  return value
}

function whole(row: Row, column: string): number {
  const value = row[column]
  if (!Number.isSafeInteger(value)) throw unreadable(`its ${column} is no whole number`)
  return value as number
}

function unreadable(why: string): SessionError {
  return new SessionError('RECORD_UNREADABLE', `A row of the SQLite store can't be read: ${why}. It counts as absent.`)
}
