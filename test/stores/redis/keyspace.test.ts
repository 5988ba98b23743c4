import { days, minutes } from 'latchkey/core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { SessionRecord } from '../../../src/core/record.js'
import {
  IDLE,
  LIFETIME,
  movedBy,
  newKey,
  newRecord,
  patchOf,
  rotation,
  sealedRotation,
  signedIn,
  signInAt,
  successorKey,
  timesOf,
} from '../../../src/testing/conformance/samples.js'
import { loaded } from '../../../src/testing/conformance/suite.js'
import { type RedisServer, startRedis } from '../../support/redis-server.js'
import { about, type Bench, benchOn, sentDuring } from './bench.js'

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

describe('what is sent', () => {
  test('a load is one HGETALL and nothing else', async () => {
    const { store, clock, at } = bench
    const record = newRecord(clock)
    await store.create(record)
    expect(await sentDuring(server, async () => store.load(record.key))).toEqual([['HGETALL', at(record.key)]])
    const missing = newKey()
    expect(await sentDuring(server, async () => store.load(missing))).toEqual([['HGETALL', at(missing)]])
  })

  test('every write is one EVALSHA that names all its keys', async () => {
    const { store, clock, at, indexAt } = bench
    const [first, record] = [newRecord(clock), newRecord(clock)]
    const next = newKey('ann')
    const last = successorKey(next)
    const life = async (one: SessionRecord, second: string, third: string): Promise<void> => {
      await store.create(one)
      await store.update(one.key, patchOf([['a', '1']], { times: timesOf(one) }))
      await store.touch(one.key, clock.now() + 1)
      await store.rotate(one.key, second, rotation('ann'))
      await store.rotate(second, third, sealedRotation('ann'))
      await store.confirm(third, second, clock.now())
      await store.delete(third)
      await store.create({ ...one, key: newKey('ann'), subject: 'ann' })
    }
    const key = newKey('ann')
    await life(first, key, successorKey(key))
    const sent = await sentDuring(server, () => life(record, next, last))
    expect(sent.map(([name]) => name)).toEqual(Array(8).fill('EVALSHA'))
    const keysOf = ([, , count = '', ...rest]: string[]): string[] => rest.slice(0, Number(count))
    const [own, index] = [at(record.key), indexAt(next)]
    expect(sent.map(keysOf)).toEqual([
      [own],
      [own],
      [own],
      [own, indexAt(record.key), at(next), index],
      [at(next), index, at(last), index],
      [at(last), at(next)],
      [at(last), index],
      [expect.stringContaining(':s:'), index],
    ])
  })

  test('a new end of the lifetime of an anonymous session is one command, of a signed-in one two', async () => {
    const { store, clock, at, indexAt } = bench
    const [anonymous, ann] = [newRecord(clock), signedIn(clock, 'ann')]
    for (const record of [anonymous, ann]) {
      await store.create(record)
      await store.update(record.key, patchOf())
    }
    const later = (record: SessionRecord) => () =>
      store.update(record.key, patchOf([], { times: timesOf(record, { expiresAt: record.expiresAt + 1 }) }))
    expect(await sentDuring(server, later(anonymous))).toHaveLength(1)
    const sent = await sentDuring(server, later(ann))
    expect(sent.map(([, , count, ...keys]) => keys.slice(0, Number(count)))).toEqual([
      [at(ann.key)],
      [at(ann.key), indexAt(ann.key)],
    ])
  })

  test('scripts that the server has forgotten are sent once more, and once', async () => {
    const { store, clock } = bench
    const record = newRecord(clock)
    await store.create(record)
    await store.update(record.key, patchOf())
    await server.command('SCRIPT', 'FLUSH')
    const update = (value: string) => () => store.update(record.key, patchOf([['a', value]]))
    expect((await sentDuring(server, update('1'))).map(([name]) => name)).toEqual(['EVALSHA', 'EVAL'])
    expect((await sentDuring(server, update('2'))).map(([name]) => name)).toEqual(['EVALSHA'])
    expect(await store.load(record.key)).toMatchObject({ version: 4, data: new Map([...record.data, ['a', '2']]) })
  })
})

