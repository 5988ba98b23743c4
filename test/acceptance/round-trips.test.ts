import { Redis } from 'ioredis'
import { createClient } from 'redis'
import type { RecordPatch } from 'latchkey/core'
import { type RedisClient, RedisStore } from 'latchkey/stores/redis'
import { CookieAgent, type FailingStore, ManualClock } from 'latchkey/testing'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { platforms } from '../support/platforms.js'
import { type RedisServer, startRedis } from '../support/redis-server.js'
import { sentDuring } from '../stores/redis/bench.js'
import { dataOf, ending, everywhere, ROUTES, secret } from './everywhere.js'

const minute = 60_000

describe('every read costs two Redis round trips (GET, EXPIRE); on @fastify/session a full rewrite', () => {
  let server: RedisServer
  const clients: (() => unknown)[] = []

  beforeAll(async () => {
    server = await startRedis()
  })

  afterEach(async () => {
    for (const close of clients.splice(0)) await close()
  })

  afterAll(() => server.stop())

  /** Each way to give the store its connection. */
  const connections: Readonly<Record<string, () => Promise<{ url: string } | { client: RedisClient }>>> = {
    'a URL': () => Promise.resolve({ url: server.url }),
    'a client of the package redis': async () => {
      const client = await createClient({ url: server.url }).connect()
      clients.push(() => client.close())
      return { client }
    },
    'a client of ioredis': () => {
      const client = new Redis(server.url)
      clients.push(() => client.quit())
      return Promise.resolve({ client })
    },
  }

  describe.each(platforms)('on $name', ({ start }) => {
    describe.each(Object.entries(connections))('over %s', (_name, connect) => {
      /** An application whose connection is open and whose scripts Redis knows, and a browser that is signed in. */
      async function warm(): Promise<{ browser: CookieAgent; stranger: CookieAgent; clock: ManualClock }> {
        const clock = new ManualClock()
        const store = new RedisStore({ ...(await connect()), clock: clock.now })
        const app = ending(await start({ secret, store, clock: clock.now, storeTimeout: 10_000, log: false }, ROUTES))
        const another = (): CookieAgent => new CookieAgent(app.base, { clock: clock.now })
        const first = another()
        await first.get('/set?a=1')
        await first.get('/login?user=1')
        await first.get('/set?a=2')
        clock.advance(2 * minute)
        await first.get('/logout')
        const browser = another()
        await browser.get('/set?kept=1&changed=1')
        return { browser, stranger: another(), clock }
      }

      /** The names of the commands that Redis gets while a browser asks, and the fields in them. */
      async function commandsOf(answer: () => Promise<Response>): Promise<readonly (readonly string[])[]> {
        let status = 0
        const sent = await sentDuring(server, async () => {
          ;({ status } = await answer())
        })
        expect(status).toBe(200)
        return sent
      }

      const names = (sent: readonly (readonly string[])[]): unknown => sent.map(([name]) => name)

      test('a read is one command, also when nobody looks at the session', async () => {
        const { browser } = await warm()
        expect(names(await commandsOf(() => browser.get('/data')))).toEqual(['HGETALL'])
        expect(names(await commandsOf(() => browser.get('/data')))).toEqual(['HGETALL'])
        expect(names(await commandsOf(() => browser.get('/')))).toEqual(['HGETALL'])
      })

      test('an empty visit is none, with no cookie or with one that is none of ours', async () => {
        const { stranger } = await warm()
        expect(await commandsOf(() => stranger.get('/data'))).toEqual([])
        stranger.take(`sessionId=${'x'.repeat(95)}; Path=/`)
        expect(await commandsOf(() => stranger.get('/data'))).toEqual([])
      })

      test('a change of one key is one script call beside the read, with that key alone', async () => {
        const { browser } = await warm()
        const sent = await commandsOf(() => browser.get('/set?changed=2'))
        expect(names(sent)).toEqual(['HGETALL', 'EVALSHA'])
        expect(sent[1]).toContain('changed')
        for (const other of [':a', 'userId']) expect(sent[1]).not.toContain(other)
      })

      test('a value that is set to what it was costs nothing', async () => {
        const { browser } = await warm()
        expect(names(await commandsOf(() => browser.get('/set?changed=1')))).toEqual(['HGETALL'])
      })

      test('a first visit with data, a login and a logout are one script call each', async () => {
        const { browser, stranger } = await warm()
        expect(names(await commandsOf(() => stranger.get('/set?a=1')))).toEqual(['EVALSHA'])
        expect(names(await commandsOf(() => browser.get('/login?user=42')))).toEqual(['HGETALL', 'EVALSHA'])
        expect(names(await commandsOf(() => browser.get('/logout')))).toEqual(['HGETALL', 'EVALSHA'])
      })

      test('use is noted by one more script call, at most once per interval', async () => {
        const { browser, clock } = await warm()
        for (let round = 0; round < 2; round++) {
          clock.advance(minute)
          expect(names(await commandsOf(() => browser.get('/data')))).toEqual(['HGETALL', 'EVALSHA'])
          clock.advance(minute - 1)
          expect(names(await commandsOf(() => browser.get('/data')))).toEqual(['HGETALL'])
          clock.advance(1)
        }
      })
    })
  })
})

