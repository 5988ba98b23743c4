import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { RedisStore, type RedisStoreOptions } from 'latchkey/stores/redis'
import { createClient } from 'redis'
import { describe, expect, test } from 'vitest'
import { HandlerGate, type Routes } from '../acceptance/everywhere.js'
import { type RedisServer, type RedisServerOptions, startRedis } from '../support/redis-server.js'
import { proxyTo, type TcpProxy } from '../support/tcp-proxy.js'
import { sized } from './counts.js'
import { keepFigures } from './figures.js'
import {
  afterwards,
  answers,
  comesBack,
  dataOf,
  DEADLINE,
  MARGIN,
  onBoth,
  percentile,
  refused,
  refusesLogins,
  type Site,
  SLACK,
  type Start,
} from './outage.js'

/** How an application comes to its connection. Its clients have what the packages give them, and a listener. */
const kinds: readonly (readonly [string, (url: string) => RedisStoreOptions])[] = [
  ['a url', (url) => ({ url })],
  [
    'a client of redis',
    (url) => {
      const client = afterwards(createClient({ url }), (each) => each.isOpen && each.destroy())
      client.on('error', () => {})
      return { client }
    },
  ],
  [
    'a client of ioredis',
    (url) => {
      const client = afterwards(new Redis(url), (each) => each.disconnect())
      client.on('error', () => {})
      return { client }
    },
  ],
]

async function server(options?: RedisServerOptions): Promise<RedisServer> {
  return afterwards(await startRedis(options), (each) => each.kill())
}

/** Keeps what it was told until it is started again on the same port. */
async function keeping(
  port?: number,
  dir?: string,
): Promise<{ redis: RedisServer; again: () => Promise<RedisServer> }> {
  const folder =
    dir ?? afterwards(await mkdtemp(join(tmpdir(), 'latchkey-aof-')), (each) => rm(each, { recursive: true }))
  const args = ['--appendonly', 'yes', '--appendfsync', 'always', '--dir', folder]
  const redis = await server(port === undefined ? { args } : { args, port })
  return { redis, again: async () => (await keeping(redis.port, folder)).redis }
}

async function over(redis: RedisServer): Promise<TcpProxy> {
  return afterwards(await proxyTo(redis.port), (each) => each.stop())
}

/** Sends reads and writes for as long as `outage` lasts. Answers how long each took; each must be a 200 or a 503. */
async function during(site: Site, signedIn: string, outage: () => Promise<unknown>): Promise<readonly number[]> {
  const took: number[] = []
  let isOver = false
  const visitors = ['/data', '/data', '/set?turn=1', '/data'].map(async (path) => {
    const browser = site.browser()
    browser.take(`sessionId=${signedIn}; Path=/`)
    while (!isOver) {
      const began = performance.now()
      const response = await browser.get(path)
      took.push(performance.now() - began)
      expect([200, 503]).toContain(response.status)
      expect(response.headers.getSetCookie()).toEqual([])
      const body = (await response.json()) as { userId?: unknown; code?: unknown }
      if (response.status === 503) expect(body.code).toBe('STORE_UNAVAILABLE')
      else if (path === '/data') expect(body.userId).toBe('ann')
      await pause(5)
    }
  })
  await Promise.all([outage().finally(() => (isOver = true)), ...visitors])
  expect(percentile(took, 0.99)).toBeLessThan(DEADLINE + MARGIN + SLACK)
  return took
}

