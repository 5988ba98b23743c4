import { randomUUID } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { Cluster, Redis } from 'ioredis'
import { type RedisClient, RedisStore, type RedisStoreOptions } from 'latchkey/stores/redis'
import { ManualClock } from 'latchkey/testing'
import { createClient, createClientPool, createCluster, createSentinel } from 'redis'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { TRUSTED_FOR } from '../../src/stores/redis/near-cache/tracking.js'
import { newRecord } from '../../src/testing/conformance/samples.js'
import { clusterClients } from '../support/redis-clients.js'
import { startCluster } from '../support/redis-cluster.js'
import { startSentinel } from '../support/redis-sentinel.js'
import { type RedisServer, startRedis } from '../support/redis-server.js'
import { proxyTo, type TcpProxy } from '../support/tcp-proxy.js'
import { heard, inUse, isKept } from './ground.js'

/** How soon the near cache must be in use again, in milliseconds, on a machine that is busy. */
const BACK_WITHIN = 15_000

let redis: RedisServer

beforeAll(async () => {
  redis = await startRedis()
})

afterAll(() => redis.stop())

const endings: (() => unknown)[] = []

afterEach(async () => {
  vi.restoreAllMocks()
  for (const end of endings.splice(0).toReversed()) await end()
})

function ending<T>(thing: T, end: (thing: T) => unknown): T {
  endings.push(() => end(thing))
  return thing
}

const clock = new ManualClock()

/** How a store comes to its connections. */
const kinds: readonly (readonly [string, (url: string) => RedisStoreOptions])[] = [
  ['a url', (url) => ({ url })],
  ['a client of ioredis', (url) => ({ client: ioredis(url) })],
]

function ioredis(url: string): Redis {
  const client = ending(new Redis(url), (each) => each.disconnect())
  client.on('error', () => {})
  return client
}

async function open(options: RedisStoreOptions): Promise<RedisStore> {
  return ending(await inUse({ prefix: randomUUID(), clock: clock.now, ...options }), (each) => each.close())
}

async function over(server: RedisServer): Promise<TcpProxy> {
  return ending(await proxyTo(server.port), (each) => each.stop())
}

/** A record that the store has created, read, and keeps. */
async function kept(store: RedisStore) {
  const record = newRecord(clock, [['a', '1']])
  await store.create(record)
  await comesToKeep(store, record.key)
  return record
}

async function comesToKeep(store: RedisStore, key: string): Promise<void> {
  const look = async (): Promise<boolean> => {
    await heard(store, key)
    await store.load(key)
    return isKept(store, key)
  }
  await expect.poll(() => look().catch(() => false), { timeout: BACK_WITHIN, interval: 20 }).toBe(true)
}

/** For how long a store goes on answering what it kept, in milliseconds, although nobody tells it anything any more. */
async function keepsAnswering(store: RedisStore, key: string): Promise<number> {
  const began = performance.now()
  let last = began
  while (performance.now() - began < TRUSTED_FOR + 400) {
    const at = performance.now()
    if (isKept(store, key)) last = at
    await pause(2)
  }
  return last - began
}

