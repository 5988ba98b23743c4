import type { RotatePatch, SessionRecord } from '../../../src/core/record.js'
import { movedBy } from '../../../src/testing/conformance/samples.js'
import { type BrokenStore, brokenPair, elsewhere, patched, type SoundStore, type Verbs } from './build.js'

const LOADED = 'a session that is loaded is in the list, and one that is in the list is loaded'
const LIMITED = 'of parallel new sessions as many are left as the limit allows'
const FOLLOWED = 'a list has a session exactly once all the while that it gets new ids'
const DEAD = 'nothing that was there before a revokeAll lives after it, under whatever key'

/** Reads the keys of a subject, gives way, and deletes what it has read. */
function revokingLate(good: SoundStore): Pick<Verbs, 'revoke' | 'revokeAll'> {
  return {
    revoke: async (subject, handle) => {
      const record = good.list(subject).find((each) => each.handle === handle)
      await elsewhere()
      return record !== undefined && good.delete(record.key)
    },
    revokeAll: async (subject, exceptHandle) => {
      const records = good.list(subject).filter(({ handle }) => handle !== exceptHandle)
      await elsewhere()
      for (const { key } of records) good.delete(key)
      return records.map(({ handle }) => handle)
    },
  }
}

/** Reads all records of a subject, gives way, and writes them whole. */
function updatingLate(good: SoundStore): Pick<Verbs, 'updateAll'> {
  return {
    updateAll: async (subject, patch) => {
      const records = good.list(subject)
      await elsewhere()
      for (const record of records) good.overwrite(patched(record, patch))
      return records.length
    },
  }
}

/** Writes the record, gives way for a while, and writes the index after it; a list goes by the index. */
function indexingLate(good: SoundStore): Partial<Verbs> {
  const list = (subject: string): readonly SessionRecord[] =>
    good.list(subject).filter(({ key }) => !good.marks.has(key))
  return {
    create: async (record) => {
      good.create(record)
      good.marks.add(record.key)
      for (let turn = 0; turn < 9; turn++) await elsewhere()
      good.marks.delete(record.key)
      return undefined
    },
    list,
    count: (subject) => list(subject).length,
  }
}

/** Writes the index, gives way, and writes the record after it; a `revokeAll` answers what it finds in the index. */
function indexingEarly(good: SoundStore): Partial<Verbs> {
  const late = async <T>(handle: string | undefined, write: () => T): Promise<T> => {
    if (handle !== undefined) good.marks.add(handle)
    await elsewhere()
    if (handle !== undefined) good.marks.delete(handle)
    return write()
  }
  return {
    create: (record) => late(record.handle, () => good.create(record)),
    rotate: (key, newKey, patch) => late(good.record(key)?.handle, () => good.rotate(key, newKey, patch)),
    revokeAll: (subject) => [...good.marks, ...good.revokeAll(subject)],
  }
}

/** Takes the record away, gives way, and puts it back under its new key. */
async function rotateInTwoSteps(good: SoundStore, key: string, newKey: string, patch: RotatePatch) {
  const record = good.record(key)
  if (!record || (patch.ifVersion !== undefined && patch.ifVersion !== record.version)) {
    return good.rotate(key, newKey, patch)
  }
  good.rotate(key, newKey, patch)
  good.delete(newKey)
  await elsewhere()
  good.create(movedBy(patch, record, newKey))
  return 'updated' as const
}

/** Looks how many sessions there are, gives way, and acts by what it saw. */
function checkingFirst(good: SoundStore): Pick<Verbs, 'create' | 'rotate'> {
  const leaving = (subject: string | undefined, max = Infinity): readonly SessionRecord[] => {
    const records = good.list(subject ?? '')
    return records.slice(0, Math.max(0, records.length + 1 - max))
  }
  const evict = (records: readonly SessionRecord[]): readonly string[] => {
    return records.filter(({ key }) => good.delete(key)).map(({ handle }) => handle)
  }
  return {
    create: async (record, limit) => {
      if (limit?.onLimit === 'refuse') {
        const isFull = good.count(record.subject ?? '') >= limit.max
        await elsewhere()
        return good.create(record, isFull ? limit : undefined)
      }
      const records = leaving(record.subject, limit?.max)
      await elsewhere()
      const evicted = evict(records)
      good.create(record)
      return evicted.length > 0 ? { evicted } : undefined
    },
    rotate: async (key, newKey, { limit, ...patch }) => {
      if (!limit || limit.onLimit === 'refuse') return good.rotate(key, newKey, { ...patch, limit })
      const records = leaving(patch.subject, limit.max)
      await elsewhere()
      const evicted = evict(records)
      const outcome = good.rotate(key, newKey, patch)
      return evicted.length > 0 && outcome === 'updated' ? { evicted } : outcome
    },
  }
}