describe('promise 7: reading costs one store call, writing sends only what changed, an empty visit stores nothing', () => {
  everywhere(({ start }) => {
    test('a read is one load', async () => {
      const { browser, store } = await start()
      await browser.get('/set?a=1')
      for (const path of ['/data', '/', '/data']) await browser.get(path)
      expect(Object.entries(ofRequests(store)).filter(([, count]) => count > 0)).toEqual([
        ['load', 3],
        ['create', 1],
      ])
    })

    test('an empty visit is no call, and leaves nothing in the store and no cookie', async () => {
      const { browser, store, kept } = await start({ 'GET /id-only': ({ session }) => ({ id: session.id }) })
      for (const path of ['/', '/data', '/id-only', '/logout']) await browser.get(path)
      expect(Object.values(ofRequests(store)).every((count) => count === 0)).toBe(true)
      expect((await kept()).sessions).toBe(0)
      expect(browser.cookies).toEqual([])
    })

    test('a change sends the keys that changed and those that went, and the cookie stays', async () => {
      const { browser, store } = await start({
        'GET /fill': ({ session }) => void Object.assign(session, { a: { list: [1] }, b: 2, c: 3 }),
        'GET /change': ({ session }) => {
          ;(session['a'] as { list: number[] }).list.push(2)
          delete session['c']
        },
      })
      await browser.get('/fill')
      const patches: RecordPatch[] = []
      const update = store.update.bind(store)
      store.update = (key, patch) => (patches.push(patch), update(key, patch))
      expect((await browser.get('/change')).headers.getSetCookie()).toEqual([])
      expect(patches).toEqual([expect.objectContaining({ set: new Map([['a', '{"list":[1,2]}']]), remove: ['c'] })])
      expect(await dataOf(browser)).toEqual({ a: { list: [1, 2] }, b: 2 })
    })

    test('use is noted once per interval, and a write notes it by itself', async () => {
      const { browser, store, clock } = await start()
      await browser.get('/set?a=1')
      for (let round = 1; round <= 3; round++) {
        clock.advance(minute)
        for (const path of ['/data', '/', '/data']) await browser.get(path)
        expect(store.calls.touch).toBe(round)
      }
      clock.advance(minute - 1)
      await browser.get('/set?a=2')
      clock.advance(minute - 1)
      await browser.get('/data')
      expect(store.calls.touch).toBe(3)
    })
  })
})

/** How often requests called each verb: all but the probe at the start. */
function ofRequests({ calls }: FailingStore): Readonly<Record<string, number>> {
  return { ...calls, probe: 0 }
}
