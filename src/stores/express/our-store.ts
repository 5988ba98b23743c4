import { hash } from 'node:crypto'
import { decode, defineData, encode } from '../../core/codec.js'
import { MAX_DURATION, type Duration } from '../../core/duration.js'
import { SessionError } from '../../core/errors.js'
import { endsAt } from '../../core/expiry.js'
import { newHandle, TAG_LENGTH } from '../../core/id.js'
import { isFormerKey, type RecordTimes, type SessionRecord } from '../../core/record.js'
import type { SessionStore } from '../../core/store.js'

/** A session as express-session hands it to a store, and takes it from one. */
export type ExpressSession = { cookie: ExpressCookie } & Record<string, unknown>

interface ExpressCookie {
  readonly expires?: unknown
  readonly originalMaxAge?: unknown
}

/** What is known to be stored of a session that express-session holds. */
interface Known {
  readonly key: string
  readonly data: ReadonlyMap<string, string>
}

/**
 * A store of Latchkey in the words of express-session. It remembers of each session what it gave out, so that a save writes
 * only what has changed since, and never brings back a session that was ended meanwhile.
 */
export class OurStore {
  readonly #store: SessionStore
  readonly #idleTimeout: Duration
  readonly #known = new WeakMap<object, Known>()

  constructor(store: SessionStore, idleTimeout: Duration) {
    this.#store = store
    this.#idleTimeout = idleTimeout
  }

  async get(sid: string): Promise<ExpressSession | undefined> {
    const key = keyOfSid(sid)
    const record = await this.#load(key)
    if (!record) return undefined
    const session = sessionIn(record)
    this.#known.set(session, { key, data: record.data })
    return session
  }

  /** The object that express-session goes on with stands for the one that `get` gave. */
  adopt(session: object, given: object): void {
    const known = this.#known.get(given)
    if (known) this.#known.set(session, known)
  }

  async set(sid: string, session: ExpressSession): Promise<void> {
    const key = keyOfSid(sid)
    const times = this.#timesOf(session.cookie)
    const data = dataOf(session)
    const known = this.#known.get(session)
    if (times.idleTimeout <= 0) await this.#store.delete(key)
    else if (known?.key === key) await this.#store.update(key, { ...difference(known.data, data), times })
    else await this.#createOrReplace(key, data, times)
    this.#known.set(session, { key, data })
  }

  async touch(sid: string, session: ExpressSession): Promise<void> {
    const key = keyOfSid(sid)
    const times = this.#timesOf(session.cookie)
    const cookie = cookieText(session.cookie)
    const isKnown = this.#known.get(session)?.data.get(COOKIE) === cookie
    const set = new Map(isKnown ? [] : [[COOKIE, cookie]])
    if (times.idleTimeout <= 0) await this.#store.delete(key)
    else await this.#store.update(key, { set, remove: [], times })
  }

  async destroy(sid: string): Promise<void> {
    await this.#store.delete(keyOfSid(sid))
  }

  async #createOrReplace(key: string, data: ReadonlyMap<string, string>, times: RecordTimes): Promise<void> {
    try {
      await this.#store.create(recordOf(key, data, times))
    } catch (error) {
      if (!isError(error, 'RECORD_EXISTS')) throw error
      const before = await this.#load(key)
      await this.#store.update(key, { ...difference(before?.data ?? new Map(), data), times })
    }
  }

  async #load(key: string): Promise<SessionRecord | undefined> {
    try {
      const found = await this.#store.load(key)
      return found && !isFormerKey(found) ? found : undefined
    } catch (error) {
      if (isError(error, 'RECORD_UNREADABLE')) return undefined
      throw error
    }
  }

  /** express-session knows one deadline, which each request moves. */
  #timesOf({ expires }: ExpressCookie): RecordTimes {
    const now = Date.now()
    const end = new Date((expires || NaN) as string).getTime()
    const persistent = !Number.isNaN(end)
    const idleTimeout = persistent ? Math.min(end - now, MAX_DURATION) : this.#idleTimeout
    return { lastSeenAt: now, idleTimeout, expiresAt: now + idleTimeout, persistent }
  }
}

/** The name of the cookie among the data. */
const COOKIE = 'cookie'

/** A hash of the session id, also where a tag is expected: no part of the id is in the store. */
function keyOfSid(sid: string): string {
  const digest = hash('sha256', sid, 'base64url')
  return digest.slice(0, TAG_LENGTH) + digest
}

function recordOf(key: string, data: ReadonlyMap<string, string>, times: RecordTimes): SessionRecord {
  const now = times.lastSeenAt
  return {
    key,
    handle: newHandle(),
    subject: undefined,
    createdAt: now,
    authenticatedAt: undefined,
    rotatedAt: now,
    ...times,
    version: 1,
    device: undefined,
    ip: undefined,
    formerKey: undefined,
    data,
  }
}

/** @throws SessionError `VALUE_NOT_STORABLE` */
function dataOf(session: ExpressSession): ReadonlyMap<string, string> {
  const data = new Map<string, string>()
  for (const name of Object.keys(session)) {
    const value = session[name]
    if (name !== COOKIE && value !== undefined) data.set(name, encode(value, name))
  }
  return data.set(COOKIE, cookieText(session.cookie))
}

/** Without its end, which is that of the record. */
function cookieText(cookie: ExpressCookie): string {
  const attributes = JSON.parse(JSON.stringify(cookie)) as Record<string, unknown>
  delete attributes['expires']
  return JSON.stringify(attributes)
}

function sessionIn(record: SessionRecord): ExpressSession {
  const attributes = decode(record.data.get(COOKIE) ?? '{}') as ExpressCookie
  const expires = record.persistent ? new Date(endsAt(record)).toISOString() : null
  const session: ExpressSession = { cookie: { ...attributes, expires } }
  for (const [name, text] of record.data) if (name !== COOKIE) defineData(session, name, decode(text))
  return session
}

function difference(
  before: ReadonlyMap<string, string>,
  now: ReadonlyMap<string, string>,
): { set: ReadonlyMap<string, string>; remove: readonly string[] } {
  return {
    set: new Map([...now].filter(([name, text]) => before.get(name) !== text)),
    remove: [...before.keys()].filter((name) => !now.has(name)),
  }
}

function isError(error: unknown, code: SessionError['code']): boolean {
  return error instanceof SessionError && error.code === code
}