describe('what is kept', () => {
  test('one hash for an anonymous session, and after its life only the sign that it has moved', async () => {
    const { store, clock, at, indexAt, keys } = bench
    const record = newRecord(clock, [
      ['', '0'],
      ['l', '1'],
      ['__proto__', '2'],
      [':x', '3'],
      ['name', '4'],
    ])
    await store.create(record)
    expect(await keys()).toEqual([at(record.key)])
    const fields = (await server.command('HKEYS', at(record.key))) as string[]
    expect(fields.toSorted()).toEqual(['1', ':', '::x', ':__proto__', ':l', 'name'])
    const next = newKey('ann')
    await store.rotate(record.key, next, rotation('ann'))
    expect(await keys()).toEqual([at(record.key), at(next), indexAt(next)].toSorted())
    const until = String(clock.now() + minutes(1))
    expect(await server.command('HGETALL', at(record.key))).toEqual(['r', until])
    expect(await bench.ttl(at(record.key))).toEqual(about(minutes(1)))
    await store.delete(next)
    expect(await keys()).toEqual([at(record.key)])
    await bench.allEnd()
  })

  test('under a former key where the session is and the sealed id, and a day longer that it was good', async () => {
    const { store, clock, at } = bench
    const record = signedIn(clock, 'ann')
    const [next, patch] = [successorKey(record.key), sealedRotation('ann')]
    await store.create(record)
    await store.rotate(record.key, next, patch)
    const fields = async (): Promise<string[]> => {
      const flat = (await server.command('HGETALL', at(record.key))) as string[]
      return flat.filter((_, index) => index % 2 === 0).map((field, index) => `${field} ${flat[2 * index + 1]}`)
    }
    const [hash, goodUntil] = [next.slice(8), clock.now() + 10_000]
    expect(await fields()).toEqual([`r ${record.expiresAt}`, `n ${hash}`, `z ${patch.sealedId}`])
    expect(await bench.ttl(at(record.key))).toEqual(about(LIFETIME))
    expect(await server.command('HGET', at(next), 'k')).toBe(record.key.slice(8))
    await store.confirm(next, record.key, goodUntil)
    expect((await fields()).toSorted()).toEqual([`g ${goodUntil}`, `n ${hash}`, `r ${goodUntil + days(1)}`])
    expect(await bench.ttl(at(record.key))).toEqual(about(10_000 + days(1)))
    expect(await server.command('HEXISTS', at(next), 'k')).toBe(0)
    await bench.allEnd()
  })

  /** What somebody who has signed in has, and where from. */
  const ann = { subject: '1000193', ip: '203.0.113.7', device: 'Firefox on Linux' }

  test('a user with one session takes 400 bytes: a record of 264, hours later too, and an index of 136', async () => {
    const { store, clock, at, indexAt, keys } = benchOn(server, 'lk')
    const data = [
      ['userId', '1000193'],
      ['email', '"user1000193@example.com"'],
      ['role', '"member"'],
      ['cart', '["tea","milk","bread"]'],
    ] as const
    const record = newRecord(clock, data, ann)
    await store.create(record)
    for (let times = 0; times < 33; times++) {
      clock.advance(minutes(29) + 1)
      await store.touch(record.key, clock.now())
    }
    expect(await store.load(record.key)).toMatchObject({ ...ann, lastSeenAt: clock.now() })
    expect(await keys()).toEqual([at(record.key), indexAt(record.key)])
    expect(await server.command('OBJECT', 'ENCODING', at(record.key))).toBe('listpack')
    expect(await server.command('MEMORY', 'USAGE', at(record.key))).toBeLessThanOrEqual(264)
    expect(await server.command('MEMORY', 'USAGE', indexAt(record.key))).toBeLessThanOrEqual(136)
    await store.close()
  })

  test('a hash that stays compact however its numbers grow, and all that was in it', async () => {
    const { store, clock, at } = bench
    const record = newRecord(clock, [], ann)
    await store.create(record)
    const fields = async (): Promise<string[]> =>
      ((await server.command('HKEYS', at(record.key))) as string[]).toSorted()
    expect(await fields()).toEqual(['1', 's'])
    clock.advance(minutes(20) + 1)
    const times = timesOf(record, { idleTimeout: days(30) + 1, expiresAt: clock.now() + days(30) })
    await store.update(record.key, patchOf([], { times, ifVersion: 1 }))
    clock.advance(days(29))
    await store.touch(record.key, clock.now())
    expect(await fields()).toEqual(['1', 's'])
    const [key, patch] = [successorKey(record.key), rotation(ann.subject, [], { rotatedAt: clock.now() + 1 })]
    await store.rotate(record.key, key, patch)
    const grown = { ...movedBy(patch, { ...record, ...times, version: 2 }, key), lastSeenAt: clock.now() }
    expect(await store.load(key)).toEqual(grown)
    expect(await server.command('HGET', at(key), 'o')).toHaveLength(8)
    expect(await server.command('OBJECT', 'ENCODING', at(key))).toBe('listpack')
    expect(await store.touch(key, clock.now() + 1)).toBe(true)
    expect(await store.load(key)).toEqual({ ...grown, lastSeenAt: clock.now() + 1 })
  })

  test('a head that is as long as Redis keeps compact, and not longer', async () => {
    const { store, clock, at } = bench
    for (const [length, isBeside] of [
      [35, false],
      [36, true],
    ] as const) {
      const record = newRecord(clock, [], { ...ann, handle: 'h'.repeat(length), version: 35 })
      await store.create(record)
      expect(await server.command('HEXISTS', at(record.key), 'o')).toBe(0)
      await store.update(record.key, patchOf())
      expect(await store.load(record.key)).toEqual({ ...record, version: 36 })
      expect(await server.command('HSTRLEN', at(record.key), '1')).toBe(isBeside ? 56 : 64)
      expect(await server.command('HEXISTS', at(record.key), 'o')).toBe(isBeside ? 1 : 0)
    }
  })

  test.each([
    ['both in the head', {}, []],
    ['an address of IPv6', { ip: '2001:db8::7' }, ['i']],
    ['a device that is not usual', { device: 'Shop on iOS' }, ['d']],
    ['neither usual', { ip: 'unknown', device: 'Googlebot' }, ['d', 'i']],
    ['no device', { device: undefined }, []],
    ['nothing', { ip: undefined, device: undefined }, []],
  ])('where the last sign-in came from, and nothing of the one before: %s', async (_, other, fields) => {
    const { store, clock, at } = bench
    const before = [{ ip: '::1', device: 'Shop on iOS' }, { ip: undefined, device: undefined }, ann] as const
    const long = { idleTimeout: days(30) + 1, expiresAt: clock.now() + days(31) + 1, version: 2 ** 50 }
    for (const [was, numbers] of [...before.map((each) => [each, {}] as const), [ann, long] as const]) {
      const record = newRecord(clock, [], { ...was, subject: undefined, ...numbers })
      await store.create(record)
      expect(await store.load(record.key)).toEqual(record)
      const signIn = signInAt(clock.now(), { ...ann, ...other })
      const [key, patch] = [newKey('ann'), rotation('ann', [], { signIn, rotatedAt: clock.now() })]
      await store.rotate(record.key, key, patch)
      expect(await store.load(key)).toEqual(movedBy(patch, record, key))
      const kept = ((await server.command('HKEYS', at(key))) as string[]).filter((field) => field !== 'o')
      expect(kept.toSorted()).toEqual(['1', ...fields, 's'].toSorted())
    }
  })

  test('more fields than Lua takes at once are written and removed', async () => {
    const { store, clock } = bench
    const many = Array.from({ length: 9000 }, (_, index) => [`field ${index}`, `${index}`] as const)
    const record = newRecord(clock, many)
    await store.create(record)
    expect((await loaded(store, record.key)).data).toEqual(record.data)
    const remove = many.slice(1).map(([key]) => key)
    expect(await store.update(record.key, patchOf([['new', '1']], { remove }))).toBe('updated')
    const left = new Map([many[0] ?? ['', ''], ['new', '1']])
    expect((await loaded(store, record.key)).data).toEqual(left)
  })
})

