import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { SAME_TAG } from '../../../src/testing/conformance/by-subject.js'
import {
  atMost,
  newKey,
  newRecord,
  patchOf,
  rotation,
  sealedRotation,
  signedIn,
  successorKey,
} from '../../../src/testing/conformance/samples.js'
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
    store.rotate(key, successorKey(key), sealedRotation(undefined)),
    store.confirm(key, successorKey(key), clock.now()),
  ]
}

const numbers = 'mwvjsyz3 0 u 140 1'
const head = 'cDDNq1J7eQQsBcyl+ywBxBwAE'
const broken: readonly (readonly [string, readonly string[][], RegExp])[] = [
  ['without a head', [['HDEL', '1']], /field 1 is missing/],
  [
    'of a newer format',
    [
      ['HDEL', '1'],
      ['HSET', '2', `${head} ${numbers}`],
    ],
    /format is 2, and this release reads 1/,
  ],
  ...[
    ['with nothing in its head', ''],
    ['with a handle alone', 'cDDNq1J7eQQsBcyl'],
    ['with numbers alone', numbers],
    ['without a handle', ` ${numbers}`],
    ['without a handle before where it comes from', `+ywBxBwAE ${numbers}`],
    ['with a number missing', `${head} mwvjsyz3 0 u 140`],
    ['with a number too many', `${head} ${numbers} 1 1 1`],
    ['with a lifetime that is no number', `${head} mwvjsyz3 0 u so-on 1`],
    ['with an endless lifetime', `${head} mwvjsyz3 0 u Infinity 1`],
    ['with a lifetime of half a minute', `${head} mwvjsyz3 0 u 1.5 1`],
    ['with a lifetime of two dots', `${head} mwvjsyz3 0 u ..5 1`],
    ['with an idle timeout that is no whole number', `${head} mwvjsyz3 0 .1.5 140 1`],
    ['with more minutes than milliseconds can be counted', `${head} mwvjsyz3 0 u 2gosa7pa2 1`],
    ['with a time of a hundred digits', `${head} mwvjsyz3 ${'9'.repeat(100)} u 140 1`],
    ['with a time that no number can hold', `${head} mwvjsyz3 0 u .zzzzzzzzzzz 1`],
    ['with two signs', `${head} mwvjsyz3 --1 u 140 1`],
    ['with a sign-in that is no number', `${head} ${numbers} ~`],
    ['with a rotation that is no number', `${head} ${numbers} 0 -`],
    ['with other spaces', `${head} ${numbers}`.replaceAll(' ', '\t')],
  ].map(([name = '', content = '']): (typeof broken)[number] => [
    name,
    [['HSET', '1', content]],
    /field 1 holds something else/,
  ]),
]

test.each(broken)('a hash %s is unreadable, and no write changes it', async (_, commands, why) => {
  const { store, clock, at } = bench
  const record = newRecord(clock)
  await store.create(record)
  for (const [command = '', ...args] of commands) await server.command(command, at(record.key), ...args)
  const before = await server.command('HGETALL', at(record.key))
  await expect(store.load(record.key)).rejects.toEqual(unreadable(record.key, why))
  for (const write of writes(record.key)) await expect(write).rejects.toEqual(unreadable(record.key, /can't be read/))
  await expect(store.create(record)).rejects.toMatchObject({ code: 'RECORD_EXISTS' })
  expect(await server.command('HGETALL', at(record.key))).toEqual(before)
  expect(await store.delete(record.key)).toBe(false)
  expect(await bench.keys()).toEqual([])
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
  await expect(bench.store.load(key)).rejects.toEqual(unreadable(key, /field 1 is missing/))
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

test('what cannot be read is not listed or counted, and ends with revokeAll', async () => {
  const { store, clock, at, indexAt, keys } = bench
  const [newer, nameless, text, read] = Array.from({ length: 4 }, () => signedIn(clock, 'ann'))
  if (!newer || !nameless || !text || !read) throw new Error('four records are due')
  for (const record of [newer, nameless, text, read]) await store.create(record)
  await server.command('RENAME', at(newer.key), 'newer')
  await server.command('HSET', at(newer.key), '2', 'later something', 's', 'ann')
  await server.command('HSET', at(nameless.key), '1', '')
  await server.command('SET', at(text.key), 'mine')
  expect(await store.list('ann')).toEqual([read])
  expect(await store.count('ann')).toBe(1)
  expect(await store.revoke('ann', 'later')).toBe(false)
  expect(await store.updateAll('ann', patchOf([['a', '1']]))).toBe(1)
  expect((await store.revokeAll('ann', 'later')).toSorted()).toEqual([read.handle])
  expect(await keys()).toEqual([at(newer.key), at(text.key), indexAt(newer.key)].toSorted())
  expect(await store.revokeAll('ann')).toEqual(['later'])
  expect(await keys()).toEqual([at(text.key), indexAt(newer.key)].toSorted())
})

test("another subject's record that can't be read is left alone by revokeAll", async () => {
  const { store, clock, at } = bench
  const [record, another] = SAME_TAG.map((subject) => signedIn(clock, subject))
  if (!record || !another) throw new Error('two subjects are due')
  for (const each of [record, another]) await store.create(each)
  await server.command('HDEL', at(another.key), '1')
  expect(await store.revokeAll(SAME_TAG[0])).toEqual([record.handle])
  expect(await server.command('HGET', at(another.key), 's')).toBe(SAME_TAG[1])
})

test('a full server refuses a sign-in before it ends a session for it', async () => {
  const { store, clock } = bench
  const [record, anonymous] = [signedIn(clock, 'ann'), newRecord(clock)]
  await store.create(record)
  await store.create(anonymous)
  await server.command('CONFIG', 'SET', 'maxmemory', '1')
  try {
    const limit = atMost(1)
    await expect(store.create(signedIn(clock, 'ann'), limit)).rejects.toThrow('OOM')
    await expect(store.rotate(anonymous.key, newKey('ann'), rotation('ann', [], { limit }))).rejects.toThrow('OOM')
    await expect(store.updateAll('ann', patchOf([['a', '1']]))).rejects.toThrow('OOM')
    expect(await store.list('ann')).toEqual([record])
    expect(await store.load(anonymous.key)).toEqual(anonymous)
    expect(await store.revokeAll('ann')).toEqual([record.handle])
  } finally {
    await server.command('CONFIG', 'SET', 'maxmemory', '0')
  }
})
