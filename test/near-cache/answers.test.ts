import { randomUUID } from 'node:crypto'
import type { SessionRecord } from 'latchkey/core'
import { RedisStore } from 'latchkey/stores/redis'
import { ManualClock } from 'latchkey/testing'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import {
  newKey,
  newRecord,
  patchOf,
  rotation,
  sealedRotation,
  successorKey,
} from '../../src/testing/conformance/samples.js'
import { clusterClients, type Opened } from '../support/redis-clients.js'
import { type RedisCluster, startCluster } from '../support/redis-cluster.js'
import { type RedisServer, startRedis } from '../support/redis-server.js'
import { clients, heard, inUse, isKept } from './ground.js'

let server: RedisServer
let cluster: RedisCluster

beforeAll(async () => {
  server = await startRedis()
  cluster = await startCluster()
}, 30_000)

afterAll(async () => {
  await server.stop()
  await cluster.stop()
})

const endings: (() => unknown)[] = []

afterEach(async () => {
  for (const end of endings.splice(0).toReversed()) await end()
})

const clock = new ManualClock()
let prefix = ''

/** A store with a near cache, and what another process sees, which has none. */
async function stores(maxEntries = 100) {
  prefix = randomUUID()
  const store = await inUse({ url: server.url, prefix, clock: clock.now, nearCache: { maxEntries } })
  const elsewhere = new RedisStore({ url: server.url, prefix, clock: clock.now })
  endings.push(
    () => store.close(),
    () => elsewhere.close(),
  )
  return { store, elsewhere }
}

/** A record that the store has created, read, and keeps. */
async function kept(store: RedisStore, data: readonly (readonly [string, string])[] = [['a', '1']], more = {}) {
  const record = newRecord(clock, [...data] as [string, string][], more)
  await store.create(record)
  const look = async (): Promise<boolean> => {
    // Word of what was just written may still be under way.
    await heard(store, record.key)
    expect(await store.load(record.key)).toEqual(record)
    return isKept(store, record.key)
  }
  await expect.poll(look).toBe(true)
  return record
}

const all: readonly (readonly [string, () => Opened])[] = [
  ...clients.map(([name, open]) => [name, () => open(server.url)] as const),
  ...clusterClients.map(([name, open]) => [`${name} on a Cluster`, () => open(cluster)] as const),
]

test.each(all)(
  'on a client of %s, what was read is answered at once until another process changes or ends it',
  async (_, open) => {
    const { client, close } = open()
    prefix = randomUUID()
    const store = await inUse({ client, prefix, clock: clock.now })
    const elsewhere = new RedisStore({ client, prefix, clock: clock.now })
    endings.push(close, () => store.close())
    for (let count = 0; count < 5; count++) {
      const record = newRecord(clock, [['a', '1']])
      await store.create(record)
      // On a Cluster it is the first that is asked of this server: its connection may only be opening.
      await expect
        .poll(async () => {
          await heard(store, record.key)
          await store.load(record.key)
          return isKept(store, record.key)
        })
        .toBe(true)
      expect(await store.load(record.key)).toEqual(record)

      await elsewhere.update(record.key, patchOf([['a', '2']]))
      await heard(store, record.key)
      expect(isKept(store, record.key)).toBe(false)
      expect(await store.load(record.key)).toMatchObject({ version: 2 })

      await elsewhere.delete(record.key)
      await heard(store, record.key)
      expect(await store.load(record.key)).toBeUndefined()
    }
  },
)

test('what is kept costs no command', async () => {
  const { store } = await stores()
  const record = await kept(store)
  const commands = async (): Promise<number> =>
    Number(/cmdstat_hgetall:calls=(\d+)/.exec(String(await server.command('INFO', 'commandstats')))?.[1])
  const before = await commands()
  let asked = 0
  for (let count = 0; count < 1000; count++) {
    if (!isKept(store, record.key)) asked++
    if (count % 10 === 0) await new Promise((resolve) => setImmediate(resolve))
  }
  // A process that stands still for a while has to ask again.
  expect(asked).toBeLessThan(100)
  expect(await commands()).toBeLessThanOrEqual(before + asked)
})

