import { join } from 'node:path'
import type { SessionModuleOptions } from 'latchkey'
import { RedisStore } from 'latchkey/stores/redis'
import { SqliteStore } from 'latchkey/stores/sqlite'
import { keptSecret } from './data-folder.js'
import type { PortalConfig } from './settings.js'

/** What sessions are signed with: that of the environment, or in development one that was made and kept. */
export function sessionSecret(config: PortalConfig): string {
  return config.get('sessionSecret', { infer: true }) ?? keptSecret(config.get('dataFolder', { infer: true }))
}

/**
 * Sessions in the Redis at `REDIS_URL`, or in SQLite in the data folder. A portal whose Redis is away starts all the same, and
 * has it once it is there. Clients that keep no cookies may bring their token themselves. Everything else is Latchkey's default.
 */
export function sessionOptions(config: PortalConfig): SessionModuleOptions {
  const dataFolder = config.get('dataFolder', { infer: true })
  const redisUrl = config.get('redisUrl', { infer: true })
  return {
    secret: sessionSecret(config),
    store: redisUrl ? new RedisStore({ url: redisUrl }) : new SqliteStore({ path: join(dataFolder, 'sessions.db') }),
    startWithoutStore: true,
    transports: ['cookie', 'bearer'],
  }
}
