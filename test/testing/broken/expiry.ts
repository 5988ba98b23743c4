import { days } from '../../../src/core/duration.js'
import { SessionError } from '../../../src/core/errors.js'
import { endsAt, isExpired } from '../../../src/core/expiry.js'
import type { SessionRecord } from '../../../src/core/record.js'
import { broken, type BrokenStore, patched, SoundStore } from './build.js'

/** What decides the moment at which a record ends: the verb that wrote it, the record now, the time, the end before. */
type Ends = (verb: 'create' | 'update' | 'touch', record: SessionRecord, now: number, before: number) => number

/** A store that keeps the end of a record beside it, as one with a time to live does, and gets it wrong. */
function ending(fault: string, caughtBy: string, ends: Ends): BrokenStore {
  return broken(fault, caughtBy, (_, clock) => {
    const kept = new SoundStore({ clock: () => -Infinity })
    const deadlines = new Map<string, number>()
    const isLive = (key: string): boolean => clock() < (deadlines.get(key) ?? -Infinity)
    const write = (verb: 'create' | 'update' | 'touch', key: string): void => {
      const record = kept.record(key)
      if (record) deadlines.set(key, ends(verb, record, clock(), deadlines.get(key) ?? endsAt(record)))
    }
    return {
      load: (key) => (isLive(key) ? kept.record(key) : undefined),
      create: (record) => {
        if (isLive(record.key)) throw new SessionError('RECORD_EXISTS', 'It exists.')
        kept.delete(record.key)
        deadlines.delete(record.key)
        kept.create(record)
        write('create', record.key)
      },
      update: (key, patch) => {
        if (!isLive(key)) return 'gone'
        const outcome = kept.update(key, patch)
        if (outcome === 'updated') write('update', key)
        return outcome
      },
      touch: (key, lastSeenAt) => {
        if (!isLive(key) || !kept.touch(key, lastSeenAt)) return false
        write('touch', key)
        return true
      },
      delete: (key) => isLive(key) && kept.delete(key),
      sweep: () => 0,
    }
  })
}

/** A store one of whose verbs doesn't ask whether a record has expired. */
function blind(fault: string, caughtBy: string, verb: 'load' | 'update' | 'touch' | 'delete'): BrokenStore {
  return broken(fault, caughtBy, (good) => {
    const all = new SoundStore({ clock: () => -Infinity })
    return {
      create: (record, limit) => {
        all.create(record)
        return good.create(record, limit)
      },
      ...(verb === 'load' && { load: (key) => good.load(key) ?? all.record(key) }),
      ...(verb === 'touch' && {
        touch: (key, lastSeenAt) => good.touch(key, lastSeenAt) || all.touch(key, lastSeenAt),
      }),
      ...(verb === 'delete' && { delete: (key) => [good.delete(key), all.delete(key)].includes(true) }),
      ...(verb === 'update' && {
        update: (key, patch) => {
          const outcome = good.update(key, patch)
          const record = all.record(key)
          if (outcome !== 'gone' || !record) return outcome
          good.create(patched(record, patch))
          return 'updated'
        },
      }),
    }
  })
}

