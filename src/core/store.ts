import type { RecordPatch, RotatePatch, SessionRecord } from './record.js'

/** A value, or a promise of it. A store that answers at once keeps the whole request free of promises. */
export type Awaitable<T> = T | PromiseLike<T>

/**
 * What became of a write:
 * - `updated`: it was written;
 * - `gone`: there is no such record, or it has expired; nothing was written;
 * - `rotated`: the record has lately moved to a new id; nothing was written;
 * - `conflict`: the record has another version than `ifVersion`; nothing was written.
 */
export type Outcome = 'updated' | 'gone' | 'rotated' | 'conflict'

/** What a store can do beyond the five verbs. Each names one interface below. */
export type Ability = 'rotating' | 'sweeping' | 'closing'

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
  /** The record under `key`. One that is missing, expired or rotated away is `undefined`, not an error. Changes nothing. */
  load(key: string): Awaitable<SessionRecord | undefined>
  /**
   * Keeps a new record. A key that is taken by a live record, or was lately rotated away, is refused with a
   * `SessionError` `RECORD_EXISTS`, and what is there is left as it was. That of an expired record is free.
   */
  create(record: SessionRecord): Awaitable<void>
  /** Applies a patch in one atomic step. Never creates, never revives. Patches to different keys of one record are all kept. */
  update(key: string, patch: RecordPatch): Awaitable<Outcome>
  /** Moves `lastSeenAt` forward (an earlier time is ignored) and nothing else. Never creates. `false` when there is no live record. */
  touch(key: string, lastSeenAt: number): Awaitable<boolean>
  /** Removes the record. `true` if a live one was there; twice is not an error. */
  delete(key: string): Awaitable<boolean>
}

/** Ability `rotating`: moves a record to a new key in one atomic step. */
export interface Rotating {
  /**
   * Moves the record from `key` to `newKey`, with what is stored at that moment, and applies the patch on the way. From
   * then on `key` loads nothing; for a minute a write to it answers `rotated`. `gone`, `rotated` and `conflict` leave
   * everything as it was, and so does a `newKey` that `create` would refuse: it throws `RECORD_EXISTS`.
   */
  rotate(key: string, newKey: string, patch: RotatePatch): Awaitable<Outcome>
}

/** Ability `sweeping`: removes expired records in bounded steps. */
export interface Sweeping {
  /** Removes at most `limit` expired records and answers how many it removed. */
  sweep(limit: number): Awaitable<number>
}

/** Ability `closing`: lets go of what the store opened itself. */
export interface Closing {
  /** Closes what the store opened and leaves what was handed in. Twice is not an error; a verb after it throws `STORE_CLOSED`. */
  close(): Awaitable<void>
}

/** How long a key that was rotated away answers `rotated`, in milliseconds. */
export const ROTATED_FOR = 60_000
