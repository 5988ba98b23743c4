import { readFile } from 'node:fs/promises'
import { inspect } from 'node:util'
import { Redis } from 'ioredis'
import { createClient } from 'redis'
import { days } from 'latchkey/core'
import { type RedisClient, RedisStore } from 'latchkey/stores/redis'
import { ManualClock } from 'latchkey/testing'
import { describe, expect, test } from 'vitest'
import {
  atMost,
  newKey,
  newRecord,
  patchOf,
  rotation,
  sealedRotation,
  signedIn,
  successorKey,
} from '../../../src/testing/conformance/samples.js'
import { openConnection, openIoredis, openNodeRedis } from '../../../src/stores/redis/open.js'
import { connections, ending, start } from './bench.js'
import { proxyTo } from '../../support/tcp-proxy.js'

/** Clients as an application makes them, without a listener for `error`. */
const clients: readonly (readonly [string, (url: string) => { client: RedisClient; end: () => unknown }])[] = [
  [
    'node-redis',
    (url) => {
      const client = createClient({ url })
      return { client, end: () => client.isOpen && client.destroy() }
    },
  ],
  [
    'ioredis',
    (url) => {
      const client = new Redis(url, { maxRetriesPerRequest: 1 })
      return { client, end: () => client.disconnect() }
    },
  ],
]

describe.each(clients)('a client of %s that was handed in', (_, make) => {
  const handIn = (url: string) => ending(make(url), ({ end }) => end())

  test('survives that Redis stops, though nobody listens for its errors, and works when Redis is back', async () => {
    const server = await start()
    const { client } = handIn(server.url)
    const clock = new ManualClock()
    const store = new RedisStore({ client, clock: clock.now })
    expect(client.listenerCount('error')).toBeGreaterThan(0)
    await store.create(newRecord(clock))
    await server.kill()
    const again = await start({ port: server.port })
    const record = newRecord(clock)
    await expect.poll(() => store.create(record).then(() => 'kept', String), { timeout: 5000 }).toMatch(/kept|exists/)
    expect(await store.load(record.key)).toEqual(record)
    await again.stop()
  })

  test('gets a listener for its errors if it has none, and the process one warning that says what to add', async () => {
    const { client } = handIn((await start()).url)
    const warnings: (Error & { code?: string })[] = []
    const hear = (warning: Error): number => warnings.push(warning)
    ending(process.on('warning', hear), (each) => each.off('warning', hear))
    new RedisStore({ client })
    new RedisStore({ client })
    await new Promise(setImmediate)
    const ours = warnings.filter(({ code }) => code === 'LATCHKEY_REDIS_ERROR_LISTENER')
    expect(ours.map(({ message }) => message)).toEqual([expect.stringContaining("client.on('error', (error) =>")])
  })

  test('keeps the listener that the application gave it, and gets no other', async () => {
    const { client } = handIn((await start()).url)
    const before = client.listenerCount('error')
    client.on('error', () => {})
    new RedisStore({ client })
    new RedisStore({ client })
    expect(client.listenerCount('error')).toBe(before + 1)
  })

  test('stays open when the store is closed', async () => {
    const server = await start()
    const { client } = handIn(server.url)
    const store = new RedisStore({ client })
    await store.load(newKey())
    await store.close()
    await expect(store.load(newKey())).rejects.toMatchObject({ code: 'STORE_CLOSED' })
    const other = new RedisStore({ client })
    expect(await other.load(newKey())).toBeUndefined()
  })

  test('a load whose connection is lost is asked once more', async () => {
    const server = await start()
    const proxy = ending(await proxyTo(server.port), (each) => each.stop())
    const { client } = handIn(proxy.url)
    const clock = new ManualClock()
    const store = new RedisStore({ client, clock: clock.now })
    const record = newRecord(clock)
    await store.create(record)
    proxy.cut('hgetall', 1, 'reset')
    expect(await store.load(record.key)).toEqual(record)
  })

  test('errors go out as they are, without the data of the session', async () => {
    const server = await start()
    const { client } = handIn(server.url)
    const clock = new ManualClock()
    const store = new RedisStore({ client, clock: clock.now })
    const record = newRecord(clock)
    await store.create(record)
    await server.command('CONFIG', 'SET', 'maxmemory', '1')
    const error = await store.update(record.key, patchOf([['note', '"s3cretly"']])).catch((reason: unknown) => reason)
    expect(String(error)).toMatch(/OOM/)
    expect(inspect(error, { depth: 9, showHidden: true })).not.toContain('s3cretly')
  })
})

test('a client of node-redis is connected once, however many verbs come first', async () => {
  const server = await start()
  const client = ending(createClient({ url: server.url }), (each) => each.destroy())
  const store = new RedisStore({ client })
  expect(await Promise.all([newKey(), newKey(), newKey()].map(async (key) => store.load(key)))).toEqual(
    Array(3).fill(undefined),
  )
  expect(await connections(server)).toBe(1)
  await client.close()
  await expect(store.load(newKey())).rejects.toThrow(/closed/)
  await client.connect()
})

test.each(['redis', 'ioredis'])('the rights that the reference names are enough for a client of %s', async (name) => {
  const server = await start()
  const page = await readFile(new URL('../../../docs/reference/stores-redis.md', import.meta.url), 'utf8')
  const commands = /`(\+hgetall [^`]*)`/.exec(page)?.[1]?.split(/\s+/) ?? []
  const others = ['+@connection', ...(name === 'ioredis' ? ['+info'] : [])]
  await server.command('ACL', 'SETUSER', 'app', 'on', '>pass', '~lk:*', ...commands, ...others)
  const url = `redis://app:pass@127.0.0.1:${server.port}`
  const connection = openConnection(url, [name === 'redis' ? openNodeRedis : openIoredis])
  ending(connection, (each) => each.close())
  const client = ending(new Redis(url, { lazyConnect: true }), (each) => each.disconnect())
  const clock = new ManualClock()
  const store = new RedisStore({ ...(name === 'redis' ? { url } : { client }), clock: clock.now })
  ending(store, (each) => each.close())
  const [record, next] = [newRecord(clock), newKey('ann')]
  const last = successorKey(next)
  await store.create(record)
  clock.advance(days(2))
  await store.create({ ...newRecord(clock), key: record.key, handle: record.handle })
  expect(await store.update(record.key, patchOf([['a', '1']], { remove: ['b'] }))).toBe('updated')
  expect(await store.touch(record.key, clock.now() + 1)).toBe(true)
  expect(await store.rotate(record.key, next, rotation('ann'))).toBe('updated')
  expect(await store.rotate(next, last, sealedRotation('ann'))).toBe('updated')
  await store.confirm(last, next, clock.now())
  expect(await store.load(last)).toMatchObject({ subject: 'ann', formerKey: undefined })
  expect(await store.create(signedIn(clock, 'ann'), atMost(1))).toEqual({ evicted: [record.handle] })
  expect(await store.updateAll('ann', patchOf([['a', '1']]))).toBe(1)
  for (const { handle } of await store.list('ann')) expect(await store.revoke('ann', handle)).toBe(true)
  expect(await store.revokeAll('ann')).toEqual([])
  expect(await store.count('ann')).toBe(0)
  expect(await store.delete(last)).toBe(false)
  expect(await connection.send(['exists', 'lk:none'])).toBe(0)
})
