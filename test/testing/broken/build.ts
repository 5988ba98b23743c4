import type { Clock } from '../../../src/core/expiry.js'
import {
  type FormerKey,
  isFormerKey,
  type RecordPatch,
  type RecordTimes,
  type SessionRecord,
} from '../../../src/core/record.js'
import type { BySubject, Closing, Probing, Rotating, SessionStore, Sweeping } from '../../../src/core/store.js'
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
export type Verbs = SessionStore & BySubject & Rotating & Sweeping & Probing & Closing

/** What is inside of a broken store: a memory store, and what faults need to reach around its verbs. */
export class SoundStore extends MemoryStore {
  /** Keys that a fault has marked, for all processes on the same data. */
  readonly marks = new Set<string>()

  /** The live record under `key`, and no former key. */
  record(key: string): SessionRecord | undefined {
    const found = this.load(key)
    return found && !isFormerKey(found) ? found : undefined
  }

  /** What is kept of a key that was rotated away. */
  former(key: string): FormerKey | undefined {
    const found = this.load(key)
    return found && isFormerKey(found) ? found : undefined
  }

  /** Writes a whole record, whatever is there. */
  overwrite(record: SessionRecord): undefined {
    this.delete(record.key)
    this.create(record)
  }
}

/** A memory store with some verbs replaced by faulty ones. */
export function broken(
  fault: string,
  caughtBy: string,
  faulty: (good: SoundStore, clock: Clock) => Partial<Verbs>,
): BrokenStore {
  const open = (clock: Clock): SessionStore => {
    const good = new SoundStore({ clock })
    return { ...verbsOf(good), ...faulty(good, clock) }
  }
  return { fault, caughtBy, open }
}

/** Two stores on the same data, as two processes have them, some of whose verbs are faulty. */
export function brokenPair(
  fault: string,
  caughtBy: string,
  faulty: (good: SoundStore, clock: Clock) => Partial<Verbs>,
): BrokenStore {
  let good = new SoundStore()
  const open = (clock: Clock): SessionStore => ({ ...verbsOf(good), ...faulty(good, clock) })
  return {
    fault,
    caughtBy,
    open: (clock) => {
      good = new SoundStore({ clock })
      return open(clock)
    },
    openAnother: open,
  }
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

/** A record out of nothing, as a store has it that creates with every write. */
export function conjured(key: string, times: RecordTimes, other: Partial<SessionRecord> = {}): SessionRecord {
  const now = times.lastSeenAt
  const absent = {
    subject: undefined,
    authenticatedAt: undefined,
    device: undefined,
    ip: undefined,
    formerKey: undefined,
  }
  return {
    key,
    handle: 'h',
    createdAt: now,
    rotatedAt: now,
    version: 1,
    data: new Map(),
    ...absent,
    ...times,
    ...other,
  }
}

function verbsOf(good: SoundStore): Verbs {
  return {
    name: good.name,
    abilities: good.abilities,
    load: (key) => good.load(key),
    create: (record, limit) => good.create(record, limit),
    update: (key, patch) => good.update(key, patch),
    touch: (key, lastSeenAt) => good.touch(key, lastSeenAt),
    delete: (key) => good.delete(key),
    rotate: (key, newKey, patch) => good.rotate(key, newKey, patch),
    confirm: (key, formerKey, goodUntil) => good.confirm(key, formerKey, goodUntil),
    list: (subject) => good.list(subject),
    find: (subject, handle) => good.find(subject, handle),
    count: (subject) => good.count(subject),
    revoke: (subject, handle) => good.revoke(subject, handle),
    revokeAll: (subject, exceptHandle) => good.revokeAll(subject, exceptHandle),
    updateAll: (subject, patch) => good.updateAll(subject, patch),
    sweep: (limit) => good.sweep(limit),
    probe: () => good.probe(),
    close: () => good.close(),
  }
}
