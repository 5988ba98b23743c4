import { REUSE_KNOWN_FOR } from '../../../src/core/store.js'
import type { FormerKey } from '../../../src/core/record.js'
import { broken, type BrokenStore, brokenPair, elsewhere, type SoundStore, type Verbs } from './build.js'
import { misremembering, patching, remembering } from './changing.js'

const CONFIRMS = 'a confirm takes the sealed id, gives the former key an end and changes nothing else'
const KNOWN = 'a former key is known for a day after it was last good, and free then'

/** A store that sets the end of former keys by itself, where it should not. */
function ending(
  fault: string,
  caughtBy: string,
  ends: (good: SoundStore, key: string, formerKey: string) => boolean,
): BrokenStore {
  return broken(fault, caughtBy, (good) => {
    const ended = new Map<string, number>()
    return {
      load: (key) => {
        const [former, goodUntil] = [good.former(key), ended.get(key)]
        return former && goodUntil !== undefined ? { ...former, sealedId: undefined, goodUntil } : good.load(key)
      },
      confirm: (key, formerKey, goodUntil) => {
        if (good.former(formerKey) && ends(good, key, formerKey)) ended.set(formerKey, goodUntil)
        good.confirm(key, formerKey, goodUntil)
      },
    }
  })
}

/** Reads the record, gives way, and writes it whole. */
function rewriting(good: SoundStore): Pick<Verbs, 'confirm'> {
  return {
    confirm: async (key, formerKey, goodUntil) => {
      const record = good.record(key)
      if (record?.formerKey !== formerKey) return
      await elsewhere()
      good.confirm(key, formerKey, goodUntil)
      try {
        good.overwrite({ ...record, formerKey: undefined })
      } catch {
        // Another record of that key has moved away.
      }
    },
  }
}

