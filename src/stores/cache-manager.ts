import type { Closing, Probing, Rotating, SessionStore } from '../core/store.js'
import { checkOptions, type CacheManagerStoreOptions } from './cache-manager/options.js'
import { TheirCache, type Cache } from './cache-manager/their-cache.js'
import { KeyedStore } from './keyed/keyed-store.js'

export type { CacheManagerStoreOptions } from './cache-manager/options.js'
export type { Cache } from './cache-manager/their-cache.js'

/**
 * A session store on a cache of cache-manager 6 or 7, such as Nest's `CACHE_MANAGER`. The cache is handed in and left open.
 *
 * A session is an entry `session:KEY` with its time to live: the data as plain properties, and the rest of the record in
 * the property `latchkey`. The key is a hash, so nothing in the cache lets its reader sign in.
 *
 * Within this process it keeps what every store of Latchkey keeps, also where several are made on one cache: parallel
 * writes to different keys are all kept, and what was ended stays ended. What a cache can't do:
 * - Between processes no step is atomic. A write is a `get` and a `set`; what another process wrote to the same session
 *   in between is lost, and a session that it ended in between is back. Of two creates of one key both may win.
 * - It has no ability `by-subject` (no list of devices, no revoking by user, no `maxSessions`), and none `sweeping`:
 *   what is over goes when the cache itself removes it.
 * - It may drop what it was given: `cache.clear()` and an eviction sign users out.
 * - With several stores in one cache, those in the memory of a process keep giving out what another process has changed or
 *   ended, until its time to live is over. Give sessions a cache with one store.
 * - With `nonBlocking` it says that a write was done before it was. Leave that out.
 *
 * A cache in the memory of the process loses every session with it. A Keyv that hides the errors of its store is refused,
 * because a store that is down would look like one without sessions.
 *
 * @throws SessionError `OPTIONS_INVALID`
 */
export function cacheManagerStore(
  cache: Cache,
  options: CacheManagerStoreOptions = {},
): SessionStore & Rotating & Probing & Closing {
  const resolved = checkOptions(cache, options)
  return new KeyedStore(new TheirCache(cache, resolved.prefix), cache, resolved.clock)
}
