import { Module } from '@nestjs/common'
import { CACHE_MANAGER, CacheModule } from '@nestjs/cache-manager'
import { Test } from '@nestjs/testing'
import { createCache } from 'cache-manager'
import { Keyv } from 'keyv'
import { SessionModule, SessionService } from 'latchkey'
import { cacheManagerStore, type Cache, type CacheManagerStoreOptions } from 'latchkey/stores/cache-manager'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { minutes } from '../../src/core/duration.js'
import { storeConformance } from '../../src/testing/conformance.js'
import { newKey, newRecord, patchOf } from '../../src/testing/conformance/samples.js'
import { keeps, together } from '../../src/testing/conformance/suite.js'
import { ManualClock } from '../../src/testing/manual-clock.js'

describe('a cache of cache-manager is a store', () => {
  let last: Cache
  storeConformance({
    test,
    open: (clock) => cacheManagerStore((last = createCache()), { clock }),
    openAnother: (clock) => cacheManagerStore(last, { clock }),
  })
})

describe('a cache of cache-manager', () => {
  afterEach(() => vi.useRealTimers())

  test('keeps a session as an entry of plain data, with its time to live in milliseconds', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    const cache = createCache()
    const store = cacheManagerStore(cache)
    const record = newRecord(new ManualClock(), [['userId', '42']])
    await store.create(record)
    const entry = await cache.get(`session:${record.key}`)
    expect(entry).toMatchObject({ userId: 42, latchkey: { handle: record.handle } })
    expect(JSON.stringify(entry)).not.toContain(record.key)
    vi.setSystemTime(Date.now() + minutes(30) + 1)
    expect(await cache.get(`session:${record.key}`)).toBeUndefined()
  })

  test('keeps entries under the prefix that it is told', async () => {
    const cache = createCache()
    const record = newRecord(new ManualClock())
    await cacheManagerStore(cache, { prefix: 'shop:' }).create(record)
    expect(await cache.get(`shop:${record.key}`)).toBeDefined()
  })

  test('takes what somebody else has put there for no session', async () => {
    const cache = createCache()
    await cache.set('session:theirs', { userId: 1 })
    await expect(cacheManagerStore(cache).load('theirs')).rejects.toMatchObject({ code: 'RECORD_UNREADABLE' })
  })

  test('makes no more listeners than there are stores, however many ask at once', async () => {
    const cache = createCache()
    const on = vi.spyOn(cache, 'on')
    const store = cacheManagerStore(cache)
    await together(Array.from({ length: 30 }, () => () => store.load(newKey())))
    expect(on).toHaveBeenCalledTimes(1)
  })
})

describe('a cache whose store is down', () => {
  const cause = new Error('connection refused')
  const setUp = () => {
    const adapter = new Map<string, string>()
    let isDown = false
    const work = <T>(answer: () => T): T => {
      if (isDown) throw cause
      return answer()
    }
    const place = {
      opts: {},
      get: (key: string) => work(() => adapter.get(key)),
      set: (key: string, value: string) => work(() => void adapter.set(key, value)),
      delete: (key: string) => work(() => adapter.delete(key)),
      clear: () => adapter.clear(),
      on: () => place,
    }
    // Keyv lets an error end the process that nobody listens to.
    const keyv = new Keyv({ store: place, throwOnErrors: true }).on('error', () => {})
    const store = cacheManagerStore(createCache({ stores: [keyv] }))
    return { store, place, isDown: (value: boolean) => (isDown = value) }
  }

  test('fails, and is not taken for one without sessions', async () => {
    const { store, isDown } = setUp()
    const record = newRecord(new ManualClock())
    await store.create(record)
    isDown(true)
    const failed = { code: 'STORE_UNAVAILABLE', cause }
    await expect(store.load(record.key)).rejects.toMatchObject(failed)
    await expect(store.load(newKey())).rejects.toMatchObject(failed)
    await expect(store.update(record.key, patchOf())).rejects.toMatchObject(failed)
    await expect(store.delete(record.key)).rejects.toMatchObject(failed)
    isDown(false)
    await keeps(store, record)
    expect(await store.load(newKey())).toBeUndefined()
  })

  test.each(['set', 'delete'] as const)('only to a %s says so too', async (verb) => {
    const { store, place } = setUp()
    const record = newRecord(new ManualClock())
    await store.create(record)
    vi.spyOn(place, verb).mockImplementation(() => {
      throw cause
    })
    const write = verb === 'set' ? store.update(record.key, patchOf()) : store.delete(record.key)
    await expect(write).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE', cause })
    await keeps(store, record)
  })

  test('is refused at the start where it would hide that', () => {
    const { place } = setUp()
    const cache = createCache({ stores: [new Keyv(), new Keyv({ store: place })] })
    expect(() => cacheManagerStore(cache)).toThrow(/hides the errors of its store.*throwOnErrors: true/)
    expect(() => cacheManagerStore(createCache({ stores: [new Keyv()] }))).not.toThrow()
  })
})

describe('the options of cacheManagerStore', () => {
  const cache = createCache()

  test.each([
    ['the cache is undefined', undefined, {}],
    ['the cache has no method "del"', new Map(), {}],
    ['prefix is 5', cache, { prefix: 5 }],
    ['clock is 5', cache, { clock: 5 }],
    ['Known are: prefix, clock.', cache, { prefx: 'a' }],
  ])('are refused where %s', (why, given, options) => {
    expect(() => cacheManagerStore(given as Cache, options as CacheManagerStoreOptions)).toThrow(
      expect.objectContaining({ code: 'OPTIONS_INVALID', message: expect.stringContaining(why) as string }),
    )
  })
})

test('the CACHE_MANAGER of a Nest application is a store of its sessions', async () => {
  @Module({
    imports: [
      CacheModule.register({ isGlobal: true }),
      SessionModule.forRootAsync({
        inject: [CACHE_MANAGER],
        useFactory: (cache: Cache) => ({ secret: 's'.repeat(32), store: cacheManagerStore(cache) }),
      }),
    ],
  })
  class AppModule {}
  const module = await Test.createTestingModule({ imports: [AppModule] }).compile()
  await module.init()
  expect(module.get(SessionService)).toBeInstanceOf(SessionService)
  await module.close()
})
