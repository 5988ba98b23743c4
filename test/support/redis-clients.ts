import { Cluster, Redis } from 'ioredis'
import { createCluster, createSentinel } from 'redis'
import type { RedisClient } from 'latchkey/stores/redis'
import type { RedisCluster } from './redis-cluster.js'
import type { RedisSentinel } from './redis-sentinel.js'

/** A client of the application, as a test opens it. */
export interface Opened {
  readonly client: RedisClient
  close(): Promise<unknown>
}

/** The clients of a Cluster, by their packages. Those of node-redis are not connected: the store does that. */
export const clusterClients: readonly (readonly [string, (cluster: RedisCluster) => Opened])[] = [
  [
    'node-redis',
    ({ masters }) => {
      const client = createCluster({ rootNodes: masters.map(({ url }) => ({ url })) })
      return { client, close: () => client.close() }
    },
  ],
  [
    'ioredis',
    ({ masters }) => {
      const client = new Cluster(masters.map(({ url }) => url))
      return { client, close: () => client.quit() }
    },
  ],
]

/** The clients of a master that a Sentinel names, by their packages. */
export const sentinelClients: readonly (readonly [string, (servers: RedisSentinel) => Opened])[] = [
  [
    'node-redis',
    ({ name, sentinel }) => {
      const client = createSentinel({ name, sentinelRootNodes: [sentinel] })
      return { client, close: () => client.close() }
    },
  ],
  [
    'ioredis',
    ({ name, sentinel }) => {
      const client = new Redis({ name, sentinels: [sentinel] })
      return { client, close: () => client.quit() }
    },
  ],
]
