import { createRequire } from 'node:module'
import Database from 'libsql'
import PromiseDatabase from 'libsql/promise'
import { SqliteStore, type SqliteDatabase, type SqliteDriver } from 'latchkey/stores/sqlite'
import { ManualClock, storeConformance } from 'latchkey/testing'
import { describe, expect, test } from 'vitest'
import { findDriver } from '../../../src/stores/sqlite/driver.js'
import { newRecord } from '../../../src/testing/conformance/samples.js'

describe('the driver', () => {
  class Driver {}
  const missing = (name: string): Error =>
    Object.assign(new Error(`Cannot find module '${name}'`), {
      code: name.startsWith('node:') ? 'ERR_UNKNOWN_BUILTIN_MODULE' : 'MODULE_NOT_FOUND',
    })
  const only = (installed: string, module: unknown) => (name: string) => {
    if (name === installed) return module
    throw missing(name)
  }

  test('is the first one that is installed', () => {
    expect(findDriver(only('better-sqlite3', Driver))).toBe(Driver)
    expect(findDriver(only('libsql', Driver))).toBe(Driver)
    expect(findDriver(only('node:sqlite', { DatabaseSync: Driver }))).toBe(Driver)
  })

  test('that is missing is named with what to install', () => {
    const none = expect.objectContaining({
      code: 'OPTIONS_INVALID',
      message: expect.stringContaining('npm install libsql'),
    })
    expect(() => findDriver(only('nothing', undefined))).toThrow(none)
  })

  test.each([new Error('broken build'), missing('@libsql/linux-x64-gnu')])(
    'that is broken is not passed over: %s',
    (cause) => {
      const broken = expect.objectContaining({ code: 'OPTIONS_INVALID', cause })
      expect(() =>
        findDriver(() => {
          throw cause
        }),
      ).toThrow(broken)
    },
  )

  test('libsql is accepted as it is typed', () => {
    const driver: SqliteDriver = Database
    const database: SqliteDatabase = new Database(':memory:')
    expect(new SqliteStore({ path: ':memory:', driver }).load('x')).toBeUndefined()
    expect(new SqliteStore({ database }).load('x')).toBeUndefined()
  })

  test('with promises or callbacks is refused', () => {
    class Callbacks {
      readonly prepare = (): object => ({ get: () => this, run: () => this, all: () => this })
      readonly exec = (): this => this
      readonly close = (): void => {}
    }
    const refused = expect.objectContaining({
      code: 'OPTIONS_INVALID',
      message: expect.stringContaining("doesn't answer at once"),
    })
    for (const driver of [PromiseDatabase, Callbacks] as unknown as SqliteDriver[]) {
      expect(() => new SqliteStore({ path: ':memory:', driver })).toThrow(refused)
      expect(() => new SqliteStore({ database: new driver(':memory:') })).toThrow(refused)
    }
  })

  test('may be set to give integers as BigInt', () => {
    const database = new Database(':memory:')
    database.defaultSafeIntegers(true)
    const store = new SqliteStore({ database })
    const record = newRecord(new ManualClock())
    store.create(record)
    expect(store.load(record.key)).toEqual(record)
    expect(store.delete(record.key)).toBe(true)
  })
})

/** Node has it from 22.13 on. */
const builtIn = nodeSqlite()

if (builtIn) {
  describe('a SQLite store on node:sqlite is a store', () => {
    storeConformance({ test, open: (clock) => new SqliteStore({ path: ':memory:', driver: builtIn, clock }) })
  })

  describe('node:sqlite with other settings is a store', () => {
    const open = builtIn as unknown as new (path: string, settings: object) => SqliteDatabase
    const settings = { readBigInts: true, returnArrays: true }
    storeConformance({
      test,
      open: (clock) => new SqliteStore({ database: new open(':memory:', settings), clock }),
    })
  })
}

function nodeSqlite(): SqliteDriver | undefined {
  try {
    return (createRequire(import.meta.url)('node:sqlite') as { DatabaseSync: SqliteDriver }).DatabaseSync
  } catch {
    return undefined
  }
}
