import type { SessionRecord } from '../../../src/core/record.js'
import { broken, type BrokenStore, conjured, patched } from './build.js'

/** Faults of update and touch. */
export const updateFaults: readonly BrokenStore[] = [
  broken('never removes', 'an update sets and removes what the patch names and leaves the rest', (good) => ({
    update: (key, patch) => good.update(key, { ...patch, remove: [] }),
  })),
  broken(
    'replaces the data by the patch',
    'an update sets and removes what the patch names and leaves the rest',
    (good) => ({
      update: (key, patch) => good.update(key, { ...patch, remove: [...(good.record(key)?.data.keys() ?? [])] }),
    }),
  ),
  broken('drops a record without data', 'an update that removes every key leaves an empty record', (good) => ({
    update: (key, patch) => {
      const outcome = good.update(key, patch)
      if (good.record(key)?.data.size === 0) good.delete(key)
      return outcome
    },
  })),
  broken('fails to remove an absent key', 'removing a key that is not there is not an error', (good) => ({
    update: (key, patch) => {
      const data = good.record(key)?.data
      if (patch.remove.some((name) => !data?.has(name))) throw new Error('no such field')
      return good.update(key, patch)
    },
  })),
  broken(
    'skips a patch without a change',
    'every update adds one to the version, also one that changes nothing',
    (good) => ({
      update: (key, patch) => {
        const isEmpty = patch.set.size === 0 && patch.remove.length === 0 && !patch.times
        return isEmpty && good.record(key) ? 'updated' : good.update(key, patch)
      },
    }),
  ),
  broken('keeps the first value', 'on the same key the last update wins', (good) => ({
    update: (key, patch) => {
      const data = good.record(key)?.data
      return good.update(key, { ...patch, set: new Map([...patch.set, ...(data ?? [])]) })
    },
  })),
  broken('creates by update', 'an update of a record that never was is gone and creates nothing', (good, clock) => ({
    update: (key, patch) => {
      const outcome = good.update(key, patch)
      if (outcome !== 'gone') return outcome
      const now = clock()
      const times = { lastSeenAt: now, idleTimeout: 1000, expiresAt: now + 1000, persistent: true }
      good.create(patched(conjured(key, times, { version: 0 }), patch))
      return 'updated'
    },
  })),
  broken(
    'answers conflict for a missing record',
    'an update of a deleted record is gone and revives nothing',
    (good) => ({
      update: (key, patch) =>
        patch.ifVersion !== undefined && !good.record(key) ? 'conflict' : good.update(key, patch),
    }),
  ),
  broken('revives by update', 'an update of a deleted record is gone and revives nothing', (good) => {
    const grave = new Map<string, SessionRecord>()
    return {
      delete: (key) => {
        const record = good.record(key)
        if (record) grave.set(key, record)
        return good.delete(key)
      },
      update: (key, patch) => {
        const record = grave.get(key)
        if (record && !good.record(key)) good.create(record)
        return good.update(key, patch)
      },
    }
  }),
  broken('ignores the times of an update', 'an update writes new times', (good) => ({
    update: (key, patch) => good.update(key, { ...patch, times: undefined }),
  })),
  broken('can not make a cookie lasting again', 'an update writes new times', (good) => ({
    update: (key, { times, ...patch }) => {
      const persistent = good.record(key)?.persistent === true && times?.persistent === true
      return good.update(key, { ...patch, times: times && { ...times, persistent } })
    },
  })),
  broken('writes lastSeenAt as it comes', 'an update never moves lastSeenAt backwards', (good) => ({
    update: (key, patch) => {
      const record = good.record(key)
      const outcome = good.update(key, patch)
      if (record && outcome === 'updated') good.overwrite(patched(record, patch))
      return outcome
    },
  })),
  broken('knows no version but the first', 'an update with the version that is stored is applied', (good) => ({
    update: (key, patch) =>
      patch.ifVersion !== undefined && patch.ifVersion > 1 ? 'conflict' : good.update(key, patch),
  })),
  broken('ignores ifVersion', 'an update with another version is a conflict and writes nothing', (good) => ({
    update: (key, patch) => good.update(key, { ...patch, ifVersion: undefined }),
    rotate: (key, newKey, patch) => good.rotate(key, newKey, { ...patch, ifVersion: undefined }),
  })),
  broken(
    'takes a version that is newer',
    'an update with another version is a conflict and writes nothing',
    (good) => ({
      update: (key, { ifVersion, ...patch }) =>
        good.update(key, { ...patch, ifVersion: Math.min(ifVersion ?? Infinity, good.record(key)?.version ?? 0) }),
    }),
  ),
  broken(
    'writes the times in spite of a conflict',
    'an update with another version is a conflict and writes nothing',
    (good) => ({
      update: (key, patch) => {
        const outcome = good.update(key, patch)
        if (outcome === 'conflict' && patch.times) good.touch(key, patch.times.lastSeenAt)
        return outcome
      },
    }),
  ),
  broken('counts a touch as a version', 'a touch moves lastSeenAt forward and nothing else', (good) => ({
    touch: (key, lastSeenAt) => {
      good.update(key, { set: new Map(), remove: [] })
      return good.touch(key, lastSeenAt)
    },
  })),
  broken('does nothing by a touch', 'a touch moves lastSeenAt forward and nothing else', (good) => ({
    touch: (key) => good.touch(key, 0),
  })),
  broken('touches backwards', 'a touch with an earlier time is ignored', (good) => ({
    touch: (key, lastSeenAt) => {
      const record = good.record(key)
      if (record) good.overwrite({ ...record, lastSeenAt })
      return record !== undefined
    },
  })),
  broken('takes an earlier touch for a dead session', 'a touch with an earlier time is ignored', (good) => ({
    touch: (key, lastSeenAt) => lastSeenAt > (good.record(key)?.lastSeenAt ?? 0) && good.touch(key, lastSeenAt),
  })),
  broken('answers true for every touch', 'a touch of a record that never was creates nothing', (good) => ({
    touch: (key, lastSeenAt) => good.touch(key, lastSeenAt) || true,
  })),
  broken('revives by touch', 'a touch of a deleted record revives nothing', (good) => {
    const grave = new Map<string, SessionRecord>()
    return {
      delete: (key) => {
        const record = good.record(key)
        if (record) grave.set(key, record)
        return good.delete(key)
      },
      touch: (key, lastSeenAt) => {
        const record = grave.get(key)
        if (record) good.create(record)
        return good.touch(key, lastSeenAt)
      },
    }
  }),
]
