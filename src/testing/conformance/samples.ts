import { days, minutes } from '../../core/duration.js'
import { keyOf, newHandle, newId } from '../../core/id.js'
import type { RecordPatch, RecordTimes, RotatePatch, SessionRecord } from '../../core/record.js'
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
    lastSeenAt: now,
    idleTimeout: IDLE,
    expiresAt: now + LIFETIME,
    version: 1,
    persistent: true,
    device: undefined,
    data: new Map(data),
    ...other,
  }
}

/** A patch that sets what is listed, or one that changes nothing. */
export function patchOf(set: Entries = [], other: Partial<RecordPatch> = {}): RecordPatch {
  return { set: new Map(set), remove: [], ...other }
}

/** The change that goes with a rotation to `subject`. */
export function rotation(
  subject: string | undefined,
  set: Entries = [],
  other: Partial<RecordPatch> = {},
): RotatePatch {
  return { ...patchOf(set, other), subject }
}

/** The times of a record, with some of them changed. */
export function timesOf(record: SessionRecord, other: Partial<RecordTimes> = {}): RecordTimes {
  const { lastSeenAt, idleTimeout, expiresAt, persistent } = record
  return { lastSeenAt, idleTimeout, expiresAt, persistent, ...other }
}
