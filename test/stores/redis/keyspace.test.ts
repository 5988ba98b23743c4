import { days, minutes } from 'latchkey/core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { IDLE, newKey, newRecord, patchOf, rotation, timesOf } from '../../../src/testing/conformance/samples.js'
import { type RedisServer, startRedis } from '../../support/redis-server.js'
import { type Bench, benchOn, sentDuring } from './bench.js'

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

/** Fails unless every key under the prefix ends by itself. */
async function allEnd(): Promise<void> {
  for (const key of await bench.keys()) expect(await server.command('PTTL', key), key).toBeGreaterThan(0)
}

async function ttl(key: string): Promise<number> {
  return Number(await server.command('PTTL', key))
}

/** A time to live, with the second that Redis keeps a key longer, give or take what the test itself takes. */
function about(milliseconds: number): unknown {
  return expect.toSatisfy((value: number) => value <= milliseconds + 1000 && value > milliseconds - 5000)
}

describe('what is sent', () => {
  test('a load is one HGETALL and nothing else', async () => {
    const { store, clock, at } = bench
    const record = newRecord(clock)
    await store.create(record)
    expect(await sentDuring(server, () => store.load(record.key))).toEqual([['HGETALL', at(record.key)]])
    const missing = newKey()
    expect(await sentDuring(server, () => store.load(missing))).toEqual([['HGETALL', at(missing)]])
  })

  test('every write is one EVALSHA that names all its keys', async () => {
    const { store, clock, at, indexAt } = bench
    const [first, record] = [newRecord(clock), newRecord(clock)]
    const next = newKey('ann')
    const life = async (one: typeof first, key: string): Promise<void> => {
      await store.create(one)
      await store.update(one.key, patchOf([['a', '1']]))
      await store.touch(one.key, clock.now() + 1)
      await store.rotate(one.key, key, rotation('ann'))
      await store.delete(key)
    }
    await life(first, newKey('ann'))
    const sent = await sentDuring(server, () => life(record, next))
    expect(sent.map(([name]) => name)).toEqual(Array(5).fill('EVALSHA'))
    const keysOf = ([, , count = '', ...rest]: string[]): string[] => rest.slice(0, Number(count))
    const [old, now] = [
      [at(record.key), indexAt(record.key)],
      [at(next), indexAt(next)],
    ]
    expect(sent.map(keysOf)).toEqual([old, old, [at(record.key)], [...old, ...now], now])
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
    ])
    await store.create(record)
    expect(await keys()).toEqual([at(record.key)])
    const next = newKey('ann')
    await store.rotate(record.key, next, rotation('ann'))
    expect(await keys()).toEqual([at(record.key), at(next), indexAt(next)].toSorted())
    const until = String(clock.now() + minutes(1))
    expect(await server.command('HGETALL', at(record.key))).toEqual(['r', until])
    expect(await ttl(at(record.key))).toEqual(about(minutes(1)))
    await store.delete(next)
    expect(await keys()).toEqual([at(record.key)])
    await allEnd()
  })

  test('numbers are kept as they are, after every script', async () => {
    const { store, clock, at } = bench
    const record = newRecord(clock, [])
    await store.create(record)
    clock.advance(1)
    await store.update(record.key, patchOf([], { times: timesOf(record, { lastSeenAt: clock.now() }) }))
    const next = newKey('ann')
    await store.rotate(record.key, next, rotation('ann'))
    const values = (await server.command('HMGET', at(next), 'f', 'c', 'l', 'i', 'e', 'v')) as string[]
    const { createdAt, idleTimeout, expiresAt } = record
    expect(values).toEqual([1, createdAt, createdAt + 1, idleTimeout, expiresAt, 3].map(String))
  })

  test("the recipe's session is a listpack of less than 300 bytes", async () => {
    const { store, clock, at } = benchOn(server, 'latchkey')
    const data = [
      ['userId', '42'],
      ['email', '"ann@example.com"'],
      ['role', '"user"'],
    ] as const
    const record = newRecord(clock, data, { subject: '42' })
    await store.create(record)
    expect(await server.command('OBJECT', 'ENCODING', at(record.key))).toBe('listpack')
    expect(await server.command('MEMORY', 'USAGE', at(record.key))).toBeLessThan(300)
    await store.close()
  })

  test('more fields than Lua takes at once are written and removed', async () => {
    const { store, clock } = bench
    const many = Array.from({ length: 9000 }, (_, index) => [`field ${index}`, `${index}`] as const)
    const record = newRecord(clock, many)
    await store.create(record)
    expect((await store.load(record.key))?.data).toEqual(record.data)
    const remove = many.slice(1).map(([key]) => key)
    expect(await store.update(record.key, patchOf([['new', '1']], { remove }))).toBe('updated')
    expect((await store.load(record.key))?.data).toEqual(new Map([many[0] ?? ['', ''], ['new', '1']]))
  })
})

describe('times to live', () => {
  test('follow the earlier deadline through every verb', async () => {
    const { store, clock, at } = bench
    const record = newRecord(clock)
    await store.create(record)
    expect(await ttl(at(record.key))).toEqual(about(IDLE))
    clock.advance(minutes(10))
    await store.update(record.key, patchOf([['a', '1']]))
    expect(await ttl(at(record.key))).toEqual(about(IDLE - minutes(10)))
    await store.touch(record.key, clock.now())
    expect(await ttl(at(record.key))).toEqual(about(IDLE))
    const expiresAt = clock.now() + minutes(5)
    await store.update(record.key, patchOf([], { times: timesOf(record, { expiresAt }) }))
    expect(await ttl(at(record.key))).toEqual(about(minutes(5)))
    const next = newKey('ann')
    await store.rotate(record.key, next, rotation('ann'))
    expect(await ttl(at(next))).toEqual(about(minutes(5)))
    await allEnd()
  })

  test('are longer than what is left, so that the last millisecond belongs to the clock of the store', async () => {
    const { store, clock, at } = bench
    const record = newRecord(clock)
    await store.create(record)
    clock.advance(IDLE - 1)
    const next = newKey('ann')
    await store.rotate(record.key, next, rotation('ann'))
    expect(await ttl(at(next))).toBeGreaterThan(1)
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
    await allEnd()
  })
})
