import { endsAt } from '../../../src/core/expiry.js'
import type { FormerKey } from '../../../src/core/record.js'
import { ROTATED_FOR } from '../../../src/core/store.js'
import { broken, type BrokenStore } from './build.js'
import { forgetting, misremembering, moving, patching, remembering } from './changing.js'

const LEAVES = 'a rotation with a sealed id leaves it under the old key, with the new key'
const REFUSES = 'a write to a key with a sealed id is told that the record has moved'
const TAKEN = 'a key with a sealed id is taken for a new record and for a rotation'

/** Faults of rotations that leave the old key good. */
export const formerKeyFaults: readonly BrokenStore[] = [
  patching('kills every key that it rotates', LEAVES, (patch) => ({ ...patch, sealedId: undefined })),
  moving('does not say which key a record had before', LEAVES, (moved) => ({ ...moved, formerKey: undefined })),
  misremembering('gives every former key an end', LEAVES, (former, _, now) => ({ ...former, goodUntil: now + 10_000 })),
  misremembering('answers null for what it does not know', LEAVES, (former) => ({ ...former, goodUntil: null })),
  misremembering('answers more than what is kept', LEAVES, (former) => ({ ...former, version: 1 })),
  patching(
    'leaves no old key of an anonymous session good',
    'a session without a subject can have a new id and leave the old one good',
    ({ sealedId, ...patch }) => (patch.subject === undefined ? patch : { ...patch, sealedId }),
  ),
  broken('takes a key with a sealed id for one that never was', REFUSES, (good) => ({
    update: (key, patch) => (good.former(key) ? 'gone' : good.update(key, patch)),
  })),
  broken('compares versions before it looks where a record is', REFUSES, (good) => ({
    update: (key, patch) => (good.former(key) && patch.ifVersion === 1 ? 'conflict' : good.update(key, patch)),
  })),
  broken('leads writes on from a sealed id', REFUSES, (good) => ({
    update: (key, patch) => good.update(good.former(key)?.movedTo ?? key, patch),
  })),
  broken('leads touches on from a sealed id', REFUSES, (good) => ({
    touch: (key, lastSeenAt) => good.touch(good.former(key)?.movedTo ?? key, lastSeenAt),
  })),
  broken('leads rotations on from a sealed id', REFUSES, (good) => ({
    rotate: (key, newKey, patch) => good.rotate(good.former(key)?.movedTo ?? key, newKey, patch),
  })),
  broken('leads deletes on from a sealed id', REFUSES, (good) => ({
    delete: (key) => good.delete(good.former(key)?.movedTo ?? key),
  })),
  broken('deletes what is kept of a former key', REFUSES, (good) => {
    const deleted = new Set<string>()
    return {
      load: (key) => (deleted.has(key) ? undefined : good.load(key)),
      delete: (key) => {
        if (good.former(key)) deleted.add(key)
        return good.delete(key)
      },
    }
  }),
  broken('gives a key away that has a sealed id', TAKEN, (good) => ({
    create: (record, limit) => (good.former(record.key) ? undefined : good.create(record, limit)),
  })),
  broken('rotates onto a key that has a sealed id', TAKEN, (good) => ({
    rotate: (key, newKey, patch) => (good.former(newKey) ? 'updated' : good.rotate(key, newKey, patch)),
  })),
  broken(
    'leaves a former key behind before it looks at the version',
    'a rotation with a sealed id that is not done leaves everything as it was',
    (good) => {
      const early = new Map<string, FormerKey>()
      return {
        load: (key) => early.get(key) ?? good.load(key),
        rotate: (key, newKey, patch) => {
          const outcome = good.rotate(key, newKey, patch)
          if (outcome === 'conflict' && patch.sealedId !== undefined) {
            early.set(key, { movedTo: newKey, sealedId: patch.sealedId, goodUntil: undefined })
          }
          return outcome
        },
      }
    },
  ),
  forgetting(
    'keeps a sealed id until the session would have ended without use',
    'a sealed id is kept while the session lives, however often it is used',
    (record, patch) => endsAt({ ...record, ...patch.times }),
  ),
  forgetting(
    'keeps a sealed id for ever',
    'a sealed id is kept until the end of the lifetime, and its key is free then',
    () => Infinity,
  ),
  misremembering(
    'lets a sealed id go with the session',
    'a sealed id is kept until the end of the lifetime, and its key is free then',
    (former, good) => (good.load(former.movedTo) ? former : undefined),
  ),
  forgetting(
    'keeps a sealed id for the lifetime that was there before',
    'a sealed id is kept until the end that the rotation gave the lifetime',
    ({ expiresAt }) => expiresAt,
  ),
  forgetting(
    'keeps a sealed id for a minute at least',
    'a rotation with a sealed id that ends the lifetime leaves nothing',
    (record, { times }, now) => Math.max((times ?? record).expiresAt, now + ROTATED_FOR),
  ),
  misremembering(
    'leads every former key to where the record is now',
    'a record that moves on twice leaves each former key as it was',
    (former, good) => ({ ...former, movedTo: good.former(former.movedTo)?.movedTo ?? former.movedTo }),
  ),
  misremembering(
    'keeps one former key of a session',
    'a record that moves on twice leaves each former key as it was',
    (former, good) => (good.former(former.movedTo) ? undefined : former),
  ),
  moving(
    'goes on naming a former key after a sign-in',
    'a sign-in kills the key that had a sealed id to lead to',
    (moved, { formerKey }) => ({ ...moved, formerKey: moved.formerKey ?? formerKey }),
  ),
  remembering(
    'deletes former keys with the record',
    'a deleted record leaves former keys that lead nowhere',
    (good, newKeyOf) => {
      const deleted = new Set<string>()
      const isLost = (key: string): boolean => {
        const next = newKeyOf(key)
        return next !== undefined && (deleted.has(next) || isLost(next))
      }
      return {
        load: (key) => (isLost(key) ? undefined : good.load(key)),
        delete: (key) => {
          deleted.add(key)
          return good.delete(key)
        },
      }
    },
  ),
  moving('begins the lifetime anew with a new id', 'no rotation without times moves a deadline', (moved) => {
    return moved.formerKey === undefined ? moved : { ...moved, expiresAt: moved.expiresAt + 1 }
  }),
  broken(
    'hands out the former key that it keeps',
    'changing what was loaded of a former key changes nothing that is kept',
    (good) => {
      const shared = new Map<string, FormerKey | undefined>()
      return {
        load: (key) => {
          if (good.record(key)) return good.load(key)
          if (!shared.has(key)) shared.set(key, good.former(key))
          return shared.get(key)
        },
      }
    },
  ),
]
