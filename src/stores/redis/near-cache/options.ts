import { invalid, refuseUnknown, shown } from '../../../core/options.js'
import type { RedisClient } from '../client.js'
import { type OpenTrackers, trackersFor, trackersLike } from './trackers.js'

/** The near cache of a `RedisStore`. */
export interface NearCacheOptions {
  /** How many sessions are kept in this process, a whole number from 1. The one that was not asked for longest leaves first. */
  readonly maxEntries: number
}

/** What the options of a near cache say, checked. */
export interface CheckedNearCache {
  readonly maxEntries: number
  readonly open: OpenTrackers
}

/**
 * Checks the options of a near cache.
 *
 * @param source - where Redis is
 * @throws SessionError `OPTIONS_INVALID`, also for a client that can't be told of changes
 */
export function checkNearCache(
  given: NearCacheOptions | undefined,
  source: string | RedisClient,
): CheckedNearCache | undefined {
  if (given === undefined) return undefined
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw invalid(`RedisStore: nearCache is ${shown(given)}. Give { maxEntries: 10_000 }, or leave it out.`)
  }
  refuseUnknown(given, ['maxEntries'], 'option of nearCache')
  const { maxEntries } = given
  if (!Number.isSafeInteger(maxEntries) || maxEntries < 1) {
    throw invalid(
      `RedisStore: nearCache.maxEntries is ${shown(maxEntries)}. Give a whole number from 1, such as 10_000.`,
    )
  }
  if (typeof source === 'string') return { maxEntries, open: trackersFor(source) }
  const wrong = 'getMasterNode' in source ? 'is a `createSentinel` of the package redis' : withoutDuplicate(source)
  if (wrong === undefined) return { maxEntries, open: trackersLike(source) }
  throw invalid(
    `RedisStore: nearCache needs connections of its own on which Redis tells of changes, and the client ${wrong}, of which no ` +
      'such one can be made. Hand in a `createClient` or `createCluster` of redis, or a `new Redis()` (also with sentinels) or ' +
      '`new Cluster()` of ioredis, or leave out nearCache.',
  )
}

function withoutDuplicate(client: RedisClient): string | undefined {
  return typeof client.duplicate === 'function' ? undefined : 'has no `duplicate()`'
}
