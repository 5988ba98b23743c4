import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import Database from 'libsql'
import { SqliteStore } from 'latchkey/stores/sqlite'

/** How many sessions go into one transaction while it is filled. */
const BATCH = 10_000

/** A SQLite file of its own, in the folder for temporary files. */
export function openSqlite(url) {
  if (url !== undefined) throw new Error('--url goes with --store redis.')
  const dir = mkdtempSync(join(tmpdir(), 'latchkey-load-'))
  const path = join(dir, 'sessions.db')
  const store = new SqliteStore({ path, driver: Database })
  return {
    store,
    users: 0,
    /** One session of each user. */
    keys: [],
    load: (records) => load(path, records),
    about() {
      const database = new Database(path)
      const { version } = /** @type {{ version: string }} */ (
        database.prepare('SELECT sqlite_version() AS version').get()
      )
      database.close()
      const driver = dirname(createRequire(import.meta.url).resolve('libsql'))
      const libsql = JSON.parse(readFileSync(join(driver, 'package.json'), 'utf8')).version
      return { libsql, sqlite: version, bytes: statSync(path).size }
    },
    close() {
      store.close()
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

/** Through a store on a database that is handed in, because there the transactions are ours. */
function load(path, records) {
  const database = new Database(path)
  // Nothing of it has to stand a power cut.
  database.exec('PRAGMA synchronous = off')
  const store = new SqliteStore({ database })
  let open = 0
  for (const record of records) {
    if (open === 0) database.exec('BEGIN IMMEDIATE')
    store.create(record)
    if (++open < BATCH) continue
    database.exec('COMMIT')
    open = 0
  }
  if (open > 0) database.exec('COMMIT')
  database.exec('PRAGMA wal_checkpoint(TRUNCATE)')
  database.close()
}
