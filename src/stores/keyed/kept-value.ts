import { decode, defineData, encode } from '../../core/codec.js'
import { SessionError } from '../../core/errors.js'
import { RECORD_FORMAT, type FormerKey, type SessionRecord } from '../../core/record.js'
import type { KeptValue } from './things.js'

/** What is kept under a key that was rotated away with a sealed id. */
export interface KeptFormer extends FormerKey {
  /** Until when it is known. */
  readonly until: number
}

/** The property that holds what is not data. */
export const MARK = 'latchkey'

/**
 * Names that data have only inside of the mark: `cookie` is express-session's, and the stores write the last two
 * themselves (session-file-store, connect-mongo). A copy by assignment would lose `__proto__`.
 */
const HIDDEN: ReadonlySet<string> = new Set([MARK, '__proto__', 'cookie', '__lastAccess', 'lastModified'])

/**
 * A record as an object that JSON can write down: data are plain properties, as every reader of a session expects them,
 * and all else is in the property `latchkey`. A value of a type that JSON has not (Date, Map, Set, BigInt, bytes) is in
 * its place in the form of Latchkey's codec, and its name is in the mark's `tagged`. What can't be a plain property is in
 * the mark's `encoded`.
 */
export function valueOf(record: SessionRecord): KeptValue {
  const { key: _, data, ...rest } = record
  const value: Record<string, unknown> = {}
  const tagged: string[] = []
  const encoded: [string, string][] = []
  for (const [name, text] of data) {
    const isTagged = text.startsWith('~')
    const plain = HIDDEN.has(name) ? undefined : plainValue(isTagged ? text.slice(1) : text)
    if (plain === undefined) encoded.push([name, text])
    else {
      defineData(value, name, plain)
      if (isTagged) tagged.push(name)
    }
  }
  value[MARK] = {
    format: RECORD_FORMAT,
    ...rest,
    ...(tagged.length > 0 ? { tagged } : undefined),
    ...(encoded.length > 0 ? { encoded } : undefined),
  }
  return value
}

/** A former key as such an object. */
export function formerValueOf({ movedTo, sealedId, goodUntil, until }: KeptFormer): KeptValue {
  return { [MARK]: { format: RECORD_FORMAT, movedTo, sealedId, goodUntil, until } }
}

/**
 * The record or the former key that an object is. Also what others have changed in its data since.
 *
 * @throws SessionError `RECORD_UNREADABLE`
 */
export function foundIn(key: string, value: KeptValue): SessionRecord | KeptFormer {
  const mark = fieldsOf(value[MARK])
  if (mark['format'] !== RECORD_FORMAT) {
    throw unreadable(`its format is ${String(mark['format'])}, and this release reads ${RECORD_FORMAT}`)
  }
  return mark['movedTo'] === undefined ? recordIn(key, mark, value) : formerIn(mark)
}

/**
 * The data of a session that was not written by Latchkey.
 *
 * @throws SessionError `RECORD_UNREADABLE`
 */
export function outsideData(value: KeptValue): ReadonlyMap<string, string> {
  return plainData(value, [])
}

/** The error for a value that holds something else than a session. It names no key and shows no content. */
export function unreadable(why: string): SessionError {
  return new SessionError('RECORD_UNREADABLE', `A stored session can't be read: ${why}. It counts as absent.`)
}

/** What a text means as JSON, where JSON gives back the same text; `undefined` where it doesn't. */
function plainValue(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text)
    return JSON.stringify(value) === text ? value : undefined
  } catch {
    return undefined
  }
}

function recordIn(key: string, mark: KeptValue, value: KeptValue): SessionRecord {
  const data = plainData(value, list(mark, 'tagged'))
  for (const entry of list(mark, 'encoded')) {
    const [name, text] = Array.isArray(entry) ? (entry as unknown[]) : []
    if (typeof name !== 'string' || typeof text !== 'string') throw unreadable('its encoded data are no texts')
    data.set(name, text)
  }
  return {
    key,
    handle: text(mark, 'handle') ?? missing('handle'),
    subject: text(mark, 'subject'),
    createdAt: whole(mark, 'createdAt'),
    authenticatedAt: mark['authenticatedAt'] === undefined ? undefined : whole(mark, 'authenticatedAt'),
    rotatedAt: whole(mark, 'rotatedAt'),
    lastSeenAt: whole(mark, 'lastSeenAt'),
    idleTimeout: whole(mark, 'idleTimeout'),
    expiresAt: whole(mark, 'expiresAt'),
    version: whole(mark, 'version'),
    persistent: mark['persistent'] === true,
    device: text(mark, 'device'),
    ip: text(mark, 'ip'),
    formerKey: text(mark, 'formerKey'),
    data,
  }
}

function plainData(value: KeptValue, tagged: readonly unknown[]): Map<string, string> {
  const data = new Map<string, string>()
  for (const name of Object.keys(value)) {
    const item = value[name]
    if (HIDDEN.has(name) || item === undefined) continue
    data.set(name, tagged.includes(name) ? taggedText(item) : plainText(item, name))
  }
  return data
}

/** Others may have put something else in its place. */
function taggedText(item: unknown): string {
  const text = '~' + JSON.stringify(item)
  decode(text)
  return text
}

function plainText(item: unknown, name: string): string {
  try {
    return encode(item, name)
  } catch {
    throw unreadable('a value in it is of a type that Latchkey does not keep')
  }
}

function formerIn(mark: KeptValue): KeptFormer {
  const sealedId = text(mark, 'sealedId')
  const goodUntil = mark['goodUntil'] === undefined ? undefined : whole(mark, 'goodUntil')
  if ((sealedId === undefined) === (goodUntil === undefined)) throw unreadable('it is no former key')
  return { movedTo: text(mark, 'movedTo') ?? missing('movedTo'), sealedId, goodUntil, until: whole(mark, 'until') }
}

function fieldsOf(value: unknown): KeptValue {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as KeptValue
  throw unreadable('it was not written by Latchkey')
}

function text(mark: KeptValue, field: string): string | undefined {
  const value = mark[field] ?? undefined
  if (value === undefined || typeof value === 'string') return value
  throw unreadable(`its ${field} is no text`)
}

function whole(mark: KeptValue, field: string): number {
  const value = mark[field]
  if (!Number.isSafeInteger(value)) throw unreadable(`its ${field} is no whole number`)
  return value as number
}

function list(mark: KeptValue, field: string): readonly unknown[] {
  const value = mark[field] ?? []
  if (Array.isArray(value)) return value as unknown[]
  throw unreadable(`its ${field} is no list`)
}

function missing(field: string): never {
  throw unreadable(`it has no ${field}`)
}
