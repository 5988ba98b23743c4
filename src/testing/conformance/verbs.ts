import { strict as assert } from 'node:assert'
import { hours, minutes } from '../../core/duration.js'
import { IDLE, newKey, newRecord, patchOf } from './samples.js'
import { keeps, lacks, refused, type Suite } from './suite.js'

/** load, create and delete; what concerns one record does not concern another. */
export function verbs(suite: Suite): void {
  suite.test('a new record is loaded as it was created', async ({ store, clock }) => {
    const record = newRecord(
      clock,
      [
        ['cart', '["tea"]'],
        ['userId', '"ann"'],
      ],
      {
        subject: 'ann',
        device: 'Firefox on Linux',
        ip: '2001:db8::7',
        createdAt: clock.now() - hours(2),
        authenticatedAt: clock.now() - hours(1),
        rotatedAt: clock.now() - minutes(40),
        lastSeenAt: clock.now() - minutes(2),
        idleTimeout: minutes(17),
        persistent: false,
      },
    )
    await store.create(record)
    await keeps(store, record)
  })

  suite.test(
    'a record without subject, device, address and data is loaded as it was created',
    async ({ store, clock }) => {
      const record = newRecord(clock, [])
      await store.create(record)
      await keeps(store, record)
    },
  )

  suite.test('a key that was never created loads nothing', async ({ store, clock }) => {
    await lacks(store, newKey())
    await store.create(newRecord(clock))
    await lacks(store, newKey())
  })

  suite.test('loading changes nothing', async ({ store, clock }) => {
    const record = newRecord(clock)
    await store.create(record)
    clock.advance(IDLE - 1)
    await store.load(record.key)
    await keeps(store, record)
    clock.advance(1)
    await lacks(store, record.key)
  })

  suite.test('creating refuses a key that exists and leaves the record there as it was', async ({ store, clock }) => {
    const record = newRecord(clock, [['cart', '1']])
    await store.create(record)
    clock.advance(1000)
    await refused('RECORD_EXISTS', () => store.create(newRecord(clock, [['other', '2']], { key: record.key })))
    await keeps(store, record)
  })

  suite.test('a deleted record loads nothing', async ({ store, clock }) => {
    const record = newRecord(clock)
    await store.create(record)
    assert.equal(await store.delete(record.key), true)
    await lacks(store, record.key)
  })

  suite.test('deleting twice answers true and then false', async ({ store, clock }) => {
    const record = newRecord(clock)
    await store.create(record)
    assert.equal(await store.delete(record.key), true)
    assert.equal(await store.delete(record.key), false)
    assert.equal(await store.delete(newKey()), false)
  })

  suite.test(
    'a key that was deleted can be created again with nothing of the former record',
    async ({ store, clock }) => {
      const former = newRecord(clock, [['cart', '1']], {
        subject: 'ann',
        device: 'phone',
        ip: '::1',
        persistent: false,
      })
      await store.create(former)
      await store.update(former.key, patchOf([['more', '2']]))
      await store.delete(former.key)
      const record = newRecord(clock, [['fresh', '3']], { key: former.key })
      await store.create(record)
      await keeps(store, record)
    },
  )

  suite.test('a record that expired is replaced by a new one with nothing of it', async ({ store, clock }) => {
    const former = newRecord(clock, [['cart', '1']], { subject: 'ann', device: 'phone', ip: '::1', persistent: false })
    await store.create(former)
    clock.advance(IDLE)
    const record = newRecord(clock, [['fresh', '3']], { key: former.key })
    await store.create(record)
    await keeps(store, record)
  })

  suite.test('writing to a record leaves the others as they were', async ({ store, clock }) => {
    const records = Array.from({ length: 5 }, () => newRecord(clock, [['cart', '1']], { subject: 'ann' }))
    for (const record of records) await store.create(record)
    const [one, two, three, ...rest] = records as [(typeof records)[0], ...typeof records] & typeof records
    assert.ok(one && two && three)
    await store.update(one.key, patchOf([['cart', '2']]))
    await store.touch(two.key, clock.now() + 1000)
    await store.delete(three.key)
    for (const record of rest) await keeps(store, record)
  })

  suite.test('keys that differ only in case are different records', async ({ store, clock }) => {
    const key = newKey().slice(0, -2)
    const lower = newRecord(clock, [['cart', '1']], { key: `${key}aa` })
    const upper = newRecord(clock, [['cart', '2']], { key: `${key}AA` })
    await store.create(lower)
    await store.create(upper)
    await keeps(store, lower)
    await keeps(store, upper)
    await store.delete(upper.key)
    await keeps(store, lower)
  })
}