describe.each(kinds)('over %s', (kind, given) => {
  const open = (url: string): RedisStore => new RedisStore(given(url))

  onBoth((start, platform) => {
    test.each(['full', 'empty'])('Redis killed in mid-request, and back %s', async (how) => {
      const { redis, again } = await keeping()
      const gate = new HandlerGate()
      const routes: Routes = {
        'GET /held': async ({ session }) => {
          session['note'] = 'held'
          await gate.pass()
        },
      }
      const site = await start(open(redis.url), {}, routes)
      const ann = await site.signedIn('ann')
      const held = refused(ann, '/held', 15_000)
      await gate.reached
      await redis.kill()
      gate.open()
      await held
      await refused(ann, '/data')
      await refused(ann, '/logout')
      await refused(site.browser(), '/login?user=joe')
      expect(await answers(site.browser(), '/health')).toBe('alive')
      if (how === 'full') {
        await again()
        // A client of the application keeps what it was asked, and may still send it: then the note is there after all.
        await comesBack(ann, kind === 'a url' ? { userId: 'ann' } : expect.objectContaining({ userId: 'ann' }))
      } else {
        await server({ port: redis.port })
        await expect.poll(async () => (await ann.get('/data')).status, { timeout: 10_000 }).toBe(200)
        expect(await dataOf(ann)).toEqual({})
      }
      expect(await dataOf(await site.signedIn('joe'))).toEqual({ userId: 'joe' })
    })

    const stop = sized('OUTAGE_STOP', 1_800)
    test(`Redis stopped in its tracks for ${stop} ms`, { timeout: stop + 30_000 }, async () => {
      const redis = await server()
      const site = await start(open(redis.url))
      const ann = await site.signedIn('ann')
      await answers(ann, '/set?turn=1')
      const took = await during(site, ann.cookie('sessionId')!, async () => {
        process.kill(redis.pid, 'SIGSTOP')
        await pause(stop)
        process.kill(redis.pid, 'SIGCONT')
      })
      expect(took.length).toBeGreaterThan(4)
      keepFigures(`stopped for ${stop} ms, ${kind} on ${platform}`, {
        requests: took.length,
        p99: percentile(took, 0.99),
        slowest: Math.max(...took),
      })
      await comesBack(ann, { userId: 'ann', turn: '1' })
    })

    test('the host is gone without a word: quick answers, and within about a second all is well', async () => {
      const proxy = await over(await server())
      const site = await start(open(proxy.url))
      const ann = await site.signedIn('ann')
      await answers(ann, '/set?turn=1')
      let back = 0
      const took = await during(site, ann.cookie('sessionId')!, async () => {
        proxy.swallow('open')
        const began = performance.now()
        await refused(ann, '/data')
        await comesBack(ann, { userId: 'ann', turn: '1' })
        back = performance.now() - began
        expect(back).toBeLessThan(2_000 + SLACK)
      })
      keepFigures(`gone without a word, ${kind} on ${platform}`, { back, p99: percentile(took, 0.99) })
    })

    test('an answer that is cut half-way: a read is asked once more, a write is a 503, and both work after it', async () => {
      const proxy = await over(await server())
      // On a machine that is busy the new connection may take a while.
      const site = await start(open(proxy.url), { storeTimeout: 5_000 })
      const ann = await site.signedIn('ann')
      for (let turn = 0; turn < 3; turn++) {
        proxy.cutAnswer('hgetall')
        expect(await dataOf(ann)).toEqual({ userId: 'ann' })
      }
      proxy.cutAnswer('evalsha')
      await refused(site.browser(), '/login?user=joe')
      await comesBack(ann, { userId: 'ann' })
      await expect.poll(async () => (await site.browser().get('/login?user=joe')).status).toBe(200)
    })
  })
})

/** The key of the only record, once that with which the store has proved itself is gone. */
async function onlyKey(redis: RedisServer): Promise<string> {
  const keys = async (): Promise<string[]> => (await redis.command('KEYS', '*:s:*')) as string[]
  await expect.poll(keys).toHaveLength(1)
  return (await keys())[0]!
}

/** An application over a URL that goes through a proxy. */
async function proxied(start: Start) {
  const redis = await server()
  const proxy = await over(redis)
  const site = await start(new RedisStore({ url: proxy.url }))
  return { redis, proxy, site, ann: await site.signedIn('ann') }
}

