import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'libsql'
import { SqliteStore, type SqliteDatabase } from 'latchkey/stores/sqlite'
import { ManualClock, storeConformance } from 'latchkey/testing'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import {
  newKey,
  newRecord,
  patchOf,
  rotation,
  sealedRotation,
  successorKey,
} from '../../src/testing/conformance/samples.js'
import { loaded } from '../../src/testing/conformance/suite.js'

let folder = ''

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'latchkey-sqlite-'))
})

afterEach(() => {
  rmSync(folder, { recursive: true, force: true })
})

let files = 0

describe('a SQLite store on a file is a store', () => {
  let path = ''
  storeConformance({
    test,
    open: (clock) => new SqliteStore({ path: (path = join(folder, `${files++}.db`)), clock }),
    openAnother: (clock) => new SqliteStore({ path, clock }),
  })
})

describe('a SQLite store on a database that was handed in is a store', () => {
  storeConformance({
    test,
    open: (clock) => new SqliteStore({ database: new Database(':memory:'), clock }),
  })
})

describe('the SQLite store', () => {
  const openRaw = (path: string): SqliteDatabase => new Database(path)

  test('makes the folder, uses WAL, and keeps records when it is closed and opened again', () => {
    const path = join(folder, 'deep', 'er', 'sessions.db')
    const store = new SqliteStore({ path })
    const record = newRecord(new ManualClock())
    store.create(record)
    store.close()
    const raw = openRaw(path)
    expect(raw.prepare('PRAGMA journal_mode').get()).toMatchObject({ journal_mode: 'wal' })
    raw.close()
    const again = new SqliteStore({ path })
    expect(again.load(record.key)).toEqual(record)
    again.close()
  })

  test('closes the file that it opened and leaves a database that was handed in', () => {
    const database = openRaw(':memory:')
    new SqliteStore({ database }).close()
    expect(database.prepare('SELECT 1 AS one').get()).toMatchObject({ one: 1 })
  })

  test('works inside of a transaction of the application, and an error in it leaves that transaction alone', () => {
    const database = openRaw(':memory:')
    const store = new SqliteStore({ database })
    const clock = new ManualClock()
    const [record, taken] = [newRecord(clock), newRecord(clock)]
    store.create(record)
    store.create(taken)
    database.exec('BEGIN')
    expect(() => store.rotate(record.key, taken.key, rotation('ann'))).toThrow(
      expect.objectContaining({ code: 'RECORD_EXISTS' }),
    )
    expect(store.rotate(record.key, newKey('ann'), rotation('ann'))).toBe('updated')
    database.exec('ROLLBACK')
    expect(store.load(record.key)).toEqual(record)
  })

  test.each([
    ['its own file', false],
    ['a database that was handed in', false],
    ['a database that was handed in, in a transaction of the application', true],
  ])('writes that met a lock leave nothing behind: what comes later is committed (%s)', async (name, isNested) => {
    const path = join(folder, `${files++}.db`)
    const database = openRaw(path)
    database.exec('PRAGMA journal_mode = WAL; PRAGMA busy_timeout = 1')
    const store = new SqliteStore(name === 'its own file' ? { path, busyTimeout: 1 } : { database })
    const [other, raw] = [new SqliteStore({ path, busyTimeout: 1 }), openRaw(path)]
    const clock = new ManualClock()
    const record = newRecord(clock)
    store.create(record)
    const busy = expect.objectContaining({ code: expect.stringContaining('SQLITE_BUSY') })
    if (isNested) database.exec('BEGIN')
    raw.exec('BEGIN IMMEDIATE')
    expect(() => store.create(newRecord(clock))).toThrow(busy)
    expect(() => store.update(record.key, patchOf([['refused', '1']]))).toThrow(busy)
    expect(() => store.touch(record.key, clock.now() + 1)).toThrow(busy)
    expect(() => store.rotate(record.key, newKey('ann'), rotation('ann'))).toThrow(busy)
    expect(() => store.delete(record.key)).toThrow(busy)
    expect(() => store.sweep(1)).toThrow(busy)
    raw.exec('ROLLBACK')
    expect(store.update(record.key, patchOf([['later', '1']]))).toBe('updated')
    if (isNested) database.exec('COMMIT')
    const { data } = await loaded(other, record.key)
    expect([data.get('later'), data.has('refused')]).toEqual(['1', false])
    expect(other.update(record.key, patchOf([['other', '1']]))).toBe('updated')
    expect(store.rotate(record.key, newKey('ann'), rotation('ann'))).toBe('updated')
    expect(other.load(record.key)).toBeUndefined()
    for (const each of [store, other, raw, database]) each.close()
  })

  test('a record can not be rotated to its own key', () => {
    const store = new SqliteStore({ path: ':memory:' })
    const record = newRecord(new ManualClock())
    store.create(record)
    expect(() => store.rotate(record.key, record.key, rotation('ann'))).toThrow(
      expect.objectContaining({ code: 'RECORD_EXISTS' }),
    )
    expect(store.load(record.key)).toEqual(record)
    store.close()
  })

  test('a clock with fractions of a millisecond makes records that can be read', () => {
    const clock = new ManualClock(Math.floor(Date.now()) + 0.4)
    const store = new SqliteStore({ path: ':memory:', clock: clock.now })
    const record = newRecord(clock)
    store.create(record)
    expect(store.touch(record.key, record.lastSeenAt + 1)).toBe(true)
    expect(store.load(record.key)).toMatchObject({ lastSeenAt: Math.round(record.lastSeenAt + 1) })
    expect(() => store.create({ ...newRecord(clock), expiresAt: Infinity })).toThrow(RangeError)
    const [dead, former] = [newRecord(clock), newRecord(clock)]
    const next = successorKey(former.key)
    store.create(dead)
    store.create(former)
    store.rotate(dead.key, newKey('ann'), rotation('ann'))
    store.rotate(former.key, next, sealedRotation(undefined))
    store.confirm(next, former.key, clock.now())
    for (const { key } of [dead, former]) expect(store.update(key, patchOf())).toBe('rotated')
    expect(store.load(former.key)).toEqual({ movedTo: next, sealedId: undefined, goodUntil: Math.round(clock.now()) })
    store.close()
  })

  test('a sweep takes any limit', () => {
    const clock = new ManualClock()
    const store = new SqliteStore({ path: ':memory:', clock: clock.now })
    for (let index = 0; index < 3; index++) store.create({ ...newRecord(clock), expiresAt: clock.now() })
    expect([-1, 0, 1, Infinity].map((limit) => store.sweep(limit))).toEqual([0, 0, 1, 2])
    store.close()
  })

  test('a file that another connection is writing to is not waited for longer than the busy timeout', () => {
    const path = join(folder, 'sessions.db')
    const store = new SqliteStore({ path, busyTimeout: 20 })
    const record = newRecord(new ManualClock())
    store.create(record)
    const other = openRaw(path)
    other.exec('BEGIN IMMEDIATE')
    const before = performance.now()
    expect(() => store.update(record.key, patchOf([['a', '1']]))).toThrow(
      expect.objectContaining({ code: 'SQLITE_BUSY' }),
    )
    expect(() => store.rotate(record.key, newKey('ann'), rotation('ann'))).toThrow(
      expect.objectContaining({ code: 'SQLITE_BUSY' }),
    )
    expect(performance.now() - before).toBeLessThan(400)
    expect(store.load(record.key)).toEqual(record)
    other.exec('ROLLBACK')
    other.close()
    expect(store.update(record.key, patchOf([['a', '1']]))).toBe('updated')
    store.close()
  })

  test('everything is in the file itself once the store is closed', () => {
    const path = join(folder, 'sessions.db')
    const store = new SqliteStore({ path })
    const record = newRecord(new ManualClock())
    store.create(record)
    store.close()
    const alone = join(folder, 'alone.db')
    copyFileSync(path, alone)
    const copy = new SqliteStore({ path: alone })
    expect(copy.load(record.key)).toEqual(record)
    copy.close()
  })

  test.each<[object | undefined, RegExp]>([
    [undefined, /needs options/],
    [{}, /path is undefined/],
    [{ path: '' }, /path is ""/],
    [{ path: 'x', file: 'y' }, /Unknown option of SqliteStore "file"/],
    [{ path: 'x', database: {} }, /both path and database/],
    [{ database: {} }, /no prepare and exec/],
    [{ path: ':memory:', table: 'a; DROP TABLE b' }, /table is "a; DROP TABLE b"/],
    [{ path: 5 }, /path is 5/],
    [{ path: 'libsql://user:pass@host' }, /path is an address/],
    [{ path: ':memory:', table: 'sqlite_x' }, /table is "sqlite_x"/],
    [{ path: ':memory:', busyTimeout: 2 ** 31 }, /busyTimeout is 2147483648/],
    [{ database: new Database(':memory:'), busyTimeout: 5 }, /busyTimeout goes with path/],
    [{ path: ':memory:', synchronous: 'off' }, /synchronous is "off"/],
    [{ path: ':memory:', busyTimeout: -1 }, /busyTimeout is -1/],
    [{ path: ':memory:', driver: 'libsql' }, /driver is "libsql"/],
    [{ path: ':memory:', clock: 5 }, /clock is 5/],
  ])('refuses %j', (options, message) => {
    expect(() => new SqliteStore(options as never)).toThrow(
      expect.objectContaining({ code: 'OPTIONS_INVALID', message: expect.stringMatching(message) }),
    )
  })

  test.each([
    'CREATE TABLE latchkey_sessions (id INTEGER)',
    `CREATE TABLE latchkey_sessions (key TEXT, format, subject, handle, created_at, authenticated_at, rotated_at,
      last_seen_at, idle_timeout, expires_at, ends_at, version, persistent, device, ip, former_key, data, moved)`,
    `CREATE TABLE latchkey_sessions (key TEXT PRIMARY KEY, format, subject, handle, created_at, authenticated_at, rotated_at,
      last_seen_at, idle_timeout, expires_at, ends_at, version, persistent, device, ip, former_key, data)`,
    'CREATE VIEW latchkey_sessions AS SELECT 1 AS key',
  ])('refuses what is called as its table and is something else: %s', (sql) => {
    const database = openRaw(':memory:')
    database.exec(sql)
    expect(() => new SqliteStore({ database })).toThrow(/already.*option table/)
    expect(new SqliteStore({ database, table: 'order' }).load('x')).toBeUndefined()
  })

  test('a file that is no database, or can not be made, is named', () => {
    const path = join(folder, 'text.db')
    writeFileSync(path, 'this is not a database, and it is long enough to be looked at as one'.repeat(50))
    for (const bad of [path, join(path, 'below-a-file', 'x.db')]) {
      expect(() => new SqliteStore({ path: bad })).toThrow(
        expect.objectContaining({ code: 'STORE_UNAVAILABLE', message: expect.stringContaining(bad) }),
      )
    }
    expect(readFileSync(path, 'utf8')).toMatch(/^this is not a database/)
  })
})
