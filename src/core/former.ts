import { createHmac, randomBytes } from 'node:crypto'
import { keyOf, TAG_LENGTH } from './id.js'

/** A new id that goes on from `id`: as random as any, with the same tag, so that a cluster keeps both in one slot. */
export function successorOf(id: string): string {
  return id.slice(0, TAG_LENGTH) + randomBytes(32).toString('base64url')
}

/**
 * The successor of an id, for a store to keep: only who has the id itself can open it. So a request that comes with an id
 * from before a rotation can be given the new one once more, and nobody who reads the store can.
 */
export function sealId(successor: string, id: string): string {
  return masked(Buffer.from(successor.slice(TAG_LENGTH), 'base64url'), id).toString('base64url')
}

/** The successor that {@link sealId} was given, if it is the id of `key`; else `undefined`. */
export function unsealId(sealedId: string, id: string, key: string): string | undefined {
  const random = masked(Buffer.from(sealedId, 'base64url'), id)
  const successor = id.slice(0, TAG_LENGTH) + random.toString('base64url')
  return keyOf(successor) === key ? successor : undefined
}

/** Each id seals one successor only, so its mask is used once: a one-time pad. */
function masked(bytes: Buffer, id: string): Buffer {
  const mask = createHmac('sha256', id).update('latchkey:successor:1').digest()
  return Buffer.from(mask.map((byte, index) => byte ^ (bytes[index] ?? 0)))
}
