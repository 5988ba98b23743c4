import type { SessionRecord } from '../../../src/core/record.js'
import { broken, type BrokenStore } from './build.js'
import { mangling, misreading } from './changing.js'

const KEYS = 'any string may be a key of the data'
const ONE_KEY = 'any string may be a key that is changed and removed alone'
const VALUES = 'any string may be a value'

/** A record whose data have gone through a plain object. */
function throughObject(record: SessionRecord): SessionRecord {
  const data: Record<string, string> = {}
  for (const [key, value] of record.data) data[key] = value
  return { ...record, data: new Map(Object.entries(data)) }
}

/** Faults of what is kept: odd strings, large ones, many, and objects that are shared with the caller. */
export const valueFaults: readonly BrokenStore[] = [
  misreading('loses the key __proto__', KEYS, throughObject),
  mangling('cuts keys at NUL', KEYS, ([key, value]) => [key.split('\0')[0] ?? '', value]),
  mangling('trims keys', KEYS, ([key, value]) => [key.trim(), value]),
  mangling('has no empty key', KEYS, ([key, value]) => [key || '_', value]),
  mangling('composes the characters of keys', KEYS, ([key, value]) => [key.normalize('NFC'), value]),
  mangling('takes keys without regard to case', KEYS, ([key, value]) => [key.toLowerCase(), value]),
  broken('keeps its own field among the data', KEYS, (good) => ({
    load: (key) => {
      const record = good.record(key)
      return record
        ? { ...record, data: new Map([...record.data].filter(([name]) => name !== 'version')) }
        : good.load(key)
    },
  })),
  broken('removes by a pattern', ONE_KEY, (good) => ({
    update: (key, patch) => {
      const keys = [...(good.record(key)?.data.keys() ?? [])]
      const more = patch.remove.includes('*') ? keys.filter((name) => !patch.set.has(name)) : []
      return good.update(key, { ...patch, remove: [...patch.remove, ...more] })
    },
  })),
  broken('can not remove the empty key', ONE_KEY, (good) => ({
    update: (key, patch) => good.update(key, { ...patch, remove: patch.remove.filter(Boolean) }),
  })),
  mangling('mangles emoji', VALUES, ([key, value]) => [key, value.replace(/[\u{10000}-\u{10FFFF}]/gu, '?')]),
  mangling('reads UTF-8 as Latin-1', VALUES, ([key, value]) => [key, Buffer.from(value).toString('latin1')]),
  mangling('cuts values at NUL', VALUES, ([key, value]) => [key, value.split('\0')[0] ?? '']),
  mangling('drops a byte order mark', VALUES, ([key, value]) => [key, new TextDecoder().decode(Buffer.from(value))]),
  mangling('makes numbers of what looks like one', VALUES, ([key, value]) => [
    key,
    /^-?\d/.test(value) ? `${Number.parseFloat(value)}` : value,
  ]),
  mangling('makes one line end of two', VALUES, ([key, value]) => [key, value.replaceAll('\r\n', '\n')]),
  broken('quotes subjects badly', 'any string but the empty one may be a subject, a device and an address', (good) => ({
    create: (record, limit) => good.create({ ...record, subject: record.subject?.replaceAll("'", "''") }, limit),
  })),
  broken('mistakes data for metadata', 'a subject is kept as it was through updates and touches', (good) => ({
    load: (key) => {
      const record = good.record(key)
      const subject = record?.data.get('subject')
      return record && subject !== undefined && record.version > 1 ? { ...record, subject } : good.load(key)
    },
  })),
  mangling('truncates large values', 'a value of a megabyte is kept whole', ([key, value]) => [
    key,
    value.slice(0, 65_535),
  ]),
  broken('refuses large values', 'a value of a megabyte is kept whole', (good) => ({
    create: (record, limit) => {
      for (const value of record.data.values()) if (value.length > 1_000_000) throw new RangeError('too large')
      return good.create(record, limit)
    },
  })),
  broken(
    'takes a hundred keys at most',
    'two hundred keys are created, changed and removed in one step each',
    (good) => ({
      update: (key, patch) => good.update(key, { ...patch, set: new Map([...patch.set].slice(0, 100)) }),
    }),
  ),
  broken(
    'keeps the record that it was handed',
    'changing a record after it was handed in changes nothing that is kept',
    (good) => {
      const shared = new Map<string, SessionRecord>()
      return {
        create: (record, limit) => {
          shared.set(record.key, record)
          return good.create(record, limit)
        },
        load: (key) => (good.record(key) ? shared.get(key) : good.load(key)),
      }
    },
  ),
  broken(
    'hands out the record that it keeps',
    'changing a record that was loaded changes nothing that is kept',
    (good) => {
      const shared = new Map<string, SessionRecord>()
      return {
        load: (key) => {
          const record = shared.get(key) ?? good.record(key)
          if (record) shared.set(key, record)
          return record ?? good.load(key)
        },
        update: (key, patch) => {
          shared.delete(key)
          return good.update(key, patch)
        },
      }
    },
  ),
  broken(
    'hands out the data that it keeps',
    'changing a record that was loaded changes nothing that is kept',
    (good) => {
      const shared = new Map<string, SessionRecord['data']>()
      return {
        load: (key) => {
          const record = good.record(key)
          if (!record) return good.load(key)
          const data = shared.get(key) ?? record.data
          shared.set(key, data)
          return { ...record, data }
        },
      }
    },
  ),
  broken(
    'applies a patch when somebody looks',
    'changing a patch after it was handed in changes nothing that is kept',
    (good) => {
      const late = new Map<string, Parameters<typeof good.update>[1]>()
      const apply = (key: string): void => {
        const patch = late.get(key)
        late.delete(key)
        if (patch) good.update(key, patch)
      }
      return {
        load: (key) => {
          apply(key)
          return good.load(key)
        },
        update: (key, patch) => {
          apply(key)
          if (!good.record(key)) return 'gone'
          late.set(key, patch)
          return 'updated'
        },
      }
    },
  ),
  broken('empties the patch that it was handed', 'no verb changes what it was handed', (good) => ({
    update: (key, patch) => {
      const outcome = good.update(key, patch)
      ;(patch.set as Map<string, string>).clear()
      return outcome
    },
  })),
]
