import { randomUUID } from 'node:crypto'
import { RedisStore } from 'latchkey/stores/redis'
import { ManualClock } from 'latchkey/testing'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { SessionRecord } from '../../../src/core/record.js'
import {
  atMost,
  IDLE,
  newKey,
  newRecord,
  patchOf,
  rotation,
  sealedRotation,
  signedIn,
  successorKey,
  timesOf,
} from '../../../src/testing/conformance/samples.js'
import { lacks, loaded } from '../../../src/testing/conformance/suite.js'
import { clusterClients, type Opened } from '../../support/redis-clients.js'
import { type RedisCluster, startCluster } from '../../support/redis-cluster.js'
import { trafficOn } from './traffic.js'

let cluster: RedisCluster

beforeAll(async () => {
  cluster = await startCluster({ replica: true })
}, 30_000)

afterAll(() => cluster.stop())

describe.each(clusterClients)('a store on a Cluster that changes, by %s', { timeout: 20_000 }, (_, open) => {
  let opened: Opened
  let clock: ManualClock
  let prefix: string
  let store: RedisStore

  beforeAll(() => {
    opened = open(cluster)
  })

  afterAll(() => opened.close())

  beforeEach(() => {
    clock = new ManualClock()
    prefix = randomUUID()
    store = new RedisStore({ client: opened.client, prefix, clock: clock.now })
  })

  const indexAt = (key: string): string => `${prefix}:{${key.slice(0, 8)}}:u`

  test('while half of a slot is elsewhere, sessions are read and written, and what needs several keys waits', async () => {
    const records = Array.from({ length: 6 }, (_, at) => signedIn(clock, 'ann', { authenticatedAt: clock.now() + at }))
    for (const record of records) await store.create(record)
    const [first, second, third, ...rest] = records
    if (!first || !second || !third) throw new Error('six records are due')
    const [late, anonymous] = [signedIn(clock, 'ann', { authenticatedAt: clock.now() + 9 }), newRecord(clock)]
    await store.create(anonymous)
    const [next, moved] = [successorKey(second.key), newKey('ann')]
    const waiting: Promise<unknown>[] = []
    const halfway = async (): Promise<void> => {
      for (const record of records) {
        expect(await loaded(store, record.key)).toEqual(record)
        expect(await store.update(record.key, patchOf([['a', '1']]))).toBe('updated')
        expect(await store.touch(record.key, clock.now() + 1)).toBe(true)
        expect((await loaded(store, record.key)).version).toBe(2)
      }
      waiting.push(store.revoke('ann', first.handle))
      waiting.push(Promise.resolve(store.rotate(second.key, next, sealedRotation('ann'))))
      waiting.push(store.rotate(anonymous.key, moved, rotation('ann', [], { limit: atMost(100) })))
      waiting.push(store.create(late, atMost(100)))
      waiting.push(store.updateAll('ann', patchOf([['role', '1']])))
    }
    await cluster.migrate(indexAt(first.key), { halfway })
    expect((await Promise.all(waiting)).slice(0, 4)).toEqual([true, 'updated', 'updated', undefined])
    await lacks(store, first.key)
    const due = [next, moved, late.key, third.key, ...rest.map(({ key }) => key)]
    expect(new Set((await store.list('ann')).map(({ key }) => key))).toEqual(new Set(due))
    expect(await store.revokeAll('ann')).toHaveLength(due.length)
    for (const key of due) await lacks(store, key)
  })

  test('while a slot is about to move, the last session of a subject ends in every way there is', async () => {
    const ends: ((record: SessionRecord) => unknown)[] = [
      async ({ key }) => expect(await store.delete(key)).toBe(true),
      async ({ handle }) => expect(await store.revoke('ann', handle)).toBe(true),
      async ({ handle }) => expect(await store.revokeAll('ann')).toEqual([handle]),
      async ({ key }) => expect(await store.rotate(key, newKey(), rotation(undefined))).toBe('updated'),
      async (record) => {
        const times = timesOf(record, { expiresAt: clock.now() })
        expect(await store.update(record.key, patchOf([], { times }))).toBe('updated')
      },
      async () => {
        clock.advance(IDLE)
        expect(await store.count('ann')).toBe(0)
      },
    ]
    for (const end of ends) {
      const record = signedIn(clock, 'ann')
      await store.create(record)
      await cluster.migrate(indexAt(record.key), { atFirst: () => Promise.resolve(end(record)) })
      await lacks(store, record.key)
      expect(await store.list('ann')).toEqual([])
    }
  })

  test('sessions come and go while slots move to and fro', async () => {
    const traffic = trafficOn(store, clock, ['ann', 'ann', 'ann', 'bob', 'eve'])
    for (let round = 0; round < 10; round++) {
      for (const subject of ['ann', 'bob']) {
        await cluster.migrate(indexAt(newKey(subject)))
        await traffic.more(1)
      }
    }
    await traffic.stop()
  })

  test('sessions come and go while a replica takes over', async () => {
    const traffic = trafficOn(store, clock, ['ann', 'ann', 'bob', 'eve', 'joe', 'sue', 'tom', 'kim'])
    await traffic.more(20)
    await cluster.failOver()
    await traffic.more(20)
    await traffic.stop()
  })
})
