import fc from 'fast-check'
import { minutes } from 'latchkey/core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type Numbers, packed, unpacked } from '../../../src/stores/redis/numbers.js'
import { newRecord, patchOf, rotation, signedIn, successorKey } from '../../../src/testing/conformance/samples.js'
import { keeps } from '../../../src/testing/conformance/suite.js'
import { type RedisServer, startRedis } from '../../support/redis-server.js'
import { type Bench, benchOn } from './bench.js'

/** Any number, and often one at which another digit begins. */
const anyNumber = fc.oneof(
  fc.integer({ min: -100, max: 100 }),
  fc.maxSafeInteger().map((number) => Math.trunc(number / 4) + 0),
  fc.tuple(fc.integer({ min: 1, max: 9 }), fc.integer({ min: -2, max: 2 })).map(([power, more]) => 36 ** power + more),
)

const anyNumbers: fc.Arbitrary<Numbers> = fc.record({
  createdAt: anyNumber,
  lastSeenAt: anyNumber,
  idleTimeout: anyNumber,
  expiresAt: anyNumber,
  version: anyNumber,
  authenticatedAt: fc.option(anyNumber, { nil: undefined }),
  rotatedAt: anyNumber,
})

describe('the numbers of a record', () => {
  test('come back as they were', () => {
    fc.assert(
      fc.property(anyNumbers, fc.boolean(), (numbers, isSubjects) => {
        expect(unpacked(packed(numbers, isSubjects), isSubjects)).toEqual(numbers)
      }),
    )
  })

  test('take no more room than has to be', () => {
    const created = 1_795_576_000_000
    const times = { createdAt: created, lastSeenAt: created, idleTimeout: 1_800_000, expiresAt: created + 86_400_000 }
    const usual = { ...times, version: 1, authenticatedAt: undefined, rotatedAt: created }
    const lengthOf = (numbers: Numbers, isSubjects: boolean): number => packed(numbers, isSubjects).split(' ').length
    expect(lengthOf(usual, false)).toBe(5)
    expect(lengthOf({ ...usual, authenticatedAt: created }, true)).toBe(5)
    expect(lengthOf({ ...usual, authenticatedAt: created + 1, rotatedAt: created + 1 }, true)).toBe(6)
    expect(lengthOf({ ...usual, rotatedAt: created + 1 }, false)).toBe(7)
    expect(packed(usual, false)).toBe(`${created.toString(36)} 0 u 140 1`)
    const odd = { idleTimeout: 90_000, expiresAt: created + 86_400_001 }
    expect(packed({ ...usual, ...odd }, false)).toBe(`${created.toString(36)} 0 .1xg0 .1ffuo1 1`)
    expect(packed({ ...usual, version: 999_999 }, false).length).toBeLessThan(64)
  })

  test.each([NaN, Infinity, 2 ** 53])('%s is refused', (number) => {
    const numbers = newRecordNumbers()
    expect(() => packed({ ...numbers, expiresAt: number }, false)).toThrow(RangeError)
  })

  function newRecordNumbers(): Numbers {
    const at = 1_795_576_000_000
    const times = { createdAt: at, lastSeenAt: at, idleTimeout: 1, expiresAt: at + 1, rotatedAt: at }
    return { ...times, version: 1, authenticatedAt: undefined }
  }
})

describe('the numbers that a script reads and writes', () => {
  let server: RedisServer
  let bench: Bench

  beforeAll(async () => {
    server = await startRedis()
  })

  afterAll(() => server.stop())

  beforeEach(() => {
    bench = benchOn(server)
  })

  afterEach(() => bench.store.close())

  /** Numbers of a record that is alive. */
  const living = fc.record({
    createdAt: anyNumber,
    idleTimeout: fc.oneof(fc.integer({ min: 1e12, max: 3e12 }), fc.integer({ min: 2e7, max: 5e7 }).map(minutes)),
    expiresAt: fc.integer({ min: 3e12, max: 2 ** 51 }),
    version: fc.nat({ max: 2 ** 31 - 1 }),
    authenticatedAt: fc.option(anyNumber, { nil: undefined }),
    rotatedAt: anyNumber,
  })

  test('are those that the store reads and writes', async () => {
    const { store, clock } = bench
    await fc.assert(
      fc.asyncProperty(living, fc.boolean(), async (numbers, isSubjects) => {
        const record = isSubjects ? signedIn(clock, 'ann', numbers) : newRecord(clock, [], numbers)
        await store.create(record)
        expect(await store.update(record.key, patchOf([], { ifVersion: numbers.version }))).toBe('updated')
        expect(await store.touch(record.key, clock.now() + 1)).toBe(true)
        const written = { ...record, version: record.version + 1, lastSeenAt: clock.now() + 1 }
        await keeps(store, written)
        const key = successorKey(record.key)
        await store.rotate(record.key, key, rotation(record.subject, [], { rotatedAt: numbers.createdAt - 36 }))
        const moved = { ...written, key, version: written.version + 1, rotatedAt: numbers.createdAt - 36 }
        await keeps(store, isSubjects ? moved : { ...moved, authenticatedAt: undefined })
        await store.delete(key)
      }),
      { numRuns: 150 },
    )
  })
})
