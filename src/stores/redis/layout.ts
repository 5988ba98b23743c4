import { SessionError } from '../../core/errors.js'
import { TAG_LENGTH } from '../../core/id.js'
import { RECORD_FORMAT, type RecordPatch, type RotatePatch, type SessionRecord } from '../../core/record.js'

/*
 * One hash per session. Metadata are fields of one letter, data fields begin with a colon, so that no key of the data
 * can be taken for metadata:
 *
 *   f format   c createdAt   l lastSeenAt   i idleTimeout   e expiresAt   v version
 *   s subject  h handle      d device       p '0' when the cookie ends with the browser
 *   r          alone in the hash: the record has moved to a new id, and this is said until the time it holds
 */

/** The Redis key of the record under `key`. The braces make the tag the part that decides the Cluster slot. */
export function recordKey(prefix: string, key: string): string {
  return `${prefix}:{${key.slice(0, TAG_LENGTH)}}:s:${key.slice(TAG_LENGTH)}`
}

/** The Redis key of the index that the record under `key` is in, if it has a subject. See `docs/decisions/0001-tag-and-index.md`. */
export function indexKey(prefix: string, key: string): string {
  return `${prefix}:{${key.slice(0, TAG_LENGTH)}}:u`
}

/** A new record as fields and values in turn. Throws a `RangeError` for a time that is no number. */
export function recordFields(record: SessionRecord): string[] {
  const fields = ['f', String(RECORD_FORMAT), 'c', integer(record.createdAt), 'l', integer(record.lastSeenAt)]
  fields.push('i', integer(record.idleTimeout), 'e', integer(record.expiresAt), 'v', integer(record.version))
  fields.push('h', record.handle)
  if (record.subject !== undefined) fields.push('s', record.subject)
  if (record.device !== undefined) fields.push('d', record.device)
  if (!record.persistent) fields.push('p', '0')
  for (const [key, value] of record.data) fields.push(`:${key}`, value)
  return fields
}

/** A patch as the scripts take it: the version it applies to, lastSeenAt, the count of what to set, that, and what to remove. */
export function patchArguments(patch: RecordPatch | RotatePatch): string[] {
  const { times } = patch
  const set: string[] = []
  const remove: string[] = []
  if (times !== undefined) {
    set.push('i', integer(times.idleTimeout), 'e', integer(times.expiresAt))
    if (times.persistent) remove.push('p')
    else set.push('p', '0')
  }
  if ('subject' in patch) {
    if (patch.subject === undefined) remove.push('s')
    else set.push('s', patch.subject)
  }
  for (const [key, value] of patch.set) set.push(`:${key}`, value)
  for (const key of patch.remove) remove.push(`:${key}`)
  const version = patch.ifVersion === undefined ? '' : integer(patch.ifVersion)
  const lastSeenAt = times === undefined ? '' : integer(times.lastSeenAt)
  return [version, lastSeenAt, String(set.length), ...set, ...remove]
}

/**
 * The record in an answer to HGETALL; `undefined` when nothing is there, or only the sign that it has moved. Expiry is
 * not judged here. Throws `RECORD_UNREADABLE` for anything else.
 */
export function recordFrom(key: string, reply: unknown): SessionRecord | undefined {
  const fields = entriesOf(reply)
  if (fields.length === 0) return undefined
  const meta = new Map<string, string>()
  const data = new Map<string, string>()
  for (const [field, value] of fields) {
    if (typeof field !== 'string' || typeof value !== 'string') throw unreadable('a field is no text')
    if (field.startsWith(':')) data.set(field.slice(1), value)
    else meta.set(field, value)
  }
  if (meta.has('r')) return undefined
  const format = wholeNumber(meta, 'f')
  if (format !== RECORD_FORMAT) throw unreadable(`its format is ${format}, and this release reads ${RECORD_FORMAT}`)
  const handle = meta.get('h')
  if (handle === undefined) throw unreadable('the field h is missing')
  return {
    key,
    handle,
    subject: meta.get('s'),
    createdAt: wholeNumber(meta, 'c'),
    lastSeenAt: wholeNumber(meta, 'l'),
    idleTimeout: wholeNumber(meta, 'i'),
    expiresAt: wholeNumber(meta, 'e'),
    version: wholeNumber(meta, 'v'),
    persistent: meta.get('p') !== '0',
    device: meta.get('d'),
    data,
  }
}

/** The error for a key that holds something else than a record. It never names the key. */
export function unreadable(why: string): SessionError {
  return new SessionError(
    'RECORD_UNREADABLE',
    `A session in Redis can't be read: ${why}. Look for what else writes under this prefix, or for a newer release of Latchkey on the same Redis.`,
  )
}

/** A number as the scripts take it: whole, never in exponents. */
export function integer(value: number): string {
  const whole = Math.round(value)
  if (!Number.isSafeInteger(whole)) {
    throw new RangeError(`A record's times and version are whole numbers, not ${value}. Give finite durations.`)
  }
  return String(whole)
}

function wholeNumber(meta: ReadonlyMap<string, string>, field: string): number {
  const text = meta.get(field)
  if (text === undefined) throw unreadable(`the field ${field} is missing`)
  if (!/^-?\d{1,16}$/.test(text)) throw unreadable(`the field ${field} is no whole number`)
  return Number(text)
}

/** RESP2 answers with a flat array, RESP3 with a map, which clients hand out as an object or as a Map. */
function entriesOf(reply: unknown): (readonly [unknown, unknown])[] {
  if (Array.isArray(reply)) {
    const entries: [unknown, unknown][] = []
    for (let at = 0; at < reply.length; at += 2) entries.push([reply[at], reply[at + 1]])
    return entries
  }
  if (reply instanceof Map) return [...reply]
  if (typeof reply === 'object' && reply !== null) return Object.entries(reply)
  throw unreadable('the answer to HGETALL is no map')
}
