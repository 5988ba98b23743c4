import { ROTATED_FOR } from '../../../src/core/store.js'
import { newHandle } from '../../../src/core/id.js'
import type { SessionRecord } from '../../../src/core/record.js'
import { movedBy } from '../../../src/testing/conformance/samples.js'
import { broken, type BrokenStore, conjured, type Verbs } from './build.js'
import { moving, patching, remembering } from './changing.js'

const MOVES = 'a rotation moves the record, applies the patch and sets the subject'
const SIGN_IN = 'a sign-in takes the place of what the record says of the last one'
const DEAD = 'a key that was rotated away is dead at once, and a write to it is told so'

/** Faults of rotate. */
export const rotationFaults: readonly BrokenStore[] = [
  patching('rotates without the patch', MOVES, (patch) => ({ ...patch, set: new Map(), remove: [] })),
  patching('forgets to remove when it rotates', MOVES, (patch) => ({ ...patch, remove: [] })),
  patching('keeps only the patch when it rotates', MOVES, (patch, { data }) => ({
    ...patch,
    remove: [...data.keys()],
  })),
  moving('gives a new handle', MOVES, (moved) => ({ ...moved, handle: newHandle() })),
  moving('forgets when the id was new', MOVES, (moved, { rotatedAt }) => ({ ...moved, rotatedAt })),
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
  moving(
    'remembers when somebody signed in who has signed out',
    'a rotation takes a subject away and gives another',
    (moved, { authenticatedAt }) => ({ ...moved, authenticatedAt: moved.authenticatedAt ?? authenticatedAt }),
  ),
  patching('forgets a sign-in', SIGN_IN, (patch) => ({ ...patch, signIn: undefined })),
  patching('keeps the device where a sign-in says nothing of it', SIGN_IN, (patch, { device, ip }) => ({
    ...patch,
    signIn: patch.signIn && { ...patch.signIn, device: patch.signIn.device ?? device, ip: patch.signIn.ip ?? ip },
  })),
  moving('forgets the sign-in when it rotates without one', SIGN_IN, (moved) => ({
    ...moved,
    authenticatedAt: moved.device === 'phone' ? undefined : moved.authenticatedAt,
  })),
  broken('rotates what it saw first', 'a rotation moves what is stored at that moment', (good) => {
    const first = new Map<string, SessionRecord>()
    return {
      create: (record, limit) => {
        first.set(record.key, { ...record, data: new Map(record.data) })
        return good.create(record, limit)
      },
      rotate: (key, newKey, patch) => {
        const outcome = good.rotate(key, newKey, patch)
        const [then, moved] = [first.get(key), good.record(newKey)]
        if (then && moved) good.overwrite({ ...moved, data: new Map([...then.data, ...patch.set]) })
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
    update: (key, patch) => (good.record(key)?.version === 2 && patch.ifVersion ? 'conflict' : good.update(key, patch)),
  })),
  remembering('loads the old key too', DEAD, (good, newKeyOf) => ({ load: (key) => good.load(newKeyOf(key) ?? key) })),
  remembering('leaves the old key good for a while', DEAD, (good, newKeyOf) => ({
    load: (key) => {
      const movedTo = newKeyOf(key)
      return (
        good.load(key) ?? (movedTo === undefined ? undefined : { movedTo, sealedId: undefined, goodUntil: undefined })
      )
    },
  })),
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
    rotate: (key, newKey, patch) => {
      const record = good.record(key)
      const outcome = good.update(key, patch)
      if (outcome !== 'updated' || !record) return outcome
      good.create(movedBy(patch, record, newKey))
      return 'updated'
    },
  })),
  remembering(
    'gives a key away that was lately rotated',
    'nothing can be created under a key that was lately rotated away',
    (good, newKeyOf) => ({
      create: (record, limit) => {
        return newKeyOf(record.key) === undefined ? good.create(record, limit) : undefined
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
        return next !== undefined && !good.record(next) ? 'gone' : good.update(key, patch)
      },
    }),
  ),
  broken('creates by rotate', 'a record that is missing, deleted or expired is gone for a rotation', (good) => ({
    rotate: (key, newKey, patch) => {
      const outcome = good.rotate(key, newKey, patch)
      if (outcome !== 'gone' || !patch.times) return outcome
      good.create(conjured(newKey, patch.times, { subject: patch.subject, data: patch.set }))
      return 'updated'
    },
  })),
  remembering(
    'follows a record that has moved',
    'a record that has moved is rotated for a second rotation and stays where it is',
    (good) => {
      const moved = new Map<string, string>()
      const rotate: Verbs['rotate'] = (key, newKey, patch) => {
        const outcome = good.rotate(moved.get(key) ?? key, newKey, patch)
        if (outcome === 'updated') moved.set(key, newKey)
        return outcome
      }
      return { rotate }
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
        if (good.record(key)) good.delete(newKey)
        return good.rotate(key, newKey, patch)
      },
    }),
  ),
  broken(
    'keeps the lifetime that a rotation ends',
    'a rotation that ends the lifetime leaves nothing under either key',
    (good) => ({
      rotate: (key, newKey, { times, ...patch }) => {
        const expiresAt = Math.max(good.record(key)?.expiresAt ?? 0, times?.expiresAt ?? 0)
        return good.rotate(key, newKey, { ...patch, times: times && { ...times, expiresAt } })
      },
    }),
  ),
]