/** Faults of confirm. */
export const confirmFaults: readonly BrokenStore[] = [
  broken('does nothing by a confirm', CONFIRMS, () => ({ confirm: () => {} })),
  broken('counts a confirm as a version', CONFIRMS, (good) => ({
    confirm: (key, formerKey, goodUntil) => {
      good.confirm(key, formerKey, goodUntil)
      good.update(key, { set: new Map(), remove: [] })
    },
  })),
  broken('forgets a former key in the record alone', CONFIRMS, (good) => ({
    confirm: (key, formerKey) => {
      const record = good.record(key)
      if (record?.formerKey === formerKey) good.overwrite({ ...record, formerKey: undefined })
    },
  })),
  broken('gives a former key an end and tells the record nothing', CONFIRMS, (good) => ({
    confirm: (key, formerKey, goodUntil) => {
      const record = good.record(key)
      good.confirm(key, formerKey, goodUntil)
      if (record) good.overwrite(record)
    },
  })),
  broken('keeps the sealed id of a key that was confirmed', CONFIRMS, (good) => {
    const sealed = new Map<string, string | undefined>()
    return {
      load: (key) => {
        const former = good.former(key)
        return former ? { ...former, sealedId: sealed.get(key) } : good.load(key)
      },
      rotate: (key, newKey, patch) => {
        sealed.set(key, patch.sealedId)
        return good.rotate(key, newKey, patch)
      },
    }
  }),
  broken('touches what it confirms', 'a confirm moves no deadline', (good, clock) => ({
    confirm: (key, formerKey, goodUntil) => {
      good.confirm(key, formerKey, goodUntil)
      good.touch(key, clock())
    },
  })),
  misremembering('forgets a former key when it is no longer good', KNOWN, (former, _, now) =>
    now >= (former.goodUntil ?? Infinity) ? undefined : former,
  ),
  broken('knows a confirmed key as long as the session lives', KNOWN, (good) => {
    const kept = new Map<string, FormerKey>()
    return {
      load: (key) => {
        const former = kept.get(key)
        return good.load(key) ?? (former && good.record(former.movedTo) && former)
      },
      confirm: (key, formerKey, goodUntil) => {
        good.confirm(key, formerKey, goodUntil)
        kept.set(formerKey, { movedTo: key, sealedId: undefined, goodUntil })
      },
    }
  }),
  misremembering(
    'forgets a confirmed key with its session',
    'a former key is known for its day also when the session is over',
    (former, good) => (former.goodUntil === undefined || good.load(former.movedTo) ? former : undefined),
  ),
  broken(
    'knows a confirmed key for a day from then on',
    'a former key that was last good more than a day ago is free at once',
    (good, clock) => {
      const kept = new Map<string, FormerKey & { readonly end: number }>()
      return {
        load: (key) => {
          const { end = 0, ...former } = kept.get(key) ?? {}
          return good.load(key) ?? (clock() < end ? (former as FormerKey) : undefined)
        },
        confirm: (key, formerKey, goodUntil) => {
          good.confirm(key, formerKey, goodUntil)
          kept.set(formerKey, { movedTo: key, sealedId: undefined, goodUntil, end: clock() + REUSE_KNOWN_FOR })
        },
      }
    },
  ),
  ending('lets the last confirm count', 'of two confirms the first counts', (good, key, formerKey) => {
    return good.former(formerKey)?.goodUntil !== undefined && good.record(key) !== undefined
  }),
  broken(
    'confirms whatever key it is given',
    'a confirm with another key than the former one changes nothing',
    (good) => ({
      confirm: (key, formerKey, goodUntil) => good.confirm(key, good.record(key)?.formerKey ?? formerKey, goodUntil),
    }),
  ),
  ending(
    'confirms in the name of a record that never had another key',
    'a confirm of a record that never had another key changes nothing',
    (good, key) => good.record(key)?.version === 1,
  ),
  ending(
    'confirms for a record that is gone',
    'a confirm of a record that is gone changes nothing',
    (good, key) => good.load(key) === undefined,
  ),
  ending(
    'goes by the former key alone when it confirms',
    'a confirm of a record that has moved on changes nothing',
    (good, key, formerKey) => good.former(formerKey)?.movedTo === key,
  ),
  patching('leaves an old key good only once', 'a confirmed session can have a new id again', (patch, { version }) => {
    return version > 1 ? { ...patch, sealedId: undefined } : patch
  }),
  brokenPair('takes two confirms at a time for a theft', 'of parallel confirms exactly one counts', (good) => {
    return {
      confirm: async (key, formerKey, goodUntil) => {
        if (good.record(key)?.formerKey !== formerKey) return
        await elsewhere()
        if (good.former(formerKey)?.goodUntil !== undefined) good.delete(key)
        good.confirm(key, formerKey, goodUntil)
      },
    }
  }),
  brokenPair(
    'takes the sealed id before it gives the former key an end',
    'a confirm that races a rotation is done whole or not at all',
    (good) => ({
      load: (key) => {
        const former = good.former(key)
        return former && good.marks.has(key) ? { ...former, sealedId: undefined } : good.load(key)
      },
      confirm: async (key, formerKey, goodUntil) => {
        if (good.record(key)?.formerKey !== formerKey) return
        good.marks.add(formerKey)
        await elsewhere()
        good.confirm(key, formerKey, goodUntil)
      },
    }),
  ),
  brokenPair('rewrites whole records by confirm', 'a confirm and the writes at the same time are all kept', rewriting),
  brokenPair('brings a record back by a late confirm', 'a confirm that races a delete brings nothing back', rewriting),
  brokenPair(
    'kills the old key before it keeps where the record went',
    'a load during a rotation finds the record or where it went',
    (good) => ({
      load: (key) => (good.marks.has(key) ? undefined : good.load(key)),
      rotate: async (key, newKey, patch) => {
        good.marks.add(key)
        await elsewhere()
        good.marks.delete(key)
        return good.rotate(key, newKey, patch)
      },
    }),
  ),
  remembering(
    'sweeps sealed ids with the session',
    'a sweep leaves a sealed id for as long as the lifetime lasts',
    (good, newKeyOf) => {
      let isSwept = false
      return {
        load: (key) => (isSwept && !good.load(newKeyOf(key) ?? key) ? undefined : good.load(key)),
        sweep: (limit) => {
          isSwept = true
          return good.sweep(limit)
        },
      }
    },
  ),
  broken(
    'sweeps keys that are no longer good',
    'a sweep leaves a key that is no longer good for as long as it is known',
    (good, clock) => {
      let sweptAt = 0
      return {
        load: (key) => ((good.former(key)?.goodUntil ?? Infinity) < sweptAt ? undefined : good.load(key)),
        sweep: (limit) => {
          sweptAt = clock()
          return good.sweep(limit)
        },
      }
    },
  ),
]
