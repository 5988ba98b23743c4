import { SessionError } from '../../../src/core/errors.js'
import type { SessionRecord } from '../../../src/core/record.js'
import { broken, type BrokenStore } from './build.js'
import { misreading } from './changing.js'

/** Faults of load, create and delete. */
export const verbFaults: readonly BrokenStore[] = [
  misreading('forgets the device', 'a new record is loaded as it was created', (record) => ({
    ...record,
    device: undefined,
  })),
  misreading('forgets the address', 'a new record is loaded as it was created', (record) => ({
    ...record,
    ip: undefined,
  })),
  misreading('takes the creation for the sign-in', 'a new record is loaded as it was created', (record) => ({
    ...record,
    authenticatedAt: record.createdAt,
  })),
  misreading('takes the creation for the last rotation', 'a new record is loaded as it was created', (record) => ({
    ...record,
    rotatedAt: record.createdAt,
  })),
  misreading('keeps every cookie', 'a new record is loaded as it was created', (record) => ({
    ...record,
    persistent: true,
  })),
  misreading(
    'answers null for an absent subject',
    'a record without subject, device, address and data is loaded as it was created',
    (record) => ({ ...record, subject: record.subject ?? null }),
  ),
  broken('answers null for a missing record', 'a key that was never created loads nothing', (good) => ({
    load: (key) => good.load(key) ?? (null as unknown as undefined),
  })),
  broken('throws for a missing record', 'a key that was never created loads nothing', (good) => ({
    load: (key) => {
      const found = good.load(key)
      if (!found) throw new SessionError('SESSION_GONE', 'There is none.')
      return found
    },
  })),
  broken('touches what it loads', 'loading changes nothing', (good, clock) => ({
    load: (key) => {
      good.touch(key, clock())
      return good.load(key)
    },
  })),
  broken(
    'overwrites by create',
    'creating refuses a key that exists and leaves the record there as it was',
    (good) => ({
      create: (record) => good.overwrite(record),
    }),
  ),
  broken(
    'refuses a taken key too late',
    'creating refuses a key that exists and leaves the record there as it was',
    (good) => ({
      create: (record, limit) => {
        good.update(record.key, { set: record.data, remove: [] })
        return good.create(record, limit)
      },
    }),
  ),
  broken(
    'refuses a taken key with an error of its own',
    'creating refuses a key that exists and leaves the record there as it was',
    (good) => ({
      create: (record, limit) => {
        if (good.record(record.key)) throw new Error('UNIQUE constraint failed')
        return good.create(record, limit)
      },
    }),
  ),
  broken('only marks what it deletes', 'a deleted record loads nothing', (good) => ({
    delete: (key) => good.record(key) !== undefined,
  })),
  broken('fails to delete what is gone', 'deleting twice answers true and then false', (good) => ({
    delete: (key) => {
      if (!good.delete(key)) throw new Error('no such record')
      return true
    },
  })),
  broken('answers true for every delete', 'deleting twice answers true and then false', (good) => ({
    delete: (key) => good.delete(key) || true,
  })),
  broken(
    'leaves the data of a deleted record behind',
    'a key that was deleted can be created again with nothing of the former record',
    (good) => {
      const left = new Map<string, SessionRecord>()
      return {
        create: (record, limit) => {
          const data = new Map([...(left.get(record.key)?.data ?? []), ...record.data])
          return good.create({ ...record, data }, limit)
        },
        delete: (key) => {
          const record = good.record(key)
          if (record) left.set(key, record)
          return good.delete(key)
        },
      }
    },
  ),
  broken(
    'takes an expired record for an existing one',
    'a record that expired is replaced by a new one with nothing of it',
    (good) => {
      const taken = new Set<string>()
      return {
        create: (record, limit) => {
          if (taken.has(record.key)) throw new SessionError('RECORD_EXISTS', 'Taken.')
          taken.add(record.key)
          return good.create(record, limit)
        },
      }
    },
  ),
  broken('writes to all records of a subject', 'writing to a record leaves the others as they were', (good) => {
    const keys = new Set<string>()
    return {
      create: (record, limit) => {
        keys.add(record.key)
        return good.create(record, limit)
      },
      update: (key, patch) => {
        const outcome = good.update(key, patch)
        const subject = good.record(key)?.subject
        for (const other of keys) {
          if (other !== key && subject !== undefined && good.record(other)?.subject === subject)
            good.update(other, patch)
        }
        return outcome
      },
    }
  }),
  broken('compares keys without regard to case', 'keys that differ only in case are different records', (good) => ({
    load: (key) => {
      const record = good.record(key.toLowerCase())
      return record && { ...record, key }
    },
    create: (record, limit) => good.create({ ...record, key: record.key.toLowerCase() }, limit),
    update: (key, patch) => good.update(key.toLowerCase(), patch),
    touch: (key, lastSeenAt) => good.touch(key.toLowerCase(), lastSeenAt),
    delete: (key) => good.delete(key.toLowerCase()),
    rotate: (key, newKey, patch) => good.rotate(key.toLowerCase(), newKey.toLowerCase(), patch),
  })),
]
