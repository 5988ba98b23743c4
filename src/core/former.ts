import { createHmac } from 'node:crypto'
import { ID_LENGTH, keyOf, TAG_LENGTH } from './id.js'
import { randomText } from './random.js'

/** A new id that goes on from `id`: as random as any, with the same tag, so that a cluster keeps both in one slot. */
export function successorOf(id: string): string {
  return id.slice(0, TAG_LENGTH) + randomText(32)
}

/**
 * The successor of an id, for a store to keep: only who has the id itself can open it. So a request that comes with an id
 * from before a rotation can be given the new one once more, and nobody who reads the store can.
 */
export function sealId(successor: string, id: string): string {
  return masked(Buffer.from(successor.slice(TAG_LENGTH), 'base64url'), id).toString('base64url')
}

/** The same for a successor with another tag, which only the stand-in of an id of another library has. */
export function sealWholeId(successor: string, id: string): string {
  return wholeMasked(Buffer.from(successor, 'base64url'), id).toString('base64url')
}

/** The successor that {@link sealId} or {@link sealWholeId} was given, if it is the id of `key`; else `undefined`. */
export function unsealId(sealedId: string, id: string, key: string): string | undefined {
  const sealed = Buffer.from(sealedId, 'base64url')
  const successor =
    sealedId.length === ID_LENGTH
      ? wholeMasked(sealed, id).toString('base64url')
      : id.slice(0, TAG_LENGTH) + masked(sealed, id).toString('base64url')
  return keyOf(successor) === key ? successor : undefined
}

/**
 * The id that stands for one of another library: of our form, and as hard to guess as that one. Nothing is ever signed
 * for it, so it is no token of anybody; what it is for is the former key under its key.
 */
export function standInFor(sid: string): string {
  const bytes = createHmac('sha512', 'latchkey:stand-in:1').update(sid).digest()
  return bytes.toString('base64url', 0, 6) + bytes.toString('base64url', 6, 38)
}

/** Each id seals one successor only, so its mask is used once: a one-time pad. */
function masked(bytes: Buffer, id: string): Buffer {
  const mask = createHmac('sha256', id).update('latchkey:successor:1').digest()
  return Buffer.from(mask.map((byte, index) => byte ^ (bytes[index] ?? 0)))
}

/** Of a whole id: the tag of 6 bytes, and 32 random ones. */
function wholeMasked(bytes: Buffer, id: string): Buffer {
  const mask = createHmac('sha512', id).update('latchkey:whole-successor:1').digest()
  return Buffer.from(bytes.map((byte, index) => byte ^ (mask[index] ?? 0)))
}
