import Database from 'libsql'
import { SessionModule } from 'latchkey'
import { sessions as forExpress } from 'latchkey/express'
import { sessions as forFastify } from 'latchkey/fastify'
import { MemoryStore } from 'latchkey/stores/memory'
import { RedisStore } from 'latchkey/stores/redis'
import { SqliteStore } from 'latchkey/stores/sqlite'
import { COOKIE, cookieOptions, SECRET, verbs } from './settings.mjs'

/** How many sessions the near cache holds: more than there are. */
export const NEAR_CACHE = { maxEntries: 10_000 }

const stores = {
  memory: () => new MemoryStore({ allowInProduction: true }),
  sqlite: ({ sqlitePath }) => new SqliteStore({ path: sqlitePath, driver: Database }),
  redis: ({ redisUrl }) => new RedisStore({ url: redisUrl }),
  'redis-near': ({ redisUrl }) => new RedisStore(withNearCache(redisUrl)),
}

/** What a RedisStore with the near cache is made with. */
export function withNearCache(url) {
  return /** @type {import('latchkey/stores/redis').RedisStoreOptions} */ ({ url, nearCache: NEAR_CACHE })
}

export const latchkey = {
  ...verbs,
  /** An id from before a sign-in is dead after it without being told. */
  renew: (_request, done) => done(),
  express(app, settings) {
    const sessions = forExpress(optionsOf(settings))
    app.use(sessions)
    return () => sessions.close()
  },
  async fastify(instance, settings) {
    await instance.register(forFastify, optionsOf(settings))
  },
  nest: async (settings) => ({ imports: [SessionModule.forRoot(optionsOf(settings))], close: undefined }),
}

function optionsOf(settings) {
  const { maxAge, ...attributes } = cookieOptions(settings)
  return {
    secret: SECRET,
    store: stores[settings.store](settings),
    idleTimeout: maxAge,
    // The others wait for ever; a slow machine should not fail here alone. A deadline costs the same, however long it is.
    storeTimeout: 10_000,
    cookie: { name: COOKIE, ...attributes },
  }
}
