import { strict as assert } from 'node:assert'
import { days, hours, minutes } from '../../core/duration.js'
import type { Rotating, SessionStore } from '../../core/store.js'
import { rotatedSession, rotateOn } from './rotated.js'
import {
  IDLE,
  movedBy,
  newKey,
  newRecord,
  patchOf,
  rotation,
  sealedRotation,
  signedIn,
  successorKey,
  timesOf,
} from './samples.js'
import { keeps, keepsFormer, lacks, leadsNowhere, loaded, refused, type Suite } from './suite.js'

/** The ability `rotating`: rotations with a sealed id, and what they leave under the old key. */
export function formerKeys(suite: Suite<SessionStore & Rotating>): void {
  suite.test('a rotation with a sealed id leaves it under the old key, with the new key', async ({ store, clock }) => {
    const record = signedIn(clock, 'ann', { device: 'phone', ip: '::1', persistent: false })
    const key = successorKey(record.key)
    await store.create(record)
    clock.advance(minutes(1))
    const times = timesOf(record, { lastSeenAt: clock.now(), idleTimeout: hours(1) })
    const patch = sealedRotation('ann', [['a', '1']], { remove: ['userId'], times })
    assert.equal(await store.rotate(record.key, key, patch), 'updated')
    await keepsFormer(store, record.key, { movedTo: key, sealedId: patch.sealedId, goodUntil: undefined })
    await keeps(store, movedBy(patch, record, key))
    assert.equal((await loaded(store, key)).formerKey, record.key)
  })

  suite.test('a session without a subject can have a new id and leave the old one good', async ({ store, clock }) => {
    const record = newRecord(clock)
    await store.create(record)
    const { formerKey, former, moved } = await rotateOn(store, record)
    await keepsFormer(store, formerKey, former)
    await keeps(store, moved)
  })

  suite.test('a write to a key with a sealed id is told that the record has moved', async ({ store, clock }) => {
    const { formerKey, former, moved } = await rotatedSession(store, clock)
    const next = successorKey(formerKey)
    assert.equal(await store.update(formerKey, patchOf([['a', '1']])), 'rotated')
    assert.equal(await store.update(formerKey, patchOf([['a', '1']], { ifVersion: 1 })), 'rotated')
    assert.equal(await store.update(formerKey, patchOf([['a', '1']], { ifVersion: 2 })), 'rotated')
    assert.equal(await store.rotate(formerKey, next, sealedRotation('ann', [['a', '1']])), 'rotated')
    assert.equal(await store.rotate(formerKey, next, rotation('ann', [['a', '1']])), 'rotated')
    assert.equal(await store.touch(formerKey, clock.now() + 1), false)
    assert.equal(await store.delete(formerKey), false)
    await keepsFormer(store, formerKey, former)
    await keeps(store, moved)
    await lacks(store, next)
  })

  suite.test('a key with a sealed id is taken for a new record and for a rotation', async ({ store, clock }) => {
    const { formerKey, former, moved } = await rotatedSession(store, clock)
    const another = signedIn(clock, 'ann')
    await store.create(another)
    await refused('RECORD_EXISTS', () => store.create(signedIn(clock, 'ann', { key: formerKey })))
    await refused('RECORD_EXISTS', () => store.rotate(another.key, formerKey, sealedRotation('ann')))
    await refused('RECORD_EXISTS', () => store.rotate(moved.key, formerKey, sealedRotation('ann')))
    await keepsFormer(store, formerKey, former)
    await keeps(store, moved)
    await keeps(store, another)
  })

  suite.test('a rotation with a sealed id that is not done leaves everything as it was', async ({ store, clock }) => {
    const [record, another] = [signedIn(clock, 'ann'), signedIn(clock, 'ann')]
    const next = successorKey(record.key)
    await store.create(record)
    await store.create(another)
    const conflicting = sealedRotation('ann', [['a', '1']], { ifVersion: 2 })
    assert.equal(await store.rotate(record.key, next, conflicting), 'conflict')
    await refused('RECORD_EXISTS', () => store.rotate(record.key, another.key, sealedRotation('ann')))
    await refused('RECORD_EXISTS', () => store.rotate(record.key, record.key, sealedRotation('ann')))
    const absent = newKey('ann')
    assert.equal(await store.rotate(absent, next, sealedRotation('ann')), 'gone')
    for (const key of [absent, next]) await lacks(store, key)
    for (const each of [record, another]) await keeps(store, each)
    assert.equal(await store.update(record.key, patchOf()), 'updated')
  })

  suite.test('a sealed id is kept while the session lives, however often it is used', async ({ store, clock }) => {
    const { formerKey, former, moved } = await rotatedSession(store, clock, { idleTimeout: hours(5) })
    for (let used = 0; used < 4; used++) {
      clock.advance(hours(5) - 1)
      assert.equal(await store.touch(moved.key, clock.now()), true)
      assert.equal(await store.update(moved.key, patchOf([['used', String(used)]])), 'updated')
      await keepsFormer(store, formerKey, former)
    }
    assert.equal((await loaded(store, moved.key)).formerKey, formerKey, 'a write leaves the former key of a record')
    clock.set(moved.expiresAt - 1)
    await keepsFormer(store, formerKey, former)
    clock.advance(1)
    await lacks(store, formerKey)
    await lacks(store, moved.key)
  })

  suite.test('a sealed id is kept until the end of the lifetime, and its key is free then', async (bench) => {
    const { store, clock } = bench
    const { formerKey, former, moved } = await rotatedSession(store, clock)
    clock.advance(IDLE)
    await lacks(store, moved.key)
    await keepsFormer(store, formerKey, former)
    clock.set(moved.expiresAt - 1)
    await keepsFormer(store, formerKey, former)
    assert.equal(await store.update(formerKey, patchOf()), 'rotated')
    clock.advance(1)
    await lacks(store, formerKey)
    assert.equal(await store.update(formerKey, patchOf()), 'gone')
    assert.equal(await store.rotate(formerKey, successorKey(formerKey), sealedRotation('ann')), 'gone')
    assert.equal(await store.touch(formerKey, clock.now()), false)
    assert.equal(await store.delete(formerKey), false)
    const record = signedIn(clock, 'ann', { key: formerKey })
    await store.create(record)
    await keeps(store, record)
  })

  suite.test('a sealed id is kept until the end that the rotation gave the lifetime', async ({ store, clock }) => {
    for (const lifetime of [hours(1), days(30)]) {
      const record = signedIn(clock, 'ann')
      const expiresAt = clock.now() + lifetime
      await store.create(record)
      const { formerKey, former } = await rotateOn(store, record, { times: timesOf(record, { expiresAt }) })
      clock.set(expiresAt - 1)
      await keepsFormer(store, formerKey, former)
      clock.advance(1)
      await lacks(store, formerKey)
    }
  })

  suite.test('a rotation with a sealed id that ends the lifetime leaves nothing', async ({ store, clock }) => {
    const record = signedIn(clock, 'ann')
    const key = successorKey(record.key)
    await store.create(record)
    const patch = sealedRotation('ann', [], { times: timesOf(record, { expiresAt: clock.now() }) })
    assert.equal(await store.rotate(record.key, key, patch), 'updated')
    for (const each of [record.key, key]) await lacks(store, each)
  })

  suite.test('a record that moves on twice leaves each former key as it was', async ({ store, clock }) => {
    const first = await rotatedSession(store, clock)
    const second = await rotateOn(store, first.moved)
    await keepsFormer(store, first.formerKey, first.former)
    await keepsFormer(store, second.formerKey, second.former)
    await keeps(store, second.moved)
    assert.equal(second.moved.formerKey, first.moved.key)
    for (const each of [first, second]) assert.equal(await store.update(each.formerKey, patchOf()), 'rotated')
  })

  suite.test('a sign-in kills the key that had a sealed id to lead to', async ({ store, clock }) => {
    const { formerKey, former, moved } = await rotatedSession(store, clock)
    const [key, patch] = [newKey('bob'), rotation('bob')]
    assert.equal(await store.rotate(moved.key, key, patch), 'updated')
    await lacks(store, moved.key)
    assert.equal(await store.update(moved.key, patchOf()), 'rotated')
    await keeps(store, movedBy(patch, moved, key))
    assert.equal((await loaded(store, key)).formerKey, undefined)
    await keepsFormer(store, formerKey, former)
    await leadsNowhere(store, formerKey)
  })

  suite.test('a deleted record leaves former keys that lead nowhere', async ({ store, clock }) => {
    const first = await rotatedSession(store, clock)
    const second = await rotateOn(store, first.moved)
    assert.equal(await store.delete(second.moved.key), true)
    for (const { formerKey, former } of [first, second]) {
      await keepsFormer(store, formerKey, former)
      await leadsNowhere(store, formerKey)
      assert.equal(await store.update(formerKey, patchOf()), 'rotated')
    }
  })

  suite.test('no rotation without times moves a deadline', async ({ store, clock }) => {
    const record = signedIn(clock, 'ann', { idleTimeout: days(2) })
    await store.create(record)
    let { moved } = await rotateOn(store, record)
    for (let count = 0; count < 3; count++) {
      clock.advance(hours(5))
      moved = (await rotateOn(store, moved)).moved
      await keeps(store, { ...moved, lastSeenAt: record.lastSeenAt, expiresAt: record.expiresAt })
    }
    clock.set(record.expiresAt - 1)
    await keeps(store, moved)
    clock.advance(1)
    await lacks(store, moved.key)
    const idle = await rotatedSession(store, clock)
    clock.advance(IDLE - 1)
    await keeps(store, idle.moved)
    clock.advance(1)
    await lacks(store, idle.moved.key)
  })

  suite.test('changing what was loaded of a former key changes nothing that is kept', async ({ store, clock }) => {
    const { formerKey, former } = await rotatedSession(store, clock)
    for (let round = 0; round < 2; round++) {
      const found = await store.load(formerKey)
      assert.ok(found, 'what was rotated away with a sealed id is missing')
      for (const field of Object.keys(found)) Reflect.set(found, field, 'spoilt')
    }
    await keepsFormer(store, formerKey, former)
  })
}
