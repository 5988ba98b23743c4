import { randomUUID } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { RedisStore } from 'latchkey/stores/redis'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { sentinelClients } from '../support/redis-clients.js'
import { type RedisSentinel, startSentinel } from '../support/redis-sentinel.js'
import { afterwards, answers, comesBack, DEADLINE, MARGIN, onBoth, percentile, SLACK } from './outage.js'

let servers: RedisSentinel

beforeAll(async () => {
  servers = await startSentinel()
}, 30_000)

afterAll(() => servers.stop())

describe.each(sentinelClients)('a failover by Sentinel under load, by %s', (_, open) => {
  onBoth((start) => {
    test('is a few 503s at most, and then everybody is signed in as before', { timeout: 60_000 }, async () => {
      const { client } = afterwards(open(servers), (each) => each.close())
      client.on('error', () => {})
      const site = await start(new RedisStore({ client, prefix: randomUUID() }))
      const people = await Promise.all(['ann', 'joe', 'eve', 'sue'].map((user) => site.signedIn(user)))
      for (const browser of people) await answers(browser, '/set?note=kept')
      await servers.settle()
      const cookies = people.map((browser) => browser.cookie('sessionId'))
      const took: number[] = []
      let refusals = 0
      let isOver = false
      const load = people.map(async (browser, at) => {
        for (let turn = 0; !isOver; turn++) {
          const began = performance.now()
          const response = await browser.get(turn % 4 === at ? '/set?turn=1' : '/data')
          took.push(performance.now() - began)
          if (response.status === 503) refusals++
          expect([200, 503]).toContain(response.status)
          expect(response.headers.getSetCookie()).toEqual([])
          await response.arrayBuffer()
          await pause(5)
        }
      })
      await Promise.all([servers.failOver().finally(() => (isOver = true)), ...load])
      expect(percentile(took, 0.99)).toBeLessThan(DEADLINE + MARGIN + SLACK)
      expect(refusals).toBeLessThan(took.length / 4)
      const users = ['ann', 'joe', 'eve', 'sue']
      for (const [at, browser] of people.entries()) {
        const data: unknown = expect.objectContaining({ userId: users[at], note: 'kept' })
        await comesBack(browser, data)
      }
      expect(people.map((browser) => browser.cookie('sessionId'))).toEqual(cookies)
      await expect.poll(async () => (await site.browser().get('/login?user=bob')).status, { timeout: 10_000 }).toBe(200)
    })
  })
})
