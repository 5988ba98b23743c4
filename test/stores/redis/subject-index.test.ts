import { days, hours } from 'latchkey/core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { LIFETIME, newKey, newRecord, patchOf, rotation, timesOf } from '../../../src/testing/conformance/samples.js'
import { loaded } from '../../../src/testing/conformance/suite.js'
import { type RedisServer, startRedis } from '../../support/redis-server.js'
import { about, type Bench, benchOn } from './bench.js'

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

describe('the index of a subject', () => {
  const of = (subject: string, other = {}) => newRecord(bench.clock, [], { subject, ...other })
  const entry = (key: string, expiresAt: number): string[] => [key.slice(8), String(expiresAt)]

  test('has its sessions with the ends of their lifetimes, and lives as long as the last', async () => {
    const { store, clock, at, indexAt, indexOf, keys } = bench
    const short = of('ann', { expiresAt: clock.now() + hours(1) })
    const long = of('ann')
    for (const record of [long, short, of('bob')]) await store.create(record)
    expect(await indexOf(long.key)).toEqual([...entry(short.key, short.expiresAt), ...entry(long.key, long.expiresAt)])
    expect(await bench.ttl(indexAt(long.key))).toEqual(about(LIFETIME))
    await store.delete(long.key)
    expect(await indexOf(short.key)).toEqual(entry(short.key, short.expiresAt))
    expect(await bench.ttl(indexAt(short.key))).toEqual(about(hours(1)))
    await store.delete(short.key)
    expect(await keys()).not.toContain(indexAt(short.key))
    expect(await keys()).not.toContain(at(short.key))
    await bench.allEnd()
  })

  test('follows a lifetime that changes, and nothing else', async () => {
    const { store, clock, indexAt, indexOf } = bench
    const record = of('ann')
    await store.create(record)
    for (const expiresAt of [clock.now() + days(30), clock.now() + hours(2)]) {
      await store.update(record.key, patchOf([], { times: timesOf(record, { expiresAt }) }))
      expect(await indexOf(record.key)).toEqual(entry(record.key, expiresAt))
      expect(await bench.ttl(indexAt(record.key))).toEqual(about(expiresAt - clock.now()))
    }
    await server.command('DEL', indexAt(record.key))
    const { expiresAt } = await loaded(store, record.key)
    await store.update(record.key, patchOf([['a', '1']], { times: timesOf(record, { expiresAt }) }))
    await store.touch(record.key, clock.now() + 1)
    expect(await indexOf(record.key)).toEqual([])
  })

  test('follows a rotation: out of the old one, into the new one', async () => {
    const { store, clock, indexOf } = bench
    const record = newRecord(clock)
    const [ann, again, bob, nobody] = [newKey('ann'), newKey('ann'), newKey('bob'), newKey()]
    await store.create(record)
    await store.rotate(record.key, ann, rotation('ann'))
    expect(await indexOf(record.key)).toEqual([])
    expect(await indexOf(ann)).toEqual(entry(ann, record.expiresAt))
    await store.rotate(ann, again, rotation('ann'))
    expect(await indexOf(again)).toEqual(entry(again, record.expiresAt))
    const expiresAt = clock.now() + days(3)
    await store.rotate(again, bob, rotation('bob', [], { times: timesOf(record, { expiresAt }) }))
    expect(await indexOf(ann)).toEqual([])
    expect(await indexOf(bob)).toEqual(entry(bob, expiresAt))
    await store.rotate(bob, nobody, rotation(undefined))
    expect(await indexOf(bob)).toEqual([])
    expect(await indexOf(nobody)).toEqual([])
    await bench.allEnd()
  })

  test('is left as it was by a refused write', async () => {
    const { store, clock, indexOf } = bench
    const [record, taken] = [of('ann'), of('bob')]
    await store.create(record)
    await store.create(taken)
    const times = timesOf(record, { expiresAt: clock.now() + days(9) })
    expect(await store.update(record.key, patchOf([], { times, ifVersion: 7 }))).toBe('conflict')
    await expect(store.create({ ...record, expiresAt: times.expiresAt })).rejects.toThrow('already taken')
    await expect(store.rotate(record.key, taken.key, rotation('bob'))).rejects.toThrow('already taken')
    expect(await store.rotate(newKey('ann'), newKey('ann'), rotation('ann'))).toBe('gone')
    expect(await indexOf(record.key)).toEqual(entry(record.key, record.expiresAt))
    expect(await indexOf(taken.key)).toEqual(entry(taken.key, taken.expiresAt))
  })

  test('loses what has ended with the next write to it', async () => {
    const { store, clock, indexOf } = bench
    await store.create(of('ann', { expiresAt: clock.now() + hours(1) }))
    clock.advance(hours(1))
    const record = of('ann')
    await store.create(record)
    expect(await indexOf(record.key)).toEqual(entry(record.key, record.expiresAt))
  })
})
