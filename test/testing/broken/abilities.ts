import type { Ability } from '../../../src/core/store.js'
import { newRecord } from '../../../src/testing/conformance/samples.js'
import { ManualClock } from '../../../src/testing/manual-clock.js'
import { broken, type BrokenStore, brokenPair, elsewhere } from './build.js'

const SWEEPS = 'a sweep removes what has expired, says how much, and leaves the rest'
const DECLARES = 'a store declares the abilities that it has, and no others'

/** Faults of name, abilities, close and sweep. */
export const abilityFaults: readonly BrokenStore[] = [
  broken('has no name', 'a store has a name', () => ({ name: '' })),
  broken('declares an ability that it lacks', DECLARES, () => ({ sweep: undefined }) as object),
  broken('lacks a verb of an ability that it declares', DECLARES, () => ({ updateAll: undefined }) as object),
  broken('rotates and can not confirm', DECLARES, () => ({ confirm: undefined }) as object),
  broken('does not declare an ability that it has', DECLARES, () => ({
    abilities: new Set<Ability>(['by-subject', 'rotating', 'probing', 'closing']),
  })),
  broken('declares an ability that nobody knows', DECLARES, (good) => ({
    abilities: new Set([...good.abilities, 'flying' as Ability]),
  })),
  broken('fails the second of two probes', 'a probe passes on a store at work, also several at once', () => {
    let isUnderWay = false
    return {
      probe: async () => {
        if (isUnderWay) throw new Error('UNIQUE constraint failed')
        isUnderWay = true
        await elsewhere()
        isUnderWay = false
      },
    }
  }),
  broken('leaves its probe behind', 'a probe leaves nothing behind', (good, clock) => ({
    probe: () => void good.create(newRecord(new ManualClock(clock()))),
  })),
  broken('answers a probe when it is closed', 'every verb of a closed store throws STORE_CLOSED', () => ({
    probe: () => {},
  })),
  broken('fails when it is closed twice', 'closing twice is not an error', (good) => {
    let isClosed = false
    return {
      close: () => {
        if (isClosed) throw new Error('The database connection is not open')
        isClosed = true
        good.close()
      },
    }
  }),
  broken('works on when it is closed', 'every verb of a closed store throws STORE_CLOSED', () => ({ close: () => {} })),
  broken('answers a load when it is closed', 'every verb of a closed store throws STORE_CLOSED', (good) => {
    let isClosed = false
    return {
      load: (key) => (isClosed ? undefined : good.load(key)),
      close: () => {
        isClosed = true
        good.close()
      },
    }
  }),
  broken('answers a count when it is closed', 'every verb of a closed store throws STORE_CLOSED', (good) => {
    let isClosed = false
    return {
      count: (subject) => (isClosed ? 0 : good.count(subject)),
      close: () => {
        isClosed = true
        good.close()
      },
    }
  }),
  broken('takes a confirm when it is closed', 'every verb of a closed store throws STORE_CLOSED', (good) => ({
    confirm: (key, formerKey, goodUntil) => {
      try {
        good.confirm(key, formerKey, goodUntil)
      } catch {
        // Nothing to do.
      }
    },
  })),
  brokenPair('closes what others use', 'closing one store leaves another on the same data at work', () => ({})),
  broken('sweeps live records', SWEEPS, (good, clock) => {
    const keys = new Set<string>()
    return {
      create: (record, limit) => {
        keys.add(record.key)
        return good.create(record, limit)
      },
      sweep: (limit: number) => {
        const removed = good.sweep(limit)
        if (removed > 0)
          for (const key of keys) if ((good.record(key)?.lastSeenAt ?? Infinity) < clock()) good.delete(key)
        return removed
      },
    }
  }),
  broken('sweeps nothing', SWEEPS, () => ({ sweep: () => 0 })),
  broken('answers its limit', SWEEPS, (good) => ({ sweep: (limit) => good.sweep(limit) && limit })),
  broken('sweeps only by lifetime', SWEEPS, (good) => ({ sweep: (limit) => Math.min(1, good.sweep(limit)) })),
  broken('sweeps by the times of creation', 'a sweep judges a record by the times it has now', (good, clock) => {
    const ends = new Map<string, number>()
    return {
      create: (record, limit) => {
        ends.set(record.key, record.lastSeenAt + record.idleTimeout)
        return good.create(record, limit)
      },
      sweep: (limit: number) => {
        const due = [...ends].filter(([, end]) => end <= clock()).slice(0, limit)
        good.sweep(limit)
        for (const [key] of due) {
          ends.delete(key)
          good.delete(key)
        }
        return due.length
      },
    }
  }),
  broken('sweeps everything at once', 'a sweep removes no more than its limit', (good) => ({
    sweep: () => good.sweep(Infinity),
  })),
  broken('sweeps what it knows of rotations', 'a sweep leaves a key that was rotated away as it is', (good) => {
    let forgotten = false
    return {
      sweep: (limit) => {
        forgotten = true
        return good.sweep(limit)
      },
      update: (key, patch) => {
        const outcome = good.update(key, patch)
        return outcome === 'rotated' && forgotten ? 'gone' : outcome
      },
    }
  }),
]
