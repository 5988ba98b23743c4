import type { RecordPatch, RotatePatch, SessionRecord } from './record.js'

/** What a record is after an update by this patch. */
export function patched(record: SessionRecord, patch: RecordPatch): SessionRecord {
  const { lastSeenAt, idleTimeout, expiresAt, persistent } = patch.times ?? record
  const data = new Map(record.data)
  for (const key of patch.remove) data.delete(key)
  for (const [key, value] of patch.set) data.set(key, value)
  return {
    ...record,
    lastSeenAt: Math.max(record.lastSeenAt, lastSeenAt),
    idleTimeout,
    expiresAt,
    version: record.version + 1,
    persistent,
    data,
  }
}

/** What a record is after a rotation to `newKey` by this patch. */
export function moved(record: SessionRecord, newKey: string, patch: RotatePatch): SessionRecord {
  const { subject, signIn, rotatedAt } = patch
  return {
    ...patched(record, patch),
    ...signIn,
    key: newKey,
    subject,
    authenticatedAt: subject === undefined ? undefined : (signIn ?? record).authenticatedAt,
    rotatedAt,
    formerKey: patch.sealedId === undefined ? undefined : record.key,
  }
}
