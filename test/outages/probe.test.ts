import Database from 'libsql'
import { RedisStore, type NodeRedisClient } from 'latchkey/stores/redis'
import { SqliteStore } from 'latchkey/stores/sqlite'
import { createClient } from 'redis'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startRedis, type RedisServer } from '../support/redis-server.js'

describe('a Redis', () => {
  let server: RedisServer
  beforeAll(async () => {
    server = await startRedis()
  })
  afterAll(() => server.stop())

  /** A client over which each command is followed by another one, as a server does that is not what it seems. */
  async function meddling(how: (key: string) => string[]): Promise<{ store: RedisStore; end: () => void }> {
    const client = createClient({ url: server.url }).on('error', () => {})
    await client.connect()
    const meddler = Object.create(client) as typeof client
    meddler.sendCommand = (async (args: string[]) => {
      const answer: unknown = await client.sendCommand(args)
      const key = args.find((each) => each.includes(':s:'))
      if (args[0]!.startsWith('eval') && key !== undefined) await client.sendCommand(how(key))
      return answer
    }) as typeof client.sendCommand
    return { store: new RedisStore({ client: meddler as unknown as NodeRedisClient }), end: () => client.destroy() }
  }

  test('that keeps for ever what has a deadline is refused at the start', async () => {
    const { store, end } = await meddling((key) => ['PERSIST', key])
    await expect(store.probe()).rejects.toMatchObject({
      code: 'STORE_UNFIT',
      message:
        'The session store "redis" keeps for ever what has a deadline. Sessions can\'t be kept in it: give it one that does what it is told.',
    })
    expect(await server.command('DBSIZE')).toBe(0)
    end()
  })

  test('that forgets what it is given is refused at the start', async () => {
    const { store, end } = await meddling((key) => ['DEL', key])
    await expect(store.probe()).rejects.toMatchObject({ code: 'STORE_UNFIT' })
    end()
  })

  test('that takes no writes fails the probe, and says why', async () => {
    await server.command('CONFIG', 'SET', 'maxmemory', '1')
    const store = new RedisStore({ url: server.url })
    await expect(store.probe()).rejects.toThrow(/OOM/)
    await server.command('CONFIG', 'SET', 'maxmemory', '0')
    await store.probe()
    expect(await server.command('DBSIZE')).toBe(0)
    await store.close()
  })
})

describe('a SQLite file', () => {
  test.each([
    ['does not let end what has a deadline', 'UPDATE latchkey_sessions SET ends_at = 9e15, expires_at = 9e15'],
    ['does not keep what is written', 'DELETE FROM latchkey_sessions'],
  ])('that %s is refused at the start', (what, action) => {
    const database = new Database(':memory:')
    const store = new SqliteStore({ database })
    store.probe()
    database.exec(`CREATE TRIGGER meddler AFTER INSERT ON latchkey_sessions BEGIN ${action}; END`)
    expect(() => store.probe()).toThrow(expect.objectContaining({ code: 'STORE_UNFIT' }))
    expect(() => store.probe()).toThrow(what)
    expect(database.prepare('SELECT count(*) AS n FROM latchkey_sessions').get()).toMatchObject({ n: 0 })
    database.close()
  })
})
