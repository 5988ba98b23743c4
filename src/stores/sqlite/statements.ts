import { RECORD_FORMAT } from '../../core/record.js'

/** What a new record fills, in the order of `recordValues`. */
const COLUMNS = `key, format, subject, handle, created_at, authenticated_at, rotated_at, last_seen_at, idle_timeout,
  expires_at, ends_at, version, persistent, device, ip, former_key, data`

/** What is read of a row besides its data. */
const FIELDS = `format, subject, handle, created_at, authenticated_at, rotated_at, last_seen_at, idle_timeout, expires_at,
  version, persistent, device, ip, former_key, moved`

/** What is read of a session in a list. */
const LISTED = `key, ${FIELDS}`

/** The order of `inOrderOfSignIn`, in which the index has the rows of a subject. */
export const IN_ORDER_OF_SIGN_IN = 'ifnull(authenticated_at, created_at), created_at, handle'

/** The `moved` of a row whose key was rotated away for good: it loads nothing. */
export const FOR_GOOD = '{}'

const DATA = 'CAST(data AS BLOB) AS data'
/** Not under the name of the column: that would be what ORDER BY sorts by, past the index. */
const HANDLE = 'CAST(handle AS BLOB) AS handle_bytes'

/** What a statement does: one for each verb, then those that serve them. */
export type Statement =
  | 'load'
  | 'create'
  | 'update'
  | 'touch'
  | 'delete'
  | 'list'
  | 'find'
  | 'count'
  | 'revoke'
  | 'revokeAll'
  | 'updateAll'
  | 'sweep'
  | 'state'
  | 'dropEnded'
  | 'move'
  | 'mark'
  | 'forget'
  | 'settle'
  | 'others'
  | 'evict'

/** The statements of a store, with `?` for values in the order that `values.ts` gives them. */
export function statements(name: string): Readonly<Record<Statement, string>> {
  const table = `"${name}"`
  const isLive = 'key = ? AND moved IS NULL AND ends_at > ?'
  const isWritable = `${isLive} AND format = ${RECORD_FORMAT}`
  const isVersion = 'version = ifnull(?, version)'
  const isOf = 'subject = ? AND moved IS NULL AND ends_at > ?'
  const isText = `'blob' NOT IN (${LISTED.replace(/\w+/g, 'typeof($&)')})`
  const patch = `
    data = json_patch(data, ?), version = version + 1,
    last_seen_at = max(last_seen_at, ifnull(?, last_seen_at)),
    idle_timeout = ifnull(?, idle_timeout), expires_at = ifnull(?, expires_at), persistent = ifnull(?, persistent),
    ends_at = min(max(last_seen_at, ifnull(?, last_seen_at)) + ifnull(?, idle_timeout), ifnull(?, expires_at))`
  const replaced = COLUMNS.replace(/\w+/g, '$& = excluded.$&')
  return {
    load: `SELECT ${read(FIELDS)}, ${DATA} FROM ${table} WHERE key = ? AND ends_at > ? AND moved IS NOT '${FOR_GOOD}'`,
    create: `INSERT INTO ${table} (${COLUMNS}) VALUES (${COLUMNS.replace(/\w+/g, '?')})
      ON CONFLICT (key) DO UPDATE SET ${replaced}, moved = NULL WHERE ends_at <= ?`,
    update: `UPDATE ${table} SET ${patch} WHERE ${isWritable} AND ${isVersion}`,
    touch: `UPDATE ${table} SET last_seen_at = max(last_seen_at, ?),
      ends_at = min(max(last_seen_at, ?) + idle_timeout, expires_at) WHERE ${isWritable}`,
    delete: `DELETE FROM ${table} WHERE ${isLive}`,

    list: `SELECT ${read(LISTED)}, ${DATA} FROM ${table} WHERE ${isOf} AND ${isText} ORDER BY ${IN_ORDER_OF_SIGN_IN}`,
    find: `SELECT ${read(LISTED)}, ${DATA} FROM ${table} WHERE ${isOf} AND handle = ? AND ${isText}`,
    count: `SELECT count(*) AS count FROM ${table} WHERE ${isOf}`,
    revoke: `DELETE FROM ${table} WHERE ${isOf} AND handle = ?`,
    revokeAll: `DELETE FROM ${table} WHERE ${isOf} AND handle IS NOT ? RETURNING ${HANDLE}`,
    updateAll: `UPDATE ${table} SET data = json_patch(data, ?), version = version + 1
      WHERE ${isOf} AND format = ${RECORD_FORMAT} AND json_valid(data)`,

    sweep: `DELETE FROM ${table} WHERE key IN (SELECT key FROM ${table} WHERE ends_at <= ? LIMIT ?)`,

    state: `SELECT ${read('format, moved, ends_at')} FROM ${table} WHERE key = ?`,
    dropEnded: `DELETE FROM ${table} WHERE key = ? AND ends_at <= ?`,
    move: `UPDATE ${table} SET key = ?, subject = ?, rotated_at = ?, former_key = ?,
      authenticated_at = iif(?, ?, authenticated_at), device = iif(?, ?, device), ip = iif(?, ?, ip), ${patch}
      WHERE ${isWritable} AND ${isVersion}`,
    mark: `INSERT INTO ${table} (key, format, ends_at, moved)
      SELECT ?, ${RECORD_FORMAT}, ifnull(?, expires_at), ? FROM ${table} WHERE key = ?`,
    forget: `UPDATE ${table} SET former_key = NULL WHERE ${isWritable} AND former_key = ?`,
    settle: `UPDATE ${table} SET moved = ?, ends_at = ? WHERE key = ? AND moved IS NOT NULL AND ends_at > ?`,
    others: `SELECT ${HANDLE} FROM ${table} WHERE ${isOf} AND key <> ? ORDER BY ${IN_ORDER_OF_SIGN_IN}`,
    evict: `DELETE FROM ${table} WHERE key IN
      (SELECT key FROM ${table} WHERE ${isOf} AND key <> ? ORDER BY ${IN_ORDER_OF_SIGN_IN} LIMIT ?)`,
  }
}

/**
 * Reads columns as one JSON object: most drivers take longer to hand over a row of many columns than SQLite takes to
 * find it. Texts come as bytes, because libsql ends the process at a text that isn't UTF-8, and others replace what they
 * can't read.
 */
function read(columns: string): string {
  return `CAST(json_object(${columns.replace(/\w+/g, "'$&', $&")}) AS BLOB) AS fields`
}
