import { strict as assert } from 'node:assert'
import { days, hours, minutes } from '../../core/duration.js'
import { REUSE_KNOWN_FOR, type Rotating, type SessionStore } from '../../core/store.js'
import { rotatedSession, rotateOn } from './rotated.js'
import { IDLE, newKey, patchOf, signedIn } from './samples.js'
import { keeps, keepsFormer, lacks, refused, type Suite } from './suite.js'

/** The ability `rotating`: what becomes of a former key once the new id has come back. */
export function confirming(suite: Suite<SessionStore & Rotating>): void {
  suite.test('a confirm takes the sealed id, gives the former key an end and changes nothing else', async (bench) => {
    const { store, clock } = bench
    const { formerKey, former, moved } = await rotatedSession(store, clock)
    clock.advance(minutes(1))
    const goodUntil = clock.now() + 10_000
    await store.confirm(moved.key, formerKey, goodUntil)
    await keeps(store, { ...moved, formerKey: undefined })
    await keepsFormer(store, formerKey, { ...former, sealedId: undefined, goodUntil })
    assert.equal(await store.update(moved.key, patchOf([], { ifVersion: moved.version })), 'updated')
  })

  suite.test('a confirm moves no deadline', async ({ store, clock }) => {
    const { formerKey, moved } = await rotatedSession(store, clock)
    clock.advance(IDLE - 1)
    await store.confirm(moved.key, formerKey, clock.now() + 10_000)
    await keeps(store, { ...moved, formerKey: undefined })
    clock.advance(1)
    await lacks(store, moved.key)
  })

  suite.test('a former key is known for a day after it was last good, and free then', async ({ store, clock }) => {
    const other = { idleTimeout: days(90), expiresAt: clock.now() + days(30) }
    const { formerKey, former, moved } = await rotatedSession(store, clock, other)
    const goodUntil = clock.now() + 10_000
    await store.confirm(moved.key, formerKey, goodUntil)
    for (const time of [goodUntil - 1, goodUntil, goodUntil + REUSE_KNOWN_FOR - 1]) {
      clock.set(time)
      await keepsFormer(store, formerKey, { ...former, sealedId: undefined, goodUntil })
      assert.equal(await store.update(formerKey, patchOf()), 'rotated')
      assert.equal(await store.touch(formerKey, clock.now()), false)
      assert.equal(await store.delete(formerKey), false)
      await refused('RECORD_EXISTS', () => store.create(signedIn(clock, 'ann', { key: formerKey })))
    }
    clock.advance(1)
    await lacks(store, formerKey)
    assert.equal(await store.update(formerKey, patchOf()), 'gone')
    await keeps(store, { ...moved, formerKey: undefined })
    const record = signedIn(clock, 'ann', { key: formerKey })
    await store.create(record)
    await keeps(store, record)
  })

  suite.test('a former key is known for its day also when the session is over', async ({ store, clock }) => {
    const deleted = await rotatedSession(store, clock)
    const expired = await rotatedSession(store, clock, { expiresAt: clock.now() + hours(1) })
    const goodUntil = clock.now() + 10_000
    for (const { formerKey, moved } of [deleted, expired]) await store.confirm(moved.key, formerKey, goodUntil)
    await store.delete(deleted.moved.key)
    clock.set(goodUntil + REUSE_KNOWN_FOR - 1)
    for (const { formerKey, former, moved } of [deleted, expired]) {
      await lacks(store, moved.key)
      await keepsFormer(store, formerKey, { ...former, sealedId: undefined, goodUntil })
    }
    clock.advance(1)
    for (const { formerKey } of [deleted, expired]) await lacks(store, formerKey)
  })

  suite.test('a former key that was last good more than a day ago is free at once', async ({ store, clock }) => {
    for (const past of [REUSE_KNOWN_FOR, days(400)]) {
      const { formerKey, moved } = await rotatedSession(store, clock)
      await store.confirm(moved.key, formerKey, clock.now() - past)
      await lacks(store, formerKey)
      assert.equal(await store.update(formerKey, patchOf()), 'gone')
      await keeps(store, { ...moved, formerKey: undefined })
    }
  })

  suite.test('of two confirms the first counts', async ({ store, clock }) => {
    const { formerKey, former, moved } = await rotatedSession(store, clock)
    const goodUntil = clock.now() + 10_000
    await store.confirm(moved.key, formerKey, goodUntil)
    for (const later of [goodUntil - 1, goodUntil + 1, goodUntil + days(1)]) {
      await store.confirm(moved.key, formerKey, later)
      await keepsFormer(store, formerKey, { ...former, sealedId: undefined, goodUntil })
    }
    await keeps(store, { ...moved, formerKey: undefined })
  })

  suite.test('a confirm with another key than the former one changes nothing', async ({ store, clock }) => {
    const one = await rotatedSession(store, clock)
    const two = await rotatedSession(store, clock)
    for (const key of [newKey('ann'), one.moved.key, two.formerKey, two.moved.key]) {
      await store.confirm(one.moved.key, key, clock.now())
    }
    for (const { formerKey, former, moved } of [one, two]) {
      await keepsFormer(store, formerKey, former)
      await keeps(store, moved)
    }
  })

  suite.test('a confirm of a record that never had another key changes nothing', async ({ store, clock }) => {
    const record = signedIn(clock, 'ann')
    const { formerKey, former } = await rotatedSession(store, clock)
    await store.create(record)
    for (const key of [formerKey, record.key, newKey('ann')]) await store.confirm(record.key, key, clock.now())
    await keeps(store, record)
    await keepsFormer(store, formerKey, former)
  })

  suite.test('a confirm of a record that is gone changes nothing', async ({ store, clock }) => {
    const deleted = await rotatedSession(store, clock)
    const expired = await rotatedSession(store, clock, { idleTimeout: 1 })
    const absent = newKey('ann')
    await store.delete(deleted.moved.key)
    clock.advance(1)
    for (const { formerKey, former, moved } of [deleted, expired]) {
      await store.confirm(moved.key, formerKey, clock.now())
      await lacks(store, moved.key)
      await keepsFormer(store, formerKey, former)
      await store.confirm(absent, formerKey, clock.now())
      await keepsFormer(store, formerKey, former)
    }
    await lacks(store, absent)
  })

  suite.test('a confirm of a record that has moved on changes nothing', async ({ store, clock }) => {
    const first = await rotatedSession(store, clock)
    const second = await rotateOn(store, first.moved)
    await store.confirm(first.moved.key, first.formerKey, clock.now())
    await store.confirm(second.moved.key, first.formerKey, clock.now())
    for (const { formerKey, former } of [first, second]) await keepsFormer(store, formerKey, former)
    await keeps(store, second.moved)
    const goodUntil = clock.now() + 10_000
    await store.confirm(second.moved.key, second.formerKey, goodUntil)
    await keepsFormer(store, first.formerKey, first.former)
    await keepsFormer(store, second.formerKey, { ...second.former, sealedId: undefined, goodUntil })
    await keeps(store, { ...second.moved, formerKey: undefined })
  })

  suite.test('a confirmed session can have a new id again', async ({ store, clock }) => {
    const first = await rotatedSession(store, clock)
    const confirmed = { ...first.former, sealedId: undefined, goodUntil: clock.now() + 10_000 }
    await store.confirm(first.moved.key, first.formerKey, confirmed.goodUntil)
    const second = await rotateOn(store, { ...first.moved, formerKey: undefined })
    await keepsFormer(store, first.formerKey, confirmed)
    await keepsFormer(store, second.formerKey, second.former)
    await keeps(store, second.moved)
    const goodUntil = clock.now() + 20_000
    await store.confirm(second.moved.key, second.formerKey, goodUntil)
    await keepsFormer(store, first.formerKey, confirmed)
    await keepsFormer(store, second.formerKey, { ...second.former, sealedId: undefined, goodUntil })
    await keeps(store, { ...second.moved, formerKey: undefined })
  })
}
