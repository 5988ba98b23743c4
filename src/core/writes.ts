import { after } from './calls.js'
import type { Carrier, Client, SessionContext } from './context.js'
import { withChanges, type DataChanges, type EncodedData } from './data.js'
import { sealId } from './former.js'
import type { RecordTimes, RotatePatch, SessionRecord, SignIn, SubjectLimit } from './record.js'
import { assertFits } from './size.js'
import type { Awaitable, Evictions, Outcome } from './store.js'

/** A record that was written, and the id under which it is kept. */
export interface Written {
  readonly id: string
  readonly record: SessionRecord
}

/** What became of a write: the record as it is now, or why there is none. */
export type WriteResult = Written | Exclude<Outcome, 'updated'>

/**
 * Stores a new record under `id`.
 *
 * @throws SessionError `SESSION_TOO_LARGE`
 */
export function createRecord(
  context: SessionContext,
  id: string,
  handle: string,
  subject: string | undefined,
  times: RecordTimes,
  client: Client,
  data: EncodedData,
): Awaitable<Written> {
  assertFits(context, data, undefined)
  const { lastSeenAt, idleTimeout, expiresAt, persistent } = times
  const record: SessionRecord = {
    key: context.ids.keyOf(id),
    handle,
    subject,
    createdAt: lastSeenAt,
    authenticatedAt: subject === undefined ? undefined : lastSeenAt,
    rotatedAt: lastSeenAt,
    lastSeenAt,
    idleTimeout,
    expiresAt,
    version: 1,
    persistent,
    device: client.device,
    ip: client.ip,
    formerKey: undefined,
    data,
  }
  return after(subject === undefined ? undefined : context.limitOf(subject), (limit) =>
    after(context.calls.create(record, limit), (evictions) => {
      tellEvictions(context, evictions)
      return { id, record }
    }),
  )
}

/**
 * Applies changes to a record; with `ifVersion` only while it has that version.
 *
 * @throws SessionError `SESSION_TOO_LARGE`
 */
export function updateRecord(
  context: SessionContext,
  { id, record }: Written,
  changes: DataChanges,
  times: RecordTimes,
  ifVersion?: number,
): Awaitable<WriteResult> {
  const next = changed(context, record, changes, times)
  return after(context.calls.update(record.key, { ...changes, times, ifVersion }), (outcome) =>
    outcome === 'updated' ? { id, record: next } : outcome,
  )
}

/** What a move does besides giving a new id. */
export interface Move {
  readonly carrier: Carrier
  readonly changes: DataChanges
  readonly times: RecordTimes
  readonly subject: string | undefined
  readonly signIn: SignIn | undefined
  readonly ifVersion: number | undefined
}

/**
 * Moves a record to a new id, with the changes. The old id is dead, unless nobody signs in or out: then it stays good
 * until the new one has come back from the client, and for the grace.
 *
 * @throws SessionError `SESSION_TOO_LARGE`
 */
export function moveRecord(context: SessionContext, { id, record }: Written, move: Move): Awaitable<WriteResult> {
  const { ids } = context
  const { changes, times, subject, signIn } = move
  const goesOn = context.rotates && subject === record.subject && signIn === undefined
  const nextId = goesOn ? ids.successorOf(id) : ids.newId(subject, move.carrier)
  const next: SessionRecord = {
    ...changed(context, record, changes, times),
    ...signIn,
    key: ids.keyOf(nextId),
    subject,
    authenticatedAt: subject === undefined ? undefined : (signIn ?? record).authenticatedAt,
    rotatedAt: times.lastSeenAt,
    formerKey: goesOn ? record.key : undefined,
  }
  const patch: RotatePatch = {
    ...changes,
    times,
    ifVersion: move.ifVersion,
    subject,
    rotatedAt: next.rotatedAt,
    signIn,
    sealedId: goesOn ? sealId(nextId, id) : undefined,
  }
  const limited = subject === undefined || subject === record.subject ? undefined : context.limitOf(subject)
  return after(limited, (limit) =>
    after(
      context.rotates
        ? context.calls.rotate(record.key, next.key, { ...patch, limit })
        : inTwoSteps(context, record, next, limit),
      (outcome) => {
        if (typeof outcome === 'object') tellEvictions(context, outcome)
        else if (outcome !== 'updated') return outcome
        return { id: nextId, record: next }
      },
    ),
  )
}

/** For a store that can't rotate: the new record first, so that nothing is lost if the second step fails. */
function inTwoSteps(
  { calls }: SessionContext,
  record: SessionRecord,
  next: SessionRecord,
  limit: SubjectLimit | undefined,
): Awaitable<Outcome | Evictions> {
  return after(calls.create({ ...next, version: 1 }, limit), (evictions) =>
    after(calls.delete(record.key), (existed): Awaitable<Outcome | Evictions> => {
      // It was ended in the meantime, so it must not live on under a new id.
      return existed ? (evictions ?? 'updated') : after(calls.delete(next.key), () => 'gone' as const)
    }),
  )
}

export function tellEvictions(context: SessionContext, evictions: Evictions | undefined): void {
  for (const handle of evictions?.evicted ?? []) context.emit({ type: 'evicted', handle })
}

/** What a record is once the changes are made. Where nothing is added, it may be as large as it is. */
function changed(
  context: SessionContext,
  record: SessionRecord,
  changes: DataChanges,
  times: RecordTimes,
): SessionRecord {
  const data = withChanges(record.data, changes)
  if (changes.set.size > 0) assertFits(context, data, record.data)
  return { ...record, ...times, version: record.version + 1, data }
}
