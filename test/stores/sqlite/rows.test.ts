import { SqliteStore, type SqliteDatabase } from 'latchkey/stores/sqlite'
import { ManualClock } from 'latchkey/testing'
import { beforeEach, describe, expect, test } from 'vitest'
import type { SessionRecord } from '../../../src/core/record.js'
import {
  newKey,
  newRecord,
  patchOf,
  rotation,
  sealedRotation,
  signedIn,
  successorKey,
} from '../../../src/testing/conformance/samples.js'
import { drivers } from '../../support/sqlite-drivers.js'

const unreadable = expect.objectContaining({ code: 'RECORD_UNREADABLE' })

let database: SqliteDatabase
let store: SqliteStore
let clock: ManualClock

/** Changes the row of a record by hand. */
function spoil({ key }: { readonly key: string }, change: string): void {
  database.prepare(`UPDATE latchkey_sessions SET ${change} WHERE key = ?`).run(key)
}

function created(record: SessionRecord): SessionRecord {
  store.create(record)
  return record
}

describe.each(drivers)('on $name, a row of the SQLite store', ({ driver: Database }) => {
  beforeEach(() => {
    database = new Database(':memory:')
    store = new SqliteStore({ database })
    clock = new ManualClock()
  })

  test.each([
    ["data = 'no JSON'", /data is no JSON/],
    ["data = '[]'", /data is no object/],
    [`data = '{"a":1}'`, /no text/],
    [`data = CAST(x'7b2261223a22ff227d' AS TEXT)`, /data is no UTF-8/],
    ['format = 2', /format is 2/],
    ["version = 'x'", /version is no whole number/],
    ['version = 9223372036854775807', /version is no whole number/],
    ["created_at = 'x'", /created_at/],
    ["authenticated_at = 'x'", /authenticated_at is no whole number/],
    ['authenticated_at = 1.5', /authenticated_at is no whole number/],
    ["rotated_at = 'x'", /rotated_at is no whole number/],
    ["rotated_at = x'ff'", /JSON/],
    ["handle = CAST(x'ff' AS TEXT)", /no UTF-8/],
    ["subject = '%'", /not spelled/],
    ["ip = CAST(x'ff' AS TEXT)", /no UTF-8/],
    ["ip = '%zz'", /not spelled/],
    ["former_key = CAST(x'ff' AS TEXT)", /no UTF-8/],
    ["former_key = x'ff'", /JSON/],
  ])('in which %s is unreadable, and the message holds no key', (change, message) => {
    const record = created(signedIn(clock, 'ann'))
    spoil(record, change)
    const error = expect.objectContaining({ code: 'RECORD_UNREADABLE', message: expect.stringMatching(message) })
    expect(() => store.load(record.key)).toThrow(error)
    expect(() => store.load(record.key)).not.toThrow(new RegExp(record.key))
    expect(store.delete(record.key)).toBe(true)
  })

  test.each(['format', 'handle', 'created_at', 'rotated_at', 'idle_timeout', 'version', 'persistent', 'data'])(
    'in which %s is missing is unreadable',
    (column) => {
      const names = (database.prepare('PRAGMA table_info(latchkey_sessions)').all() as { name: string }[])
        .map(({ name }) => name)
        .filter((name) => name !== 'key')
      database = new Database(':memory:')
      database.exec(`CREATE TABLE latchkey_sessions (key TEXT PRIMARY KEY, ${names.join(', ')})`)
      store = new SqliteStore({ database })
      const [record, other] = [created(signedIn(clock, 'ann')), created(signedIn(clock, 'ann'))]
      spoil(record, `${column} = NULL`)
      expect(() => store.load(record.key)).toThrow(unreadable)
      expect(store.list('ann')).toEqual([other])
    },
  )

  test.each([
    "moved = 'no JSON'",
    "moved = '[]'",
    'moved = 5',
    `moved = '{"movedTo":"a"}'`,
    `moved = '{"sealedId":"a"}'`,
    `moved = '{"movedTo":5,"sealedId":"a"}'`,
    `moved = '{"movedTo":"a","goodUntil":1.5}'`,
    `moved = '{"movedTo":"a","sealedId":"b","goodUntil":1}'`,
    `moved = CAST(x'ff' AS TEXT)`,
    `moved = x'ff'`,
    'format = 2',
  ])('that holds a former key in which %s is unreadable, and is not written to', (change) => {
    const record = created(signedIn(clock, 'ann'))
    store.rotate(record.key, successorKey(record.key), sealedRotation('ann'))
    spoil(record, change)
    expect(() => store.load(record.key)).toThrow(unreadable)
    expect(() => store.load(record.key)).not.toThrow(new RegExp(record.key))
    if (change.includes("x'ff'")) expect(() => store.update(record.key, patchOf())).toThrow(unreadable)
    else expect(store.update(record.key, patchOf())).toBe('rotated')
    expect(store.delete(record.key)).toBe(false)
    expect(store.list('ann')).toHaveLength(1)
  })

  test('of a newer format is not written to, and can be deleted', () => {
    const record = created({ ...signedIn(clock, 'ann'), formerKey: newKey('ann') })
    spoil(record, 'format = 2')
    expect(() => store.update(record.key, patchOf([['a', '1']]))).toThrow(unreadable)
    expect(() => store.touch(record.key, record.lastSeenAt + 1)).toThrow(unreadable)
    expect(() => store.rotate(record.key, newKey('ann'), rotation('ann'))).toThrow(unreadable)
    expect(store.updateAll('ann', patchOf([['a', '1']]))).toBe(0)
    store.confirm(record.key, record.formerKey!, clock.now())
    const row = database.prepare('SELECT version, last_seen_at, former_key FROM latchkey_sessions').get()
    expect(row).toMatchObject({ version: 1, last_seen_at: record.lastSeenAt, former_key: record.formerKey })
    expect(store.delete(record.key)).toBe(true)
  })

  test('whose data are no JSON is not written to', () => {
    const record = created(signedIn(clock, 'ann'))
    const other = created(signedIn(clock, 'ann', { data: new Map() }))
    spoil(record, "data = 'no JSON'")
    expect(() => store.update(record.key, patchOf([['a', '1']]))).toThrow(unreadable)
    expect(() => store.rotate(record.key, newKey('ann'), rotation('ann'))).toThrow(unreadable)
    expect(store.updateAll('ann', patchOf([['a', '1']]))).toBe(1)
    expect(database.prepare('SELECT key, data FROM latchkey_sessions ORDER BY rowid').all()).toMatchObject([
      { key: record.key, data: 'no JSON' },
      { key: other.key, data: '{"a":"1"}' },
    ])
  })

  test.each([
    'format = 2',
    "data = 'no JSON'",
    "rotated_at = 'x'",
    "rotated_at = x'ff'",
    'version = 9223372036854775807',
    "handle = CAST(x'ff' AS TEXT)",
    "handle = x'ff'",
    "handle = '%zz'",
  ])('in which %s is in no list, but counts for its subject and is removed with the others', (change) => {
    const [spoiled, other, next, last] = [0, 1, 2, 3].map((at) =>
      signedIn(clock, 'ann', { authenticatedAt: clock.now() + at }),
    ) as [SessionRecord, SessionRecord, SessionRecord, SessionRecord]
    created(spoiled)
    created(other)
    spoil(spoiled, change)
    expect(store.list('ann')).toEqual([other])
    expect(store.count('ann')).toBe(2)
    const refuse = { max: 2, onLimit: 'refuse' } as const
    expect(() => store.create(next, refuse)).toThrow(expect.objectContaining({ code: 'SESSION_LIMIT_REACHED' }))
    expect(store.create(next, { ...refuse, onLimit: 'evict-oldest' })?.evicted).toHaveLength(1)
    expect(store.list('ann')).toEqual([other, next])

    spoil(other, change)
    created(last)
    expect(store.revokeAll('ann', last.handle)).toHaveLength(2)
    expect(store.count('ann')).toBe(1)
    expect(store.list('ann')).toEqual([last])
  })

  test('that a rotation leaves behind holds nothing of the record', () => {
    const sealed = sealedRotation('ann')
    const [dead, former] = [created(signedIn(clock, 'ann')), created(signedIn(clock, 'ann'))]
    const next = successorKey(former.key)
    store.rotate(dead.key, newKey('ann'), rotation('ann'))
    store.rotate(former.key, next, sealed)
    const rowOf = ({ key }: SessionRecord): unknown =>
      database.prepare('SELECT data, subject, handle, device, ip, moved FROM latchkey_sessions WHERE key = ?').get(key)
    const empty = { data: '{}', subject: null, handle: '', device: null, ip: null }
    expect(rowOf(dead)).toMatchObject({ ...empty, moved: '{}' })
    expect(rowOf(former)).toMatchObject({
      ...empty,
      moved: JSON.stringify({ movedTo: next, sealedId: sealed.sealedId }),
    })
    store.confirm(next, former.key, clock.now())
    expect(rowOf(former)).toMatchObject({ moved: JSON.stringify({ movedTo: next, goodUntil: clock.now() }) })
  })

  test('takes any text as subject, handle, device and address', () => {
    for (const text of ['a%25"\\\0b', '%', '\u{1F511}', "'; --"]) {
      const record = created(newRecord(clock, [], { subject: text, handle: text, device: text, ip: text }))
      expect(store.load(record.key)).toEqual(record)
      expect(store.list(text)).toEqual([record])
      expect(store.revokeAll(text, text)).toEqual([])
      expect(store.revoke(text, `${text}\0`)).toBe(false)
      expect(store.revoke(text, text)).toBe(true)
    }
  })
})
