import { strict as assert } from 'node:assert'
import { days, hours, minutes } from '../../core/duration.js'
import type { RecordPatch, SessionRecord } from '../../core/record.js'
import type { SessionStore } from '../../core/store.js'
import { IDLE, LIFETIME, newRecord, patchOf, timesOf } from './samples.js'
import { type Bench, keeps, lacks, type Suite } from './suite.js'

/** The two deadlines, and what becomes of a record after them. */
export function expiry(suite: Suite): void {
  suite.test('a record expires at the very millisecond of its idle timeout', async (bench) => {
    const record = newRecord(bench.clock)
    await bench.store.create(record)
    await expiresAt(bench, record, record.lastSeenAt + IDLE)
  })

  suite.test('a record expires at the very millisecond of its lifetime', async (bench) => {
    const record = newRecord(bench.clock, [], { idleTimeout: days(30) })
    await bench.store.create(record)
    await expiresAt(bench, record, record.expiresAt)
  })

  suite.test('an expired record is never written, touched or deleted as a live one', async ({ store, clock }) => {
    for (const deadline of [{ idleTimeout: minutes(1) }, { expiresAt: clock.now() + minutes(1) }]) {
      const record = newRecord(clock, [['a', '1']], deadline)
      await store.create(record)
      clock.advance(minutes(1))
      const times = timesOf(record, { lastSeenAt: clock.now(), idleTimeout: IDLE, expiresAt: clock.now() + LIFETIME })
      await isDead(store, record.key, clock.now(), patchOf([['a', '2']], { times }))
    }
  })

  suite.test('an expired record stays dead when a write to it was refused', async ({ store, clock }) => {
    const record = newRecord(clock, [], { idleTimeout: 1 })
    await store.create(record)
    clock.advance(1)
    assert.equal(await store.touch(record.key, clock.now()), false)
    assert.equal(await store.update(record.key, patchOf([], { ifVersion: 1 })), 'gone')
    assert.equal(await store.update(record.key, patchOf([], { ifVersion: 2 })), 'gone')
    assert.equal(await store.delete(record.key), false)
    await lacks(store, record.key)
  })

  suite.test('a touch moves the idle deadline', async (bench) => {
    const { store, clock } = bench
    const record = newRecord(clock)
    await store.create(record)
    for (let round = 0; round < 3; round++) {
      clock.advance(IDLE - 1)
      assert.equal(await store.touch(record.key, clock.now()), true)
    }
    await expiresAt(bench, { ...record, lastSeenAt: clock.now() }, clock.now() + IDLE)
  })

  suite.test('a touch never moves the end of the lifetime', async (bench) => {
    const { store, clock } = bench
    const record = newRecord(clock, [], { expiresAt: clock.now() + hours(1) })
    await store.create(record)
    clock.advance(minutes(29))
    await store.touch(record.key, clock.now())
    clock.advance(minutes(29))
    await store.touch(record.key, clock.now() + days(2))
    await expiresAt(bench, { ...record, lastSeenAt: clock.now() + days(2) }, record.expiresAt)
  })

  suite.test('a touch with an earlier time leaves the deadline', async (bench) => {
    const record = newRecord(bench.clock)
    await bench.store.create(record)
    await bench.store.touch(record.key, record.lastSeenAt - minutes(10))
    await expiresAt(bench, record, record.lastSeenAt + IDLE)
  })

  suite.test('an update without times leaves the deadlines', async (bench) => {
    const { store, clock } = bench
    const record = newRecord(clock, [['a', '1']])
    await store.create(record)
    clock.advance(IDLE - 5)
    await store.update(record.key, patchOf([['a', '1']]))
    await expiresAt(bench, { ...record, version: 2 }, record.lastSeenAt + IDLE)
  })

  suite.test('an update can shorten the lifetime', async (bench) => {
    const record = newRecord(bench.clock)
    await bench.store.create(record)
    const end = bench.clock.now() + minutes(2)
    await bench.store.update(record.key, patchOf([], { times: timesOf(record, { expiresAt: end }) }))
    await expiresAt(bench, { ...record, expiresAt: end, version: 2 }, end)
  })

  suite.test('an update can lengthen the lifetime and the idle timeout', async (bench) => {
    const record = newRecord(bench.clock)
    await bench.store.create(record)
    const times = timesOf(record, { idleTimeout: days(60), expiresAt: bench.clock.now() + days(40) })
    await bench.store.update(record.key, patchOf([], { times }))
    await expiresAt(bench, { ...record, ...times, version: 2 }, times.expiresAt)
  })

  suite.test('an update can shorten the idle timeout', async (bench) => {
    const record = newRecord(bench.clock)
    await bench.store.create(record)
    const times = timesOf(record, { idleTimeout: minutes(1) })
    await bench.store.update(record.key, patchOf([], { times }))
    await expiresAt(bench, { ...record, ...times, version: 2 }, record.lastSeenAt + minutes(1))
  })

  suite.test('an update that puts the end at this moment or before it ends the record', async ({ store, clock }) => {
    for (const early of [0, 1, days(400)]) {
      const record = newRecord(clock, [['a', '1']])
      await store.create(record)
      const times = timesOf(record, { expiresAt: clock.now() - early })
      assert.equal(await store.update(record.key, patchOf([], { times })), 'updated')
      await isDead(store, record.key, clock.now(), patchOf([], { times: timesOf(record) }))
    }
  })

  suite.test('a record that is over when it is created is never loaded', async ({ store, clock }) => {
    for (const early of [0, 1, days(400)]) {
      const record = newRecord(clock, [['a', '1']], { expiresAt: clock.now() - early })
      await store.create(record)
      const times = timesOf(record, { expiresAt: clock.now() + LIFETIME })
      await isDead(store, record.key, clock.now(), patchOf([], { times }))
    }
  })

  suite.test('a record may live for a hundred years', async (bench) => {
    const record = newRecord(bench.clock, [], {
      idleTimeout: days(36_500),
      expiresAt: bench.clock.now() + days(36_500),
    })
    await bench.store.create(record)
    bench.clock.advance(days(400))
    await bench.store.update(record.key, patchOf())
    await expiresAt(bench, { ...record, version: 2 }, record.expiresAt)
  })

  suite.test('a clock that is set back neither ends a record nor moves its deadline', async (bench) => {
    const { store, clock } = bench
    const record = newRecord(clock, [['a', '1']])
    await store.create(record)
    clock.advance(-hours(3))
    await keeps(store, record)
    assert.equal(await store.touch(record.key, clock.now()), true)
    const times = timesOf(record, { lastSeenAt: clock.now() })
    assert.equal(await store.update(record.key, patchOf([], { times })), 'updated')
    await expiresAt(bench, { ...record, version: 2 }, record.lastSeenAt + IDLE)
  })
}

/** Fails unless the record is kept one millisecond before `end` and gone at it. */
async function expiresAt({ store, clock }: Bench<SessionStore>, record: SessionRecord, end: number): Promise<void> {
  clock.set(end - 1)
  await keeps(store, record)
  clock.set(end)
  await lacks(store, record.key)
}

async function isDead(store: SessionStore, key: string, now: number, patch: RecordPatch): Promise<void> {
  await lacks(store, key)
  assert.equal(await store.update(key, patch), 'gone')
  await lacks(store, key)
  assert.equal(await store.touch(key, now + 1), false)
  await lacks(store, key)
  assert.equal(await store.delete(key), false)
  await lacks(store, key)
}