/** Faults of the two deadlines. */
export const expiryFaults: readonly BrokenStore[] = [
  ending(
    'lets a record live a millisecond longer',
    'a record expires at the very millisecond of its idle timeout',
    (_, record) => endsAt(record) + 1,
  ),
  ending(
    'ends a record a millisecond early',
    'a record expires at the very millisecond of its lifetime',
    (_, record) => endsAt(record) - 1,
  ),
  ending(
    'counts in seconds',
    'a record expires at the very millisecond of its idle timeout',
    (_, record) => Math.ceil((endsAt(record) + 1) / 1000) * 1000,
  ),
  ending(
    'knows no idle timeout',
    'a record expires at the very millisecond of its idle timeout',
    (_, record) => record.expiresAt,
  ),
  ending(
    'knows no lifetime',
    'a record expires at the very millisecond of its lifetime',
    (_, { lastSeenAt, idleTimeout }) => lastSeenAt + idleTimeout,
  ),
  blind('loads expired records', 'an expired record is never written, touched or deleted as a live one', 'load'),
  blind('updates expired records', 'an expired record is never written, touched or deleted as a live one', 'update'),
  blind('touches expired records', 'an expired record is never written, touched or deleted as a live one', 'touch'),
  blind(
    'deletes expired records as live ones',
    'an expired record is never written, touched or deleted as a live one',
    'delete',
  ),
  broken(
    'compares versions before it looks at the time',
    'an expired record stays dead when a write to it was refused',
    (good) => {
      const versions = new Map<string, number>()
      return {
        create: (record, limit) => {
          versions.set(record.key, record.version)
          return good.create(record, limit)
        },
        update: (key, patch) => {
          const version = good.record(key)?.version ?? versions.get(key)
          return version !== undefined && patch.ifVersion !== undefined && patch.ifVersion !== version
            ? 'conflict'
            : good.update(key, patch)
        },
      }
    },
  ),
  ending('notes a touch and leaves the deadline', 'a touch moves the idle deadline', (verb, record, _, before) =>
    verb === 'touch' ? before : endsAt(record),
  ),
  ending('lengthens the lifetime by a touch', 'a touch never moves the end of the lifetime', (verb, record) =>
    verb === 'touch' ? record.lastSeenAt + record.idleTimeout : endsAt(record),
  ),
  broken('moves the end of the lifetime by a touch', 'a touch never moves the end of the lifetime', (good) => ({
    touch: (key, lastSeenAt) => {
      const record = good.record(key)
      if (record) {
        good.delete(key)
        good.create({
          ...record,
          lastSeenAt: Math.max(lastSeenAt, record.lastSeenAt),
          expiresAt: Math.max(record.expiresAt, lastSeenAt + record.idleTimeout),
        })
      }
      return record !== undefined
    },
  })),
  ending(
    'lets any touch prolong a record',
    'a touch with an earlier time leaves the deadline',
    (verb, record, now, before) => (verb === 'touch' ? before + 1 : endsAt(record)),
  ),
  ending('prolongs a record by every update', 'an update without times leaves the deadlines', (verb, record, now) =>
    verb === 'update' ? Math.max(endsAt(record), now + record.idleTimeout) : endsAt(record),
  ),
  ending('never shortens a deadline', 'an update can shorten the lifetime', (_, record, __, before) =>
    Math.max(before, endsAt(record)),
  ),
  ending('follows only a new lifetime', 'an update can shorten the idle timeout', (verb, record, _, before) =>
    verb === 'update' ? Math.min(Math.max(before, record.lastSeenAt + 1), record.expiresAt) : endsAt(record),
  ),
  ending(
    'never lengthens a deadline',
    'an update can lengthen the lifetime and the idle timeout',
    (_, record, __, before) => Math.min(before, endsAt(record)),
  ),
  ending(
    'takes no time left for no end',
    'an update that puts the end at this moment or before it ends the record',
    (_, record, now) => (endsAt(record) === now ? Infinity : endsAt(record)),
  ),
  ending(
    'takes time that is over for no end',
    'a record that is over when it is created is never loaded',
    (_, record, now) => (endsAt(record) < now ? Infinity : endsAt(record)),
  ),
  ending(
    'has 32 bits for a time to live',
    'a record may live for a hundred years',
    (_, record, now) => now + Math.min(endsAt(record) - now, 2 ** 31 - 1),
  ),
  ending(
    'ends what comes from the future',
    'a clock that is set back neither ends a record nor moves its deadline',
    (_, record, now) => (record.lastSeenAt > now ? now : endsAt(record)),
  ),
  ending(
    'lets a record end with the clock it was written by',
    'a clock that is set back neither ends a record nor moves its deadline',
    (_, record, now) => (isExpired(record, now) ? now : now + Math.min(record.idleTimeout, record.expiresAt - now)),
  ),
  ending('loses a record after a year', 'a record may live for a hundred years', (_, record, now) =>
    Math.min(endsAt(record), now + days(365)),
  ),
]
