import { Redis } from 'ioredis'
import { createClient } from 'redis'
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
