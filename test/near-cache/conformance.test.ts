import { randomUUID } from 'node:crypto'
import type { Clock } from 'latchkey/core'
import type { RedisClient, RedisStore, RedisStoreOptions } from 'latchkey/stores/redis'
import { storeConformance } from 'latchkey/testing'
import { afterAll, beforeAll, describe, test } from 'vitest'
import { clusterClients, type Opened } from '../support/redis-clients.js'
import { type RedisCluster, startCluster } from '../support/redis-cluster.js'
import { type RedisServer, startRedis } from '../support/redis-server.js'
import { clients, hearing, inUse, isSoak } from './ground.js'

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
  conformance(() => ({ url: server.url }))
})

/** Each kind of them. `npm run test:soak` takes all. */
const opened: readonly (readonly [string, () => Opened])[] = [
  ...clients.map(([name, open]) => [name, () => open(server.url)] as const),
  ...clusterClients.map(([name, open]) => [`${name} on a Cluster`, () => open(cluster)] as const),
].filter(([name]) => isSoak || /with a keyPrefix|^node-redis on a Cluster/.test(name))

describe.each(opened)('a Redis store with a near cache, on a client of %s, is a store', (_, open) => {
  let client: RedisClient
  let close: () => Promise<unknown>

  beforeAll(() => {
    ;({ client, close } = open())
  })

  afterAll(() => close())

  conformance(() => ({ client }))
})

/** Where there are two processes, each hears what there is to hear before it looks. What itself has written, it sees at once. */
function conformance(options: () => RedisStoreOptions): void {
  let prefix = ''
  const open = (clock: Clock): Promise<RedisStore> => inUse({ ...options(), prefix, clock })
  storeConformance({
    test,
    open: (clock) => {
      prefix = randomUUID()
      return open(clock)
    },
  })
  storeConformance({
    test: (name, run) => {
      if (name.includes('process')) test(name, run)
    },
    open: async (clock) => {
      prefix = randomUUID()
      return hearing(await open(clock))
    },
    openAnother: async (clock) => hearing(await open(clock)),
  })
}
