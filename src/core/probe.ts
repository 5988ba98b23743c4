import { minutes } from './duration.js'
import { SessionError } from './errors.js'
import { keyOf, newHandle, newId } from './id.js'
import type { SessionRecord } from './record.js'

/** A record that a store may write to prove itself: nobody's, under a key of its own, and over in a minute. */
export function probeRecord(now: number): SessionRecord {
  return {
    key: keyOf(newId(undefined)),
    handle: newHandle(),
    subject: undefined,
    createdAt: now,
    authenticatedAt: undefined,
    rotatedAt: now,
    lastSeenAt: now,
    idleTimeout: minutes(1),
    expiresAt: now + minutes(1),
    version: 1,
    persistent: false,
    device: undefined,
    ip: undefined,
    formerKey: undefined,
    data: new Map([['probe', '1']]),
  }
}

/** The error of a store that took a probe and does not keep it as it should. */
export function unfit(store: string, what: string): SessionError {
  return new SessionError(
    'STORE_UNFIT',
    `The session store "${store}" ${what}. Sessions can't be kept in it: give it one that does what it is told.`,
  )
}
