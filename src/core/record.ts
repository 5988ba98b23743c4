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
  /** When its subject signed in. The sessions of a subject are in this order. `undefined` for an anonymous one. */
  readonly authenticatedAt: number | undefined
  /** When the session got the id that it has now. */
  readonly rotatedAt: number
  /** 1 in a new record, one more with every `update` and `rotate`. A `touch` and a `confirm` leave it. */
  readonly version: number
  /** Whether the browser keeps the cookie when it closes (a cookie with Max-Age). */
  readonly persistent: boolean
  /** A short label of the client that began the session or signed in, such as `Firefox on Linux`. Well-formed. */
  readonly device: string | undefined
  /** The address that the session began or was signed in from. */
  readonly ip: string | undefined
  /**
   * The key of the id before this one, as long as this one has not come back from the client: the answer with it may have
   * been lost. `Rotating.confirm` takes it away.
   */
  readonly formerKey: string | undefined
  /**
   * What there is to know of the session of another library that this one was, sealed, until `Adopting.settle` takes it
   * away. Stores without `adopting` never see one.
   */
  readonly adopted?: string | undefined
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

/** The change that goes with a new id. */
export interface RotatePatch extends RecordPatch {
  /** Whom the session belongs to from now on. Without a subject the moved record has no `authenticatedAt` either. */
  readonly subject: string | undefined
  /** The `rotatedAt` of the moved record. */
  readonly rotatedAt: number
  /** Where somebody signs in: takes the place of what the record says of the last time. */
  readonly signIn?: SignIn | undefined
  /**
   * The new id, sealed under the old one. Where given, the old key stays good: the store keeps this with it, and
   * the moved record names it as `formerKey`. Then the tag of the new key is that of the old one.
   */
  readonly sealedId?: string | undefined
  /** How many sessions the subject may have, this one included. */
  readonly limit?: SubjectLimit | undefined
}

/** When somebody signed in, and from where. */
export interface SignIn {
  readonly authenticatedAt: number
  readonly device: string | undefined
  readonly ip: string | undefined
}

/** How many live sessions a subject may have, a new one included, and what happens to one more. */
export interface SubjectLimit {
  /** A whole number from 1. */
  readonly max: number
  /** Ends those that signed in first (by `authenticatedAt`), or refuses the new one with `SESSION_LIMIT_REACHED`. */
  readonly onLimit: 'evict-oldest' | 'refuse'
}

/** What a store keeps under a key that was rotated away with a `sealedId`. */
export interface FormerKey {
  /** The key that the record had after this one. It may have moved on from there. */
  readonly movedTo: string
  /** The id of that key, sealed under the id of this one; `undefined` once it has come back from the client. */
  readonly sealedId: string | undefined
  /** Until when a request with the former id gets the record; `undefined`: as long as the session lives. */
  readonly goodUntil: number | undefined
}

/** Whether a store answered with a former key instead of a record. */
export function isFormerKey(found: SessionRecord | FormerKey): found is FormerKey {
  return 'movedTo' in found
}

/** Sorts the records of a subject: the first signed in first, and among equals in an order that is the same everywhere. */
export function inOrderOfSignIn(one: SessionRecord, two: SessionRecord): number {
  return (
    (one.authenticatedAt ?? one.createdAt) - (two.authenticatedAt ?? two.createdAt) ||
    one.createdAt - two.createdAt ||
    (one.handle < two.handle ? -1 : 1)
  )
}

/** The number of the stored form. A record with a higher one was written by a newer release and can't be read. */
export const RECORD_FORMAT = 1
