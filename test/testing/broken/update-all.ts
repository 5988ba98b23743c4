import { tagOf } from '../../../src/core/id.js'
import type { RecordPatch, SessionRecord } from '../../../src/core/record.js'
import { broken, type BrokenStore, type SoundStore } from './build.js'
import { remembering } from './by-subject.js'

const SETS = 'updateAll sets and removes in every session of a subject, and leaves the rest'
const KEYS = 'any string may be a key or a value of updateAll'

type Patch = Pick<RecordPatch, 'set' | 'remove'>

/** A store that changes the patch of an `updateAll`. */
function patching(fault: string, caughtBy: string, change: (patch: Patch) => Patch): BrokenStore {
  return broken(fault, caughtBy, (good) => ({
    updateAll: (subject, patch) => good.updateAll(subject, change(patch)),
  }))
}

/** A store that changes each record of a subject after an `updateAll`. */
function changing(
  fault: string,
  caughtBy: string,
  change: (good: SoundStore, record: SessionRecord, now: number) => void,
): BrokenStore {
  return broken(fault, caughtBy, (good, clock) => ({
    updateAll: (subject, patch) => {
      const count = good.updateAll(subject, patch)
      for (const record of good.list(subject)) change(good, record, clock())
      return count
    },
  }))
}

/** Faults of updateAll. */
export const updateAllFaults: readonly BrokenStore[] = [
  patching('sets and never removes in all', SETS, (patch) => ({ ...patch, remove: [] })),
  patching('removes and never sets in all', SETS, (patch) => ({ ...patch, set: new Map() })),
  broken('updates one of all', SETS, (good) => ({
    updateAll: (subject, patch) => {
      const records = good.list(subject)
      good.update(records[0]?.key ?? '', patch)
      return records.length
    },
  })),
  broken('replaces the data of all', SETS, (good) => ({
    updateAll: (subject, patch) => {
      const keys = good.list(subject).flatMap(({ data }) => [...data.keys()])
      return good.updateAll(subject, { ...patch, remove: keys })
    },
  })),
  broken('answers how many were changed and not how many there are', SETS, (good) => ({
    updateAll: (subject, patch) => Math.min(1, good.updateAll(subject, patch)),
  })),
  changing(
    'leaves the versions as they were',
    'updateAll adds one to every version, also where it changes nothing',
    (good, record) => good.overwrite({ ...record, version: record.version - 1 }),
  ),
  broken(
    'skips an updateAll without a change',
    'updateAll adds one to every version, also where it changes nothing',
    (good) => ({
      updateAll: (subject, patch) =>
        patch.set.size + patch.remove.length === 0 ? good.count(subject) : good.updateAll(subject, patch),
    }),
  ),
  changing(
    'touches what it updates',
    'updateAll leaves the deadlines',
    (good, { key }, now) => void good.touch(key, now),
  ),
  remembering('updates by tag', 'updateAll leaves other subjects and anonymous sessions', (good, ever) => ({
    updateAll: (subject, patch) => {
      const keys = new Set(ever.map(({ key }) => key).filter((key) => key.startsWith(tagOf(subject))))
      return [...keys].filter((key) => good.update(key, patch) === 'updated').length
    },
  })),
  remembering('updates everybody', 'updateAll leaves other subjects and anonymous sessions', (good, ever) => ({
    updateAll: (subject, patch) => {
      for (const record of ever) if (record.subject !== subject) good.update(record.key, patch)
      return good.updateAll(subject, patch)
    },
  })),
  remembering('counts what has ended', 'updateAll neither counts nor revives what has ended', (good, ever) => ({
    updateAll: (subject, patch) => {
      good.updateAll(subject, patch)
      return ever.filter((record) => record.subject === subject).length
    },
  })),
  remembering('revives by updateAll', 'updateAll neither counts nor revives what has ended', (good, ever) => ({
    updateAll: (subject, patch) => {
      const count = good.updateAll(subject, patch)
      for (const record of ever) if (record.subject === subject && !good.record(record.key)) good.create(record)
      return count
    },
  })),
  patching('trims the keys of an updateAll', KEYS, (patch) => ({
    ...patch,
    set: new Map([...patch.set].map(([key, value]) => [key.trim(), value])),
  })),
  patching('puts the patch of an updateAll into an object', KEYS, (patch) => {
    const set: Record<string, string> = {}
    for (const [key, value] of patch.set) set[key] = value
    return { ...patch, set: new Map(Object.entries(set)) }
  }),
  patching('can not remove the empty key from all', KEYS, (patch) => ({
    ...patch,
    remove: patch.remove.filter((key) => key !== ''),
  })),
  changing(
    'confirms what it updates',
    'updateAll reaches a session under its new id and leaves its former key',
    (good, { key, formerKey }, now) => good.confirm(key, formerKey ?? '', now),
  ),
]
