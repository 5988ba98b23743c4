import Database from 'libsql'
import PromiseDatabase from 'libsql/promise'
import { SqliteStore, type SqliteDatabase, type SqliteDriver, type SqliteStatement } from 'latchkey/stores/sqlite'
import { ManualClock, storeConformance } from 'latchkey/testing'
import { describe, expect, test } from 'vitest'
import { findDriver } from '../../../src/stores/sqlite/driver.js'
import { signedIn } from '../../../src/testing/conformance/samples.js'
import { builtIn } from '../../support/sqlite-drivers.js'

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

  test('is asked again at the start while another process is in the way', () => {
    let busy = 3
    class BusyAtFirst {
      readonly #database = new Database(':memory:')
      readonly exec = (sql: string): unknown => this.#database.exec(sql)
      readonly close = (): unknown => this.#database.close()
      readonly prepare = (sql: string): SqliteStatement => {
        if (!sql.startsWith('PRAGMA journal_mode') || busy-- <= 0) return this.#database.prepare(sql)
        throw Object.assign(new Error('database is locked'), { code: 'SQLITE_BUSY' })
      }
    }
    expect(new SqliteStore({ path: ':memory:', driver: BusyAtFirst }).load('x')).toBeUndefined()
    expect(busy).toBe(-1)
  })

  test('may be set to give integers as BigInt', () => {
    const database = new Database(':memory:')
    database.defaultSafeIntegers(true)
    const store = new SqliteStore({ database })
    const record = signedIn(new ManualClock(), 'ann')
    store.create(record)
    expect(store.load(record.key)).toEqual(record)
    expect(store.list('ann')).toEqual([record])
    expect(store.count('ann')).toBe(1)
    expect(store.delete(record.key)).toBe(true)
  })
})

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
