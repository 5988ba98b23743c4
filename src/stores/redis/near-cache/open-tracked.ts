import type { IoredisClient, RedisClient } from '../client.js'
import { CONNECT_WITHIN, retryDelay } from '../line.js'
import type { OwnIoredis } from '../own-lines.js'
import { isMissing } from '../open.js'
import { TRACKED_IOREDIS, trackedIoredis, type ToldIoredis } from './tracked-ioredis.js'
import type { OpenTracked } from './tracked-line.js'
import { TRACKED, trackedNodeRedis, type TrackedNodeRedis } from './tracked-node-redis.js'

const SOCKET = Object.freeze({ reconnectStrategy: retryDelay, connectTimeout: CONNECT_WITHIN })

/** How to open tracked lines to a URL, with the package `redis` or else `ioredis`. */
export async function trackedUrl(url: string): Promise<OpenTracked> {
  try {
    return await nodeRedisUrl(url)
  } catch (error) {
    if (!isMissing(error)) throw error
    return ioredisUrl(url)
  }
}

/** How to open tracked lines to where a client of one server goes, or the one of a Cluster that a node of it is for. */
export function trackedLike(client: RedisClient): OpenTracked {
  return 'call' in client ? likeIoredis(client) : likeNodeRedis(client)
}

/** Exported for tests. */
export async function nodeRedisUrl(url: string): Promise<OpenTracked> {
  const { createClient } = await import('redis')
  return (hearing) => trackedNodeRedis(createClient({ url, ...TRACKED, socket: { ...SOCKET } }), hearing)
}

/** Exported for tests. */
export async function ioredisUrl(url: string): Promise<OpenTracked> {
  const { Redis } = await import('ioredis')
  return (hearing) => trackedIoredis(new Redis(url, TRACKED_IOREDIS), new Redis(url, TRACKED_IOREDIS), hearing)
}

function likeNodeRedis(client: RedisClient): OpenTracked {
  const { options } = client as { options?: { socket?: object } }
  // A cache would be one with that of the application's client.
  const overrides = { ...TRACKED, clientSideCache: undefined, socket: { ...options?.socket, ...SOCKET } }
  return (hearing) => trackedNodeRedis(duplicateOf<TrackedNodeRedis>(client, overrides), hearing)
}

function likeIoredis(client: IoredisClient): OpenTracked {
  const another = (): OwnIoredis & ToldIoredis => duplicateOf(client, TRACKED_IOREDIS)
  return (hearing) => trackedIoredis(another(), another(), hearing)
}

function duplicateOf<T>(client: RedisClient, overrides: object): T {
  return (client as unknown as { duplicate(overrides: object): T }).duplicate(overrides)
}