describe('a write of this process is seen by it at once', () => {
  type Write = (store: RedisStore, key: string, handle: string) => Promise<unknown>
  const writes: readonly (readonly [string, Write, object | undefined])[] = [
    ['update', (store, key) => store.update(key, patchOf([['a', '2']])), { version: 2 }],
    ['touch', (store, key) => store.touch(key, clock.now() + 1), { lastSeenAt: clock.now() + 1 }],
    ['delete', (store, key) => store.delete(key), undefined],
    ['rotate', (store, key) => store.rotate(key, newKey('ann'), rotation('ann', [])), undefined],
    [
      'a rotation that leaves the old key good',
      (store, key) => store.rotate(key, successorKey(key), sealedRotation('ann', [])),
      { sealedId: expect.any(String) },
    ],
    ['revoke', (store, _key, handle) => store.revoke('ann', handle), undefined],
    ['revokeAll', (store) => store.revokeAll('ann'), undefined],
    ['updateAll', (store) => store.updateAll('ann', patchOf([['a', '2']])), { version: 2 }],
    [
      'a sign-in that takes its place',
      (store) => store.create(newRecord(clock, [], { subject: 'ann' }), { max: 1, onLimit: 'evict-oldest' }),
      undefined,
    ],
  ]

  test.each(writes)('%s', async (_, write, seen) => {
    const { store } = await stores()
    const record = await kept(store, [['a', '1']], { subject: 'ann' })
    await write(store, record.key, record.handle)
    const found = await store.load(record.key)
    if (seen === undefined) expect(found).toBeUndefined()
    else expect(found).toMatchObject(seen)
  })
})

test('what is not there is asked for each time', async () => {
  const { store, elsewhere } = await stores()
  const record = newRecord(clock)
  expect(await store.load(record.key)).toBeUndefined()
  expect(isKept(store, record.key)).toBe(false)
  await elsewhere.create(record)
  expect(await store.load(record.key)).toEqual(record)
})

test('a key that leads on is asked for each time', async () => {
  const { store } = await stores()
  const record = await kept(store, [['a', '1']], { subject: 'ann' })
  await store.rotate(record.key, successorKey(record.key), sealedRotation('ann', []))
  await heard(store, record.key)
  expect(await store.load(record.key)).toHaveProperty('movedTo')
  expect(isKept(store, record.key)).toBe(false)
})

test('deadlines are judged at each load, and the end of what is kept is asked of Redis', async () => {
  const { store, elsewhere } = await stores()
  const [idle, used] = [await kept(store), await kept(store)]
  clock.advance(idle.idleTimeout - 1)
  expect(isKept(store, idle.key)).toBe(true)
  expect(isKept(store, used.key)).toBe(true)
  await elsewhere.touch(used.key, clock.now())
  clock.advance(1)
  // Whether word of the use has come by now or not.
  expect(await store.load(used.key)).toMatchObject({ lastSeenAt: clock.now() - 1 })
  expect(isKept(store, idle.key)).toBe(false)
  expect(await store.load(idle.key)).toBeUndefined()
})

test('a load that must be fresh asks Redis, and what was kept is older than its answer, and goes', async () => {
  const { store, elsewhere } = await stores()
  const record = await kept(store)
  await elsewhere.update(record.key, patchOf([['a', '2']]))
  expect(await store.load(record.key, { fresh: true })).toMatchObject({ version: 2 })
  expect(await store.load(record.key)).toMatchObject({ version: 2 })
})

test('as many are kept as are to be, and the one that was not asked for longest leaves first', async () => {
  const { store } = await stores(2)
  const [first, second] = [await kept(store), await kept(store)]
  expect(isKept(store, first.key)).toBe(true)
  const third = await kept(store)
  expect([first, second, third].map(({ key }) => isKept(store, key))).toEqual([true, false, true])
})

test('after a FLUSHALL nothing is kept', async () => {
  const { store } = await stores()
  const record = await kept(store)
  await server.command('FLUSHALL')
  await heard(store, record.key)
  expect(await store.load(record.key)).toBeUndefined()
})

test('a server that remembers only a few keys tells of those that it forgets', async () => {
  const { store } = await stores()
  await server.command('CONFIG', 'SET', 'tracking-table-max-keys', '2')
  endings.push(() => server.command('CONFIG', 'SET', 'tracking-table-max-keys', '1000000'))
  const records: SessionRecord[] = []
  for (let count = 0; count < 20; count++) {
    const record = newRecord(clock)
    await store.create(record)
    await store.load(record.key)
    records.push(record)
  }
  // It forgets in the background, ten times a second.
  await expect
    .poll(async () => {
      await heard(store, records[0]!.key)
      return records.filter(({ key }) => isKept(store, key)).length
    })
    .toBeLessThanOrEqual(2)
  for (const record of records) expect(await store.load(record.key)).toEqual(record)
})

test('a store that is closed answers nothing of what it kept', async () => {
  const { store } = await stores()
  const { key } = await kept(store)
  await store.close()
  await expect(async () => store.load(key)).rejects.toThrow(expect.objectContaining({ code: 'STORE_CLOSED' }))
})
