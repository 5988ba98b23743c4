import type { FormerKey, RecordPatch, RotatePatch, SessionRecord, SubjectLimit } from './record.js'

/** A value, or a promise of it. A store that answers at once keeps the whole request free of promises. */
export type Awaitable<T> = T | PromiseLike<T>

/**
 * What became of a write:
 * - `updated`: it was written;
 * - `gone`: there is no such record, or it has expired; nothing was written;
 * - `rotated`: the record has moved to a new id; nothing was written;
 * - `conflict`: the record has another version than `ifVersion`; nothing was written.
 */
export type Outcome = 'updated' | 'gone' | 'rotated' | 'conflict'

/** The write was done, and these sessions of the subject were ended to keep its limit. Their handles, the first signed in first. */
export interface Evictions {
  readonly evicted: readonly string[]
}

/** How a record is asked for. */
export interface LoadOptions {
  /**
   * Whether the answer must be what is stored now. A store that answers from a copy, as a `RedisStore` with a near cache
   * does, then looks where the record is kept; others always do. Default: `false`.
   */
  readonly fresh?: boolean | undefined
}

/** What a store can do beyond the five verbs. Each names one interface below. */
export type Ability = 'by-subject' | 'rotating' | 'sweeping' | 'probing' | 'closing'

/**
 * Where records are kept: five verbs, each atomic. A store holds records, never ids: nothing in it lets its reader sign in.
 *
 * A verb that can't do its work (the server is away, the disk is full) throws or rejects; what it throws becomes the
 * `cause` of a `STORE_UNAVAILABLE`. A record that is there but can't be read makes `load` throw a `SessionError` with
 * the code `RECORD_UNREADABLE`.
 */
export interface SessionStore {
  /** A short name for messages, such as `redis`. */
  readonly name: string
  readonly abilities: ReadonlySet<Ability>
  /** Where it takes over the sessions of another library: how. */
  readonly adopting?: Adopting | undefined
  /**
   * The record under `key`. One that is missing, expired or rotated away is `undefined`, not an error. Changes nothing.
   *
   * A key that was rotated away with a sealed id answers what is kept of it instead (see {@link Rotating}).
   */
  load(key: string, options?: LoadOptions): Awaitable<SessionRecord | FormerKey | undefined>
  /**
   * Keeps a new record. A key that is taken by a live record, or was lately rotated away, is refused with a
   * `SessionError` `RECORD_EXISTS`, and what is there is left as it was. That of an expired record is free.
   *
   * @param limit - for the ability `by-subject`, with a record that has a subject: kept in the same step.
   * @returns who had to leave for it; `undefined` for nobody.
   */
  create(record: SessionRecord, limit?: SubjectLimit): Awaitable<Evictions | undefined>
  /** Applies a patch in one atomic step. Never creates, never revives. Patches to different keys of one record are all kept. */
  update(key: string, patch: RecordPatch): Awaitable<Outcome>
  /** Moves `lastSeenAt` forward (an earlier time is ignored) and nothing else. Never creates. `false` when there is no live record. */
  touch(key: string, lastSeenAt: number): Awaitable<boolean>
  /** Removes the record. `true` if a live one was there; twice is not an error. A key that was rotated away stays as it is: `false`. */
  delete(key: string): Awaitable<boolean>
}

/** Ability `rotating`: moves a record to a new key in one atomic step. */
export interface Rotating {
  /**
   * Moves the record from `key` to `newKey`, with what is stored at that moment, and applies the patch on the way.
   *
   * Without a `sealedId` the old key loads nothing from then on; for a minute a write to it answers `rotated`. With one,
   * the old key loads a {@link FormerKey}, and a write to it answers `rotated`: until the lifetime of the record ends,
   * or, once confirmed, for a day after it was last good.
   *
   * `gone`, `rotated` and `conflict` leave everything as it was, and so does a `newKey` that `create` would refuse: it
   * throws `RECORD_EXISTS`. With the ability `by-subject` the limit of the patch is kept in the same step.
   */
  rotate(key: string, newKey: string, patch: RotatePatch): Awaitable<Outcome | Evictions>
  /**
   * The id of `key` has come back from the client: its record forgets `formerKey`, and that key loses its sealed id and is
   * good until `goodUntil` only. Where the record is gone, or names no or another former key, nothing changes.
   */
  confirm(key: string, formerKey: string, goodUntil: number): Awaitable<void>
}

/**
 * Ability `by-subject`: knows which sessions a subject has. The index is kept in the same atomic step as the record. Only
 * live records count; one that was rotated away is where it moved to.
 */
