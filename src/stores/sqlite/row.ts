import { isUtf8 } from 'node:buffer'
import { endsAt } from '../../core/expiry.js'
import { SessionError } from '../../core/errors.js'
import { RECORD_FORMAT, type RecordPatch, type SessionRecord } from '../../core/record.js'
import type { SqliteValue } from './driver.js'

/** A row as it is read: what is in its columns is only believed after a look. */
export type Row = Readonly<Record<string, unknown>>

/** A new record as the values of `create`. */
export function recordValues(record: SessionRecord): SqliteValue[] {
  return [
    record.key,
    RECORD_FORMAT,
    textValue(record.subject),
    record.handle,
    integer(record.createdAt),
    integer(record.lastSeenAt),
    integer(record.idleTimeout),
    integer(record.expiresAt),
    integer(endsAt(record)),
    integer(record.version),
    record.persistent ? 1 : 0,
    textValue(record.device),
    dataText(record.data),
  ]
}

/** A patch as the values of `update` up to its condition. */
export function patchValues({ set, remove, times }: RecordPatch): SqliteValue[] {
  const data = dataText(set, remove)
  if (!times) return [data, null, null, null, null, null, null, null]
  const [lastSeenAt, idleTimeout, expiresAt] = [times.lastSeenAt, times.idleTimeout, times.expiresAt].map(
    integer,
  ) as Times
  return [data, lastSeenAt, idleTimeout, expiresAt, times.persistent ? 1 : 0, lastSeenAt, idleTimeout, expiresAt]
}

type Times = [lastSeenAt: number, idleTimeout: number, expiresAt: number]

/**
 * The record in a row of `load`.
 *
 * @throws SessionError `RECORD_UNREADABLE`
 */
export function recordFrom(key: string, row: Row): SessionRecord {
  assertFormat(row)
  return {
    key,
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

/**
 * Why a write met no row, from its row of `state`.
 *
 * @throws SessionError `RECORD_UNREADABLE` for a live one of another format.
 */
export function refusal(row: Row, now: number, ifVersion: number | undefined): 'gone' | 'rotated' | 'conflict' {
  if (row['moved_until'] !== null) return whole(row, 'moved_until') > now ? 'rotated' : 'gone'
  if (whole(row, 'ends_at') <= now) return 'gone'
  assertFormat(row)
  return ifVersion === undefined ? 'gone' : 'conflict'
}

/** A number as it is stored: whole, because a row with another one could not be read. */
export function integer(value: number): number {
  const rounded = Math.round(value)
  if (Number.isSafeInteger(rounded)) return rounded
  throw new RangeError(`A record's times and version are whole numbers, not ${value}. Give finite durations.`)
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

function assertFormat(row: Row): void {
  const format = row['format']
  if (Number(format) === RECORD_FORMAT) return
  throw unreadable(`its format is ${String(format)}, and this release reads ${RECORD_FORMAT}`)
}

function text(row: Row, column: string): string {
  const value = row[column]
  if (!(value instanceof Uint8Array) || !isUtf8(value)) throw unreadable(`its ${column} is no text`)
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString()
}

/** Drivers can be told to give every integer as a bigint. */
function whole(row: Row, column: string): number {
  const value = row[column]
  const number = typeof value === 'bigint' ? Number(value) : value
  if (!Number.isSafeInteger(number)) throw unreadable(`its ${column} is no whole number`)
  return number as number
}

/** The error for a row that holds something else than a record. It never names the key. */
export function unreadable(why: string): SessionError {
  return new SessionError('RECORD_UNREADABLE', `A row of the SQLite store can't be read: ${why}. It counts as absent.`)
}
