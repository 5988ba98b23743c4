import type { Clock } from '../../src/core/expiry.js'
import type { RecordPatch, RotatePatch, SessionRecord } from '../../src/core/record.js'
import { ROTATED_FOR, type Ability } from '../../src/core/store.js'
import type { Closing, Rotating, SessionStore, Sweeping } from '../../src/core/store.js'
import { MemoryStore } from '../../src/stores/memory.js'
import type { StoreConformanceOptions } from '../../src/testing/conformance.js'

/** A store that breaks one rule, and the test that must tell. */
export interface BrokenStore extends Pick<StoreConformanceOptions, 'open' | 'openAnother'> {
  /** What it does wrong: "a store that ...". */
  readonly fault: string
  readonly caughtBy: string
}

type Verbs = SessionStore & Rotating & Sweeping & Closing

/** A memory store with some verbs replaced. */
function broken(fault: string, caughtBy: string, faulty: (good: MemoryStore, clock: Clock) => Partial<Verbs>): BrokenStore {
  const open = (clock: Clock): SessionStore => {
    const good = new MemoryStore({ clock })
    return { ...allOf(good), ...faulty(good, clock) }
  }
  return { fault, caughtBy, open }
}

function allOf(good: MemoryStore): Verbs {
  return {
    name: good.name,
    abilities: good.abilities,
    load: (key) => good.load(key),
    create: (record) => good.create(record),
    update: (key, patch) => good.update(key, patch),
    touch: (key, lastSeenAt) => good.touch(key, lastSeenAt),
    delete: (key) => good.delete(key),
    rotate: (key, newKey, patch) => good.rotate(key, newKey, patch),
    sweep: (limit) => good.sweep(limit),
    close: () => good.close(),
  }
}

/** Another thread's turn: what a store waits for between reading and writing. */
const elsewhere = (): Promise<void> => Promise.resolve()

const mapData = (data: ReadonlyMap<string, string>, change: (entry: [string, string]) => [string, string]) =>
  new Map([...data].map(change))

/** A store that changes what is written on its way in. */
function mangling(fault: string, caughtBy: string, change: (entry: [string, string]) => [string, string]): BrokenStore {
  return broken(fault, caughtBy, (good) => ({
    create: (record) => good.create({ ...record, data: mapData(record.data, change) }),
    update: (key, patch) => good.update(key, { ...patch, set: mapData(patch.set, change) }),
    rotate: (key, newKey, patch) => good.rotate(key, newKey, { ...patch, set: mapData(patch.set, change) }),
  }))
}

/** A store that changes what is read on its way out. */
function misreading(fault: string, caughtBy: string, change: (record: SessionRecord, clock: Clock) => unknown): BrokenStore {
  return broken(fault, caughtBy, (good, clock) => ({
    load: (key) => {
      const record = good.load(key)
      return record && (change(record, clock) as SessionRecord | undefined)
    },
  }))
}

/** A store that writes whole records, as one over a plain key-value store does. */
function rewrite(good: MemoryStore, record: SessionRecord, patch: RecordPatch): void {
  const data = new Map(record.data)
  for (const key of patch.remove) data.delete(key)
  for (const [key, value] of patch.set) data.set(key, value)
  good.delete(record.key)
  good.create({ ...record, ...patch.times, version: record.version + 1, data })
}

function without(patch: RotatePatch, ...fields: (keyof RotatePatch)[]): RotatePatch {
  return { ...patch, ...Object.fromEntries(fields.map((field) => [field, undefined])) }
}

export const brokenStores: readonly BrokenStore[] = [
  // load, create, delete
  broken('loads expired records', 'a record expires at the very millisecond of its lifetime', (good, clock) => {
    let last: SessionRecord | undefined
    return { create: (record) => good.create((last = record)), load: (key) => good.load(key) ?? (clock() > 0 && last?.key === key ? last : undefined) }
  }),
]
