import type { FormerKey, RotatePatch, SessionRecord } from '../../../src/core/record.js'
import { broken, type BrokenStore, type SoundStore, type Verbs } from './build.js'

/** A store that changes what is written on its way in. */
export function mangling(
  fault: string,
  caughtBy: string,
  change: (entry: [string, string]) => [string, string],
): BrokenStore {
  const mangled = (data: ReadonlyMap<string, string>): Map<string, string> => new Map([...data].map(change))
  return broken(fault, caughtBy, (good) => ({
    create: (record, limit) => good.create({ ...record, data: mangled(record.data) }, limit),
    update: (key, patch) => good.update(key, { ...patch, set: mangled(patch.set) }),
    rotate: (key, newKey, patch) => good.rotate(key, newKey, { ...patch, set: mangled(patch.set) }),
  }))
}

/** A store that changes what is read on its way out. */
export function misreading(fault: string, caughtBy: string, change: (record: SessionRecord) => unknown): BrokenStore {
  return broken(fault, caughtBy, (good) => ({
    load: (key) => {
      const record = good.record(key)
      return record ? (change(record) as SessionRecord) : good.load(key)
    },
  }))
}

/** A store that changes a patch before it rotates. */
export function patching(
  fault: string,
  caughtBy: string,
  change: (patch: RotatePatch, record: SessionRecord) => RotatePatch,
): BrokenStore {
  return broken(fault, caughtBy, (good) => ({
    rotate: (key, newKey, patch) => {
      const record = good.record(key)
      return good.rotate(key, newKey, record ? change(patch, record) : patch)
    },
  }))
}

/** A store that changes a record once it has moved. */
export function moving(
  fault: string,
  caughtBy: string,
  change: (moved: SessionRecord, former: SessionRecord) => SessionRecord,
): BrokenStore {
  return broken(fault, caughtBy, (good) => ({
    rotate: (key, newKey, patch) => {
      const former = good.record(key)
      const outcome = good.rotate(key, newKey, patch)
      const moved = good.record(newKey)
      if (outcome === 'updated' && former && moved) good.overwrite(change(moved, former))
      return outcome
    },
  }))
}

/** A store that keeps something of what it rotated away. */
export function remembering(
  fault: string,
  caughtBy: string,
  verbs: (good: SoundStore, newKeyOf: (key: string) => string | undefined) => Partial<Verbs>,
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

/** A store that changes what is kept of a key that was rotated away with a sealed id, on its way out. */
export function misremembering(
  fault: string,
  caughtBy: string,
  change: (former: FormerKey, good: SoundStore, now: number) => unknown,
): BrokenStore {
  return broken(fault, caughtBy, (good, clock) => ({
    load: (key) => {
      const former = good.former(key)
      return former ? (change(former, good, clock()) as FormerKey | undefined) : good.load(key)
    },
  }))
}

/** A store that keeps the end of a former key by itself, and gets it wrong. */
export function forgetting(
  fault: string,
  caughtBy: string,
  end: (record: SessionRecord, patch: RotatePatch, now: number) => number,
): BrokenStore {
  return broken(fault, caughtBy, (good, clock) => {
    const kept = new Map<string, FormerKey & { readonly end: number }>()
    return {
      load: (key) => {
        const { end: until = Infinity, ...former } = kept.get(key) ?? {}
        if (clock() >= until) return undefined
        return good.load(key) ?? (kept.has(key) ? (former as FormerKey) : undefined)
      },
      rotate: (key, newKey, patch) => {
        const record = good.record(key)
        const outcome = good.rotate(key, newKey, patch)
        const { sealedId } = patch
        if (outcome === 'updated' && record && sealedId !== undefined) {
          kept.set(key, { movedTo: newKey, sealedId, goodUntil: undefined, end: end(record, patch, clock()) })
        }
        return outcome
      },
      confirm: (key, formerKey, goodUntil) => {
        kept.delete(formerKey)
        good.confirm(key, formerKey, goodUntil)
      },
    }
  })
}
