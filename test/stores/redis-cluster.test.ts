import { randomUUID } from 'node:crypto'
import { Cluster } from 'ioredis'
import { createCluster } from 'redis'
import { type RedisClient, RedisStore } from 'latchkey/stores/redis'
import { storeConformance } from 'latchkey/testing'
import { afterAll, beforeAll, describe, test } from 'vitest'
import { type RedisCluster, startCluster } from '../support/redis-cluster.js'

/** A client of the application, as a test opens it. */
interface Opened {
  readonly client: RedisClient
  close(): Promise<unknown>
}

const clients: readonly (readonly [string, (urls: readonly string[]) => Opened])[] = [
  ['node-redis', nodeRedis],
  ['ioredis', ioredis],
]

let cluster: RedisCluster

beforeAll(async () => {
  cluster = await startCluster()
}, 30_000)

afterAll(() => cluster.stop())

describe.each(clients)('a Redis store on a Cluster, by %s, is a store', (_, open) => {
  let prefix = ''
  let opened: Opened

  beforeAll(() => {
    opened = open(cluster.masters.map(({ url }) => url))
  })

  afterAll(() => opened.close())

  storeConformance({
    test,
    open: (clock) => new RedisStore({ client: opened.client, prefix: (prefix = randomUUID()), clock }),
    openAnother: (clock) => new RedisStore({ client: opened.client, prefix, clock }),
  })
})

/** Not connected: the store does that. */
function nodeRedis(urls: readonly string[]): Opened {
  const client = createCluster({ rootNodes: urls.map((url) => ({ url })) })
  return { client, close: () => client.close() }
}

function ioredis(urls: readonly string[]): Opened {
  const client = new Cluster([...urls])
  return { client, close: () => client.quit() }
}
