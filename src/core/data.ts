import { decode, defineData, encode, notStorable } from './codec.js'
import { isPlainlyEncodedAs } from './plainly-encoded.js'
import { assertDataKey } from './session.js'

/** Data as a store keeps it: one encoded string per top-level key. */
export type EncodedData = ReadonlyMap<string, string>

export const NO_DATA: EncodedData = new Map()

/** The difference between what a handler holds and what is stored: only the top-level keys that differ. */
export interface DataChanges {
  readonly set: ReadonlyMap<string, string>
  readonly remove: readonly string[]
}

export const NO_CHANGES: DataChanges = { set: NO_DATA, remove: [] }

/**
 * What changed in `held` against `stored`, nested changes included, or `undefined` for nothing. A property whose value
 * is `undefined` counts as absent.
 *
 * @throws SessionError `VALUE_NOT_STORABLE`
 */
export function changesOf(held: object, stored: EncodedData): DataChanges | undefined {
  if (Object.getOwnPropertySymbols(held).length > 0) throw notStorable('a value of the session', 'named by a symbol')
  let set: Map<string, string> | undefined
  let kept = 0
  for (const key of Object.keys(held)) {
    const value = (held as Record<string, unknown>)[key]
    if (value === undefined) continue
    const before = stored.get(key)
    if (before === undefined) assertDataKey(key)
    else {
      kept++
      if (isPlainlyEncodedAs(value, before)) continue
    }
    const encoded = encode(value, key)
    if (encoded !== before) (set ??= new Map()).set(key, encoded)
  }
  const remove = kept === stored.size ? NO_CHANGES.remove : removedFrom(held, stored)
  return set || remove.length > 0 ? { set: set ?? NO_DATA, remove } : undefined
}

/** `stored` with the changes made. */
export function withChanges(stored: EncodedData, changes: DataChanges): EncodedData {
  const data = new Map(stored)
  for (const key of changes.remove) data.delete(key)
  for (const [key, encoded] of changes.set) data.set(key, encoded)
  return data
}

/**
 * Makes the own properties of `target` the decoded data. A property that already has the value keeps it, with the
 * objects inside of it.
 *
 * @throws SessionError `RECORD_UNREADABLE`
 */
export function holdData(target: object, data: EncodedData): void {
  for (const key of Object.keys(target)) {
    if (!data.has(key)) delete (target as Record<string, unknown>)[key]
  }
  for (const [key, encoded] of data) {
    if (!holds(target, key, encoded)) defineData(target, key, decode(encoded))
  }
}

function holds(target: object, key: string, encoded: string): boolean {
  if (!Object.hasOwn(target, key)) return false
  const value = (target as Record<string, unknown>)[key]
  return value !== undefined && encode(value, key) === encoded
}

function removedFrom(held: object, stored: EncodedData): readonly string[] {
  const remove: string[] = []
  for (const key of stored.keys()) {
    if (!Object.hasOwn(held, key) || (held as Record<string, unknown>)[key] === undefined) remove.push(key)
  }
  return remove
}