/** Faults of a subject's sessions that only show when verbs run at the same time. */
export const subjectRaceFaults: readonly BrokenStore[] = [
  brokenPair(
    'lists nobody who is being written to',
    'a list has a session all the while that it is written to',
    (good) => ({
      update: async (key, patch) => {
        good.marks.add(key)
        await elsewhere()
        good.marks.delete(key)
        return good.update(key, patch)
      },
      list: (subject) => good.list(subject).filter(({ key }) => !good.marks.has(key)),
    }),
  ),
  brokenPair('writes the index after the record', LOADED, indexingLate),
  brokenPair('takes a session out of the index before it is deleted', LOADED, (good) => ({
    delete: async (key) => {
      good.marks.add(key)
      for (let turn = 0; turn < 9; turn++) await elsewhere()
      return good.delete(key)
    },
    list: (subject) => good.list(subject).filter(({ key }) => !good.marks.has(key)),
  })),
  brokenPair(
    'writes the record after the index',
    'a session that is created during a revokeAll is ended whole or left whole',
    indexingEarly,
  ),
  brokenPair(
    'writes the whole index anew',
    'what is created and ended at the same time is in the list if it lives',
    (good) => {
      const list = (subject: string): readonly SessionRecord[] => {
        return good.list(subject).filter(({ key }) => good.marks.has(key))
      }
      return {
        create: async (record) => {
          const keys = [...good.marks, record.key]
          good.create(record)
          await elsewhere()
          good.marks.clear()
          for (const key of keys) good.marks.add(key)
          return undefined
        },
        list,
        count: (subject) => list(subject).length,
      }
    },
  ),
  brokenPair(
    'brings a session back by a late touch',
    'writes that race a revoke never bring the session back',
    (good) => ({
      touch: async (key, lastSeenAt) => {
        const record = good.record(key)
        if (!record) return false
        await elsewhere()
        good.overwrite({ ...record, lastSeenAt: Math.max(lastSeenAt, record.lastSeenAt) })
        return true
      },
    }),
  ),
  brokenPair(
    'brings a session back by a late updateAll',
    'writes that race a revokeAll bring none of its sessions back',
    updatingLate,
  ),
  brokenPair('looks before it revokes', 'of parallel revokes of one session exactly one answers true', (good) => ({
    revoke: async (subject, handle) => {
      const isThere = good.list(subject).some((record) => record.handle === handle)
      await elsewhere()
      good.revoke(subject, handle)
      return isThere
    },
  })),
  brokenPair('looks before it revokes all', 'parallel revokeAlls name every session once', revokingLate),
  brokenPair(
    'rewrites whole records by updateAll',
    'parallel updates and updateAlls of different keys are all kept',
    updatingLate,
  ),
  brokenPair('misses a session that is being rotated', FOLLOWED, (good) => ({
    rotate: (key, newKey, patch) => rotateInTwoSteps(good, key, newKey, patch),
  })),
  brokenPair('reads a list one record after the other', FOLLOWED, (good) => ({
    list: async (subject) => {
      const keys = good.list(subject).map(({ key }) => key)
      await elsewhere()
      return keys.flatMap((key) => good.record(key) ?? [])
    },
  })),
  brokenPair('counts a session twice that is being rotated', FOLLOWED, (good) => ({
    rotate: async (key, newKey, patch) => {
      good.marks.add(newKey)
      await elsewhere()
      good.marks.clear()
      return good.rotate(key, newKey, patch)
    },
    count: (subject) => good.count(subject) + good.marks.size,
  })),
  brokenPair('reads the keys and then deletes them', DEAD, revokingLate),
  brokenPair('puts a session back that was revoked while it got a new id', DEAD, (good) => ({
    rotate: (key, newKey, patch) => rotateInTwoSteps(good, key, newKey, patch),
  })),
  brokenPair(
    'revokes what it has read',
    'a revoke that races rotations ends the session under whatever key',
    revokingLate,
  ),
  brokenPair(
    'moves a record after its place in the index',
    'a sign-in that races a revokeAll is ended whole or left whole',
    indexingEarly,
  ),
  brokenPair(
    'updates what it has read',
    'an updateAll that races a rotation reaches the session wherever it is',
    (good) => ({
      updateAll: async (subject, patch) => {
        const keys = good.list(subject).map(({ key }) => key)
        await elsewhere()
        return keys.filter((key) => good.update(key, patch) === 'updated').length
      },
    }),
  ),
  brokenPair('looks how many there are before it creates', LIMITED, checkingFirst),
  brokenPair(
    'looks how many there are before it refuses',
    'of parallel new sessions as many are taken as the limit allows',
    checkingFirst,
  ),
  brokenPair(
    'looks how many there are before somebody signs in',
    'of parallel sign-ins as many are left as the limit allows',
    checkingFirst,
  ),
  brokenPair(
    'brings a session back by a write that a limit has ended',
    'a session that a limit ends stays dead, whatever is written to it',
    (good) => ({
      update: async (key, patch) => {
        const record = good.record(key)
        if (!record) return good.update(key, patch)
        await elsewhere()
        good.overwrite(patched(record, patch))
        return 'updated'
      },
    }),
  ),
  brokenPair(
    'ends a session where it was when it looked',
    'a session that a limit ends stays dead, also where it has a new id by then',
    checkingFirst,
  ),
]
