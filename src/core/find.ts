import { after, isPromise } from './calls.js'
import type { SessionContext } from './context.js'
import { SessionError } from './errors.js'
import { passedDeadline } from './expiry.js'
import { unsealId } from './former.js'
import { isFormerKey, type FormerKey, type SessionRecord } from './record.js'
import type { Awaitable } from './store.js'

/** A live record, and how the id that led to it stands to it. */
export interface Found {
  /** The id of the record where it is known, otherwise the one that was asked for. */
  readonly id: string
  readonly record: SessionRecord
  /**
   * - `current`: the id that was asked for is the record's;
   * - `unseen`: the record has a new id, which has never come back from the client; it is `id`;
   * - `former`: the record has a new id, and the client has it.
   */
  readonly sight: 'current' | 'unseen' | 'former'
}

/** Why an id leads to no live record. */
export type Missing = 'no-record' | 'expired' | 'record-unreadable' | 'id-left-behind'

/**
 * How many rotations are followed from one id: all that a store can still know of, because an old id may come back, and a
 * long request end, after every one of them. Only a store that leads in circles has more.
 */
const MAX_STEPS = 1024

/**
 * The live record of an id, also when it has moved on to a new one lately, or why there is none.
 *
 * An id that was rotated away longer ago than the grace finds nothing: its use is told as `reuse-detected`.
 *
 * @param isFresh - whether the answer must be what is stored now
 * @throws SessionError `STORE_UNAVAILABLE`
 */
export function findRecord(context: SessionContext, id: string, isFresh: boolean): Awaitable<Found | Missing> {
  return find(context, id, context.ids.keyOf(id), true, isFresh)
}

/**
 * Where the record of `key` is now, for a request that held it when it moved: that request goes on with it however long
 * it takes. `undefined` if the key is dead. Always what is stored now: a write has just met something else than was known.
 *
 * @throws SessionError `STORE_UNAVAILABLE`
 */
export function findAgain(context: SessionContext, id: string, key: string): Awaitable<Found | undefined> {
  return after(find(context, id, key, false, true), (found) => (typeof found === 'string' ? undefined : found))
}

/** @param isJudged - whether a former id must still be good, and what has ended is told of */
function find(
  context: SessionContext,
  id: string,
  key: string,
  isJudged: boolean,
  isFresh: boolean,
): Awaitable<Found | Missing> {
  let found
  try {
    found = context.calls.load(key, isFresh)
  } catch (error) {
    return countsAsAbsent(context, error)
  }
  if (!isPromise(found)) return judge(context, id, found, isJudged, isFresh)
  return found.then(
    (there) => judge(context, id, there, isJudged, isFresh),
    (error: unknown) => countsAsAbsent(context, error),
  )
}

function judge(
  context: SessionContext,
  id: string,
  found: Readable,
  isJudged: boolean,
  isFresh: boolean,
): Awaitable<Found | Missing> {
  if (typeof found !== 'object') return found ?? 'no-record'
  if (isFormerKey(found)) return follow(context, id, found, isJudged, isFresh, MAX_STEPS)
  return isOver(context, found, isJudged) ? 'expired' : { id, record: found, sight: 'current' }
}

function follow(
  context: SessionContext,
  id: string,
  former: FormerKey,
  isJudged: boolean,
  isFresh: boolean,
  steps: number,
): Awaitable<Found | Missing> {
  if (isJudged && former.goodUntil !== undefined && context.options.clock() >= former.goodUntil) {
    return after(reused(context, former, MAX_STEPS), () => 'id-left-behind')
  }
  const next = former.sealedId === undefined ? undefined : unsealId(former.sealedId, id, former.movedTo)
  return after(loadReadable(context, former.movedTo, isFresh), (found): Awaitable<Found | Missing> => {
    if (typeof found !== 'object') return found ?? 'no-record'
    if (isFormerKey(found))
      return steps > 0 ? follow(context, next ?? id, found, isJudged, isFresh, steps - 1) : 'no-record'
    if (isOver(context, found, isJudged)) return 'expired'
    return { id: next ?? id, record: found, sight: next === undefined ? 'former' : 'unseen' }
  })
}

/** Whether a record has passed a deadline by the engine's clock. A request that held it tells of its end itself. */
function isOver(context: SessionContext, record: SessionRecord, isTold: boolean): boolean {
  const reason = passedDeadline(record, context.options.clock())
  if (reason !== undefined && isTold) context.emit({ type: 'expired', handle: record.handle, reason })
  return reason !== undefined
}

/** An id was used that its session has left behind: somebody else has a copy of it. */
function reused(context: SessionContext, former: FormerKey, steps: number): Awaitable<void> {
  return after(loadReadable(context, former.movedTo, true), (found): Awaitable<void> => {
    if (typeof found !== 'object' || steps === 0) return
    if (isFormerKey(found)) return reused(context, found, steps - 1)
    return tellReuse(context, found)
  })
}

function tellReuse(context: SessionContext, { handle, key }: SessionRecord): Awaitable<void> {
  context.emit({ type: 'reuse-detected', handle })
  if (context.options.onReuse !== 'revoke') return
  return after(endRecord(context, key, MAX_STEPS), (existed) => {
    if (existed) context.emit({ type: 'revoked', handle, reason: 'reused' })
  })
}

/**
 * Deletes the record of a key wherever it is by now. `false` if there is none.
 *
 * @throws SessionError `STORE_UNAVAILABLE`
 */
export function endRecord(context: SessionContext, key: string, steps = MAX_STEPS): Awaitable<boolean> {
  return after(context.calls.delete(key), (existed): Awaitable<boolean> => {
    if (existed || !context.rotates || steps === 0) return existed
    return after(loadReadable(context, key, true), (found): Awaitable<boolean> => {
      if (typeof found !== 'object') return false
      return endRecord(context, isFormerKey(found) ? found.movedTo : key, steps - 1)
    })
  })
}

/** What is under a key, as far as it can be read. */
type Readable = SessionRecord | FormerKey | 'record-unreadable' | undefined

/** What is under a key. A record that can't be read counts as absent, and is told of. */
export function loadReadable(context: SessionContext, key: string, isFresh: boolean): Awaitable<Readable> {
  try {
    const found = context.calls.load(key, isFresh)
    return isPromise(found) ? found.then(undefined, (error: unknown) => countsAsAbsent(context, error)) : found
  } catch (error) {
    return countsAsAbsent(context, error)
  }
}

function countsAsAbsent(context: SessionContext, error: unknown): 'record-unreadable' {
  unreadable(context, error)
  return 'record-unreadable'
}

/** Tells of a record that can't be read; throws every other error on. */
export function unreadable(context: SessionContext, error: unknown): undefined {
  if (!(error instanceof SessionError) || error.code !== 'RECORD_UNREADABLE') throw error
  context.emit({ type: 'record-unreadable', error })
}
