import { inspect } from 'node:util'
import { Redis } from 'ioredis'
import { createClient } from 'redis'
import { RedisStore } from 'latchkey/stores/redis'
import { ManualClock } from 'latchkey/testing'
import { describe, expect, test } from 'vitest'
import { newKey, newRecord } from '../../../src/testing/conformance/samples.js'
import type { Connection } from '../../../src/stores/redis/client.js'
import { openConnection, openIoredis, openNodeRedis } from '../../../src/stores/redis/open.js'
import { again } from '../../../src/stores/redis/retry.js'
import { startRedis } from '../../support/redis-server.js'
import { connections, ending, start } from './bench.js'
import { proxyTo } from '../../support/tcp-proxy.js'

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

  test('a connection that is lost while it says who it is, is opened again', async () => {
    const server = await start({ args: ['--requirepass', 'right'] })
    const proxy = ending(await proxyTo(server.port), (each) => each.stop())
    const connection = open(proxy.url.replace('//', '//:right@'))
    proxy.cut('right', 2, 'reset')
    await expect.poll(() => ping(connection).catch(String), { timeout: 5000 }).toBe('PONG')
    expect(proxy.seen('right')).toBe(3)
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

describe('a user that Redis refuses', () => {
  const refusals: readonly (readonly [string, string, string, RegExp])[] = [
    [
      'a wrong password',
      ':s3cretly@',
      'WRONGPASS|NOAUTH',
      /does not take the user and password\. Give the right ones|or a wrong one/,
    ],
    ['no password', '', 'NOAUTH', /asks for a password, and was given none .*Give it in the URL/],
    ['no right to read', 'blind:s3cretly@', 'NOPERM', /does not let its user .* rights that `docs/],
    [
      'no right to write in a script',
      'reader:s3cretly@',
      "can't run this command|ACL|NOPERM",
      /does not let its user .* rights that `docs/,
    ],
  ]
  const makers = [
    ['url', (url: string) => ({ url })],
    [
      'client of redis',
      (url: string) => ({ client: quiet(ending(createClient({ url }), (each) => each.isOpen && each.destroy())) }),
    ],
    [
      'client of ioredis',
      (url: string) => ({
        client: quiet(ending(new Redis(url, { maxRetriesPerRequest: 0 }), (each) => each.disconnect())),
      }),
    ],
  ] as const

  function quiet<T extends { on(event: 'error', listener: () => void): unknown }>(client: T): T {
    client.on('error', () => {})
    return client
  }

  describe.each(refusals)('for %s', (_, user, said, says) => {
    test.each(makers)(
      'is said to the operator with what to do and without the password, by a %s',
      async (_kind, make) => {
        const server = await start()
        await server.command(
          'ACL',
          'SETUSER',
          'blind',
          'on',
          '>s3cretly',
          '~*',
          '+@connection',
          '+info',
          '+evalsha',
          '+eval',
        )
        await server.command('ACL', 'SETUSER', 'reader', 'on', '>s3cretly', '~*', '+@all', '-hset')
        await server.command('CONFIG', 'SET', 'requirepass', 'right')
        const store = ending(new RedisStore(make(`redis://${user}127.0.0.1:${server.port}`)), (each) => each.close())
        const clock = new ManualClock()
        const call = async () => (user.startsWith('reader') ? store.create(newRecord(clock)) : store.load(newKey()))
        const error = await call().catch((reason: unknown) => reason)
        expect(error).toMatchObject({ code: 'STORE_UNAVAILABLE', message: expect.stringMatching(says) })
        expect(String((error as Error).cause)).toMatch(new RegExp(said))
        expect(inspect(error, { depth: 9, showHidden: true })).not.toContain('s3cretly')
      },
    )
  })
})
