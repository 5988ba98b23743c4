import type { Client, SessionContext } from './context.js'
import { holdData, withChanges, type EncodedData } from './data.js'
import { hours } from './duration.js'
import { standInFor } from './former.js'
import { keyOf, newHandle, newId } from './id.js'
import type { SessionRecord } from './record.js'
import { assertFits } from './size.js'
import type { ForeignSession } from './store.js'
import { subjectText } from './subject.js'

/** When the subject of an adopted session signed in is not known: so long ago that it counts for nothing. */
const LONG_AGO = 0

/** An old instance may take as long as this to write what it has read. */
const SLOWEST_WRITE = hours(1)

/** A session of another library as ours is to be. */
export interface Adopted {
  readonly id: string
  readonly record: SessionRecord & { readonly formerKey: string }
  /** Until when the old id is known: as long as an old instance may have written a copy that is still there. */
  readonly knownUntil: number
}

/** Whom the data of a session of another library belong to, by the option `subject`. */
export function foreignSubject({ options }: SessionContext, data: EncodedData): string | undefined {
  const held = {}
  holdData(held, data)
  return subjectText(options.subject(held))
}

/**
 * The record that takes the place of a session of another library. It ends when that one would have. When its subject signed in is not known, so it counts as long ago.
 *
 * @param own - the session of ours that the same browser has: its data stay beneath, and it is to be ended
 * @throws SessionError `SESSION_TOO_LARGE`, `SUBJECT_INVALID`
 */
export function adoptedRecord(
  context: SessionContext,
  sid: string,
  foreign: ForeignSession,
  encoded: EncodedData,
  { rolling, own, client, trace }: AdoptedFrom,
): Adopted {
  const { clock, idleTimeout, lifetime } = context.options
  const now = clock()
  const data = own ? withChanges(own.data, { set: encoded, remove: [] }) : encoded
  assertFits(context, data, undefined)
  const subject = foreignSubject(context, data)
  const remaining = foreign.remaining ?? lifetime
  // One that rolls begins to run anew with this very request.
  const idle = rolling ? (foreign.maxAge ?? remaining) : Math.max(idleTimeout, remaining)
  const ends = now + (rolling ? Math.max(idle, lifetime) : remaining)
  const id = newId(subject)
  const isSame = own !== undefined && own.subject === subject
  return {
    id,
    knownUntil: now + Math.max(foreign.maxAge ?? 0, remaining, lifetime) + SLOWEST_WRITE,
    record: {
      key: keyOf(id),
      handle: own?.handle ?? newHandle(),
      subject,
      createdAt: now,
      authenticatedAt: subject === undefined ? undefined : ((isSame ? own.authenticatedAt : undefined) ?? LONG_AGO),
      rotatedAt: now,
      lastSeenAt: now,
      idleTimeout: Math.max(idle, own?.idleTimeout ?? 0),
      expiresAt: Math.max(ends, own?.expiresAt ?? 0),
      version: 1,
      persistent: foreign.persistent,
      device: client?.device,
      ip: client?.ip,
      formerKey: keyOf(standInFor(sid)),
      adopted: trace,
      data,
    },
  }
}

/** What goes into an adopted record besides the session of the other library. */
export interface AdoptedFrom {
  readonly rolling: boolean
  readonly own: SessionRecord | undefined
  readonly client: Client | undefined
  readonly trace: string
}
