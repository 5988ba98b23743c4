import { Redis } from 'ioredis'
import type { Awaitable } from 'latchkey/core'
import { RedisStore, type RedisStoreOptions } from 'latchkey/stores/redis'
import { createClient } from 'redis'
import { TAG_LENGTH } from '../../src/core/id.js'
import type { Opened } from '../support/redis-clients.js'

/** The clients of one server that can have a near cache. Those of node-redis are not connected: the store does that. */
export const clients: readonly (readonly [string, (url: string) => Opened])[] = [
  ['node-redis on RESP2', (url) => nodeRedis(url, 2)],
  ['node-redis on RESP3', (url) => nodeRedis(url, 3)],
  ['ioredis', (url) => ioredis(url, '')],
  ['ioredis with a keyPrefix', (url) => ioredis(url, 'app:')],
]

function nodeRedis(url: string, RESP: 2 | 3): Opened {
  const client = createClient({ url, RESP })
  client.on('error', () => {})
  return { client, close: () => client.close() }
}

function ioredis(url: string, keyPrefix: string): Opened {
  const client = new Redis(url, { keyPrefix })
  client.on('error', () => {})
  return { client, close: () => client.quit() }
}

/** Whether this is a long run. */
export const isSoak = process.env['NEAR_CACHE_STEPS'] !== undefined

/** A store with a near cache that is in use from the first load on, on one server and on one of a Cluster. */
export async function inUse(options: RedisStoreOptions): Promise<RedisStore> {
  const store = new RedisStore({ nearCache: { maxEntries: 100 }, ...options })
  await store.probe()
  return store
}

/**
 * Waits until a store has heard all that there is to hear of the server of a key: it asks for a key that nobody has, over the
 * connection that it is told over.
 */
export async function heard(store: RedisStore, key: string): Promise<void> {
  await store.load(key.slice(0, TAG_LENGTH) + 'nobody'.padEnd(43, '0'))
}

/** A store that hears what there is to hear before each load. */
export function hearing(store: RedisStore): RedisStore {
  const load: RedisStore['load'] = async (key) => {
    await heard(store, key)
    return store.load(key)
  }
  return new Proxy(store, {
    get(target, name) {
      const value: unknown = name === 'load' ? load : Reflect.get(target, name, target)
      return typeof value === 'function' && name !== 'load' ? (value as () => unknown).bind(target) : value
    },
  })
}

/** Whether a store answers for a key at once. */
export function isKept(store: RedisStore, key: string): boolean {
  return isAtOnce(store.load(key))
}

/** Whether an answer is there without being waited for. */
export function isAtOnce(answer: Awaitable<object | undefined>): boolean {
  if (answer === undefined || !('then' in answer)) return true
  answer.then(undefined, () => {})
  return false
}
