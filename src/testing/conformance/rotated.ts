import { strict as assert } from 'node:assert'
import type { FormerKey, RotatePatch, SessionRecord } from '../../core/record.js'
import type { Rotating, SessionStore } from '../../core/store.js'
import type { ManualClock } from '../manual-clock.js'
import { movedBy, sealedRotation, signedIn, successorKey } from './samples.js'

/** A session after a rotation that left its old key good. */
export interface Rotated {
  readonly formerKey: string
  /** What is due under the former key. */
  readonly former: FormerKey
  /** What is due under the new key. */
  readonly moved: SessionRecord
}

/** Signs Ann in and gives her session a new id, which nobody has seen yet. */
export async function rotatedSession(
  store: SessionStore & Rotating,
  clock: ManualClock,
  other: Partial<SessionRecord> = {},
): Promise<Rotated> {
  const record = signedIn(clock, 'ann', other)
  await store.create(record)
  return rotateOn(store, record)
}

/** Gives a session a new id and leaves the old one good. */
export async function rotateOn(
  store: SessionStore & Rotating,
  record: SessionRecord,
  other: Partial<RotatePatch> = {},
): Promise<Rotated> {
  const key = successorKey(record.key)
  const patch = sealedRotation(record.subject, [], other)
  assert.equal(await store.rotate(record.key, key, patch), 'updated')
  const former = { movedTo: key, sealedId: patch.sealedId, goodUntil: undefined }
  return { formerKey: record.key, former, moved: movedBy(patch, record, key) }
}
