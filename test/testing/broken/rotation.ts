import { ROTATED_FOR } from '../../../src/core/store.js'
import type { MemoryStore } from '../../../src/stores/memory.js'
import { newHandle } from '../../../src/core/id.js'
import type { RotatePatch, SessionRecord } from '../../../src/core/record.js'
import { broken, type BrokenStore, overwrite } from './build.js'

const MOVES = 'a rotation moves the record, applies the patch and sets the subject'
const DEAD = 'a key that was rotated away is dead at once, and a write to it is told so'

/** A store that changes a patch before it rotates. */
function patching(
  fault: string,
  caughtBy: string,
  change: (patch: RotatePatch, record: SessionRecord) => RotatePatch,
): BrokenStore {
  return broken(fault, caughtBy, (good) => ({
    rotate: (key, newKey, patch) => {
      const record = good.load(key)
      return good.rotate(key, newKey, record ? change(patch, record) : patch)
    },
  }))
}

/** A store that changes a record once it has moved. */
function moving(
  fault: string,
  caughtBy: string,
  change: (moved: SessionRecord, former: SessionRecord) => SessionRecord,
): BrokenStore {
  return broken(fault, caughtBy, (good) => ({
    rotate: (key, newKey, patch) => {
      const former = good.load(key)
      const outcome = good.rotate(key, newKey, patch)
      const moved = good.load(newKey)
      if (outcome === 'updated' && former && moved) overwrite(good, change(moved, former))
      return outcome
    },
  }))
}

/** A store that keeps something of what it rotated away. */
function remembering(
  fault: string,
  caughtBy: string,
  verbs: (good: MemoryStore, newKeyOf: (key: string) => string | undefined) => Partial<BrokenVerbs>,
): BrokenStore {
  return broken(fault, caughtBy, (good) => {
    const moved = new Map<string, string>()
    return {
      rotate: (key, newKey, patch) => {
        const outcome = good.rotate(key, newKey, patch)
        if (outcome === 'updated') moved.set(key, newKey)
        return outcome
      },
      ...verbs(good, (key) => moved.get(key)),
    }
  })
}

type BrokenVerbs = Pick<MemoryStore, 'load' | 'create' | 'update' | 'touch' | 'delete'>

