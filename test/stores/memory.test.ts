import { afterEach, describe, expect, test, vi } from 'vitest'
import { minutes } from '../../src/core/duration.js'
import type { SessionRecord } from '../../src/core/record.js'
import { MemoryStore, type MemoryStoreOptions } from '../../src/stores/memory.js'
import { storeConformance } from '../../src/testing/conformance.js'
import {
  atMost,
  newKey,
  newRecord,
  oneAfterAnother,
  patchOf,
  rotation,
  signedIn,
} from '../../src/testing/conformance/samples.js'
import { ManualClock } from '../../src/testing/manual-clock.js'

describe('the memory store is a store', () => {
  storeConformance({ test, open: (clock) => new MemoryStore({ clock }) })
})

describe('the memory store', () => {
  const full = (maxSessions: number) => {
    const clock = new ManualClock()
    const store = new MemoryStore({ maxSessions, clock: clock.now })
    const records = Array.from({ length: maxSessions }, () => {
      const record = newRecord(clock)
      store.create(record)
      clock.advance(1)
      return record
    })
    const alive = (): number[] => records.flatMap(({ key }, at) => (store.load(key) ? [at] : []))
    return { clock, store, records, alive, keyOf: (at: number) => records[at]?.key ?? '' }
  }

  test('answers every verb synchronously', () => {
    const clock = new ManualClock()
    const store = new MemoryStore({ clock: clock.now })
    const record = newRecord(clock)
    const next = newKey('ann')
    const answers = [
      store.create(record),
      store.load(record.key),
      store.update(record.key, patchOf()),
      store.touch(record.key, clock.now()),
      store.rotate(record.key, next, rotation('ann')),
      store.confirm(next, record.key, clock.now()),
      store.count('ann'),
      store.list('ann').length,
      store.updateAll('ann', patchOf()),
      store.revoke('ann', 'nobody'),
      store.revokeAll('nobody'),
      store.delete(next),
      store.sweep(1),
      store.close(),
    ]
    expect(answers).toEqual([
      undefined,
      record,
      'updated',
      true,
      'updated',
      undefined,
      1,
      1,
      1,
      false,
      [],
      true,
      0,
      undefined,
    ])
  })

  test('makes room for a new session by letting go of the one least recently seen', () => {
    const { clock, store, alive, keyOf } = full(4)
    store.touch(keyOf(0), clock.now())
    store.update(keyOf(1), patchOf([['a', '1']]))
    store.load(keyOf(2))
    const added = [newRecord(clock), newRecord(clock)]
    store.create(added[0]!)
    expect(alive()).toEqual([0, 1, 3])
    store.create(added[1]!)
    expect(alive()).toEqual([0, 1])
    expect(added.map(({ key }) => store.load(key))).toEqual(added)
  })

  test('lets go of expired sessions before it lets go of a live one', () => {
    const { clock, store, alive, keyOf, records } = full(3)
    const times = {
      lastSeenAt: clock.now(),
      idleTimeout: minutes(1),
      expiresAt: clock.now() + minutes(5),
      persistent: true,
    }
    store.update(keyOf(1), patchOf([], { times }))
    clock.advance(minutes(1))
    store.create(newRecord(clock))
    expect(alive()).toEqual([0, 2])
    expect(records).toHaveLength(3)
    store.create(newRecord(clock))
    expect(alive()).toEqual([2])
  })

  test('refuses a key that is taken without letting go of anything', () => {
    const { clock, store, alive, keyOf } = full(3)
    expect(() => store.create(newRecord(clock, [], { key: keyOf(1) }))).toThrow(
      expect.objectContaining({ code: 'RECORD_EXISTS' }),
    )
    expect(alive()).toEqual([0, 1, 2])
  })

  test('rotates at its limit without letting go of anything', () => {
    const { store, alive, keyOf } = full(3)
    const next = newKey('ann')
    expect(store.rotate(keyOf(0), next, rotation('ann'))).toBe('updated')
    expect(alive()).toEqual([1, 2])
    expect(store.load(next)).toBeDefined()
  })

  test('remembers no more rotations than it keeps sessions, the latest ones', () => {
    const { clock, store } = full(2)
    const record = newRecord(clock)
    store.create(record)
    const keys = [record.key, newKey('ann'), newKey('ann'), newKey('ann')]
    for (const [at, key] of keys.slice(0, -1).entries()) {
      expect(store.rotate(key, keys[at + 1]!, rotation('ann'))).toBe('updated')
    }
    expect(keys.map((key) => store.update(key, patchOf()))).toEqual(['gone', 'rotated', 'rotated', 'updated'])
    store.sweep(10)
    expect(keys.map((key) => store.update(key, patchOf()))).toEqual(['gone', 'rotated', 'rotated', 'updated'])
  })

  test('has no session in a list that had to make room', () => {
    const clock = new ManualClock()
    const store = new MemoryStore({ maxSessions: 2, clock: clock.now })
    const [first, second, third] = oneAfterAnother(clock, 3) as [SessionRecord, SessionRecord, SessionRecord]
    for (const record of [first, second, third]) expect(store.create(record)).toBeUndefined()
    expect(store.list('ann')).toEqual([second, third])
    expect(store.count('ann')).toBe(2)
    store.create(newRecord(clock))
    expect(store.revokeAll('ann')).toEqual([third.handle])
  })

  test('lets go of nobody else where a limit makes the room', () => {
    const { clock, store, alive } = full(3)
    const ann = signedIn(clock, 'ann')
    store.create(ann)
    expect(alive()).toEqual([1, 2])
    expect(store.create(signedIn(clock, 'ann'), atMost(1))).toEqual({ evicted: [ann.handle] })
    expect(alive()).toEqual([1, 2])
  })

  test('keeps 100,000 sessions by default', () => {
    const clock = new ManualClock()
    const store = new MemoryStore({ clock: clock.now })
    const template = newRecord(clock, [])
    for (let at = 0; at <= 100_000; at++) store.create({ ...template, key: String(at) })
    expect(['0', '1', '100000'].map((key) => store.load(key) !== undefined)).toEqual([false, true, true])
  })

  test('tells the time by the real clock by default', () => {
    const store = new MemoryStore()
    const record = newRecord(new ManualClock())
    store.create(record)
    expect(store.load(record.key)).toEqual(record)
    store.create(newRecord(new ManualClock(Date.now() - minutes(31)), [], { key: 'late' }))
    expect(store.load('late')).toBeUndefined()
  })
})

