import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Clock } from '../../src/core/expiry.js'
import type { Closing, SessionStore } from '../../src/core/store.js'
import { MemoryStore } from '../../src/stores/memory.js'
import { RedisStore } from '../../src/stores/redis.js'
import { SqliteStore } from '../../src/stores/sqlite.js'
import { type RedisServer, startRedis } from './redis-server.js'

/** A shipped store, for tests that run on each of them. */
export interface ShippedStore {
  readonly name: string
  /** Opens a fresh, empty store. */
  readonly open: (clock?: Clock) => Promise<SessionStore>
  /** Opens a second store on the same data as the last `open`, where processes can share them. */
  readonly openAnother?: (clock?: Clock) => Promise<SessionStore>
  /** Closes what was opened and ends what is under it. The store can be opened again. */
  readonly stop: () => Promise<void>
}

/** All shipped stores: `describe.each(stores)('on $name', ({ open, stop }) => ...)`, with `afterAll(stop)`. */
export const stores: readonly ShippedStore[] = [memory(), sqlite(), redis()]

function memory(): ShippedStore {
  return {
    name: 'memory',
    open: (clock) => Promise.resolve(new MemoryStore({ clock })),
    stop: () => Promise.resolve(),
  }
}

function sqlite(): ShippedStore {
  const opened: SqliteStore[] = []
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-'))
  let path = ''
  const openAnother = (clock?: Clock): Promise<SessionStore> => {
    const store = new SqliteStore({ path, clock })
    opened.push(store)
    return Promise.resolve(store)
  }
  return {
    name: 'sqlite',
    open: (clock) => {
      path = join(folder, `${randomUUID()}.db`)
      return openAnother(clock)
    },
    openAnother,
    stop: () => {
      for (const store of opened.splice(0)) store.close()
      rmSync(folder, { recursive: true, force: true })
      return Promise.resolve()
    },
  }
}

function redis(): ShippedStore {
  const opened: Closing[] = []
  let starting: Promise<RedisServer> | undefined
  let prefix = ''
  const openAnother = async (clock?: Clock): Promise<SessionStore> => {
    const { url } = await (starting ??= startRedis())
    const store = new RedisStore({ url, prefix, clock })
    opened.push(store)
    return store
  }
  return {
    name: 'redis',
    open: (clock) => {
      prefix = randomUUID()
      return openAnother(clock)
    },
    openAnother,
    stop: async () => {
      for (const store of opened.splice(0)) await store.close()
      const server = await starting
      starting = undefined
      await server?.stop()
    },
  }
}
