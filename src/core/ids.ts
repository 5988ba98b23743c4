import type { Carrier } from './context.js'
import { successorOf } from './former.js'
import { ID_LENGTH, keyOf, newId } from './id.js'

/** How ids are made, and under which key a store keeps the record of one. */
export interface IdScheme {
  /** Whether an id tells whose it is, so that a session that begins signed in gets another one than its request has seen. */
  readonly tellsSubject: boolean
  newId(subject: string | undefined, carrier: Carrier): string
  /** An id that goes on from `id` while that one stays good for a while. */
  successorOf(id: string): string
  keyOf(id: string): string
  /** Whether a text can be an id at all. One that can't be costs no store call. */
  mayBeId(text: unknown): boolean
}

/** Ids of our own, whose keys lead back to none of them. */
export const OWN_IDS: IdScheme = {
  tellsSubject: true,
  newId,
  successorOf,
  keyOf,
  mayBeId: (text) => typeof text === 'string' && text.length === ID_LENGTH,
}
