import { strict as assert } from 'node:assert'
import { hours, minutes } from '../../core/duration.js'
import { ROTATED_FOR, type Rotating, type SessionStore } from '../../core/store.js'
import {
  IDLE,
  movedBy,
  newKey,
  newRecord,
  patchOf,
  ROTATED_AT,
  rotation as moveTo,
  signInAt,
  timesOf,
} from './samples.js'
import { keeps, lacks, refused, type Suite } from './suite.js'

/** The ability `rotating`. */
export function rotation(suite: Suite<SessionStore & Rotating>): void {
  suite.test('a rotation moves the record, applies the patch and sets the subject', async ({ store, clock }) => {
    const record = newRecord(
      clock,
      [
        ['cart', '1'],
        ['b', '2'],
        ['__proto__', '3'],
      ],
      { device: 'phone', persistent: false },
    )
    await store.create(record)
    clock.advance(minutes(1))
    const key = newKey('ann')
    const patch = moveTo(
      'ann',
      [
        ['userId', '"ann"'],
        ['cart', '9'],
      ],
      { remove: ['b', 'not there'] },
    )
    assert.equal(await store.rotate(record.key, key, patch), 'updated')
    const data = new Map([
      ['cart', '9'],
      ['__proto__', '3'],
      ['userId', '"ann"'],
    ])
    await keeps(store, { ...record, key, subject: 'ann', rotatedAt: ROTATED_AT, version: 2, data })
  })

  suite.test('a rotation moves what is stored at that moment', async ({ store, clock }) => {
    const record = newRecord(clock, [
      ['a', '1'],
      ['b', '2'],
    ])
    await store.create(record)
    await store.update(
      record.key,
      patchOf(
        [
          ['a', '10'],
          ['c', '3'],
        ],
        { remove: ['b'] },
      ),
    )
    await store.touch(record.key, clock.now() + 7)
    const key = newKey()
    assert.equal(await store.rotate(record.key, key, moveTo(undefined)), 'updated')
    const data = new Map([
      ['a', '10'],
      ['c', '3'],
    ])
    await keeps(store, { ...record, key, rotatedAt: ROTATED_AT, lastSeenAt: clock.now() + 7, version: 3, data })
  })

  suite.test('a rotation writes the times that are given', async ({ store, clock }) => {
    const record = newRecord(clock)
    await store.create(record)
    clock.advance(minutes(2))
    const now = clock.now()
    const times = { lastSeenAt: now, idleTimeout: hours(2), expiresAt: now + hours(9), persistent: false }
    const key = newKey('ann')
    assert.equal(await store.rotate(record.key, key, moveTo('ann', [], { times })), 'updated')
    await keeps(store, { ...record, ...times, key, subject: 'ann', rotatedAt: ROTATED_AT, version: 2 })
    clock.advance(hours(2) - 1)
    await keeps(store, { ...record, ...times, key, subject: 'ann', rotatedAt: ROTATED_AT, version: 2 })
    clock.advance(1)
    await lacks(store, key)
  })

  suite.test('a rotation never moves lastSeenAt backwards', async ({ store, clock }) => {
    const record = newRecord(clock)
    await store.create(record)
    const times = timesOf(record, { lastSeenAt: record.lastSeenAt - minutes(1) })
    const key = newKey()
    await store.rotate(record.key, key, moveTo(undefined, [], { times }))
    await keeps(store, { ...record, key, rotatedAt: ROTATED_AT, version: 2 })
  })

  suite.test('a rotation without times leaves the deadlines', async ({ store, clock }) => {
    const record = newRecord(clock)
    await store.create(record)
    clock.advance(IDLE - 1)
    const key = newKey('ann')
    await store.rotate(record.key, key, moveTo('ann'))
    await keeps(store, { ...record, key, rotatedAt: ROTATED_AT, subject: 'ann', version: 2 })
    clock.advance(1)
    await lacks(store, key)
  })

  suite.test('a rotation takes a subject away and gives another', async ({ store, clock }) => {
    const record = newRecord(clock, [], { subject: 'ann' })
    await store.create(record)
    const [anonymous, bob] = [newKey(), newKey('bob')]
    await store.rotate(record.key, anonymous, moveTo(undefined))
    const without = { ...record, key: anonymous, subject: undefined, authenticatedAt: undefined }
    await keeps(store, { ...without, rotatedAt: ROTATED_AT, version: 2 })
    await store.rotate(anonymous, bob, moveTo('bob', [], { rotatedAt: ROTATED_AT + 1 }))
    await keeps(store, { ...without, key: bob, subject: 'bob', rotatedAt: ROTATED_AT + 1, version: 3 })
  })

  suite.test('a sign-in takes the place of what the record says of the last one', async ({ store, clock }) => {
    const first = { authenticatedAt: clock.now() - hours(1), device: 'phone', ip: '::1' }
    for (const subject of ['ann', 'bob']) {
      for (const other of [{}, { device: undefined, ip: undefined }]) {
        const record = newRecord(clock, [], { subject: 'ann', ...first })
        const [moved, key] = [newKey('ann'), newKey(subject)]
        await store.create(record)
        await store.rotate(record.key, moved, moveTo('ann'))
        await keeps(store, movedBy(moveTo('ann'), record, moved))
        const signIn = signInAt(clock.now() + 5, other)
        await store.rotate(moved, key, moveTo(subject, [], { signIn }))
        await keeps(store, { ...record, ...signIn, key, subject, rotatedAt: ROTATED_AT, version: 3 })
      }
    }
  })

  suite.test('a record lives on under its new key', async ({ store, clock }) => {
    const record = newRecord(clock, [['a', '1']])
    const key = newKey('ann')
    await store.create(record)
    await store.rotate(record.key, key, moveTo('ann'))
    assert.equal(await store.touch(key, clock.now() + 1), true)
    assert.equal(await store.update(key, patchOf([['a', '2']], { ifVersion: 2 })), 'updated')
    const data = new Map([['a', '2']])
    await keeps(store, {
      ...record,
      key,
      rotatedAt: ROTATED_AT,
      subject: 'ann',
      lastSeenAt: clock.now() + 1,
      version: 3,
      data,
    })
    assert.equal(await store.delete(key), true)
    await lacks(store, key)
    await lacks(store, record.key)
  })

  suite.test('a key that was rotated away is dead at once, and a write to it is told so', async ({ store, clock }) => {
    const record = newRecord(clock, [['a', '1']])
    const key = newKey('ann')
    await store.create(record)
    await store.rotate(record.key, key, moveTo('ann'))
    const times = timesOf(record, { expiresAt: record.expiresAt + hours(1) })
    const kept = { ...record, key, rotatedAt: ROTATED_AT, subject: 'ann', version: 2 }
    await lacks(store, record.key)
    assert.equal(await store.touch(record.key, clock.now() + 1), false)
    assert.equal(await store.update(record.key, patchOf([['a', '2']], { times })), 'rotated')
    assert.equal(await store.update(record.key, patchOf([], { ifVersion: 9 })), 'rotated')
    assert.equal(await store.delete(record.key), false)
    assert.equal(await store.update(record.key, patchOf([['a', '2']])), 'rotated')
    await lacks(store, record.key)
    await keeps(store, kept)
  })

  suite.test('nothing can be created under a key that was lately rotated away', async ({ store, clock }) => {
    const record = newRecord(clock)
    await store.create(record)
    await store.rotate(record.key, newKey('ann'), moveTo('ann'))
    await refused('RECORD_EXISTS', () => store.create(record))
    await lacks(store, record.key)
    assert.equal(await store.update(record.key, patchOf()), 'rotated')
  })

  suite.test('a write to a key that was rotated away answers rotated for a minute, then gone', async (bench) => {
    const { store, clock } = bench
    const record = newRecord(clock)
    const [second, third] = [newKey('ann'), newKey('ann')]
    await store.create(record)
    await store.rotate(record.key, second, moveTo('ann'))
    clock.advance(ROTATED_FOR / 2)
    await store.rotate(second, third, moveTo('ann'))
    clock.advance(ROTATED_FOR / 2 - 1)
    assert.equal(await store.update(record.key, patchOf()), 'rotated')
    clock.advance(1)
    assert.equal(await store.update(record.key, patchOf()), 'gone')
    assert.equal(await store.rotate(record.key, newKey(), moveTo('ann')), 'gone')
    assert.equal(await store.update(second, patchOf()), 'rotated')
    clock.advance(ROTATED_FOR)
    assert.equal(await store.update(second, patchOf()), 'gone')
    for (const key of [record.key, second]) await lacks(store, key)
    await keeps(store, { ...record, key: third, rotatedAt: ROTATED_AT, subject: 'ann', version: 3 })
  })

  suite.test('a key that was rotated away says so also when the record is over', async ({ store, clock }) => {
    const [deleted, expired] = [newRecord(clock), newRecord(clock, [], { idleTimeout: 1 })]
    for (const record of [deleted, expired]) {
      const key = newKey('ann')
      await store.create(record)
      await store.rotate(record.key, key, moveTo('ann'))
      if (record === deleted) await store.delete(key)
    }
    clock.advance(1)
    for (const { key } of [deleted, expired]) {
      assert.equal(await store.update(key, patchOf()), 'rotated')
      await lacks(store, key)
    }
  })

  suite.test('a record that is missing, deleted or expired is gone for a rotation', async ({ store, clock }) => {
    const [deleted, expired] = [newRecord(clock), newRecord(clock, [], { idleTimeout: 1 })]
    await store.create(deleted)
    await store.create(expired)
    await store.delete(deleted.key)
    clock.advance(1)
    const times = timesOf(newRecord(clock))
    for (const key of [newKey(), deleted.key, expired.key]) {
      const next = newKey('ann')
      assert.equal(await store.rotate(key, next, moveTo('ann', [['a', '1']], { times })), 'gone')
      assert.equal(await store.rotate(key, next, moveTo('ann', [], { ifVersion: 1 })), 'gone')
      for (const each of [key, next]) await lacks(store, each)
      assert.equal(await store.update(key, patchOf()), 'gone')
    }
  })

  suite.test(
    'a record that has moved is rotated for a second rotation and stays where it is',
    async ({ store, clock }) => {
      const record = newRecord(clock)
      const [first, second] = [newKey('ann'), newKey('bob')]
      await store.create(record)
      await store.rotate(record.key, first, moveTo('ann'))
      assert.equal(await store.rotate(record.key, second, moveTo('bob', [['a', '1']])), 'rotated')
      await lacks(store, second)
      await keeps(store, { ...record, key: first, rotatedAt: ROTATED_AT, subject: 'ann', version: 2 })
    },
  )

  suite.test('a rotation with the version that is stored is done, with another one it is a conflict', async (bench) => {
    const { store, clock } = bench
    const record = newRecord(clock, [['a', '1']], { subject: 'ann' })
    const key = newKey('bob')
    await store.create(record)
    await store.update(record.key, patchOf())
    for (const ifVersion of [1, 3]) {
      const patch = moveTo('bob', [['a', '2']], {
        remove: ['a'],
        times: timesOf(record, { persistent: false }),
        ifVersion,
      })
      assert.equal(await store.rotate(record.key, key, patch), 'conflict')
      await keeps(store, { ...record, version: 2 })
      await lacks(store, key)
    }
    assert.equal(await store.rotate(record.key, key, moveTo('bob', [], { ifVersion: 2 })), 'updated')
    await keeps(store, { ...record, key, rotatedAt: ROTATED_AT, subject: 'bob', version: 3 })
  })

  suite.test('a rotation onto a key that exists is refused and leaves both as they were', async ({ store, clock }) => {
    const [one, two] = [newRecord(clock, [['a', '1']]), newRecord(clock, [['b', '2']], { subject: 'ann' })]
    await store.create(one)
    await store.create(two)
    await refused('RECORD_EXISTS', () => store.rotate(one.key, two.key, moveTo('ann', [['c', '3']])))
    await keeps(store, one)
    await keeps(store, two)
    assert.equal(await store.update(one.key, patchOf()), 'updated')
  })

  suite.test('a rotation that ends the lifetime leaves nothing under either key', async ({ store, clock }) => {
    const record = newRecord(clock)
    const key = newKey()
    await store.create(record)
    const times = timesOf(record, { expiresAt: clock.now() })
    assert.equal(await store.rotate(record.key, key, moveTo(undefined, [], { times })), 'updated')
    for (const each of [record.key, key]) await lacks(store, each)
    assert.equal(await store.update(key, patchOf([], { times: timesOf(record) })), 'gone')
  })
}
