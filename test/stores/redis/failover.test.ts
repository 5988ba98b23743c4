import { randomUUID } from 'node:crypto'
import { RedisStore } from 'latchkey/stores/redis'
import { ManualClock } from 'latchkey/testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { newRecord, patchOf, signedIn } from '../../../src/testing/conformance/samples.js'
import { keeps, lacks } from '../../../src/testing/conformance/suite.js'
import { type Opened, sentinelClients } from '../../support/redis-clients.js'
import { type RedisSentinel, startSentinel } from '../../support/redis-sentinel.js'
import { trafficOn, visit } from './traffic.js'

let servers: RedisSentinel

beforeAll(async () => {
  servers = await startSentinel()
}, 30_000)

afterAll(() => servers.stop())

describe.each(sentinelClients)('a failover by Sentinel in mid-run, by %s', (_, open) => {
  let opened: Opened

  beforeAll(() => {
    opened = open(servers)
  })

  afterAll(() => opened.close())

  test('is seen as errors of the connection at most, and what the replica had is there', async () => {
    const clock = new ManualClock()
    const store = new RedisStore({ client: opened.client, prefix: randomUUID(), clock: clock.now })
    const [kept, ended, over] = [signedIn(clock, 'ann'), signedIn(clock, 'ann'), newRecord(clock)]
    for (const record of [kept, ended, over]) await store.create(record)
    await store.revoke('ann', ended.handle)
    await store.delete(over.key)
    await servers.settle()

    let isOver = false
    const failures: unknown[] = []
    const visitors = ['bob', 'eve', 'joe', 'sue'].map(async (subject) => {
      for (let turn = 0; !isOver; turn++) {
        // What a former master still takes is lost, so an answer may be another than expected.
        await visit(store, clock, subject, turn).catch((error: unknown) => failures.push(error))
      }
    })
    await servers.failOver()
    isOver = true
    await Promise.all(visitors)
    for (const failure of failures) expect(String(failure)).not.toMatch(/CROSSSLOT|RECORD_UNREADABLE|ERR |TypeError/)

    await expect.poll(() => store.touch(kept.key, clock.now()).catch(String), { timeout: 10_000 }).toBe(true)
    await keeps(store, kept)
    expect(await store.list('ann')).toEqual([kept])
    for (const { key } of [ended, over]) {
      await lacks(store, key)
      expect(await store.update(key, patchOf())).toBe('gone')
    }
    const traffic = trafficOn(store, clock, ['ann', 'bob', 'eve'])
    await traffic.more(30)
    await traffic.stop()
  }, 40_000)
})
