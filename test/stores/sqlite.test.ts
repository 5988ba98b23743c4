import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { spawn, type ChildProcess } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import Database from 'libsql'
import { SqliteStore, type SqliteDatabase } from 'latchkey/stores/sqlite'
import { ManualClock, storeConformance } from 'latchkey/testing'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { findDriver } from '../../src/stores/sqlite/driver.js'
import { newKey, newRecord, patchOf, rotation } from '../../src/testing/conformance/samples.js'

let folder = ''

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'latchkey-sqlite-'))
})

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
  rmSync(folder, { recursive: true, force: true })
})

const children: ChildProcess[] = []
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
    open: (clock) => new SqliteStore({ database: new Database(':memory:') as unknown as SqliteDatabase, clock }),
  })
})

describe('the SQLite store', () => {
  const openRaw = (path: string): SqliteDatabase => new Database(path) as unknown as SqliteDatabase

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
    expect(() => store.rotate(record.key, taken.key, rotation('ann'))).toThrow(expect.objectContaining({ code: 'RECORD_EXISTS' }))
    expect(store.rotate(record.key, newKey('ann'), rotation('ann'))).toBe('updated')
    database.exec('ROLLBACK')
    expect(store.load(record.key)).toEqual(record)
  })

  test('after a rotation nothing of the data is left under the old key', () => {
    const database = openRaw(':memory:')
    const store = new SqliteStore({ database })
    const record = { ...newRecord(new ManualClock()), data: new Map([['card', '"4111"']]) }
    store.create(record)
    store.rotate(record.key, newKey('ann'), rotation('ann'))
    const row = database.prepare('SELECT data, subject, handle FROM latchkey_sessions WHERE key = ?').get(record.key)
    expect(row).toMatchObject({ data: '{}', subject: null, handle: '' })
  })

  test('finds what has ended, and what belongs to a subject, by an index', () => {
    const database = openRaw(':memory:')
    new SqliteStore({ database })
    const plan = (sql: string): string => JSON.stringify(database.prepare(`EXPLAIN QUERY PLAN ${sql}`).all())
    expect(plan('SELECT key FROM latchkey_sessions WHERE ends_at <= 5 LIMIT 10')).toContain('latchkey_sessions_ends_at')
    expect(plan("SELECT key FROM latchkey_sessions WHERE subject = 'ann'")).toContain('latchkey_sessions_subject')
  })

  test.each([
    ["data = 'no JSON'", /no JSON/],
    ["data = '[]'", /no object/],
    [`data = '{"a":1}'`, /no text/],
    ['format = 2', /format is 2/],
    ["version = 'x'", /version is no whole number/],
    ["created_at = 'x'", /created_at/],
    ["handle = x'00'", /handle is no text/],
  ])('a row in which %s is unreadable, and the message holds no key', (change, message) => {
    const database = openRaw(':memory:')
    const store = new SqliteStore({ database })
    const record = newRecord(new ManualClock())
    store.create(record)
    database.exec(`UPDATE latchkey_sessions SET ${change}`)
    const unreadable = expect.objectContaining({ code: 'RECORD_UNREADABLE', message: expect.stringMatching(message) })
    expect(() => store.load(record.key)).toThrow(unreadable)
    expect(() => store.load(record.key)).not.toThrow(new RegExp(record.key))
    expect(store.delete(record.key)).toBe(true)
  })

  test.each<[object | undefined, RegExp]>([
    [undefined, /needs options/],
    [{}, /path is undefined/],
    [{ path: '' }, /path is ""/],
    [{ path: 'x', file: 'y' }, /unknown option 'file'/],
    [{ path: 'x', database: {} }, /both path and database/],
    [{ database: {} }, /no prepare and exec/],
    [{ path: ':memory:', table: 'a; DROP TABLE b' }, /table is "a; DROP TABLE b"/],
    [{ path: ':memory:', synchronous: 'off' }, /synchronous is "off"/],
    [{ path: ':memory:', busyTimeout: -1 }, /busyTimeout is -1/],
    [{ path: ':memory:', driver: 'libsql' }, /driver is a string/],
    [{ path: ':memory:', clock: 5 }, /clock is a number/],
  ])('refuses %j', (options, message) => {
    expect(() => new SqliteStore(options as never)).toThrow(
      expect.objectContaining({ code: 'OPTIONS_INVALID', message: expect.stringMatching(message) }),
    )
  })

  test('refuses a table that is something else', () => {
    const database = openRaw(':memory:')
    database.exec('CREATE TABLE latchkey_sessions (id INTEGER)')
    expect(() => new SqliteStore({ database })).toThrow(/a table latchkey_sessions already.*option table/)
    expect(new SqliteStore({ database, table: 'other' }).load('x')).toBeUndefined()
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

  test('takes the first driver that is installed, and says what to install if none is', () => {
    class Driver {}
    const only = (installed: string, module: unknown) => (name: string) => {
      if (name === installed) return module
      throw Object.assign(new Error('not there'), { code: name.startsWith('node:') ? 'ERR_UNKNOWN_BUILTIN_MODULE' : 'MODULE_NOT_FOUND' })
    }
    expect(findDriver(only('better-sqlite3', Driver))).toBe(Driver)
    expect(findDriver(only('libsql', Driver))).toBe(Driver)
    expect(findDriver(only('node:sqlite', { DatabaseSync: Driver }))).toBe(Driver)
    expect(() => findDriver(only('nothing', undefined))).toThrow(/npm install libsql/)
    expect(() => findDriver(() => { throw new Error('broken build') })).toThrow('broken build')
  })
})

describe('several processes on one file', () => {
  const writer = fileURLToPath(new URL('../support/sqlite-writer.mjs', import.meta.url))

  /** A process that writes keys to one record, one after the other, and says each when it is stored. */
  function startWriter(path: string, key: string, name: string, count: number): { child: ChildProcess; lines: AsyncIterable<string> } {
    const child = spawn(process.execPath, [writer, path, key, name, String(count)], { stdio: ['ignore', 'pipe', 'inherit'] })
    children.push(child)
    return { child, lines: createInterface({ input: child.stdout! }) }
  }

  test('that write different keys of one record at once: all are kept', async () => {
    const path = join(folder, 'sessions.db')
    const store = new SqliteStore({ path })
    const record = { ...newRecord(new ManualClock()), data: new Map() }
    store.create(record)
    const writers = ['a', 'b', 'c'].map((name) => startWriter(path, record.key, name, 100))
    await Promise.all(
      writers.map(async ({ lines }) => {
        for await (const line of lines) expect(line).toMatch(/^[abc]\d+ updated$/)
      }),
    )
    expect(store.load(record.key)!.data.size).toBe(300)
    store.close()
  })

  test('kill -9 in a write loop: every acknowledged write is there afterwards', async () => {
    const path = join(folder, 'sessions.db')
    const store = new SqliteStore({ path })
    const record = { ...newRecord(new ManualClock()), data: new Map() }
    store.create(record)
    store.close()
    const { child, lines } = startWriter(path, record.key, 'k', 100_000)
    const acknowledged: string[] = []
    for await (const line of lines) {
      acknowledged.push(line.split(' ')[0]!)
      if (acknowledged.length === 200) child.kill('SIGKILL')
    }
    expect(acknowledged.length).toBeGreaterThanOrEqual(200)
    const again = new SqliteStore({ path })
    const { data } = again.load(record.key)!
    expect(acknowledged.filter((key) => !data.has(key))).toEqual([])
    expect(again.update(record.key, patchOf([['after', '1']]))).toBe('updated')
    again.close()
  })
})