describe('the options of the memory store', () => {
  afterEach(() => vi.unstubAllEnvs())

  const refusal = (options: unknown): Error => {
    try {
      new MemoryStore(options as MemoryStoreOptions)
    } catch (error) {
      expect(error).toMatchObject({ name: 'SessionError', code: 'OPTIONS_INVALID' })
      return error as Error
    }
    throw new Error('the options were taken')
  }

  test.each([0, -1, 1.5, Number.NaN, Infinity, '10', null, 5n])('maxSessions can not be %s', (maxSessions) => {
    const { message } = refusal({ maxSessions })
    expect(message).toContain(`maxSessions is ${typeof maxSessions === 'string' ? '"10"' : shown(maxSessions)}`)
    expect(message).toContain('Give a whole number')
  })

  test('a clock is a function', () => {
    expect(refusal({ clock: 5 }).message).toBe('MemoryStore: clock is 5. Give a function such as Date.now.')
  })

  test('allowInProduction is true or false', () => {
    expect(refusal({ allowInProduction: 'yes' }).message).toContain('allowInProduction is "yes"')
  })

  test('an option that is not known is refused by its name', () => {
    expect(refusal({ max: 5 }).message).toBe(
      'Unknown option of MemoryStore "max". Known are: maxSessions, clock, allowInProduction.',
    )
  })

  test.each([null, 'memory', 5])('options can not be %s', (options) => {
    expect(refusal(options).message).toContain('must be an object')
  })

  test('an option that is undefined has its default', () => {
    expect(
      () => new MemoryStore({ maxSessions: undefined, clock: undefined, allowInProduction: undefined }),
    ).not.toThrow()
  })

  test('production is refused with the other stores named, unless it is allowed', () => {
    vi.stubEnv('NODE_ENV', 'production')
    const { message } = refusal({})
    for (const mend of ['RedisStore', 'SqliteStore', 'allowInProduction: true']) expect(message).toContain(mend)
    expect(refusal({ allowInProduction: false }).message).toBe(message)
    expect(() => new MemoryStore({ allowInProduction: true })).not.toThrow()
  })
})

function shown(value: unknown): string {
  return typeof value === 'object' && value !== null ? 'an object' : String(value)
}
