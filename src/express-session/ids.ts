import type { IncomingMessage } from 'node:http'
import type { Carrier } from '../core/context.js'
import { OWN_IDS, type IdScheme } from '../core/ids.js'
import { newId, TAG_LENGTH } from '../core/id.js'

/** A carrier that knows its request: the function that makes ids is given it. */
export interface RequestCarrier extends Carrier {
  readonly request: IncomingMessage
}

export type GenId = (request: IncomingMessage) => unknown

/** Ids of ours, whose part behind the tag the application may make itself. */
export function ownIds(genid: GenId | undefined): IdScheme {
  return {
    ...OWN_IDS,
    newId: genid ? (subject, carrier) => newId(subject).slice(0, TAG_LENGTH) + made(genid, carrier) : newId,
    mayBeId,
  }
}

/** Ids of express-session: they are the keys, as the stores for it have them. */
export function plainIds(genid: GenId | undefined): IdScheme {
  return {
    tellsSubject: false,
    newId: genid ? (_, carrier) => made(genid, carrier) : () => newId(undefined),
    successorOf: () => newId(undefined),
    keyOf: (id) => id,
    mayBeId,
  }
}

function made(genid: GenId, carrier: Carrier): string {
  const id = genid((carrier as RequestCarrier).request)
  if (typeof id === 'string' && id !== '') return id
  throw new TypeError('genid must answer a text that is not empty')
}

function mayBeId(text: unknown): boolean {
  return typeof text === 'string' && text !== ''
}
