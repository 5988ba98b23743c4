import { SqliteStore } from 'latchkey/stores/sqlite'
import { ManualClock } from 'latchkey/testing'
import { describe, expect, test } from 'vitest'
import { inOrderOfSignIn, type SessionRecord } from '../../../src/core/record.js'
import { statements, type Statement } from '../../../src/stores/sqlite/statements.js'
import { newKey, newRecord, rotation, signedIn } from '../../../src/testing/conformance/samples.js'
import { drivers } from '../../support/sqlite-drivers.js'

describe.each(drivers)('on $name, the SQLite store', ({ driver: Database }) => {
  const sql = statements('latchkey_sessions')

  function planOf(name: Statement): string {
    const database = new Database(':memory:')
    new SqliteStore({ database })
    const values = Array.from(sql[name].match(/\?/g) ?? [], () => 1)
    const steps = database.prepare(`EXPLAIN QUERY PLAN ${sql[name]}`).all(...values) as { detail: string }[]
    return steps.map(({ detail }) => detail).join('\n')
  }

  test('finds what a key leads to by the primary key alone', () => {
    for (const name of ['load', 'update', 'touch', 'delete', 'state', 'move', 'forget', 'settle'] as const) {
      expect(planOf(name)).toMatch(
        /^SEARCH latchkey_sessions USING INDEX sqlite_autoindex_latchkey_sessions_1 \(key=\?\)/,
      )
      expect(planOf(name)).not.toContain('SCAN')
    }
  })

  test('finds what belongs to a subject by an index', () => {
    for (const name of ['list', 'find', 'count', 'revoke', 'revokeAll', 'updateAll', 'others', 'evict'] as const) {
      expect(planOf(name)).toContain('SEARCH latchkey_sessions USING INDEX latchkey_sessions_subject (subject=?)')
      expect(planOf(name)).not.toContain('SCAN latchkey_sessions')
    }
  })

  test('has the sessions of a subject in the order of the index, without sorting them', () => {
    for (const name of ['list', 'others', 'evict'] as const) expect(planOf(name)).not.toContain('B-TREE')
  })

  test('finds what has ended by an index', () => {
    expect(planOf('sweep')).toContain('USING INDEX latchkey_sessions_ends_at')
    expect(planOf('sweep')).not.toContain('SCAN latchkey_sessions')
  })

  test('lists, and evicts, in the order of sign-in that other stores have', () => {
    const clock = new ManualClock()
    const now = clock.now()
    const store = new SqliteStore({ path: ':memory:', driver: Database, clock: clock.now })
    const records: SessionRecord[] = []
    for (const handle of ['a', 'B', '_', '-', '0', 'aa']) {
      for (const authenticatedAt of [undefined, now, now + 1]) {
        for (const createdAt of [now + 1, now - 1, now]) {
          records.push(
            newRecord(clock, [], {
              subject: 'ann',
              authenticatedAt,
              createdAt,
              handle: `${handle}${createdAt - now}${authenticatedAt ?? ''}`,
            }),
          )
        }
      }
    }
    for (const record of records) store.create(record)
    const inOrder = records.toSorted(inOrderOfSignIn)
    expect(store.list('ann')).toEqual(inOrder)
    const last = signedIn(clock, 'ann', { authenticatedAt: now + 2 })
    const evictions = store.create(last, { max: 11, onLimit: 'evict-oldest' })
    expect(evictions?.evicted).toEqual(inOrder.slice(0, -10).map(({ handle }) => handle))
    expect(store.list('ann')).toEqual([...inOrder.slice(-10), last])
    store.close()
  })

  test('keeps a limit inside of a transaction of the application, and a refusal leaves that transaction alone', () => {
    const database = new Database(':memory:')
    const store = new SqliteStore({ database })
    const clock = new ManualClock()
    const limit = { max: 1, onLimit: 'refuse' } as const
    const refused = expect.objectContaining({ code: 'SESSION_LIMIT_REACHED' })
    const [first, anonymous, second] = [signedIn(clock, 'ann'), newRecord(clock), signedIn(clock, 'ann')]
    database.exec('BEGIN')
    store.create(first, limit)
    store.create(anonymous)
    expect(() => store.create(second, limit)).toThrow(refused)
    expect(() => store.rotate(anonymous.key, newKey('ann'), rotation('ann', [], { limit }))).toThrow(refused)
    database.exec('COMMIT')
    expect(store.list('ann')).toEqual([first])
    expect(store.load(second.key)).toBeUndefined()
    expect(store.load(anonymous.key)).toEqual(anonymous)
    expect(store.update(anonymous.key, { set: new Map(), remove: [] })).toBe('updated')
  })
})
