import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Clock } from '../../src/core/expiry.js'
import type { Closing, SessionStore } from '../../src/core/store.js'
import { MemoryStore } from '../../src/stores/memory.js'
import { RedisStore } from '../../src/stores/redis.js'
import { SqliteStore } from '../../src/stores/sqlite.js'
import { keptInMemory, keptInRedis, keptInSqlite, type Kept } from './kept.js'
import { startRedis } from './redis-server.js'

/** A shipped store, for tests that run on each of them. */
export interface ShippedStore {
  readonly name: string
  /** Opens a fresh, empty store. */
  readonly open: (clock?: Clock) => Promise<SessionStore>
  /** Opens a second store on the same data as the last `open`, where processes can share them. */
  readonly openAnother?: (clock?: Clock) => Promise<SessionStore>
  /** What is in the store of the last `open`. */
  readonly kept: () => Promise<Kept>
  /** Closes what was opened and ends what is under it. The store can be opened again. */
  readonly stop: () => Promise<void>
}

/** The environment may give the Redis store a near cache, as in `NEAR_CACHE=100`. */
const { NEAR_CACHE } = process.env
const nearCache = NEAR_CACHE === undefined ? undefined : { maxEntries: Number(NEAR_CACHE) }

const shipped: readonly ShippedStore[] = [
  inMemory(),
  shared(
    'sqlite',
    startFolder,
    ({ path }, name, clock) => new SqliteStore({ path: join(path, `${name}.db`), clock }),
    ({ path }, name) => Promise.resolve(keptInSqlite(join(path, `${name}.db`))),
  ),
  shared(
    'redis',
    startRedis,
    ({ url }, prefix, clock) => new RedisStore({ url, prefix, clock, nearCache }),
    keptInRedis,
  ),
]

/**
 * All shipped stores: `describe.each(stores)('on $name', ({ open, stop }) => ...)`, with `afterAll(stop)`. The environment
 * may choose some of them by name, as in `STORES=memory,sqlite`.
 */
export const stores: readonly ShippedStore[] = chosen(shipped)

function chosen(all: readonly ShippedStore[]): readonly ShippedStore[] {
  const names = process.env['STORES']?.split(',')
  return names === undefined ? all : all.filter(({ name }) => names.includes(name))
}

function inMemory(): ShippedStore {
  let last = new MemoryStore()
  return {
    name: 'memory',
    open: (clock) => Promise.resolve((last = new MemoryStore({ clock }))),
    kept: () => Promise.resolve(keptInMemory(last)),
    stop: () => Promise.resolve(),
  }
}

/** A store over something that is started once, and in which each `open` has a name of its own. */
function shared<T extends { stop(): Promise<void> }>(
  name: string,
  start: () => Promise<T>,
  make: (ground: T, name: string, clock: Clock | undefined) => SessionStore & Closing,
  kept: (ground: T, name: string) => Promise<Kept>,
): ShippedStore {
  const opened: Closing[] = []
  let starting: Promise<T> | undefined
  let last = ''
  const openAnother = async (clock?: Clock): Promise<SessionStore> => {
    const store = make(await (starting ??= start()), last, clock)
    opened.push(store)
    return store
  }
  return {
    name,
    open: (clock) => {
      last = randomUUID()
      return openAnother(clock)
    },
    openAnother,
    kept: async () => kept(await (starting ??= start()), last),
    stop: async () => {
      for (const store of opened.splice(0)) await store.close()
      const ground = await starting
      starting = undefined
      await ground?.stop()
    },
  }
}

async function startFolder(): Promise<{ readonly path: string; stop(): Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), 'latchkey-stores-'))
  return { path, stop: () => rm(path, { recursive: true, force: true }) }
}
