import { randomUUID } from 'node:crypto'
import { RedisStore } from 'latchkey/stores/redis'
import { ManualClock, storeConformance } from 'latchkey/testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { newRecord, signedIn } from '../../src/testing/conformance/samples.js'
import { keeps, lacks } from '../../src/testing/conformance/suite.js'
import { type RedisSentinel, startSentinel } from '../support/redis-sentinel.js'
import { type Opened, sentinelClients } from '../support/redis-clients.js'

let servers: RedisSentinel

beforeAll(async () => {
  servers = await startSentinel()
}, 30_000)

afterAll(() => servers.stop())

describe.each(sentinelClients)('a Redis store with Sentinel, by %s, after a failover', (_, open) => {
  let prefix = ''
  let opened: Opened

  beforeAll(() => {
    opened = open(servers)
  })

  afterAll(() => opened.close())

  test('learns of the failover by itself, and has what was there before', async () => {
    const clock = new ManualClock()
    const store = new RedisStore({ client: opened.client, prefix: randomUUID(), clock: clock.now })
    const [kept, ended] = [newRecord(clock), signedIn(clock, 'ann')]
    await store.create(kept)
    await store.create(ended)
    await store.revokeAll('ann')
    await servers.settle()
    await servers.failOver()
    const touched = (): Promise<unknown> => store.touch(kept.key, clock.now()).catch(String)
    await expect.poll(touched, { timeout: 10_000 }).toBe(true)
    await keeps(store, kept)
    await lacks(store, ended.key)
  }, 30_000)

  storeConformance({
    test,
    open: (clock) => new RedisStore({ client: opened.client, prefix: (prefix = randomUUID()), clock }),
    openAnother: (clock) => new RedisStore({ client: opened.client, prefix, clock }),
  })
})
