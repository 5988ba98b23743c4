import { randomUUID } from 'node:crypto'
import { RedisStore } from 'latchkey/stores/redis'
import { ManualClock, storeConformance } from 'latchkey/testing'
import { createSentinel } from 'redis'
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

test('a client of node-redis that reads from replicas for others asks the master alone for the store', async () => {
  const { name, sentinel } = servers
  const client = createSentinel({ name, sentinelRootNodes: [sentinel], replicaPoolSize: 1 }).on('error', () => {})
  const clock = new ManualClock()
  const store = new RedisStore({ client, prefix: randomUUID(), clock: clock.now })
  const record = newRecord(clock)
  await store.create(record)
  expect(await store.load(record.key)).toEqual(record)
  const [master, replica] = await Promise.all(servers.servers.map((each) => each.command('INFO', 'commandstats')))
  expect(master).toContain('cmdstat_hgetall')
  expect(replica).not.toContain('cmdstat_hgetall')
  await client.close()
})

describe.each(sentinelClients)('a Redis store with Sentinel, by %s', (_, open) => {
  let prefix = ''
  let opened: Opened

  beforeAll(() => {
    opened = open(servers)
  })

  afterAll(() => opened.close())

  test('learns of a failover by itself, and has what was there before', async () => {
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

  // From here on after a failover, which is more than without one.
  storeConformance({
    test,
    open: (clock) => new RedisStore({ client: opened.client, prefix: (prefix = randomUUID()), clock }),
    openAnother: (clock) => new RedisStore({ client: opened.client, prefix, clock }),
  })
})
