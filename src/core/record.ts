import type { Deadlines } from './expiry.js'

/**
 * What a store keeps of one session. Times are epoch milliseconds.
 */
export interface SessionRecord extends Deadlines {
  /** Where the record is kept: the id's tag (8 characters) and the SHA-256 of the id (43), base64url. Not secret, gives no access. */
  readonly key: string
  /** Public name of the session: survives rotation, safe in a list or a URL, gives no access. */
  readonly handle: string
  /** Whom the session belongs to, not empty and well-formed; `undefined` for an anonymous one. */
  readonly subject: string | undefined
  readonly createdAt: number
  /** 1 in a new record, one more with every `update` and `rotate`. A `touch` leaves it. */
  readonly version: number
  /** Whether the browser keeps the cookie when it closes (a cookie with Max-Age). */
  readonly persistent: boolean
  /** A short label of the client, where one was given. */
  readonly device: string | undefined
  /** One encoded string per top-level key of the session's data. Any well-formed string may be a key, `__proto__` and the empty one included. */
  readonly data: ReadonlyMap<string, string>
}

/** The times that an `update` or `rotate` writes together with the data. */
export interface RecordTimes extends Deadlines {
  readonly persistent: boolean
}

/**
 * A change to a record: only what changed. No key is both in `set` and in `remove`.
 */
export interface RecordPatch {
  /** Top-level keys to write, with their encoded values. */
  readonly set: ReadonlyMap<string, string>
  /** Top-level keys to remove. Removing one that is not there is not an error. */
  readonly remove: readonly string[]
  /** New times, where they change. `lastSeenAt` never moves backwards. */
  readonly times?: RecordTimes | undefined
  /** Where given, the patch applies only while the record still has this version. */
  readonly ifVersion?: number | undefined
}

/** The change that goes with a new id: a {@link RecordPatch} that also says whom the session belongs to from now on. */
export interface RotatePatch extends RecordPatch {
  readonly subject: string | undefined
}

/** The number of the stored form. A record with a higher one was written by a newer release and can't be read. */
export const RECORD_FORMAT = 1
