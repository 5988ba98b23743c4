import { randomBytes } from 'node:crypto'
import { days, minutes } from '../../core/duration.js'
import { keyOf, newHandle, newId, TAG_LENGTH } from '../../core/id.js'
import type { RecordPatch, RecordTimes, RotatePatch, SessionRecord, SignIn, SubjectLimit } from '../../core/record.js'
import type { ManualClock } from '../manual-clock.js'

/** How long the sample records live without use, and at most. */
export const IDLE = minutes(30)
export const LIFETIME = days(1)

/** Data as it is written down in tests: a list, because an object would lose `__proto__`. */
export type Entries = readonly (readonly [string, string])[]

/** A key as real ones are, with the tag of its subject. */
export function newKey(subject?: string): string {
  return keyOf(newId(subject))
}

/** A key that goes on from another, with its tag: that of a rotation which leaves the former key good. */
export function successorKey(key: string): string {
  return key.slice(0, TAG_LENGTH) + newKey().slice(TAG_LENGTH)
}

/** A record as the engine creates it now. */
export function newRecord(
  clock: ManualClock,
  data: Entries = [['cart', '["tea"]']],
  other: Partial<SessionRecord> = {},
): SessionRecord {
  const now = clock.now()
  return {
    key: newKey(other.subject),
    handle: newHandle(),
    subject: undefined,
    createdAt: now,
    authenticatedAt: other.subject === undefined ? undefined : now,
    rotatedAt: now,
    lastSeenAt: now,
    idleTimeout: IDLE,
    expiresAt: now + LIFETIME,
    version: 1,
    persistent: true,
    device: undefined,
    ip: undefined,
    formerKey: undefined,
    data: new Map(data),
    ...other,
  }
}

/** A record of a subject, as the engine creates it when somebody signs in now. */
export function signedIn(clock: ManualClock, subject: string, other: Partial<SessionRecord> = {}): SessionRecord {
  return newRecord(clock, [['userId', JSON.stringify(subject)]], { subject, ...other })
}

/** Sessions of Ann's that signed in one after the other, a second apart. */
export function oneAfterAnother(clock: ManualClock, count: number): readonly SessionRecord[] {
  return Array.from({ length: count }, (_, at) => {
    return signedIn(clock, 'ann', { authenticatedAt: clock.now() - minutes(5) + at * 1000 })
  })
}

/** A patch that sets what is listed, or one that changes nothing. */
export function patchOf(set: Entries = [], other: Partial<RecordPatch> = {}): RecordPatch {
  return { set: new Map(set), remove: [], ...other }
}

/** When the sample rotations take place, which no record begins with. */
export const ROTATED_AT = 1_750_000_000_123

/** The change that goes with a rotation to `subject`, after which the old key is dead. */
export function rotation(
  subject: string | undefined,
  set: Entries = [],
  other: Partial<RotatePatch> = {},
): RotatePatch {
  return { rotatedAt: ROTATED_AT, ...patchOf(set), ...other, subject }
}

/** The change that goes with a rotation of a subject's own session, after which the old key stays good. */
export function sealedRotation(
  subject: string | undefined,
  set: Entries = [],
  other: Partial<RotatePatch> = {},
): RotatePatch & { readonly sealedId: string } {
  return { ...rotation(subject, set, other), sealedId: randomBytes(32).toString('base64url') }
}

/** What a rotation says of somebody who signs in now. */
export function signInAt(authenticatedAt: number, other: Partial<SignIn> = {}): SignIn {
  return { authenticatedAt, device: 'Firefox on Linux', ip: '203.0.113.7', ...other }
}

/** What is due under the new key after a rotation of `record`. */
export function movedBy(patch: RotatePatch, record: SessionRecord, key: string): SessionRecord {
  const data = new Map(record.data)
  for (const name of patch.remove) data.delete(name)
  for (const [name, value] of patch.set) data.set(name, value)
  return {
    ...record,
    ...patch.times,
    ...patch.signIn,
    key,
    subject: patch.subject,
    authenticatedAt: patch.subject === undefined ? undefined : (patch.signIn ?? record).authenticatedAt,
    rotatedAt: patch.rotatedAt,
    version: record.version + 1,
    formerKey: patch.sealedId === undefined ? undefined : record.key,
    data,
  }
}

/** Ends those that signed in first. */
export function atMost(max: number): SubjectLimit {
  return { max, onLimit: 'evict-oldest' }
}

/** Refuses one more. */
export function noMoreThan(max: number): SubjectLimit {
  return { max, onLimit: 'refuse' }
}

/** The times of a record, with some of them changed. */
export function timesOf(record: SessionRecord, other: Partial<RecordTimes> = {}): RecordTimes {
  const { lastSeenAt, idleTimeout, expiresAt, persistent } = record
  return { lastSeenAt, idleTimeout, expiresAt, persistent, ...other }
}
