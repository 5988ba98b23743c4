import { createCache } from 'cache-manager'
import { describe, test } from 'vitest'
import { cacheManagerStore, type Cache } from '../../src/stores/cache-manager.js'
import { storeConformance } from '../../src/testing/conformance.js'

describe('a cache of cache-manager is a store', () => {
  let last: Cache
  storeConformance({
    test,
    open: (clock) => cacheManagerStore((last = createCache()), { clock }),
    openAnother: (clock) => cacheManagerStore(last, { clock }),
  })
})
