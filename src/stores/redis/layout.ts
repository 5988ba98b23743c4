import { SessionError } from '../../core/errors.js'
import { TAG_LENGTH } from '../../core/id.js'
import { type FormerKey, RECORD_FORMAT, type SessionRecord } from '../../core/record.js'
import { type Head, headIn, headText } from './head.js'
import { type Origin, originIn, storedOrigin } from './origin.js'

/*
 * One hash per session. Metadata are fields of one character:
 *
 *   1 the head: handle, where the session comes from, numbers (see head.ts, origin.ts and numbers.ts); the name of the
 *     field is the number of the stored form
 *   s subject   p '0' when the cookie ends with the browser   k the hash of the former key, or all of it
 *   f what an adopted record still knows of what it was
 *   i address and d device, as far as there is no code for them   o the code, where the head has no room for it
 *
 * A key of the data is a field of its own name. The empty one, those of a single character and those that begin with a
 * colon get a colon before them, so that none can be taken for metadata; and so does `__proto__`, which clients lose that
 * answer with an object.
 *
 * A key that was rotated away is a hash with other fields:
 *
 *   r until when this is said, in decimal   n the hash of the key that it moved to, or all of it   z the sealed id   g good until
 *   t where it moved to, if that is in another slot: only so that the same step, asked for twice, is known
 *
 * A key that is dead for good has r and perhaps t, one that stays good for a while has r, n and z, and later r, n and g. That
 * of a session of another library keeps z.
 */

/** The field that holds the head of a record. */
export const HEAD = String(RECORD_FORMAT)

/** The fields of a hash, in no order. */
export type Fields = ReadonlyMap<string, string>

/** The Redis key of the record under `key`. The braces make the tag the part that decides the Cluster slot. */
export function recordKey(prefix: string, key: string): string {
  return `${prefix}:{${tagIn(key)}${BEFORE_HASH}${hashIn(key)}`
}

/** What stands between the tag and the hash. */
const BEFORE_HASH = '}:s:'

/** The Redis key of the index that the records of a tag are in, if they have a subject. See `docs/decisions/0001-tag-and-index.md`. */
export function indexKey(prefix: string, key: string): string {
  return `${prefix}:{${tagIn(key)}}:u`
}

/** The key of the record with this name in Redis; `undefined` for any other name. */
export function keyIn(prefix: string, name: string): string | undefined {
  const tag = prefix.length + 2
  const hash = tag + TAG_LENGTH + BEFORE_HASH.length
  if (!name.startsWith(BEFORE_HASH, tag + TAG_LENGTH) || !name.startsWith(prefix)) return undefined
  return name.slice(tag, tag + TAG_LENGTH) + name.slice(hash)
}

/** The name of a key that nobody uses, in the slot of the record under `key`. */
export function probeKey(prefix: string, key: string): string {
  return `${prefix}:{${tagIn(key)}}:p`
}

/** The part of a key that decides its slot and its index. */
export function tagIn(key: string): string {
  return key.slice(0, TAG_LENGTH)
}

/** The rest of a key, which is what an index has as its member. */
export function hashIn(key: string): string {
  return key.slice(TAG_LENGTH)
}

/** The field of a key of the data. */
export function dataField(key: string): string {
  return key.length < 2 || key.startsWith(':') || key === '__proto__' ? `:${key}` : key
}

/** A new record as a hash. Throws a `RangeError` for a time that is no number. */
export function recordFields(record: SessionRecord): Map<string, string> {
  const { handle, subject, formerKey } = record
  const { code, ip, device } = storedOrigin(record)
  const fields = new Map<string, string>()
  setHead(fields, { handle, code, numbers: record }, subject !== undefined)
  if (subject !== undefined) fields.set('s', subject)
  if (ip !== undefined) fields.set('i', ip)
  if (device !== undefined) fields.set('d', device)
  if (!record.persistent) fields.set('p', '0')
  if (formerKey !== undefined) fields.set('k', formerField(record.key, formerKey))
  if (record.adopted !== undefined) fields.set('f', record.adopted)
  for (const [key, value] of record.data) fields.set(dataField(key), value)
  return fields
}

