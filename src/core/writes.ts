import { after } from './calls.js'
import type { SessionContext } from './context.js'
import { withChanges, type DataChanges, type EncodedData } from './data.js'
import { keyOf, newId } from './id.js'
import type { RecordTimes, SessionRecord } from './record.js'
import type { Awaitable, Outcome } from './store.js'

/** A record that was written, and the id under which it is kept. */
export interface Written {
  readonly id: string
  readonly record: SessionRecord
}

/** What became of a write: the record as it is now, or why there is none. */
export type WriteResult = Written | Exclude<Outcome, 'updated'>

/** Stores a new record under `id`. */
export function createRecord(
  context: SessionContext,
  id: string,
  handle: string,
  subject: string | undefined,
  times: RecordTimes,
  data: EncodedData,
): Awaitable<Written> {
  const { lastSeenAt, idleTimeout, expiresAt, persistent } = times
  const record: SessionRecord = {
    key: keyOf(id),
    handle,
    subject,
    createdAt: lastSeenAt,
    lastSeenAt,
    idleTimeout,
    expiresAt,
    version: 1,
    persistent,
    device: undefined,
    data,
  }
  return after(context.calls.create(record), () => ({ id, record }))
}

/** Applies changes to a record; with `ifVersion` only while it has that version. */
export function updateRecord(
  context: SessionContext,
  { id, record }: Written,
  changes: DataChanges,
  times: RecordTimes,
  ifVersion?: number,
): Awaitable<WriteResult> {
  return after(context.calls.update(record.key, { ...changes, times, ifVersion }), (outcome) =>
    outcome === 'updated' ? { id, record: changed(record, changes, times) } : outcome,
  )
}

/** Moves a record to a new id, with the changes; the old id is dead. */
export function moveRecord(
  context: SessionContext,
  { record }: Written,
  changes: DataChanges,
  subject: string | undefined,
  times: RecordTimes,
  ifVersion?: number,
): Awaitable<WriteResult> {
  const id = newId(subject)
  const next: SessionRecord = { ...changed(record, changes, times), key: keyOf(id), subject }
  const outcome = context.rotates
    ? context.calls.rotate(record.key, next.key, { ...changes, subject, times, ifVersion })
    : moveInTwoSteps(context, record, next)
  return after(outcome, (result) => (result === 'updated' ? { id, record: next } : result))
}

/** For a store that can't rotate: the new record first, so that nothing is lost if the second step fails. */
function moveInTwoSteps({ calls }: SessionContext, record: SessionRecord, next: SessionRecord): Awaitable<Outcome> {
  return after(calls.create({ ...next, version: 1 }), () =>
    after(calls.delete(record.key), (existed): Awaitable<Outcome> => {
      // It was ended in the meantime, so it must not live on under a new id.
      return existed ? 'updated' : after(calls.delete(next.key), () => 'gone' as const)
    }),
  )
}

function changed(record: SessionRecord, changes: DataChanges, times: RecordTimes): SessionRecord {
  return { ...record, ...times, version: record.version + 1, data: withChanges(record.data, changes) }
}
