import type { IoredisClient, NodeRedisClient, RedisClient } from './client.js'
import { CONNECT_WITHIN, type Line, retryDelay } from './line.js'
import { owned, ownedIoredis, ownIoredis, ownNodeRedis, type OwnIoredis, type OwnNodeRedis } from './own-lines.js'

/** Options of a connection over ioredis that is the store's own. */
export const OWN_IOREDIS = Object.freeze({
  lazyConnect: true,
  // 0: what is waiting when the connection ends is rejected at once, instead of being sent again or never answered.
  maxRetriesPerRequest: 0,
  retryStrategy: retryDelay,
  connectTimeout: CONNECT_WITHIN,
  // How long the other side is waited for when it is left.
  disconnectTimeout: 200,
})

/**
 * How to open a line of the store's own to where a client goes, by its `duplicate()`; `undefined` for a client without
 * one, such as a pool of node-redis.
 */
export function anotherLike(client: RedisClient, lineOver: LineOver): (() => Line) | undefined {
  if (typeof client.duplicate !== 'function') return undefined
  if ('call' in client) {
    if (client.isCluster !== true) return () => anotherIoredis(client)
    return () => {
      const another = duplicateOf(client)
      return ownedIoredis(lineOver(another), another)
    }
  }
  if ('getRandomNode' in client || 'getMasterNode' in client) {
    return () => {
      const another = duplicateOf(client)
      return owned(lineOver(another), another)
    }
  }
  return () => anotherNodeRedis(client)
}

/** Makes a line of a client of any kind. */
type LineOver = (client: RedisClient) => Line

function anotherNodeRedis(client: NodeRedisClient): Line {
  const { options } = client as { options?: { socket?: object } }
  const socket = { ...options?.socket, reconnectStrategy: retryDelay, connectTimeout: CONNECT_WITHIN }
  // A cache would be one with that of the application's client, and emptied with it.
  const overrides = { disableOfflineQueue: true, clientSideCache: undefined, socket }
  return ownNodeRedis(duplicateOf(client, overrides) as OwnNodeRedis)
}

function anotherIoredis(client: IoredisClient): Line {
  return ownIoredis(duplicateOf(client, OWN_IOREDIS) as OwnIoredis)
}

/** A client of the same kind, to the same servers. */
function duplicateOf<T extends RedisClient>(client: T, ...overrides: object[]): T {
  return (client as unknown as { duplicate(...given: object[]): T }).duplicate(...overrides)
}
