import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import connectPgSimple from 'connect-pg-simple'
import { RedisStore } from 'connect-redis'
import session, { type Store } from 'express-session'
import { Pool } from 'pg'
import { createClient } from 'redis'
import sessionFileStore from 'session-file-store'
import { startPostgres } from '../../apps/portal/test/support/postgres-server.js'
import { startRedis } from './redis-server.js'

/** A store for express-session that others have made, on the real thing that it is for. */
export interface TheirStore {
  readonly name: string
  readonly isInMemory: boolean
  /** Opens a fresh, empty store. */
  open(): Promise<Store>
  /** Closes what was opened and ends what is under it. */
  stop(): Promise<void>
}

// It has no types of its own.
const memorystore = createRequire(import.meta.url)('memorystore') as (
  library: typeof session,
) => new (options?: object) => Store

/** The stores that the tests of `fromExpressStore` run on. */
export const theirStores: readonly TheirStore[] = [
  inMemory('express-session MemoryStore', () => new session.MemoryStore()),
  inMemory('memorystore', () => new (memorystore(session))()),
  onFiles(),
  onPostgres(),
  onRedis(),
]

function inMemory(name: string, make: () => Store): TheirStore {
  return { name, isInMemory: true, open: () => Promise.resolve(make()), stop: () => Promise.resolve() }
}

function onFiles(): TheirStore {
  const folders: string[] = []
  const FileStore = sessionFileStore(session)
  return {
    name: 'session-file-store',
    isInMemory: false,
    async open() {
      const path = await mkdtemp(join(tmpdir(), 'latchkey-file-store-'))
      folders.push(path)
      // By default it looks for a file that isn't there five times.
      return new FileStore({ path, retries: 0, reapInterval: -1, logFn: () => {} })
    },
    async stop() {
      for (const path of folders.splice(0)) await rm(path, { recursive: true, force: true })
    },
  }
}

function onPostgres(): TheirStore {
  const PgStore = connectPgSimple(session)
  const start = async () => {
    const server = await startPostgres()
    // What is left of it in the pool is told of the end of the server.
    const pool = new Pool({ connectionString: await server.createDatabase() }).on('error', () => {})
    const end = async (): Promise<void> => {
      await pool.end()
      await server.stop()
    }
    return { pool, end }
  }
  let starting: ReturnType<typeof start> | undefined
  return {
    name: 'connect-pg-simple',
    isInMemory: false,
    async open() {
      const { pool } = await (starting ??= start())
      const columns = 'sid varchar NOT NULL PRIMARY KEY, sess json NOT NULL, expire timestamp(6) NOT NULL'
      await pool.query(`DROP TABLE IF EXISTS session; CREATE TABLE session (${columns})`)
      return new PgStore({ pool, pruneSessionInterval: false })
    },
    async stop() {
      const started = await starting
      starting = undefined
      await started?.end()
    },
  }
}

function onRedis(): TheirStore {
  const start = async () => {
    const server = await startRedis()
    const client = createClient({ url: server.url }).on('error', () => {})
    await client.connect()
    const end = async (): Promise<void> => {
      client.destroy()
      await server.stop()
    }
    return { client, end }
  }
  let starting: ReturnType<typeof start> | undefined
  return {
    name: 'connect-redis',
    isInMemory: false,
    async open() {
      const { client } = await (starting ??= start())
      return new RedisStore({ client, prefix: `${randomUUID()}:` })
    },
    async stop() {
      const started = await starting
      starting = undefined
      await started?.end()
    },
  }
}