/** Puts a head into the fields of a hash, and where it has no room for its code, that beside it. */
export function setHead(fields: Map<string, string>, head: Head, isSubjects: boolean): void {
  const text = headText(head, isSubjects)
  fields.set(HEAD, text)
  if (head.code !== '' && !text.includes('+')) fields.set('o', head.code)
}

/** The head in the fields of a hash. Throws `RECORD_UNREADABLE`. */
export function headOf(fields: Fields): Head {
  const content = fields.get(HEAD)
  if (content === undefined) throw unreadable(withoutHead(fields))
  const head = headIn(content, fields.has('s'))
  if (head === undefined) throw unreadable(`the field ${HEAD} holds something else than a handle and numbers`)
  return head
}

/** The former key of the record under `key`, without the tag that both have. */
export function formerField(key: string, formerKey: string): string {
  return tagIn(formerKey) === tagIn(key) ? hashIn(formerKey) : formerKey
}

/**
 * The record in an answer to HGETALL, or the former key; `undefined` when nothing is there, or only the sign that it has
 * moved. Whether its time is over is not judged here for a record. Throws `RECORD_UNREADABLE` for anything else.
 */
export function foundIn(key: string, fields: Fields, now: number): SessionRecord | FormerKey | undefined {
  if (fields.size === 0) return undefined
  return fields.has('r') ? formerIn(key, fields, now) : recordIn(key, fields)
}

/** The record in the fields of a hash. Throws `RECORD_UNREADABLE`. */
export function recordIn(key: string, fields: Fields): SessionRecord {
  const { handle, code, numbers } = headOf(fields)
  const { ip, device } = originOf(fields, code)
  const former = fields.get('k')
  const adopted = fields.get('f')
  const data = new Map<string, string>()
  for (const [field, value] of fields) {
    if (field.startsWith(':')) data.set(field.slice(1), value)
    else if (field.length > 1) data.set(field, value)
  }
  return {
    key,
    handle,
    subject: fields.get('s'),
    createdAt: numbers.createdAt,
    authenticatedAt: numbers.authenticatedAt,
    rotatedAt: numbers.rotatedAt,
    lastSeenAt: numbers.lastSeenAt,
    idleTimeout: numbers.idleTimeout,
    expiresAt: numbers.expiresAt,
    version: numbers.version,
    persistent: fields.get('p') !== '0',
    device,
    ip,
    formerKey: former === undefined || former.length === key.length ? former : tagIn(key) + former,
    ...(adopted === undefined ? undefined : { adopted }),
    data,
  }
}

/** What an answer to HGETALL says, whatever the client makes of it: RESP2 answers with a list, RESP3 with a map. */
export function fieldsOf(reply: unknown): Fields {
  const fields = new Map<string, string>()
  for (const [field, value] of entriesOf(reply)) {
    if (typeof field !== 'string' || typeof value !== 'string') throw unreadable('a field is no text')
    fields.set(field, value)
  }
  return fields
}

/** The error for a key that holds something else than a record. It never names the key. */
export function unreadable(why: string): SessionError {
  return new SessionError(
    'RECORD_UNREADABLE',
    `A session in Redis can't be read: ${why}. Look for what else writes under this prefix, or for a newer release of Latchkey on the same Redis.`,
  )
}

function formerIn(key: string, fields: Fields, now: number): FormerKey | undefined {
  const [until, movedTo, goodUntil] = [fields.get('r'), fields.get('n'), fields.get('g')]
  if (movedTo === undefined || !(Number(until) > now)) return undefined
  return {
    movedTo: movedTo.length === key.length ? movedTo : tagIn(key) + movedTo,
    sealedId: fields.get('z'),
    goodUntil: goodUntil === undefined ? undefined : Number(goodUntil),
  }
}

function originOf(fields: Fields, code: string): Origin {
  const known = originIn(code === '' ? (fields.get('o') ?? '') : code)
  return { ip: known.ip ?? fields.get('i'), device: known.device ?? fields.get('d') }
}

function withoutHead(fields: Fields): string {
  const format = [...fields.keys()].find((field) => /^\d$/.test(field))
  if (format === undefined) return `the field ${HEAD} is missing`
  return `its format is ${format}, and this release reads ${RECORD_FORMAT}`
}

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
