import { RedisStore } from 'connect-redis'
import { createClient } from 'redis'

/**
 * connect-redis on the client it is made for, where it is asked for; `undefined` for the library's own memory store.
 *
 * @param {import('./settings.mjs').Settings} settings
 */
export async function connectRedis({ store, redisUrl }) {
  if (store === 'memory') return { store: undefined, close: async () => {} }
  const client = createClient({ url: redisUrl })
  client.on('error', () => {})
  await client.connect()
  return { store: new RedisStore({ client }), close: () => client.close() }
}
