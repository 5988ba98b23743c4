import type { Outcome } from '../../../src/core/store.js'
import { movedBy } from '../../../src/testing/conformance/samples.js'
import { type BrokenStore, brokenPair, elsewhere, patched, type SoundStore, type Verbs } from './build.js'

/** Reads, gives way, and writes the whole record: as over a plain key-value store. */
function rewriting(good: SoundStore): Pick<Verbs, 'update' | 'touch'> {
  return {
    update: async (key, patch): Promise<Outcome> => {
      const record = good.record(key)
      if (!record) return good.update(key, patch)
      if (patch.ifVersion !== undefined && patch.ifVersion !== record.version) return 'conflict'
      await elsewhere()
      good.overwrite(patched(record, patch))
      return 'updated'
    },
    touch: async (key, lastSeenAt) => {
      const record = good.record(key)
      if (!record) return false
      await elsewhere()
      good.overwrite({ ...record, lastSeenAt: Math.max(lastSeenAt, record.lastSeenAt) })
      return true
    },
  }
}

/** Reads the record, gives way, and moves what it has read, also where somebody else has moved it meanwhile. */
function rotatingTwice(good: SoundStore): Pick<Verbs, 'rotate'> {
  return {
    rotate: async (key, newKey, patch) => {
      const record = good.record(key)
      await elsewhere()
      if (!record || good.record(key)) return good.rotate(key, newKey, patch)
      good.create(movedBy(patch, record, newKey))
      return 'updated'
    },
  }
}

/** How many records were ever swept from a store. */
const swept = new WeakMap<SoundStore, number>()

/** Faults that only show when verbs run at the same time. */
export const raceFaults: readonly BrokenStore[] = [
  brokenPair('rewrites whole records by update', 'parallel updates of different keys are all kept', (good) => ({
    update: rewriting(good).update,
  })),
  brokenPair(
    'rewrites whole records by update (removals)',
    'an update and a removal of another key at the same time are both kept',
    (good) => ({ update: rewriting(good).update }),
  ),
  brokenPair('shows a patch before it is whole', 'a load during updates sees each patch whole', (good) => ({
    update: async (key, patch) => {
      const outcome = good.update(key, { ...patch, set: new Map([...patch.set].slice(0, 1)) })
      await elsewhere()
      for (const entry of [...patch.set].slice(1)) good.update(key, { set: new Map([entry]), remove: [] })
      return outcome
    },
  })),
  brokenPair(
    'checks ifVersion before its turn',
    'of parallel updates with the same ifVersion exactly one is applied',
    (good) => ({
      update: async (key, { ifVersion, ...patch }) => {
        const record = good.record(key)
        if (record && ifVersion !== undefined && ifVersion !== record.version) return 'conflict'
        await elsewhere()
        return good.update(key, patch)
      },
    }),
  ),
  brokenPair(
    'applies a patch key by key',
    'parallel updates of the same key leave one of the values whole',
    (good) => ({
      update: async (key, patch) => {
        const outcome = good.update(key, { ...patch, set: new Map([...patch.set].slice(0, 1)) })
        if (outcome !== 'updated') return outcome
        for (const [at, entry] of [...patch.set].slice(1).entries()) {
          for (let turn = (Number(entry[1].match(/\d+/)) + at) % 3; turn >= 0; turn--) await elsewhere()
          good.update(key, { set: new Map([entry]), remove: [], ifVersion: undefined })
        }
        return 'updated'
      },
    }),
  ),
  brokenPair(
    'looks before it creates',
    'of two creates of one key exactly one wins and its record is kept',
    (good) => ({
      create: async (record) => {
        if (good.record(record.key)) return good.create(record)
        await elsewhere()
        good.overwrite(record)
      },
    }),
  ),
  brokenPair('looks before it deletes', 'of parallel deletes exactly one answers true', (good) => ({
    delete: async (key) => {
      const existed = good.record(key) !== undefined
      await elsewhere()
      good.delete(key)
      return existed
    },
  })),
  brokenPair(
    'brings a record back by a late update',
    'writes that race a delete never bring the record back',
    (good) => ({
      update: rewriting(good).update,
    }),
  ),
  brokenPair(
    'brings a record back by a late touch',
    'writes that race a delete never bring the record back',
    (good) => ({
      touch: rewriting(good).touch,
    }),
  ),
  brokenPair('rewrites whole records by touch', 'a touch and an update at the same time are both kept', (good) => ({
    touch: rewriting(good).touch,
  })),
  brokenPair(
    'is atomic only within its process',
    'parallel updates of different keys are all kept, from two processes',
    (good) => {
      let last: Promise<unknown> = elsewhere()
      return {
        update: (key, patch) => {
          const done = last.then(() => rewriting(good).update(key, patch))
          last = done.then(elsewhere, elsewhere)
          return done
        },
      }
    },
  ),
  brokenPair('keeps what it has read', 'what one process wrote is there for the other at once', (good) => {
    const cache = new Map<string, ReturnType<SoundStore['load']>>()
    return {
      load: (key) => {
        if (!cache.has(key)) cache.set(key, good.load(key))
        return cache.get(key)
      },
    }
  }),
  brokenPair('rotates twice at a time', 'of parallel rotations of one record exactly one is done', rotatingTwice),
  brokenPair(
    'rotates twice at a time and leaves the old key good',
    'of parallel rotations that leave the old key good exactly one is done',
    rotatingTwice,
  ),
  brokenPair(
    'loses what was written during a rotation',
    'an update that races a rotation is kept or told that the record has moved',
    (good) => ({
      rotate: async (key, newKey, patch) => {
        const record = good.record(key)
        await elsewhere()
        const outcome = good.rotate(key, newKey, patch)
        if (outcome === 'updated' && record) good.overwrite(movedBy(patch, record, newKey))
        return outcome
      },
    }),
  ),
  brokenPair(
    'loses a touch during a rotation',
    'a touch that races a rotation is never lost when it answered true',
    (good) => ({
      rotate: async (key, newKey, patch) => {
        const record = good.record(key)
        await elsewhere()
        const outcome = good.rotate(key, newKey, patch)
        const moved = good.record(newKey)
        if (moved && record) good.overwrite({ ...moved, lastSeenAt: record.lastSeenAt })
        return outcome
      },
    }),
  ),
  brokenPair(
    'rotates what was deleted meanwhile',
    'a delete that races a rotation ends the record or is told that it was not there',
    (good) => ({
      rotate: async (key, newKey, patch) => {
        const record = good.record(key)
        if (!record) return good.rotate(key, newKey, patch)
        good.create(movedBy(patch, record, newKey))
        await elsewhere()
        good.delete(key)
        return 'updated'
      },
    }),
  ),
  brokenPair('counts what another sweep removed', 'parallel sweeps count every record once', (good) => ({
    sweep: async (limit) => {
      const before = swept.get(good) ?? 0
      await elsewhere()
      const after = (swept.get(good) ?? 0) + good.sweep(limit)
      swept.set(good, after)
      return after - before
    },
  })),
]
