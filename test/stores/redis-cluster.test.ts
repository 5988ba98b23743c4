import { randomUUID } from 'node:crypto'
import { RedisStore } from 'latchkey/stores/redis'
import { storeConformance } from 'latchkey/testing'
import { afterAll, beforeAll, describe, test } from 'vitest'
import { clusterClients, type Opened } from '../support/redis-clients.js'
import { type RedisCluster, startCluster } from '../support/redis-cluster.js'

let cluster: RedisCluster

beforeAll(async () => {
  cluster = await startCluster()
}, 30_000)

afterAll(() => cluster.stop())

describe.each(clusterClients)('a Redis store on a Cluster, by %s, is a store', (_, open) => {
  let prefix = ''
  let opened: Opened

  beforeAll(() => {
    opened = open(cluster)
  })

  afterAll(() => opened.close())

  storeConformance({
    test,
    open: (clock) => new RedisStore({ client: opened.client, prefix: (prefix = randomUUID()), clock }),
    openAnother: (clock) => new RedisStore({ client: opened.client, prefix, clock }),
  })
})
