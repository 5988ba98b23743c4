import { isUtf8 } from 'node:buffer'
import { types } from 'node:util'
import { SessionError } from '../../core/errors.js'
import { RECORD_FORMAT, type FormerKey, type SessionRecord } from '../../core/record.js'

/** A row as the driver gives it. */
export type Row = Readonly<Record<string, unknown>>

/** What is in the columns of a row: only believed after a look. */
type Fields = Readonly<Record<string, unknown>>

/**
 * The record or the former key in a row of `load`.
 *
 * @throws SessionError `RECORD_UNREADABLE`
 */
export function foundIn(key: string, row: Row): SessionRecord | FormerKey {
  const fields = fieldsOf(row)
  assertFormat(fields)
  return fields['moved'] === null ? recordFrom(key, fields, row) : formerFrom(text(fields, 'moved'))
}

/** The records in rows of `list`, without those that can't be read. */
export function recordsFrom(rows: readonly Row[]): readonly SessionRecord[] {
  const records: SessionRecord[] = []
  for (const row of rows) {
    try {
      const fields = fieldsOf(row)
      assertFormat(fields)
      records.push(recordFrom(text(fields, 'key'), fields, row))
    } catch (error) {
      if (!(error instanceof SessionError)) throw error
    }
  }
  return records
}

/** The handles in rows of records that are removed, whether these can be read or not. */
export function handlesFrom(rows: readonly Row[]): readonly string[] {
  return rows.map((row) => {
    const spelled = bytes(row['handle_bytes'])?.toString() ?? ''
    try {
      return unescaped(spelled)
    } catch {
      return spelled
    }
  })
}

/**
 * Why a write met no row, from its row of `state`.
 *
 * @throws SessionError `RECORD_UNREADABLE` for a live one of another format.
 */
export function refusal(row: Row, now: number, ifVersion: number | undefined): 'gone' | 'rotated' | 'conflict' {
  const fields = fieldsOf(row)
  if (whole(fields, 'ends_at') <= now) return 'gone'
  if (fields['moved'] !== null) return 'rotated'
  assertFormat(fields)
  return ifVersion === undefined ? 'gone' : 'conflict'
}

/** The error for a row that holds something else than a record. It never names the key. */
export function unreadable(why: string): SessionError {
  return new SessionError('RECORD_UNREADABLE', `A row of the SQLite store can't be read: ${why}. It counts as absent.`)
}

function recordFrom(key: string, fields: Fields, row: Row): SessionRecord {
  return {
    key,
    handle: unescaped(text(fields, 'handle')),
    subject: textOrNone(fields, 'subject'),
    createdAt: whole(fields, 'created_at'),
    authenticatedAt: wholeOrNone(fields, 'authenticated_at'),
    rotatedAt: whole(fields, 'rotated_at'),
    lastSeenAt: whole(fields, 'last_seen_at'),
    idleTimeout: whole(fields, 'idle_timeout'),
    expiresAt: whole(fields, 'expires_at'),
    version: whole(fields, 'version'),
    persistent: whole(fields, 'persistent') !== 0,
    device: textOrNone(fields, 'device'),
    ip: textOrNone(fields, 'ip'),
    formerKey: fields['former_key'] === null ? undefined : text(fields, 'former_key'),
    data: dataFrom(row),
  }
}

function formerFrom(json: string): FormerKey {
  const { movedTo, sealedId, goodUntil } = objectIn(json, 'moved')
  const isSealed = typeof sealedId === 'string' && goodUntil === undefined
  const isSettled = sealedId === undefined && Number.isSafeInteger(goodUntil)
  if (typeof movedTo !== 'string' || (!isSealed && !isSettled)) throw unreadable('its moved is no former key')
  return { movedTo, sealedId, goodUntil: goodUntil as number | undefined }
}

function dataFrom(row: Row): ReadonlyMap<string, string> {
  const data = new Map<string, string>()
  for (const [key, value] of Object.entries(objectIn(utf8(row, 'data'), 'data'))) {
    if (typeof value !== 'string') throw unreadable('a value in its data is no text')
    data.set(unescaped(key), value)
  }
  return data
}

function fieldsOf(row: Row): Fields {
  return objectIn(utf8(row, 'fields'), 'fields')
}

function objectIn(json: string, column: string): Fields {
  let object: unknown
  try {
    object = JSON.parse(json)
  } catch {
    throw unreadable(`its ${column} is no JSON`)
  }
  if (typeof object === 'object' && object !== null && !Array.isArray(object)) return object as Fields
  throw unreadable(`its ${column} is no object`)
}

function assertFormat(fields: Fields): void {
  const { format } = fields
  if (format === RECORD_FORMAT) return
  throw unreadable(`its format is ${String(format)}, and this release reads ${RECORD_FORMAT}`)
}

function text(fields: Fields, column: string): string {
  const value = fields[column]
  if (typeof value !== 'string') throw unreadable(`its ${column} is no text`)
  return value
}

function textOrNone(fields: Fields, column: string): string | undefined {
  return fields[column] === null ? undefined : unescaped(text(fields, column))
}

function whole(fields: Fields, column: string): number {
  const value = fields[column]
  if (!Number.isSafeInteger(value)) throw unreadable(`its ${column} is no whole number`)
  return value as number
}

function wholeOrNone(fields: Fields, column: string): number | undefined {
  return fields[column] === null ? undefined : whole(fields, column)
}

function utf8(row: Row, column: string): string {
  const value = bytes(row[column])
  if (!value || !isUtf8(value)) throw unreadable(`its ${column} is no UTF-8`)
  return value.toString()
}

/** libsql gives the bytes in one row as a Buffer, and in many as an ArrayBuffer. */
function bytes(value: unknown): Buffer | undefined {
  if (types.isUint8Array(value)) return Buffer.from(value.buffer, value.byteOffset, value.byteLength)
  return types.isAnyArrayBuffer(value) ? Buffer.from(value) : undefined
}

/** The text that `values.ts` has spelled so. */
function unescaped(spelled: string): string {
  if (!spelled.includes('%')) return spelled
  try {
    return decodeURIComponent(spelled)
  } catch {
    throw unreadable('a text in it is not spelled as Latchkey does')
  }
}
