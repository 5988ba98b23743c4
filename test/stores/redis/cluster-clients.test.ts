import { randomUUID } from 'node:crypto'
import { Cluster, Redis } from 'ioredis'
import { createClient, createCluster, createSentinel } from 'redis'
import { type RedisClient, RedisStore } from 'latchkey/stores/redis'
import { ManualClock } from 'latchkey/testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { movedBy, newKey, newRecord, rotation, signedIn } from '../../../src/testing/conformance/samples.js'
import { keeps, lacks } from '../../../src/testing/conformance/suite.js'
import { type RedisCluster, startCluster } from '../../support/redis-cluster.js'
import { type RedisSentinel, startSentinel } from '../../support/redis-sentinel.js'
import type { RedisServer } from '../../support/redis-server.js'
import { connections, ending, sentDuring } from './bench.js'

/** A cluster of one server, which is the least that refuses a script over two slots. */
let alone: RedisCluster
let server: RedisServer

beforeAll(async () => {
  alone = await startCluster({ size: 1 })
  server = alone.masters[0] as RedisServer
}, 30_000)

afterAll(() => alone.stop())

/** Fails unless a session can be kept, moved to another slot, found and ended. */
async function works(client: RedisClient): Promise<void> {
  const clock = new ManualClock()
  const store = new RedisStore({ client, prefix: randomUUID(), clock: clock.now })
  const [record, key, patch] = [newRecord(clock), newKey('ann'), rotation('ann')]
  await store.create(record)
  expect(await store.rotate(record.key, key, patch)).toBe('updated')
  await lacks(store, record.key)
  await keeps(store, movedBy(patch, record, key))
  expect(await store.list('ann')).toHaveLength(1)
  expect(await store.revokeAll('ann')).toEqual([record.handle])
  await lacks(store, key)
}

describe('a client of a cluster', () => {
  test('of node-redis is connected once, however many verbs come first', async () => {
    const client = ending(createCluster({ rootNodes: [{ url: server.url }] }), (each) => each.close())
    const store = new RedisStore({ client })
    await Promise.all([newKey(), newKey(), newKey()].map(async (key) => store.load(key)))
    const open = await connections(server)
    await works(client)
    expect(await connections(server)).toBe(open)
  })

  test('of node-redis is waited for where the application has not', async () => {
    const client = ending(createCluster({ rootNodes: [{ url: server.url }] }), (each) => each.close())
    const connecting = client.connect()
    await works(client)
    await connecting
  })

  test('of node-redis is connected at a later verb, where it could not be at the first one', async () => {
    const client = ending(createCluster({ rootNodes: [{ url: server.url }] }), (each) => each.close())
    const store = new RedisStore({ client })
    await server.command('CONFIG', 'SET', 'requirepass', 'right')
    try {
      await expect(store.load(newKey())).rejects.toThrow()
    } finally {
      await server.command('CONFIG', 'SET', 'requirepass', '')
    }
    await works(client)
  })

  test('of ioredis may have a keyPrefix', async () => {
    const client = ending(new Cluster([server.url], { keyPrefix: 'app:' }), (each) => each.quit())
    await works(client)
    const clock = new ManualClock()
    await new RedisStore({ client, clock: clock.now }).create(signedIn(clock, 'ann'))
    expect(await server.command('KEYS', 'app:lk:{*')).toHaveLength(2)
  })
})

describe('one server of a cluster, or a proxy before one', () => {
  test.each<[string, (url: string) => RedisClient]>([
    ['node-redis', (url) => ending(createClient({ url }), (client) => client.close())],
    ['ioredis', (url) => ending(new Redis(url), (client) => client.quit())],
  ])('is taken for a cluster from its first refusal on, by %s', async (_, open) => {
    const client = open(server.url)
    await works(client)
    const clock = new ManualClock()
    const store = new RedisStore({ client, prefix: randomUUID(), clock: clock.now })
    const move = async (): Promise<void> => {
      const record = newRecord(clock)
      await store.create(record)
      expect(await store.rotate(record.key, newKey('ann'), rotation('ann'))).toBe('updated')
    }
    const refusals = async (): Promise<unknown> =>
      /CROSSSLOT:count=(\d+)/.exec(String(await server.command('INFO', 'errorstats')))?.[1]
    const before = Number(await refusals())
    await move()
    expect(Number(await refusals())).toBe(before + 1)
    const names = (await sentDuring(server, move)).map(([name]) => name)
    expect(names).toEqual(['EVALSHA', 'HGETALL', 'EVALSHA', 'EVALSHA'])
    expect(Number(await refusals())).toBe(before + 1)
  })
})

describe('a sentinel of node-redis', () => {
  let servers: RedisSentinel

  beforeAll(async () => {
    servers = await startSentinel()
  }, 30_000)

  afterAll(() => servers.stop())

  test.each(['before', 'at'] as const)('is connected %s the first verb', async (when) => {
    const { name, sentinel } = servers
    const client = ending(createSentinel({ name, sentinelRootNodes: [sentinel] }), (each) => each.close())
    const connecting = when === 'before' ? client.connect() : undefined
    await works(client)
    await connecting
  })
})
