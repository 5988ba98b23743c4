import { hash } from 'node:crypto'
import type { DataChanges, EncodedData } from './data.js'
import type { Sealer } from './sealer.js'

/** What an adopted record has to know of the session that it was: where that is kept, and what it held. */
export interface ForeignTrace {
  /** Its id there. */
  readonly sid: string
  /** A digest of each value, by its key. */
  readonly base: ReadonlyMap<string, string>
}

/** How a trace is kept in the record: nobody can read the id of the other library there. */
export function sealTrace(sealer: Sealer, sid: string, data: EncodedData): string {
  const base = [...data].map(([key, encoded]) => [key, digestOf(encoded)])
  return sealer.seal(JSON.stringify([sid, base]))
}

/** What {@link sealTrace} was given; `undefined` if the secrets have changed since. */
export function openTrace(sealer: Sealer, sealed: string): ForeignTrace | undefined {
  const text = sealer.open(sealed)
  if (text === undefined) return undefined
  const [sid, base] = JSON.parse(text) as [string, [string, string][]]
  return { sid, base: new Map(base) }
}

/** What somebody has written into the session of the other library since; `undefined` for nothing. */
export function changesSince({ base }: ForeignTrace, data: EncodedData): DataChanges | undefined {
  const set = new Map([...data].filter(([key, encoded]) => base.get(key) !== digestOf(encoded)))
  const remove = [...base.keys()].filter((key) => !data.has(key))
  return set.size > 0 || remove.length > 0 ? { set, remove } : undefined
}

/** Enough to tell one value from another: 48 bits. */
function digestOf(encoded: string): string {
  return hash('sha256', encoded, 'base64url').slice(0, 8)
}