describe('times to live', () => {
  test('follow the earlier deadline through every verb', async () => {
    const { store, clock, at } = bench
    const record = newRecord(clock)
    await store.create(record)
    expect(await bench.ttl(at(record.key))).toEqual(about(IDLE))
    clock.advance(minutes(10))
    await store.update(record.key, patchOf([['a', '1']]))
    expect(await bench.ttl(at(record.key))).toEqual(about(IDLE - minutes(10)))
    await store.touch(record.key, clock.now())
    expect(await bench.ttl(at(record.key))).toEqual(about(IDLE))
    const expiresAt = clock.now() + minutes(5)
    await store.update(record.key, patchOf([], { times: timesOf(record, { expiresAt }) }))
    expect(await bench.ttl(at(record.key))).toEqual(about(minutes(5)))
    const next = newKey('ann')
    await store.rotate(record.key, next, rotation('ann'))
    expect(await bench.ttl(at(next))).toEqual(about(minutes(5)))
    await bench.allEnd()
  })

  test('are longer than what is left, so that the last millisecond belongs to the clock of the store', async () => {
    const { store, clock, at } = bench
    const record = newRecord(clock)
    await store.create(record)
    clock.advance(IDLE - 1)
    const next = newKey('ann')
    await store.rotate(record.key, next, rotation('ann'))
    expect(await bench.ttl(at(next))).toBeGreaterThan(1)
    expect(await store.load(next)).toMatchObject({ key: next })
    clock.advance(1)
    expect(await store.load(next)).toBeUndefined()
  })

  test('a record that is over when it is written leaves Redis at once', async () => {
    const { store, clock, keys } = bench
    const [late, cut] = [newRecord(clock, [], { expiresAt: clock.now() - days(1) }), newRecord(clock)]
    await store.create(late)
    await store.create(cut)
    await store.update(cut.key, patchOf([], { times: timesOf(cut, { expiresAt: clock.now() }) }))
    await expect.poll(keys).toEqual([])
  })

  test('a record that only the clock has ended can be created anew, without what it held', async () => {
    const { store, clock, at } = bench
    const record = newRecord(clock, [['old', '1']])
    await store.create(record)
    clock.advance(IDLE)
    expect(await server.command('EXISTS', at(record.key))).toBe(1)
    expect(await store.load(record.key)).toBeUndefined()
    const again = { ...newRecord(clock, [['new', '2']]), key: record.key }
    await store.create(again)
    expect(await store.load(record.key)).toEqual(again)
    await bench.allEnd()
  })
})
