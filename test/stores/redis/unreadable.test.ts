import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { newKey, newRecord, patchOf, rotation } from '../../../src/testing/conformance/samples.js'
import { type RedisServer, startRedis } from '../../support/redis-server.js'
import { type Bench, benchOn } from './bench.js'

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

/** `RECORD_UNREADABLE` for a good reason, without the key. */
function unreadable(key: string, why: RegExp): unknown {
  const says = (message: string): boolean =>
    why.test(message) && !message.includes(key.slice(8)) && !message.includes(bench.prefix)
  return expect.objectContaining({ code: 'RECORD_UNREADABLE', message: expect.toSatisfy(says) })
}

/** Each verb that writes, on a record that is kept under `key`. */
function writes(key: string): Promise<unknown>[] {
  const { store, clock } = bench
  return [
    store.update(key, patchOf([['a', '1']])),
    store.touch(key, clock.now() + 1),
    store.rotate(key, newKey('ann'), rotation('ann')),
  ]
}

test.each<[string, string[], RegExp]>([
  ['without a format', ['HDEL', 'f'], /field f is missing/],
  ['of a newer format', ['HSET', 'f', '2'], /format is 2/],
  ['without lastSeenAt', ['HDEL', 'l'], /field l is missing/],
  ['without a version', ['HDEL', 'v'], /field v is missing/],
  ['with a lifetime that is no number', ['HSET', 'e', 'soon'], /field e is no whole number/],
  ['with an idle timeout that is no whole number', ['HSET', 'i', '1e9'], /field i is no whole number/],
  ['with an endless lifetime', ['HSET', 'e', 'inf'], /field e is no whole number/],
  ['with a time of a hundred digits', ['HSET', 'l', '9'.repeat(100)], /field l is no whole number/],
])('a hash %s is unreadable, and no write changes it', async (_, [command = '', ...args], why) => {
  const { store, clock, at } = bench
  const record = newRecord(clock)
  await store.create(record)
  await server.command(command, at(record.key), ...args)
  const before = await server.command('HGETALL', at(record.key))
  await expect(store.load(record.key)).rejects.toEqual(unreadable(record.key, why))
  for (const write of writes(record.key)) await expect(write).rejects.toEqual(unreadable(record.key, /can't be read/))
  await expect(store.create(record)).rejects.toMatchObject({ code: 'RECORD_EXISTS' })
  expect(await server.command('HGETALL', at(record.key))).toEqual(before)
  expect(await store.delete(record.key)).toBe(false)
  expect(await bench.keys()).toEqual([])
})

test.each([
  ['HDEL', 'h'],
  ['HDEL', 'c'],
  ['HSET', 'c', 'x'],
])('a hash after %s %s can not be loaded', async (command, ...args) => {
  const { store, clock, at } = bench
  const record = newRecord(clock)
  await store.create(record)
  await server.command(command, at(record.key), ...args)
  await expect(store.load(record.key)).rejects.toEqual(unreadable(record.key, /field [hc] is/))
})

test('a key that holds something else than a hash is unreadable, and is left alone', async () => {
  const { store, clock, at } = bench
  const record = newRecord(clock)
  await server.command('SET', at(record.key), 'mine')
  const calls = [store.load(record.key), store.create(record), store.delete(record.key), ...writes(record.key)]
  for (const call of calls) await expect(call).rejects.toEqual(unreadable(record.key, /holds no hash/))
  expect(await server.command('GET', at(record.key))).toBe('mine')
})

test('a hash that somebody else began is unreadable', async () => {
  const key = newKey()
  await server.command('HSET', bench.at(key), 'hello', 'world')
  await expect(bench.store.load(key)).rejects.toEqual(unreadable(key, /field f is missing/))
  expect(await bench.store.update(key, patchOf()).catch((error: unknown) => error)).toEqual(unreadable(key, /./))
})

test('fields of metadata that this release does not know are kept and ignored', async () => {
  const { store, clock, at } = bench
  const record = newRecord(clock)
  await store.create(record)
  await server.command('HSET', at(record.key), 'x', 'later')
  expect(await store.load(record.key)).toEqual(record)
  const next = newKey('ann')
  await store.rotate(record.key, next, rotation('ann'))
  expect(await server.command('HGET', at(next), 'x')).toBe('later')
})

test('a full server refuses what writes and still deletes', async () => {
  const { store, clock } = bench
  const record = newRecord(clock, [], { subject: 'ann' })
  await store.create(record)
  await server.command('CONFIG', 'SET', 'maxmemory', '1')
  try {
    await expect(store.create(newRecord(clock))).rejects.toThrow('OOM')
    await expect(store.update(record.key, patchOf([['a', '1']]))).rejects.toThrow('OOM')
    expect(await store.load(record.key)).toEqual(record)
    expect(await store.delete(record.key)).toBe(true)
    expect(await bench.keys()).toEqual([])
  } finally {
    await server.command('CONFIG', 'SET', 'maxmemory', '0')
  }
})