/** Faults of rotate. */
export const rotationFaults: readonly BrokenStore[] = [
  patching('rotates without the patch', MOVES, ({ subject }) => ({ set: new Map(), remove: [], subject })),
  patching('forgets to remove when it rotates', MOVES, (patch) => ({ ...patch, remove: [] })),
  patching('keeps only the patch when it rotates', MOVES, (patch, { data }) => ({
    ...patch,
    remove: [...data.keys()],
  })),
  moving('gives a new handle', MOVES, (moved) => ({ ...moved, handle: newHandle() })),
  moving('begins createdAt anew', MOVES, (moved) => ({ ...moved, createdAt: moved.createdAt + 60_000 })),
  moving('begins the version anew', MOVES, (moved) => ({ ...moved, version: 1 })),
  patching('keeps the subject', MOVES, (patch, { subject }) => ({ ...patch, subject })),
  patching(
    'can not take a subject away',
    'a rotation takes a subject away and gives another',
    (patch, { subject }) => ({
      ...patch,
      subject: patch.subject ?? subject,
    }),
  ),
  broken('rotates what it saw first', 'a rotation moves what is stored at that moment', (good) => {
    const first = new Map<string, SessionRecord>()
    return {
      create: (record) => {
        first.set(record.key, { ...record, data: new Map(record.data) })
        good.create(record)
      },
      rotate: (key, newKey, patch) => {
        const outcome = good.rotate(key, newKey, patch)
        const [then, moved] = [first.get(key), good.load(newKey)]
        if (then && moved) overwrite(good, { ...moved, data: new Map([...then.data, ...patch.set]) })
        return outcome
      },
    }
  }),
  patching('ignores the times of a rotation', 'a rotation writes the times that are given', (patch) => ({
    ...patch,
    times: undefined,
  })),
  moving(
    'moves lastSeenAt backwards by a rotation',
    'a rotation never moves lastSeenAt backwards',
    (moved, former) => ({
      ...moved,
      lastSeenAt: former.lastSeenAt - 60_000,
    }),
  ),
  moving('begins the idle timeout anew', 'a rotation without times leaves the deadlines', (moved) => ({
    ...moved,
    idleTimeout: moved.idleTimeout + 1,
  })),
  remembering('lets nobody write under the new key', 'a record lives on under its new key', (good) => ({
    update: (key, patch) => (good.load(key)?.version === 2 && patch.ifVersion ? 'conflict' : good.update(key, patch)),
  })),
  remembering('loads the old key too', DEAD, (good, newKeyOf) => ({ load: (key) => good.load(newKeyOf(key) ?? key) })),
  remembering('leads writes on to the new key', DEAD, (good, newKeyOf) => ({
    update: (key, patch) => good.update(newKeyOf(key) ?? key, patch),
  })),
  remembering('leads touches on to the new key', DEAD, (good, newKeyOf) => ({
    touch: (key, lastSeenAt) => good.touch(newKeyOf(key) ?? key, lastSeenAt),
  })),
  remembering('leads deletes on to the new key', DEAD, (good, newKeyOf) => ({
    delete: (key) => good.delete(newKeyOf(key) ?? key),
  })),
  remembering('forgets at once that a key has moved', DEAD, (good) => ({
    update: (key, patch) => {
      const outcome = good.update(key, patch)
      return outcome === 'rotated' ? 'gone' : outcome
    },
  })),
  broken('copies instead of moving', DEAD, (good) => ({
    rotate: (key, newKey, { subject, ...patch }) => {
      const record = good.load(key)
      const outcome = good.update(key, patch)
      const changed = good.load(key)
      if (outcome !== 'updated' || !record || !changed) return outcome
      good.create({ ...changed, key: newKey, subject })
      return 'updated'
    },
  })),
  remembering(
    'gives a key away that was lately rotated',
    'nothing can be created under a key that was lately rotated away',
    (good, newKeyOf) => ({
      create: (record) => {
        if (newKeyOf(record.key) === undefined) good.create(record)
      },
    }),
  ),
  broken(
    'answers rotated for ever',
    'a write to a key that was rotated away answers rotated for a minute, then gone',
    (good) => {
      const moved = new Set<string>()
      return {
        rotate: (key, newKey, patch) => {
          moved.add(key)
          return good.rotate(key, newKey, patch)
        },
        update: (key, patch) => (moved.has(key) ? 'rotated' : good.update(key, patch)),
      }
    },
  ),
  broken(
    'answers rotated for half a minute',
    'a write to a key that was rotated away answers rotated for a minute, then gone',
    (good, clock) => {
      const moved = new Map<string, number>()
      return {
        rotate: (key, newKey, patch) => {
          moved.set(key, clock())
          return good.rotate(key, newKey, patch)
        },
        update: (key, patch) =>
          clock() - (moved.get(key) ?? clock()) > ROTATED_FOR / 2 ? 'gone' : good.update(key, patch),
      }
    },
  ),
  remembering(
    'forgets that a key has moved when the record is over',
    'a key that was rotated away says so also when the record is over',
    (good, newKeyOf) => ({
      update: (key, patch) => {
        const next = newKeyOf(key)
        return next !== undefined && !good.load(next) ? 'gone' : good.update(key, patch)
      },
    }),
  ),
  broken('creates by rotate', 'a record that is missing, deleted or expired is gone for a rotation', (good) => ({
    rotate: (key, newKey, patch) => {
      const outcome = good.rotate(key, newKey, patch)
      if (outcome !== 'gone' || !patch.times) return outcome
      const { lastSeenAt } = patch.times
      const record = {
        key: newKey,
        handle: 'h',
        subject: patch.subject,
        createdAt: lastSeenAt,
        version: 1,
        device: undefined,
      }
      good.create({ ...record, ...patch.times, data: patch.set })
      return 'updated'
    },
  })),
  remembering(
    'follows a record that has moved',
    'a record that has moved is rotated for a second rotation and stays where it is',
    (good) => {
      const moved = new Map<string, string>()
      const rotate: MemoryStore['rotate'] = (key, newKey, patch) => {
        const outcome = good.rotate(moved.get(key) ?? key, newKey, patch)
        if (outcome === 'updated') moved.set(key, newKey)
        return outcome
      }
      return { rotate } as Partial<BrokenVerbs>
    },
  ),
  patching(
    'ignores ifVersion when it rotates',
    'a rotation with the version that is stored is done, with another one it is a conflict',
    (patch) => ({
      ...patch,
      ifVersion: undefined,
    }),
  ),
  broken(
    'rotates onto another record',
    'a rotation onto a key that exists is refused and leaves both as they were',
    (good) => ({
      rotate: (key, newKey, patch) => {
        if (good.load(key)) good.delete(newKey)
        return good.rotate(key, newKey, patch)
      },
    }),
  ),
  broken(
    'keeps the lifetime that a rotation ends',
    'a rotation that ends the lifetime leaves nothing under either key',
    (good) => ({
      rotate: (key, newKey, { times, ...patch }) => {
        const expiresAt = Math.max(good.load(key)?.expiresAt ?? 0, times?.expiresAt ?? 0)
        return good.rotate(key, newKey, { ...patch, times: times && { ...times, expiresAt } })
      },
    }),
  ),
]
