import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createClient } from 'redis'
import { SessionError } from 'latchkey/core'
import { RedisStore } from 'latchkey/stores/redis'
import { startServer } from '../redis-server.mjs'
import { startChild } from './child.mjs'
import { CORES } from './cores.mjs'
import { withNearCache } from './libraries/latchkey.mjs'

/**
 * What the servers of variants stand on.
 *
 * @typedef {object} Ground
 * @property {import('./child.mjs').Child} load - asks the pages
 * @property {import('./child.mjs').Child} proxy - a network to Redis
 * @property {Awaited<ReturnType<typeof startServer>>} redis
 * @property {number} proxyPort
 * @property {any} admin - a client to look into Redis
 * @property {boolean} hasNearCache - whether this build of the library has one
 * @property {<T>(variant: import('./variants.mjs').Variant, how: { throughProxy?: boolean },
 *   work: (settings: Partial<import('./libraries/settings.mjs').Settings>) => Promise<T>) => Promise<T>} with - gives a
 *   variant an empty store for a while
 * @property {() => Promise<void>} close
 */

/** @returns {Promise<Ground>} */
export async function openGround() {
  const dir = mkdtempSync(join(tmpdir(), 'latchkey-bench-'))
  const redis = await startServer()
  const [load, proxy] = await Promise.all([
    startChild('./load.mjs', { core: CORES.others }),
    startChild('./redis-proxy.mjs', { core: CORES.others }),
  ])
  const proxyPort = await proxy.ask('open', { port: redis.port })
  const admin = createClient({ url: redis.url })
  admin.on('error', () => {})
  await admin.connect()
  let files = 0
  return {
    load,
    proxy,
    redis,
    proxyPort,
    admin,
    hasNearCache: await hasNearCache(redis.url),
    async with(variant, { throughProxy = false }, work) {
      if (variant.usesRedis) await admin.flushDb()
      const sqlitePath = join(dir, `${++files}.db`)
      try {
        return await work({ redisUrl: throughProxy ? `redis://127.0.0.1:${proxyPort}` : redis.url, sqlitePath })
      } finally {
        for (const end of ['', '-wal', '-shm']) rmSync(sqlitePath + end, { force: true })
      }
    },
    async close() {
      admin.destroy()
      await Promise.all([load.stop(), proxy.stop(), redis.stop()])
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

async function hasNearCache(url) {
  try {
    const store = new RedisStore(withNearCache(url))
    await store.close()
    return true
  } catch (error) {
    if (error instanceof SessionError && error.code === 'OPTIONS_INVALID') return false
    throw error
  }
}
