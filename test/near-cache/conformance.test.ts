import { randomUUID } from 'node:crypto'
import { type RedisClient, RedisStore } from 'latchkey/stores/redis'
import { storeConformance } from 'latchkey/testing'
import { afterAll, beforeAll, describe, test } from 'vitest'
import { clusterClients, type Opened } from '../support/redis-clients.js'
import { type RedisCluster, startCluster } from '../support/redis-cluster.js'
import { type RedisServer, startRedis } from '../support/redis-server.js'
import { clients } from './ground.js'

const nearCache = { maxEntries: 100 }

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

describe('a Redis store with a near cache, on a URL, is a store', () => {
  let prefix = ''
  storeConformance({
    test,
    open: (clock) => new RedisStore({ url: server.url, prefix: (prefix = randomUUID()), clock, nearCache }),
    openAnother: (clock) => new RedisStore({ url: server.url, prefix, clock, nearCache }),
  })
})

const opened: readonly (readonly [string, () => Opened])[] = [
  ...clients.map(([name, open]) => [name, () => open(server.url)] as const),
  ...clusterClients.map(([name, open]) => [`${name} on a Cluster`, () => open(cluster)] as const),
]

describe.each(opened)('a Redis store with a near cache, on a client of %s, is a store', (_, open) => {
  let prefix = ''
  let client: RedisClient
  let close: () => Promise<unknown>

  beforeAll(() => {
    ;({ client, close } = open())
  })

  afterAll(() => close())

  storeConformance({
    test,
    open: (clock) => new RedisStore({ client, prefix: (prefix = randomUUID()), clock, nearCache }),
    openAnother: (clock) => new RedisStore({ client, prefix, clock, nearCache }),
  })
})
