import { strict as assert } from 'node:assert'
import { minutes } from '../../core/duration.js'
import { REUSE_KNOWN_FOR, ROTATED_FOR, type Rotating, type SessionStore, type Sweeping } from '../../core/store.js'
import {
  IDLE,
  newKey,
  newRecord,
  patchOf,
  ROTATED_AT,
  rotation,
  sealedRotation,
  signedIn,
  successorKey,
} from './samples.js'
import { keeps, keepsFormer, lacks, type Suite, together } from './suite.js'

/** The ability `sweeping`. */
export function sweeping(suite: Suite<SessionStore & Sweeping>): void {
  suite.test('a sweep removes what has expired, says how much, and leaves the rest', async ({ store, clock }) => {
    const [idle, over, alive] = [
      newRecord(clock),
      newRecord(clock, [], { idleTimeout: minutes(90), expiresAt: clock.now() + IDLE }),
      newRecord(clock, [['a', '1']], { idleTimeout: IDLE + 1, subject: 'ann' }),
    ]
    for (const record of [idle, over, alive]) await store.create(record)
    assert.equal(await store.sweep(100), 0)
    clock.advance(IDLE)
    assert.equal(await store.sweep(100), 2)
    assert.equal(await store.sweep(100), 0)
    await keeps(store, alive)
    for (const record of [idle, over]) await lacks(store, record.key)
    assert.equal(await store.update(alive.key, patchOf()), 'updated')
  })

  suite.test('a sweep judges a record by the times it has now', async ({ store, clock }) => {
    const [touched, shortened] = [newRecord(clock), newRecord(clock)]
    await store.create(touched)
    await store.create(shortened)
    clock.advance(minutes(1))
    await store.touch(touched.key, clock.now())
    const { lastSeenAt, expiresAt, persistent } = shortened
    const times = { lastSeenAt, idleTimeout: minutes(2), expiresAt, persistent }
    await store.update(shortened.key, patchOf([], { times }))
    clock.advance(minutes(1))
    assert.equal(await store.sweep(100), 1)
    clock.set(touched.lastSeenAt + IDLE)
    assert.equal(await store.sweep(100), 0)
    clock.advance(minutes(1))
    assert.equal(await store.sweep(100), 1)
  })

  suite.test('a sweep removes no more than its limit', async ({ store, clock }) => {
    for (let count = 0; count < 12; count++) await store.create(newRecord(clock))
    clock.advance(IDLE)
    const alive = newRecord(clock)
    await store.create(alive)
    const removed: number[] = []
    for (let step = 0; step < 4; step++) removed.push(await store.sweep(5))
    assert.deepEqual(removed, [5, 5, 2, 0])
    await keeps(store, alive)
  })

  suite.race('parallel sweeps count every record once', async ({ store, other, clock }) => {
    for (let count = 0; count < 20; count++) await store.create(newRecord(clock))
    clock.advance(IDLE)
    const counts = await together([store, other, store, other].map((each) => () => each.sweep(8)))
    assert.ok(
      counts.every((count) => count <= 8),
      `a sweep removed more than 8: ${counts.join(', ')}`,
    )
    assert.equal(sum(counts) + (await store.sweep(20)), 20)
  })
}

/** What a sweep leaves of keys that were rotated away: the abilities `sweeping` and `rotating` together. */
export function sweepingFormerKeys(suite: Suite<SessionStore & Sweeping & Rotating>): void {
  suite.test('a sweep leaves a key that was rotated away as it is', async ({ store, clock }) => {
    const [record, next] = [newRecord(clock), newKey('ann')]
    await store.create(record)
    await store.rotate(record.key, next, rotation('ann'))
    clock.advance(ROTATED_FOR - 1)
    await store.sweep(100)
    assert.equal(await store.update(record.key, patchOf()), 'rotated')
    clock.advance(1)
    await store.sweep(100)
    assert.equal(await store.update(record.key, patchOf()), 'gone')
    await keeps(store, { ...record, key: next, rotatedAt: ROTATED_AT, subject: 'ann', version: 2 })
  })

  suite.test('a sweep leaves a sealed id for as long as the lifetime lasts', async ({ store, clock }) => {
    const record = signedIn(clock, 'ann')
    const [next, patch] = [successorKey(record.key), sealedRotation('ann')]
    const former = { movedTo: next, sealedId: patch.sealedId, goodUntil: undefined }
    await store.create(record)
    await store.rotate(record.key, next, patch)
    assert.equal(await store.sweep(100), 0)
    await keepsFormer(store, record.key, former)
    clock.advance(IDLE)
    assert.equal(await store.sweep(100), 1, 'the record has ended, and a key that was rotated away has not')
    clock.set(record.expiresAt - 1)
    await store.sweep(100)
    await keepsFormer(store, record.key, former)
    clock.advance(1)
    await store.sweep(100)
    await lacks(store, record.key)
    assert.equal(await store.update(record.key, patchOf()), 'gone')
  })

  suite.test('a sweep leaves a key that is no longer good for as long as it is known', async ({ store, clock }) => {
    const record = signedIn(clock, 'ann')
    const next = successorKey(record.key)
    const goodUntil = clock.now() + 10_000
    await store.create(record)
    await store.rotate(record.key, next, sealedRotation('ann'))
    await store.confirm(next, record.key, goodUntil)
    clock.set(goodUntil + REUSE_KNOWN_FOR - 1)
    await store.sweep(100)
    await keepsFormer(store, record.key, { movedTo: next, sealedId: undefined, goodUntil })
    clock.advance(1)
    await store.sweep(100)
    await lacks(store, record.key)
    assert.equal(await store.update(record.key, patchOf()), 'gone')
  })
}

function sum(counts: readonly number[]): number {
  return counts.reduce((total, count) => total + count, 0)
}
