import { createRequire } from 'node:module'
import Database from 'libsql'
import type { SqliteDriver } from '../../src/stores/sqlite.js'

/** `node:sqlite`, which Node has from 22.13 on. */
export const builtIn = nodeSqlite()

/** The drivers that tests can run on here: `describe.each(drivers)('on $name', ({ driver }) => ...)`. */
export const drivers: readonly { readonly name: string; readonly driver: SqliteDriver }[] = [
  { name: 'libsql', driver: Database },
  ...(builtIn ? [{ name: 'node:sqlite', driver: builtIn }] : []),
]

function nodeSqlite(): SqliteDriver | undefined {
  try {
    return (createRequire(import.meta.url)('node:sqlite') as { DatabaseSync: SqliteDriver }).DatabaseSync
  } catch {
    return undefined
  }
}
