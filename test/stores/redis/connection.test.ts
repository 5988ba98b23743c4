import { inspect } from 'node:util'
import { Redis } from 'ioredis'
import { RedisStore } from 'latchkey/stores/redis'
import { describe, expect, test } from 'vitest'
import { newKey } from '../../../src/testing/conformance/samples.js'
import type { Connection } from '../../../src/stores/redis/client.js'
import { openConnection, openIoredis, openNodeRedis } from '../../../src/stores/redis/open.js'
import { again } from '../../../src/stores/redis/retry.js'
import { startRedis } from '../../support/redis-server.js'
import { connections, ending, start } from './bench.js'
import { proxyTo } from './proxy.js'

const openers = [
  ['redis', openNodeRedis],
  ['ioredis', openIoredis],
] as const

describe.each(openers)("the store's own connection, with the package %s", (_, opener) => {
  const open = (url: string): Connection => ending(openConnection(url, [opener]), (each) => each.close())
  const ping = (connection: Connection) => connection.send(['ping'])

  test('opens at the first command, once, and is gone after close', async () => {
    const server = await start()
    const connection = open(server.url)
    expect(await connections(server)).toBe(0)
    expect(await Promise.all([ping(connection), ping(connection), ping(connection)])).toEqual(Array(3).fill('PONG'))
    expect(await connections(server)).toBe(1)
    await connection.close()
    await expect.poll(() => connections(server)).toBe(0)
    await expect(ping(connection)).rejects.toThrow()
  })

  test('closes what is only just being opened', async () => {
    const server = await start()
    const connection = open(server.url)
    const outcome = ping(connection).catch((error: unknown) => error)
    await connection.close()
    expect(await outcome).toMatchObject({ code: 'STORE_CLOSED' })
    await expect(ping(connection)).rejects.toThrow()
    await expect.poll(() => connections(server)).toBe(0)
  })

  test('a Redis that is not there is said at once, and used when it is', async () => {
    const server = await startRedis()
    await server.stop()
    const connection = open(server.url)
    await expect(ping(connection)).rejects.toThrow(/ECONNREFUSED/)
    const began = performance.now()
    for (let call = 0; call < 10; call++) await expect(ping(connection)).rejects.toThrow(/ECONNREFUSED/)
    expect(performance.now() - began).toBeLessThan(200)
    await start({ port: server.port })
    await expect.poll(() => ping(connection), { timeout: 5000 }).toBe('PONG')
  })

  test('a Redis that was killed and is back is used again', async () => {
    const server = await start()
    const connection = open(server.url)
    await ping(connection)
    await server.kill()
    const answers = await Promise.allSettled([ping(connection), ping(connection)])
    expect(answers.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
    await start({ port: server.port })
    await expect.poll(() => ping(connection), { timeout: 5000 }).toBe('PONG')
  })

  test('connections that Redis closes are opened again', async () => {
    const server = await start()
    const connection = open(server.url)
    for (let round = 0; round < 3; round++) {
      await ping(connection)
      await server.command('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
      expect(await again(() => ping(connection))).toBe('PONG')
    }
  })

  test.each(['closed', 'reset'] as const)('a read whose connection is %s is asked once more', async (how) => {
    const server = await start()
    const proxy = ending(await proxyTo(server.port), (each) => each.stop())
    const connection = open(proxy.url)
    await ping(connection)
    proxy.cut('hgetall', 1, how)
    expect(Object.entries((await again(() => connection.send(['hgetall', 'none']))) as object)).toEqual([])
    expect(proxy.seen('hgetall')).toBe(2)
    proxy.cut('hgetall', 2, how)
    await expect(again(() => connection.send(['hgetall', 'none']))).rejects.toThrow()
    expect(proxy.seen('hgetall')).toBe(4)
  })

  test('a write whose connection is lost is not sent again', async () => {
    const server = await start()
    const proxy = ending(await proxyTo(server.port), (each) => each.stop())
    const connection = open(proxy.url)
    await ping(connection)
    proxy.cut('incr', 1, 'reset')
    await expect(connection.send(['incr', 'count'])).rejects.toThrow()
    await expect.poll(() => ping(connection)).toBe('PONG')
    expect(proxy.seen('incr')).toBe(1)
  })

  test('an answer that is an error is not asked for again', async () => {
    const server = await start()
    const proxy = ending(await proxyTo(server.port), (each) => each.stop())
    const connection = open(proxy.url)
    await server.command('SET', 'text', '1')
    await expect(again(() => connection.send(['hgetall', 'text']))).rejects.toThrow('WRONGTYPE')
    expect(proxy.seen('hgetall')).toBe(1)
  })

  test('closing does not wait for a Redis that no longer answers', async () => {
    const server = await start()
    const connection = open(server.url)
    await ping(connection)
    process.kill(server.pid, 'SIGSTOP')
    try {
      const answer = ping(connection).catch((error: unknown) => error)
      await connection.close()
      expect(await answer).toBeInstanceOf(Error)
    } finally {
      process.kill(server.pid, 'SIGCONT')
    }
  })
})

describe('the package that is used', () => {
  const missing = (): Promise<Connection> =>
    Promise.reject(Object.assign(new Error('Cannot find package'), { code: 'ERR_MODULE_NOT_FOUND' }))

  test('is ioredis where redis is not installed', async () => {
    const server = await start()
    const connection = ending(openConnection(server.url, [missing, openIoredis]), (each) => each.close())
    expect(await connection.send(['ping'])).toBe('PONG')
  })

  test('is asked for where neither is installed', async () => {
    const connection = openConnection('redis://localhost', [missing, missing])
    await expect(connection.send(['ping'])).rejects.toMatchObject({
      code: 'OPTIONS_INVALID',
      message: expect.stringContaining('npm install redis'),
    })
    await connection.close()
  })
})

describe('a wrong password', () => {
  test.each(openers)('is never in the error, with the package %s', async (_, opener) => {
    const server = await start({ args: ['--requirepass', 'right'] })
    const url = `redis://:s3cretly@127.0.0.1:${server.port}`
    const connection = ending(openConnection(url, [opener]), (each) => each.close())
    const client = opener === openIoredis ? new Redis(url, { lazyConnect: true, maxRetriesPerRequest: 1 }) : undefined
    const store = new RedisStore(client ? { client } : { url })
    ending(store, (each) => each.close())
    ending(client, (each) => each?.disconnect())
    const error = await store.load(newKey()).catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(Error)
    expect(inspect(error, { depth: 9, showHidden: true })).not.toContain('s3cretly')
    const reason = await connection.send(['ping']).catch((each: unknown) => each)
    expect(String(reason)).toMatch(/WRONGPASS|NOAUTH/)
    expect(String(reason)).not.toContain('s3cretly')
  })
})
