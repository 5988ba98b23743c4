import { randomUUID } from 'node:crypto'
import { Cluster, Redis } from 'ioredis'
import { RedisStore, type RedisClient } from 'latchkey/stores/redis'
import { ManualClock } from 'latchkey/testing'
import { createClient, createCluster, createSentinel } from 'redis'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { openConnection, openIoredis, openNodeRedis } from '../../src/stores/redis/open.js'
import { newRecord } from '../../src/testing/conformance/samples.js'
import { type RedisCluster, startCluster } from '../support/redis-cluster.js'
import { type RedisSentinel, startSentinel } from '../support/redis-sentinel.js'
import { type RedisServer, startRedis } from '../support/redis-server.js'
import { proxyTo, type TcpProxy } from '../support/tcp-proxy.js'

/** How soon the store must be back, in milliseconds: a second, and what a machine that is busy may add. */
const BACK_WITHIN = 1_300 + 2_500

let redis: RedisServer
let cluster: RedisCluster
let sentinel: RedisSentinel

beforeAll(async () => {
  redis = await startRedis()
  cluster = await startCluster()
  sentinel = await startSentinel()
}, 60_000)

afterAll(async () => {
  await redis.stop()
  await cluster.stop()
  await sentinel.stop()
})

const endings: (() => unknown)[] = []

afterEach(async () => {
  for (const end of endings.splice(0).toReversed()) await end()
})

function ending<T>(thing: T, end: (thing: T) => unknown): T {
  endings.push(() => end(thing))
  return thing
}

/** A client of the application, and the proxies that all its connections go over. */
interface Ground {
  readonly client: RedisClient & { on(event: 'error', listener: () => void): unknown }
  readonly proxies: readonly TcpProxy[]
}

async function proxied(ports: readonly number[]): Promise<readonly [TcpProxy[], Map<number, TcpProxy>]> {
  const proxies = await Promise.all(ports.map(async (port) => ending(await proxyTo(port), (proxy) => proxy.stop())))
  return [proxies, new Map(ports.map((port, at) => [port, proxies[at] as TcpProxy]))]
}

const host = '127.0.0.1'

const clock = new ManualClock()

async function single(): Promise<TcpProxy> {
  return ending(await proxyTo(redis.port), (proxy) => proxy.stop())
}

/** The masters of the Cluster, or of Sentinel, each behind a proxy, and where a client finds which. */
async function several(servers: readonly RedisServer[]) {
  const [proxies, byPort] = await proxied(servers.map(({ port }) => port))
  const map = Object.fromEntries([...byPort].map(([port, proxy]) => [`${host}:${port}`, { host, port: proxy.port }]))
  return { proxies, map }
}

const clients: readonly (readonly [string, () => Promise<Ground>])[] = [
  [
    'createClient of redis',
    async () => {
      const proxy = await single()
      return { client: ending(createClient({ url: proxy.url }), (each) => each.destroy()), proxies: [proxy] }
    },
  ],
  [
    'new Redis of ioredis',
    async () => {
      const proxy = await single()
      return { client: ending(new Redis(proxy.url), (each) => each.disconnect()), proxies: [proxy] }
    },
  ],
  [
    'createCluster of redis',
    async () => {
      const { proxies, map } = await several(cluster.masters)
      const rootNodes = proxies.map(({ url }) => ({ url }))
      const client = createCluster({ rootNodes, nodeAddressMap: map })
      return { client: ending(client, (each) => each.destroy()), proxies }
    },
  ],
  [
    'new Cluster of ioredis',
    async () => {
      const { proxies, map } = await several(cluster.masters)
      const client = new Cluster(
        proxies.map(({ port }) => ({ host, port })),
        { natMap: map },
      )
      return { client: ending(client, (each) => each.disconnect()), proxies }
    },
  ],
  [
    'createSentinel of redis',
    async () => {
      const { proxies, map } = await several(sentinel.servers)
      const client = createSentinel({
        name: sentinel.name,
        sentinelRootNodes: [sentinel.sentinel],
        nodeAddressMap: (address) => map[address],
      } as Parameters<typeof createSentinel>[0])
      return { client: ending(client, (each) => each.destroy()), proxies }
    },
  ],
  [
    'new Redis of ioredis with sentinels',
    async () => {
      const { proxies, map } = await several(sentinel.servers)
      const client = new Redis({ name: sentinel.name, sentinels: [sentinel.sentinel], natMap: map })
      return { client: ending(client, (each) => each.disconnect()), proxies }
    },
  ],
]

