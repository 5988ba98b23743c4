import { strict as assert } from 'node:assert'
import { hours, minutes } from '../../core/duration.js'
import type { SessionRecord } from '../../core/record.js'
import { newKey, newRecord, patchOf, timesOf } from './samples.js'
import { keeps, lacks, loaded, type Suite } from './suite.js'

/** update and touch. */
export function updates(suite: Suite): void {
  suite.test('an update sets and removes what the patch names and leaves the rest', async ({ store, clock }) => {
    const record = newRecord(
      clock,
      [
        ['a', '1'],
        ['b', '2'],
        ['c', '3'],
        ['d', '4'],
      ],
      { subject: 'ann', device: 'phone', persistent: false },
    )
    await store.create(record)
    const patch = patchOf(
      [
        ['b', '20'],
        ['e', '50'],
      ],
      { remove: ['c', 'd'] },
    )
    assert.equal(await store.update(record.key, patch), 'updated')
    await keeps(
      store,
      after(record, [
        ['a', '1'],
        ['b', '20'],
        ['e', '50'],
      ]),
    )
  })

  suite.test('an update that removes every key leaves an empty record', async ({ store, clock }) => {
    const record = newRecord(clock, [
      ['a', '1'],
      ['b', '2'],
    ])
    await store.create(record)
    assert.equal(await store.update(record.key, patchOf([], { remove: ['a', 'b'] })), 'updated')
    await keeps(store, after(record, []))
    assert.equal(await store.update(record.key, patchOf([['c', '3']])), 'updated')
    await keeps(store, { ...after(record, [['c', '3']]), version: 3 })
  })

  suite.test('removing a key that is not there is not an error', async ({ store, clock }) => {
    const record = newRecord(clock, [['a', '1']])
    await store.create(record)
    assert.equal(await store.update(record.key, patchOf([], { remove: ['b', '__proto__', ''] })), 'updated')
    await keeps(store, after(record, [['a', '1']]))
  })

  suite.test('every update adds one to the version, also one that changes nothing', async ({ store, clock }) => {
    const record = newRecord(clock, [['a', '1']])
    await store.create(record)
    assert.equal(await store.update(record.key, patchOf()), 'updated')
    assert.equal(await store.update(record.key, patchOf([['a', '1']])), 'updated')
    assert.equal(await store.update(record.key, patchOf([], { times: timesOf(record) })), 'updated')
    await keeps(store, { ...record, version: 4 })
  })

  suite.test('on the same key the last update wins', async ({ store, clock }) => {
    const record = newRecord(clock, [['a', '1']])
    await store.create(record)
    for (const value of ['2', '3', '4']) await store.update(record.key, patchOf([['a', value]]))
    assert.equal((await loaded(store, record.key)).data.get('a'), '4')
  })

  suite.test('an update of a record that never was is gone and creates nothing', async ({ store, clock }) => {
    const record = newRecord(clock)
    const patch = patchOf([['a', '1']], { times: timesOf(record) })
    assert.equal(await store.update(record.key, patch), 'gone')
    assert.equal(await store.update(record.key, { ...patch, ifVersion: 1 }), 'gone')
    await lacks(store, record.key)
    await store.create(record)
    await keeps(store, record)
  })

  suite.test('an update of a deleted record is gone and revives nothing', async ({ store, clock }) => {
    const record = newRecord(clock)
    await store.create(record)
    await store.delete(record.key)
    assert.equal(await store.update(record.key, patchOf([['a', '1']], { times: timesOf(record) })), 'gone')
    assert.equal(await store.update(record.key, patchOf([], { ifVersion: 1 })), 'gone')
    await lacks(store, record.key)
  })

  suite.test('an update writes new times', async ({ store, clock }) => {
    const record = newRecord(clock)
    await store.create(record)
    clock.advance(minutes(5))
    const now = clock.now()
    const times = { lastSeenAt: now, idleTimeout: minutes(7), expiresAt: now + hours(3), persistent: false }
    assert.equal(await store.update(record.key, patchOf([['a', '1']], { times })), 'updated')
    await keeps(store, { ...record, ...times, version: 2, data: new Map([...record.data, ['a', '1']]) })
    const back = { ...times, persistent: true }
    await store.update(record.key, patchOf([], { times: back }))
    assert.equal((await loaded(store, record.key)).persistent, true)
  })

  suite.test('an update never moves lastSeenAt backwards', async ({ store, clock }) => {
    const record = newRecord(clock)
    await store.create(record)
    const times = timesOf(record, { lastSeenAt: record.lastSeenAt - minutes(1), idleTimeout: minutes(20) })
    assert.equal(await store.update(record.key, patchOf([], { times })), 'updated')
    await keeps(store, { ...record, idleTimeout: minutes(20), version: 2 })
  })

  suite.test('an update with the version that is stored is applied', async ({ store, clock }) => {
    const record = newRecord(clock, [['n', '1']])
    await store.create(record)
    assert.equal(await store.update(record.key, patchOf([['n', '2']], { ifVersion: 1 })), 'updated')
    assert.equal(await store.update(record.key, patchOf([['n', '3']], { ifVersion: 2 })), 'updated')
    await keeps(store, { ...after(record, [['n', '3']]), version: 3 })
  })

  suite.test('an update with another version is a conflict and writes nothing', async ({ store, clock }) => {
    const record = newRecord(clock, [
      ['n', '1'],
      ['m', '1'],
    ])
    await store.create(record)
    await store.update(record.key, patchOf([['n', '2']]))
    const times = timesOf(record, { lastSeenAt: clock.now() + 1, expiresAt: clock.now() + 2, persistent: false })
    for (const ifVersion of [0, 1, 3, 20]) {
      const patch = patchOf(
        [
          ['n', '9'],
          ['x', '9'],
        ],
        { remove: ['m'], times, ifVersion },
      )
      assert.equal(await store.update(record.key, patch), 'conflict')
    }
    await keeps(
      store,
      after(record, [
        ['n', '2'],
        ['m', '1'],
      ]),
    )
  })

  suite.test('a touch moves lastSeenAt forward and nothing else', async ({ store, clock }) => {
    const record = newRecord(clock, [['a', '1']], { subject: 'ann', device: 'phone', persistent: false })
    await store.create(record)
    clock.advance(minutes(3))
    assert.equal(await store.touch(record.key, clock.now()), true)
    await keeps(store, { ...record, lastSeenAt: clock.now() })
  })

  suite.test('a touch with an earlier time is ignored', async ({ store, clock }) => {
    const record = newRecord(clock)
    await store.create(record)
    for (const lastSeenAt of [record.lastSeenAt - 1, 0, record.lastSeenAt]) {
      assert.equal(await store.touch(record.key, lastSeenAt), true)
      await keeps(store, record)
    }
  })

  suite.test('a touch of a record that never was creates nothing', async ({ store, clock }) => {
    const key = newKey()
    assert.equal(await store.touch(key, clock.now()), false)
    await lacks(store, key)
    await store.create(newRecord(clock, [], { key }))
  })

  suite.test('a touch of a deleted record revives nothing', async ({ store, clock }) => {
    const record = newRecord(clock)
    await store.create(record)
    await store.delete(record.key)
    assert.equal(await store.touch(record.key, clock.now() + 1), false)
    await lacks(store, record.key)
  })
}

/** The record after one update that left it with this data. */
function after(record: SessionRecord, data: readonly (readonly [string, string])[]): SessionRecord {
  return { ...record, version: 2, data: new Map(data) }
}