export interface BySubject {
  /** The records of a subject, the first signed in first. One that can't be read is left out. */
  list(subject: string): Awaitable<readonly SessionRecord[]>
  /** The subject's record with this handle; `undefined` if it has none, or one that can't be read. */
  find(subject: string, handle: string): Awaitable<SessionRecord | undefined>
  /** How many sessions a subject has. */
  count(subject: string): Awaitable<number>
  /** Removes the subject's record with this handle. `false` if there is none; twice is not an error. */
  revoke(subject: string, handle: string): Awaitable<boolean>
  /**
   * Removes all records of a subject, except the one with this handle, and answers the handles of those removed. What was
   * there when it was called is gone when it answers, under whatever key it is by then.
   */
  revokeAll(subject: string, exceptHandle?: string): Awaitable<readonly string[]>
  /** Applies a patch to all records of a subject, without times and version, and answers to how many. */
  updateAll(subject: string, patch: Pick<RecordPatch, 'set' | 'remove'>): Awaitable<number>
}

/** Ability `sweeping`: removes expired records in bounded steps. */
export interface Sweeping {
  /** Removes at most `limit` expired records and answers how many it removed. */
  sweep(limit: number): Awaitable<number>
}

/** Ability `probing`: can show that it is fit to keep sessions. */
export interface Probing {
  /**
   * Writes a record of its own with a deadline, looks whether the record is there and whether it will end by itself, and
   * removes it. Leaves nothing behind, also where it is called by many at once.
   *
   * @throws SessionError `STORE_UNFIT` if what is written is not there, or would stay for ever; and whatever a write throws.
   */
  probe(): Awaitable<void>
}

/** Ability `closing`: lets go of what the store opened itself. */
export interface Closing {
  /** Closes what the store opened and leaves what was handed in. Twice is not an error; a verb after it throws `STORE_CLOSED`. */
  close(): Awaitable<void>
}

/** The sessions that another library has kept in the same place, and how a store takes them over. */
export interface Adopting {
  /** How the cookies of that library are told. */
  readonly cookies: ForeignCookies
  /** Whether a session that is used lives on beyond what was left of it there, up to `lifetime`. */
  readonly rolling: boolean
  /**
   * What that library keeps under its id; `undefined` for nothing, or nothing that is still good. Changes nothing.
   *
   * @param maxBytes - what is larger is refused
   * @throws SessionError `RECORD_UNREADABLE`, `SESSION_TOO_LARGE`
   */
  foreign(sid: string, maxBytes: number): Awaitable<ForeignSession | undefined>
  /**
   * Puts a record in the place of what {@link foreign} saw, in one atomic step: the record is created as `create` does it, its
   * `formerKey` becomes a {@link FormerKey} that leads to it until `knownUntil`, and what the other library kept is deleted.
   *
   * `changed` if something else is there by now, or nothing, and `taken` if the former key has been filled before: then
   * nothing was written.
   */
  adopt(
    sid: string,
    seen: ForeignSession,
    record: SessionRecord & { readonly formerKey: string },
    former: { readonly sealedId: string; readonly knownUntil: number },
    limit?: SubjectLimit,
  ): Awaitable<'changed' | 'taken' | Evictions | undefined>
  /** Deletes what the other library keeps, with `seen` only if that is still what is there. `false` if something else is. */
  forget(sid: string, seen?: ForeignSession): Awaitable<boolean>
  /** The record forgets what it was (`adopted`). Where it is gone, nothing changes. */
  settle(key: string): Awaitable<void>
}

/** How the cookies of another library are told from ours. */
export interface ForeignCookies {
  readonly from: 'connect-redis' | '@fastify/session'
  readonly name: string
  readonly path: string
  readonly domain: string | undefined
  /** What signed them; `undefined` for the secrets of the application. */
  readonly secrets: readonly string[] | undefined
}

/** A session as another library keeps it. */
export interface ForeignSession {
  /** Changes with everything that is written there. */
  readonly stamp: string
  /** Its data by themselves, without what is said of its cookie. */
  readonly data: Readonly<Record<string, unknown>>
  /** How long it would live on if nobody used it, in milliseconds; `undefined` where nothing is said of it. */
  readonly remaining: number | undefined
  /** How long it lives without being used, in milliseconds; `undefined` where nothing is said of it. */
  readonly maxAge: number | undefined
  /** Whether the browser keeps its cookie when it closes. */
  readonly persistent: boolean
}

/** How long a key that was rotated away for good answers `rotated`, in milliseconds. */
export const ROTATED_FOR = 60_000

/**
 * How long after an adoption an old instance of the application is waited for that has read the session before it, and writes
 * it back, in milliseconds. As long the cookie of the other library stays good, too.
 */
export const LATE_FOR = 300_000

/** How long a former key that is no longer good is still known, in milliseconds: its use is a sign of theft. */
export const REUSE_KNOWN_FOR = 86_400_000
