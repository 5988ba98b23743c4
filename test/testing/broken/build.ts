import type { Clock } from '../../../src/core/expiry.js'
import type { RecordPatch, SessionRecord } from '../../../src/core/record.js'
import type { Closing, Rotating, SessionStore, Sweeping } from '../../../src/core/store.js'
import { MemoryStore } from '../../../src/stores/memory.js'
import type { StoreConformanceOptions } from '../../../src/testing/conformance.js'

/** A store that breaks one rule. */
export interface BrokenStore extends Pick<StoreConformanceOptions, 'open' | 'openAnother'> {
  /** What is wrong with it: "a store that ...". */
  readonly fault: string
  /** The test that must tell. */
  readonly caughtBy: string
}

/** A store with every ability. */
export type Verbs = SessionStore & Rotating & Sweeping & Closing

/** A memory store with some verbs replaced by faulty ones. */
export function broken(
  fault: string,
  caughtBy: string,
  faulty: (good: MemoryStore, clock: Clock) => Partial<Verbs>,
): BrokenStore {
  const open = (clock: Clock): SessionStore => {
    const good = new MemoryStore({ clock })
    return { ...verbsOf(good), ...faulty(good, clock) }
  }
  return { fault, caughtBy, open }
}

/** Two stores on the same data, as two processes have them, some of whose verbs are faulty. */
export function brokenPair(
  fault: string,
  caughtBy: string,
  faulty: (good: MemoryStore, clock: Clock) => Partial<Verbs>,
): BrokenStore {
  let good = new MemoryStore()
  const open = (clock: Clock): SessionStore => ({ ...verbsOf(good), ...faulty(good, clock) })
  return {
    fault,
    caughtBy,
    open: (clock) => {
      good = new MemoryStore({ clock })
      return open(clock)
    },
    openAnother: open,
  }
}

/** A store that changes what is written on its way in. */
export function mangling(
  fault: string,
  caughtBy: string,
  change: (entry: [string, string]) => [string, string],
): BrokenStore {
  const mangled = (data: ReadonlyMap<string, string>): Map<string, string> => new Map([...data].map(change))
  return broken(fault, caughtBy, (good) => ({
    create: (record) => good.create({ ...record, data: mangled(record.data) }),
    update: (key, patch) => good.update(key, { ...patch, set: mangled(patch.set) }),
    rotate: (key, newKey, patch) => good.rotate(key, newKey, { ...patch, set: mangled(patch.set) }),
  }))
}

/** A store that changes what is read on its way out. */
export function misreading(fault: string, caughtBy: string, change: (record: SessionRecord) => unknown): BrokenStore {
  return broken(fault, caughtBy, (good) => ({
    load: (key) => {
      const record = good.load(key)
      return record && (change(record) as SessionRecord)
    },
  }))
}

/** Another one's turn: what a store gives up between reading and writing. */
export const elsewhere = (): Promise<void> => Promise.resolve()

/** The record with a patch made, for stores that write whole records. */
export function patched(record: SessionRecord, { set, remove, times }: RecordPatch): SessionRecord {
  const data = new Map(record.data)
  for (const key of remove) data.delete(key)
  for (const [key, value] of set) data.set(key, value)
  return { ...record, ...times, version: record.version + 1, data }
}

/** Writes a whole record, whatever is there. */
export function overwrite(good: MemoryStore, record: SessionRecord): void {
  good.delete(record.key)
  good.create(record)
}

function verbsOf(good: MemoryStore): Verbs {
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
