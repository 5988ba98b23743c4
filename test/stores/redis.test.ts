import { randomUUID } from 'node:crypto'
import { inspect } from 'node:util'
import { Cluster, Redis } from 'ioredis'
import { createClient, createClientPool, createCluster, createSentinel } from 'redis'
import { type RedisClient, RedisStore } from 'latchkey/stores/redis'
import { storeConformance } from 'latchkey/testing'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { newKey } from '../../src/testing/conformance/samples.js'
import { type RedisServer, startRedis } from '../support/redis-server.js'

/** A client of the application, as a test opens it. */
interface Opened {
  readonly client: RedisClient
  close(): Promise<unknown>
}

const clients: readonly (readonly [string, (url: string) => Promise<Opened>])[] = [
  ['node-redis on RESP2', (url) => nodeRedis(url, 2)],
  ['a pool of node-redis', pool],
  ['ioredis with a keyPrefix', (url) => ioredis(url, 'app:')],
]

/** What has nothing that the others have not: the pool and the URL are on RESP3. The soak test runs the suite on them too. */
const plainClients: typeof clients = [
  ['node-redis on RESP3', (url) => nodeRedis(url, 3)],
  ['ioredis', (url) => ioredis(url)],
]

const isSoak = process.env['PROPERTY_RUNS'] !== undefined

let server: RedisServer

beforeAll(async () => {
  server = await startRedis()
})

afterAll(() => server.stop())

describe('a Redis store on a URL is a store', () => {
  let prefix = ''
  storeConformance({
    test,
    open: (clock) => new RedisStore({ url: server.url, prefix: (prefix = randomUUID()), clock }),
    openAnother: (clock) => new RedisStore({ url: server.url, prefix, clock }),
  })
})

describe.each(isSoak ? [...clients, ...plainClients] : clients)(
  'a Redis store on %s, handed in, is a store',
  (_, open) => {
    let prefix = ''
    let opened: Opened

    beforeAll(async () => {
      opened = await open(server.url)
    })

    afterAll(() => opened.close())

    storeConformance({
      test,
      open: (clock) => new RedisStore({ client: opened.client, prefix: (prefix = randomUUID()), clock }),
      openAnother: (clock) => new RedisStore({ client: opened.client, prefix, clock }),
    })
  },
)

/** Not connected: the store does that. */
async function nodeRedis(url: string, RESP: 2 | 3): Promise<Opened> {
  const client = createClient({ url, RESP })
  return Promise.resolve({ client, close: () => client.close() })
}

async function pool(url: string): Promise<Opened> {
  const client = createClientPool({ url, RESP: 3 })
  await client.connect()
  return { client, close: () => client.close() }
}

async function ioredis(url: string, keyPrefix = ''): Promise<Opened> {
  const client = new Redis(url, { keyPrefix })
  return Promise.resolve({ client, close: () => client.quit() })
}

/** What is wrong with the options, as one `OPTIONS_INVALID`. */
function invalid(message: RegExp): unknown {
  return expect.objectContaining({ code: 'OPTIONS_INVALID', message: expect.stringMatching(message) })
}

describe('the options of a Redis store', () => {
  afterEach(() => {
    vi.unstubAllEnvs()
  })

  test.each<[object | null, RegExp]>([
    [null, /must be an object, not null/],
    [{ url: 'redis://localhost', uri: 'x' }, /Unknown option of RedisStore "uri". Known are: url, client/],
    [{ url: 'redis://localhost', ttl: 5 }, /"ttl". Use `lifetime`/],
    [{ url: 'redis://localhost', prefix: '' }, /prefix is "".*isn't empty/],
    [{ url: 'redis://localhost', prefix: 'a{b}' }, /prefix is "a\{b\}".*no braces/],
    [{ url: 'redis://localhost', prefix: 5 }, /prefix is 5/],
    [{ url: 'redis://localhost', clock: 5 }, /clock is 5.*Date\.now/],
    [{ url: 'redis://localhost', client: {} }, /both url and client/],
    [{ client: null }, /client is null/],
    [{ client: 'redis://localhost' }, /client is a string/],
    [{ client: {} }, /without `sendCommand` or `call`/],
    [{ url: '' }, /REDIS_URL is not set/],
    [{ url: 5 }, /URL can't be read/],
    [{ url: 'localhost' }, /URL can't be read/],
    [{ url: 'localhost:6379' }, /no redis:\/\//],
    [{ url: 'https://localhost' }, /begins with https:\/\//],
    [{ url: 'redis://localhost:99999' }, /URL can't be read/],
    [{ url: 'redis:///0' }, /no host/],
    [{ url: 'redis://localhost/sessions' }, /number of a database/],
    [{ url: 'redis://:a%zz@localhost' }, /percent-encoded/],
  ])('%j is refused', (options, message) => {
    vi.stubEnv('REDIS_URL', undefined)
    expect(() => new RedisStore(options as never)).toThrow(invalid(message))
  })

  test('without url and client, REDIS_URL is used, and missed', async () => {
    vi.stubEnv('REDIS_URL', undefined)
    expect(() => new RedisStore()).toThrow(invalid(/Set REDIS_URL/))
    vi.stubEnv('REDIS_URL', server.url)
    const store = new RedisStore()
    expect(await store.load(newKey())).toBeUndefined()
    await store.close()
  })

  test.each([
    'redis//:s3cretly@localhost',
    ':s3cretly@localhost',
    's3cretly@localhost:6379',
    'user:s3cretly@localhost:6379',
    'http://:s3cretly@localhost',
    'redis://:s3cretly@localhost:x',
    'redis://:s3cretly/x@localhost',
    'redis://:s3cretly#x@localhost:1',
    'redis://:s3cretly%@localhost',
    'redis://:s3cretly@localhost/name',
    'redis://:s3cretly@',
  ])('the message about the wrong URL %s holds no password', (url) => {
    let error: unknown
    try {
      new RedisStore({ url })
    } catch (thrown) {
      error = thrown
    }
    expect(error).toEqual(invalid(/URL/))
    expect(inspect(error)).not.toContain('s3cretly')
  })

  test('a client that would read from replicas is refused', () => {
    const clients = [
      new Cluster([server.url], { lazyConnect: true, scaleReads: 'slave' }),
      new Cluster([server.url], { lazyConnect: true, scaleReads: (nodes: readonly unknown[]) => nodes[0] }),
      new Redis({ lazyConnect: true, name: 'main', sentinels: [{ host: '127.0.0.1' }], role: 'slave' }),
    ]
    for (const client of clients) expect(() => new RedisStore({ client })).toThrow(invalid(/A replica lags behind/))
  })

  test('the clients of a cluster and of a sentinel are taken, and none is connected by that', () => {
    const clients = [
      createCluster({ rootNodes: [{ url: server.url }] }),
      createSentinel({ name: 'main', sentinelRootNodes: [{ host: '127.0.0.1', port: 1 }] }),
      new Cluster([server.url], { lazyConnect: true }),
      new Redis({ lazyConnect: true, name: 'main', sentinels: [{ host: '127.0.0.1' }] }),
    ]
    for (const client of clients) {
      expect(new RedisStore({ client })).toBeInstanceOf(RedisStore)
      expect(client.listenerCount('error')).toBe(1)
      expect('isOpen' in client ? client.isOpen : client.status).toBe('isOpen' in client ? false : 'wait')
    }
  })
})
