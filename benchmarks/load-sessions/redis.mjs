import { randomUUID } from 'node:crypto'
import { RedisStore } from 'latchkey/stores/redis'
import { createClient } from 'redis'
import { startServer } from '../redis-server.mjs'

/** How many commands are on their way at once while it is filled. */
const IN_FLIGHT = 500

/** A Redis with nothing of ours in it: the one given, or a server of its own. */
export async function startRedis(given) {
  const server = given === undefined ? await startServer() : undefined
  const client = createClient({ url: given ?? server.url })
  client.on('error', () => {})
  await client.connect()
  const store = new RedisStore({ client, prefix: `load-sessions-${randomUUID()}` })
  return {
    url: given ?? server.url,
    store,
    client,
    users: 0,
    /** One session of each user. */
    keys: [],
    load: (records) => inFlight(records, (record) => store.create(record)),
    async about() {
      const info = await client.info()
      return { 'redis-server': /redis_version:(\S+)/.exec(info)[1], bytes: Number(/used_memory:(\d+)/.exec(info)[1]) }
    },
    async close() {
      if (server) client.destroy()
      else {
        await inFlight(Array(this.users).keys(), (user) => store.revokeAll(String(user)))
        await client.close()
      }
      await server?.stop()
    },
  }
}

async function inFlight(items, call) {
  const iterator = items[Symbol.iterator]()
  const work = async () => {
    for (const item of iterator) await call(item)
  }
  await Promise.all(Array.from({ length: IN_FLIGHT }, work))
}