onBoth((start) => {
  test.each([50, 200, 1_000, 2_000])('Redis is slow by %i ms', async (delay) => {
    const { proxy, site, ann } = await proxied(start)
    proxy.delay(delay / 2)
    if (delay < 400) {
      expect(await dataOf(ann)).toEqual({ userId: 'ann' })
      await answers(await site.signedIn('joe'), '/logout')
    } else {
      await refused(ann, '/data')
      await Promise.all([refused(ann, '/set?turn=1'), refused(site.browser(), '/login?user=joe')])
    }
    await proxy.mend()
    const response = expect.poll(async () => (await site.browser().get('/login?user=joe')).status, { timeout: 10_000 })
    await response.toBe(200)
    expect(await dataOf(ann)).toEqual(expect.objectContaining({ userId: 'ann' }))
  })

  test('Redis is full and evicts nothing: reads and logouts work, logins are 503', async () => {
    const { redis, site, ann } = await proxied(start)
    const joe = await site.signedIn('joe')
    await redis.command('CONFIG', 'SET', 'maxmemory-policy', 'noeviction')
    await redis.command('CONFIG', 'SET', 'maxmemory', '1')
    await refused(ann, '/set?turn=1')
    await refusesLogins(site)
    expect(await dataOf(ann)).toEqual({ userId: 'ann' })
    await answers(joe, '/logout')
    expect(joe.cookie('sessionId')).toBeUndefined()
    await redis.command('CONFIG', 'SET', 'maxmemory', '0')
    await answers(ann, '/set?turn=1')
    expect(await dataOf(ann)).toEqual({ userId: 'ann', turn: '1' })
  })

  test('Redis has become a replica: reads work, writes are 503, until it is a master', async () => {
    const { redis, site, ann } = await proxied(start)
    await redis.command('REPLICAOF', '127.0.0.1', '1')
    await refused(ann, '/set?turn=1')
    await refused(ann, '/logout')
    await refusesLogins(site)
    expect(await dataOf(ann)).toEqual({ userId: 'ann' })
    await redis.command('REPLICAOF', 'NO', 'ONE')
    await expect.poll(async () => (await ann.get('/set?turn=1')).status, { timeout: 10_000 }).toBe(200)
    expect(await dataOf(ann)).toEqual({ userId: 'ann', turn: '1' })
  })

  test('Redis has forgotten its scripts: nobody sees anything of it', async () => {
    const { redis, site, ann } = await proxied(start)
    await redis.command('SCRIPT', 'FLUSH')
    await answers(ann, '/set?turn=1')
    await redis.command('SCRIPT', 'FLUSH')
    await answers(await site.signedIn('joe'), '/logout')
    expect(await dataOf(ann)).toEqual({ userId: 'ann', turn: '1' })
  })

  test.each(['the password is wrong', 'the user may not read'])(
    '%s: 503, the log says what to do, and never the password',
    async (what) => {
      const redis = await server()
      const rights = ['~*', '+@all']
      await redis.command('ACL', 'SETUSER', 'app', 'on', '>s3cretly', ...rights)
      const site = await start(new RedisStore({ url: `redis://app:s3cretly@127.0.0.1:${redis.port}` }))
      const ann = await site.signedIn('ann')
      const wrong = what === 'the password is wrong' ? ['<s3cretly', '>other'] : ['-hgetall']
      await redis.command('ACL', 'SETUSER', 'app', ...wrong)
      await redis.command('CLIENT', 'KILL', 'USER', 'app', 'SKIPME', 'yes')
      await refused(ann, '/data')
      await refused(ann, '/data')
      const log = site.lines.join('\n')
      expect(log).toMatch(/does not take the user and password|does not let its user/)
      expect(log).not.toContain('s3cretly')
      await redis.command('ACL', 'SETUSER', 'app', '>s3cretly', ...rights)
      await comesBack(ann, { userId: 'ann' })
    },
  )

  const spoilt: readonly (readonly [string, (redis: RedisServer, key: string) => Promise<unknown>])[] = [
    ['corrupt', (redis, key) => redis.command('HSET', key, '1', 'nonsense')],
    ['of a newer format', (redis, key) => redis.command('HDEL', key, '1')],
    ['no hash at all', async (redis, key) => redis.command('DEL', key).then(() => redis.command('SET', key, 'x'))],
  ]
  test.each(spoilt)('a record that is %s counts as absent, for its owner alone', async (_, spoil) => {
    const { redis, site, ann } = await proxied(start)
    const key = await onlyKey(redis)
    const joe = await site.signedIn('joe')
    await spoil(redis, key)
    expect(await dataOf(ann)).toEqual({})
    expect(await dataOf(joe)).toEqual({ userId: 'joe' })
    expect(site.lines.join('\n')).not.toContain(key)
    const again = site.browser()
    await answers(again, '/login?user=ann')
    expect(await dataOf(again)).toEqual({ userId: 'ann' })
  })

  test('a record of 5 MB, written by hand, is read, and others do not wait long for it', async () => {
    const { redis, site, ann } = await proxied(start)
    const key = await onlyKey(redis)
    await redis.command('HSET', key, 'note', JSON.stringify('x'.repeat(5 * 1024 * 1024)))
    const [joe, eve] = [await site.signedIn('joe'), site.browser()]
    eve.take(`sessionId=${ann.cookie('sessionId')}; Path=/`)
    const began = performance.now()
    const [large, small] = await Promise.all([ann.get('/data'), joe.get('/data')])
    expect([200, 503]).toContain(large.status)
    expect(await small.json()).toEqual({ userId: 'joe' })
    expect(performance.now() - began).toBeLessThan(DEADLINE + MARGIN + SLACK)
    // It can become smaller, not larger, and can be ended.
    expect((await ann.get('/set?turn=1')).status).toBe(413)
    expect(await dataOf(ann)).toMatchObject({
      note: expect.toSatisfy((note: string) => note.length === 5 * 1024 * 1024),
    })
    await answers(ann, '/set?note=small')
    expect(await dataOf(eve)).toEqual({ userId: 'ann', note: 'small' })
  })
})
