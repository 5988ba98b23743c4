import { endsAt } from '../../core/expiry.js'
import {
  RECORD_FORMAT,
  type FormerKey,
  type RecordPatch,
  type RotatePatch,
  type SessionRecord,
} from '../../core/record.js'
import type { SqliteValue } from './driver.js'
import { FOR_GOOD } from './statements.js'

/** A new record as the values of `create`. */
export function recordValues(record: SessionRecord): SqliteValue[] {
  return [
    record.key,
    RECORD_FORMAT,
    textValue(record.subject),
    textValue(record.handle),
    integer(record.createdAt),
    record.authenticatedAt === undefined ? null : integer(record.authenticatedAt),
    integer(record.rotatedAt),
    integer(record.lastSeenAt),
    integer(record.idleTimeout),
    integer(record.expiresAt),
    integer(endsAt(record)),
    integer(record.version),
    record.persistent ? 1 : 0,
    textValue(record.device),
    textValue(record.ip),
    record.formerKey ?? null,
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

/** A patch as the values of `move` up to its condition. Each of what a sign-in says goes after whether it is to be written. */
export function moveValues(key: string, newKey: string, patch: RotatePatch): SqliteValue[] {
  const { subject, signIn, rotatedAt, sealedId } = patch
  const isNew = signIn ? 1 : 0
  return [
    newKey,
    textValue(subject),
    integer(rotatedAt),
    sealedId === undefined ? null : key,
    subject === undefined ? 1 : isNew,
    subject === undefined || !signIn ? null : integer(signIn.authenticatedAt),
    isNew,
    textValue(signIn?.device),
    isNew,
    textValue(signIn?.ip),
    ...patchValues(patch),
  ]
}

/** What is left under a key as the `moved` of its row: nothing of one that was rotated away for good. */
export function movedText(former: FormerKey | undefined): string {
  return former ? JSON.stringify(former) : FOR_GOOD
}

/** A number as it is stored: whole, because a row with another one could not be read. */
export function integer(value: number): number {
  const rounded = Math.round(value)
  if (Number.isSafeInteger(rounded)) return rounded
  throw new RangeError(`A record's times and version are whole numbers, not ${value}. Give finite durations.`)
}

/** Any text but a key as it is stored; `null` for none. */
export function textValue(text: string | undefined): string | null {
  return text === undefined ? null : escaped(text)
}

/** Data as one JSON object of strings, and with `null` for what a merge removes: then RFC 7396 is exactly a patch. */
export function dataText(set: ReadonlyMap<string, string>, remove: readonly string[] = []): string {
  const object = Object.create(null) as Record<string, string | null>
  for (const key of remove) object[escaped(key)] = null
  for (const [key, value] of set) object[escaped(key)] = value
  return JSON.stringify(object)
}

/**
 * What is stored as `%` and two digits: what JSON writes with a backslash, because SQLite compares such keys by their
 * spelling and takes some for others; NUL, at which a driver ends a text; and `%` itself.
 */
const NEEDS_ESCAPE = /[%"\\\p{Cc}]/gu

function escaped(text: string): string {
  return text.replace(NEEDS_ESCAPE, encodeURIComponent)
}