describe.each(clients)('the host behind a %s is gone without a word', (_, make) => {
  test('the store goes on over a connection of its own within about a second, and leaves the client as it is', async () => {
    const { client, proxies } = await make()
    client.on('error', () => {})
    const store = ending(new RedisStore({ client, prefix: randomUUID(), clock: clock.now }), (each) => each.close())
    const record = newRecord(clock)
    await store.create(record)
    for (const proxy of proxies) proxy.swallow('open')
    const began = performance.now()
    // What was waiting is told at once when the connection is given up; a read is asked once more, on the next one.
    const outcomes = await Promise.all([
      store.load(record.key),
      store.touch(record.key, clock.now()).catch((error: unknown) => error),
    ])
    expect(performance.now() - began).toBeLessThan(BACK_WITHIN)
    expect(outcomes).toEqual([record, expect.objectContaining({ name: 'SilentError' })])
    expect(await store.touch(record.key, clock.now())).toBe(true)
    // Those that the store opened are gone with it.
    const before = open(proxies)
    await store.close()
    await expect.poll(() => open(proxies)).toBeLessThan(before)
  })
})

function open(proxies: readonly TcpProxy[]): number {
  return proxies.reduce((sum, proxy) => sum + proxy.open, 0)
}

test('one server of a Cluster is gone while the others answer', async () => {
  const { proxies, map } = await several(cluster.masters)
  const client = ending(
    createCluster({ rootNodes: proxies.map(({ url }) => ({ url })), nodeAddressMap: map }),
    (each) => each.destroy(),
  )
  client.on('error', () => {})
  const store = ending(new RedisStore({ client, prefix: randomUUID(), clock: clock.now }), (each) => each.close())
  const records = Array.from({ length: 20 }, () => newRecord(clock))
  for (const record of records) await store.create(record)
  proxies[0]?.swallow('open')
  const began = performance.now()
  let isOver = false
  const others = Promise.all(
    records.map(async ({ key }) => {
      while (!isOver) await store.load(key)
    }),
  )
  await Promise.all(records.map(async (record) => expect(await store.load(record.key)).toEqual(record)))
  expect(performance.now() - began).toBeLessThan(BACK_WITHIN)
  isOver = true
  await others
})

const openers = [
  ['redis', openNodeRedis],
  ['ioredis', openIoredis],
] as const

describe.each(openers)("the host behind the store's own connection is gone, with the package %s", (_, opener) => {
  const openOver = async () => {
    const proxy = await single()
    const connection = ending(openConnection(proxy.url, [opener]), (each) => each.close())
    const ping = (): Promise<unknown> => connection.send(['ping'])
    expect(await ping()).toBe('PONG')
    return { proxy, ping }
  }

  test('it is given up with all that waits, and the next one works', async () => {
    const { proxy, ping } = await openOver()
    proxy.swallow('open')
    const began = performance.now()
    const outcomes = await Promise.allSettled([ping(), ping(), ping()])
    expect(performance.now() - began).toBeLessThan(BACK_WITHIN)
    expect(outcomes.map(({ status }) => status)).toEqual(Array(3).fill('rejected'))
    expect(await ping()).toBe('PONG')
    await expect.poll(() => proxy.open).toBe(1)
  })

  test('and new ones are too for a while: it is found again when it is back', async () => {
    const { proxy, ping } = await openOver()
    proxy.swallow('all')
    const began = performance.now()
    // Also one that is silent before it was ever ready is given up.
    for (let given = 0; given < 2; given++) await expect(ping()).rejects.toThrow(/has not answered/)
    expect(performance.now() - began).toBeLessThan(3_300 + 2_500)
    await proxy.mend()
    const back = performance.now()
    await expect.poll(() => ping().catch(String), { timeout: 10_000 }).toBe('PONG')
    expect(performance.now() - back).toBeLessThan(2_300 + 2_500)
    await expect.poll(() => proxy.open, { timeout: 5_000 }).toBe(1)
  })

  test('answers that are slow, but come, are no silence', async () => {
    const { proxy, ping } = await openOver()
    proxy.delay(150)
    const opened = proxy.opened
    const end = performance.now() + 2_000
    while (performance.now() < end) expect(await ping()).toBe('PONG')
    expect(proxy.opened).toBe(opened)
  })

  test('a process that was busy with itself does not take that for silence', async () => {
    const { proxy, ping } = await openOver()
    const opened = proxy.opened
    const answer = ping()
    const end = performance.now() + 1_500
    while (performance.now() < end);
    expect(await answer).toBe('PONG')
    expect(proxy.opened).toBe(opened)
  })
})
