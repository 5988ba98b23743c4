import type { Clock } from '../../core/expiry.js'
import { callable, invalid, refuseUnknown, shown } from '../../core/options.js'
import type { Cache } from './their-cache.js'

/** What {@link cacheManagerStore} can be told. */
export interface CacheManagerStoreOptions {
  /** What the names of the entries begin with. Default: `session:`. */
  readonly prefix?: string | undefined
  /** Tells the time, in epoch milliseconds. Default: `Date.now`. */
  readonly clock?: Clock | undefined
}

/** {@link CacheManagerStoreOptions}, checked and complete. */
export interface ResolvedCacheManagerStoreOptions {
  readonly prefix: string
  readonly clock: Clock
}

/**
 * Checks the cache and the options.
 *
 * @throws SessionError `OPTIONS_INVALID`
 */
export function checkOptions(cache: unknown, options: CacheManagerStoreOptions): ResolvedCacheManagerStoreOptions {
  assertCache(cache)
  refuseUnknown(options, ['prefix', 'clock'], 'option of cacheManagerStore')
  const { prefix = 'session:' } = options
  if (typeof prefix !== 'string') {
    throw invalid(`cacheManagerStore: prefix is ${shown(prefix)}. Give a text such as "session:".`)
  }
  return { prefix, clock: callable('cacheManagerStore: clock', options.clock) ?? Date.now }
}

function assertCache(cache: unknown): asserts cache is Cache {
  if (typeof cache !== 'object' || cache === null) {
    throw invalid(
      `cacheManagerStore: the cache is ${shown(cache)}. Give what createCache makes, or what Nest injects as CACHE_MANAGER.`,
    )
  }
  for (const method of ['get', 'set', 'del', 'on'] as const) {
    if (typeof (cache as Partial<Cache>)[method] === 'function') continue
    throw invalid(`cacheManagerStore: the cache has no method "${method}". Give one of cache-manager 6 or 7.`)
  }
  if ((cache as Cache).stores?.some(hidesErrors) !== true) return
  throw invalid(
    'cacheManagerStore: a Keyv of the cache hides the errors of its store, so a store that is down would look like one ' +
      'without sessions. Make it with `new Keyv({ store, throwOnErrors: true })`.',
  )
}

/** The memory of the process has no errors to hide. */
function hidesErrors(keyv: unknown): boolean {
  if (typeof keyv !== 'object' || keyv === null) return false
  const { throwOnErrors, store } = keyv as { readonly throwOnErrors?: unknown; readonly store?: unknown }
  return throwOnErrors === false && !(store instanceof Map)
}