describe.each(kinds)('over %s', (_, given) => {
  test('the host is gone without a word: what is kept is answered for so long and no longer, and then all is well', async () => {
    const proxy = await over(redis)
    const store = await open(given(proxy.url))
    const { key } = await kept(store)
    proxy.swallow('all')
    expect(await keepsAnswering(store, key)).toBeLessThan(TRUSTED_FOR)
    await proxy.mend()
    await comesToKeep(store, key)
  })

  test('Redis is stopped in its tracks: what is kept is answered for so long and no longer, and then all is well', async () => {
    const server = ending(await startRedis(), (each) => each.kill())
    const store = await open(given(server.url))
    const { key } = await kept(store)
    process.kill(server.pid, 'SIGSTOP')
    expect(await keepsAnswering(store, key)).toBeLessThan(TRUSTED_FOR)
    process.kill(server.pid, 'SIGCONT')
    await comesToKeep(store, key)
  })

  test('a connection that is cut takes all that is kept with it, and the next one is told again', async () => {
    const proxy = await over(redis)
    const store = await open(given(proxy.url))
    const { key } = await kept(store)
    await redis.command('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
    await redis.command('CLIENT', 'KILL', 'TYPE', 'pubsub')
    await expect.poll(() => isKept(store, key), { interval: 1 }).toBe(false)
    await comesToKeep(store, key)
    await redis.command('DEL', `${prefixOf(await redis.command('KEYS', `*${key.slice(8)}`))}`)
    await heard(store, key)
    expect(await store.load(key)).toBeUndefined()
  })

  test('Redis is killed, and back empty: nobody is let in by what was kept', async () => {
    const server = ending(await startRedis(), (each) => each.kill())
    const store = await open(given(server.url))
    const { key } = await kept(store)
    await server.kill()
    await expect.poll(() => isKept(store, key), { interval: 1 }).toBe(false)
    ending(await startRedis({ port: server.port }), (each) => each.kill())
    await expect.poll(async () => store.load(key), { timeout: BACK_WITHIN }).toBeUndefined()
    await kept(store)
  })

  test('an answer that is cut half-way is asked for once more', async () => {
    const proxy = await over(redis)
    const store = await open(given(proxy.url))
    const record = newRecord(clock)
    await store.create(record)
    for (let count = 0; count < 3; count++) {
      proxy.cutAnswer('hgetall')
      expect(await store.load(record.key)).toEqual(record)
    }
    await comesToKeep(store, record.key)
  })

  test('while only the connection that is told is dead, loads go over the other', async () => {
    const proxy = await over(redis)
    const { client } = given(redis.url)
    const plain = client ?? ending(createClient({ url: redis.url }), (each) => each.destroy())
    const store = await open({ client: elsewhere(plain, proxy.url) })
    const record = await kept(store)
    proxy.swallow('all')
    await keepsAnswering(store, record.key)
    // One that has just been asked over it is given up with it.
    for (let count = 0; count < 20; count++) {
      const began = performance.now()
      expect(await store.load(record.key)).toEqual(record)
      expect(performance.now() - began).toBeLessThan(500)
    }
    await proxy.mend()
    await comesToKeep(store, record.key)
  })
})

function prefixOf(names: unknown): string {
  return (names as string[])[0] ?? ''
}

/** A client whose duplicates go elsewhere. */
function elsewhere<T extends RedisClient>(client: T, url: string): T {
  const listening = client as { on(event: 'error', listener: () => void): unknown }
  listening.on('error', () => {})
  return Object.assign(client, {
    duplicate: (options: object) =>
      'call' in client
        ? new Redis(url, options)
        : createClient({ ...options, url, socket: { reconnectStrategy: 50, connectTimeout: 1000 } }),
  })
}

describe.each(clusterClients)('on a Cluster, by %s', (_, client) => {
  test('a connection that is only being opened is waited for while others are opened', async () => {
    const cluster = ending(await startCluster(), (each) => each.stop())
    const opened = ending(client(cluster), (each) => each.close())
    const store = new RedisStore({ client: opened.client, prefix: randomUUID(), nearCache: { maxEntries: 100 } })
    ending(store, (each) => each.close())
    // Each has a key of its own, so that they come to all masters.
    await Promise.all(Array.from({ length: 12 }, () => store.probe()))
  })

  test('a slot that moves takes what is kept with it, and its new master tells', { timeout: 60_000 }, async () => {
    const cluster = ending(await startCluster({ replica: true }), (each) => each.stop())
    const opened = ending(client(cluster), (each) => each.close())
    const listening = opened.client as { on(event: 'error', listener: () => void): unknown }
    listening.on('error', () => {})
    const prefix = randomUUID()
    const store = await open({ client: opened.client, prefix })
    const plain = new RedisStore({ client: opened.client, prefix, clock: clock.now })
    const record = await kept(store)
    await cluster.migrate(`${prefix}:{${record.key.slice(0, 8)}}`)
    await expect.poll(() => isKept(store, record.key), { interval: 1 }).toBe(false)
    await comesToKeep(store, record.key)
    await plain.delete(record.key)
    await expect.poll(async () => store.load(record.key), { interval: 1 }).toBeUndefined()

    const others = await Promise.all(Array.from({ length: 12 }, () => kept(store)))
    await cluster.failOver()
    await Promise.all(
      others.map(async ({ key }) => {
        await expect.poll(() => plain.delete(key).catch(() => false), { timeout: BACK_WITHIN }).toBe(true)
        const ended = performance.now()
        let at = ended
        while (isKept(store, key)) {
          expect(at - ended).toBeLessThan(TRUSTED_FOR)
          await pause(1)
          at = performance.now()
        }
        await expect.poll(async () => store.load(key), { timeout: BACK_WITHIN }).toBeUndefined()
      }),
    )
    for (let count = 0; count < 12; count++) await kept(store)
  })
})

test(
  'a failover by Sentinel takes all that is kept with it, and the new master tells',
  { timeout: 60_000 },
  async () => {
    const servers = ending(await startSentinel(), (each) => each.stop())
    const client = ending(new Redis({ name: servers.name, sentinels: [servers.sentinel] }), (each) => each.disconnect())
    client.on('error', () => {})
    const store = await open({ client })
    const { key } = await kept(store)
    await servers.settle()
    await servers.failOver()
    await comesToKeep(store, key)
    const master = await servers.master()
    const [name] = (await master.command('KEYS', `*${key.slice(8)}`)) as string[]
    await master.command('DEL', name!)
    await expect.poll(async () => store.load(key), { interval: 1 }).toBeUndefined()
  },
)

describe('where Redis does not tell of changes, a start says so, and all is asked of Redis', () => {
  const unfit = (said: RegExp): unknown =>
    expect.objectContaining({ code: 'STORE_UNFIT', message: expect.stringMatching(said) })

  async function refuses(store: RedisStore, said: RegExp): Promise<void> {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
    await expect(store.probe()).rejects.toEqual(unfit(said))
    const record = newRecord(clock)
    await store.create(record)
    for (let count = 0; count < 3; count++) {
      expect(isKept(store, record.key)).toBe(false)
      expect(await store.load(record.key)).toEqual(record)
    }
    expect(warn.mock.calls.map(([, options]) => (options as { code?: string }).code)).toEqual([
      'LATCHKEY_NEAR_CACHE_OFF',
    ])
  }

  const lacking: readonly (readonly [string, (url: string) => RedisStoreOptions])[] = [
    ['a url', (url) => ({ url: url.replace('//', '//app:s3cretly@') })],
    ['ioredis', (url) => ({ client: ioredis(url.replace('//', '//app:s3cretly@')) })],
  ]

  test.each(lacking)('its user may not have it, over %s', async (_, given) => {
    await redis.command('ACL', 'SETUSER', 'app', 'on', '>s3cretly', '~*', '&*', '+@all', '-client|tracking')
    const store = ending(
      new RedisStore({ ...given(redis.url), nearCache: { maxEntries: 9 }, clock: clock.now }),
      (each) => each.close(),
    )
    await refuses(store, /no permissions.*rights/s)
  })

  test('no word of a change gets through', async () => {
    const client = ending(createClient({ url: redis.url }), (each) => each.destroy())
    client.on('error', () => {})
    const deaf = Object.assign(client, {
      duplicate: () => createClient({ url: redis.url, disableOfflineQueue: true }).on('error', () => {}),
    })
    const store = ending(new RedisStore({ client: deaf, nearCache: { maxEntries: 9 }, clock: clock.now }), (each) =>
      each.close(),
    )
    await refuses(store, /no word of a change came/)
  })
})

const invalid = (message: RegExp): unknown =>
  expect.objectContaining({ code: 'OPTIONS_INVALID', message: expect.stringMatching(message) })

test.each<[unknown, RegExp]>([
  [true, /nearCache is true.*maxEntries: 10_000/],
  [null, /nearCache is null/],
  [[], /nearCache is an object/],
  [{}, /maxEntries is undefined.*whole number/],
  [{ maxEntries: 0 }, /maxEntries is 0/],
  [{ maxEntries: 1.5 }, /maxEntries is 1\.5/],
  [{ maxEntries: '9' }, /maxEntries is "9"/],
  [{ maxEntries: Infinity }, /maxEntries is Infinity/],
  [{ maxEntries: 9, ttl: 1 }, /Unknown option of nearCache "ttl"/],
])('nearCache %j is refused', (nearCache, message) => {
  expect(() => new RedisStore({ url: redis.url, nearCache: nearCache as never })).toThrow(invalid(message))
})

test('a client of which no connection can be made that is told of changes is refused', () => {
  const nearCache = { maxEntries: 9 }
  const pool = createClientPool({ url: redis.url })
  const sentinel = createSentinel({ name: 'main', sentinelRootNodes: [{ host: '127.0.0.1', port: 1 }] })
  for (const client of [pool, sentinel]) client.on('error', () => {})
  expect(() => new RedisStore({ client: pool, nearCache })).toThrow(invalid(/has no `duplicate\(\)`/))
  expect(() => new RedisStore({ client: sentinel, nearCache })).toThrow(invalid(/is a `createSentinel`/))
  for (const client of [
    createCluster({ rootNodes: [{ url: redis.url }] }),
    new Cluster([redis.url], { lazyConnect: true }),
    new Redis({ lazyConnect: true, name: 'main', sentinels: [{ host: '127.0.0.1' }] }),
  ]) {
    client.on('error', () => {})
    expect(new RedisStore({ client, nearCache })).toBeInstanceOf(RedisStore)
  }
})
