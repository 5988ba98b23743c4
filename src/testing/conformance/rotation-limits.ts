import { strict as assert } from 'node:assert'
import { minutes } from '../../core/duration.js'
import type { SubjectLimit } from '../../core/record.js'
import type { BySubject, Rotating, SessionStore } from '../../core/store.js'
import type { ManualClock } from '../manual-clock.js'
import { rotatedSession, rotateOn } from './rotated.js'
import {
  atMost,
  movedBy,
  newKey,
  newRecord,
  noMoreThan,
  oneAfterAnother,
  patchOf,
  rotation,
  sealedRotation,
  signedIn,
  signInAt,
  successorKey,
} from './samples.js'
import { isDead, keeps, lacks, leadsNowhere, lists, refused, type Suite } from './suite.js'

/** The abilities `by-subject` and `rotating` together: how many sessions a subject may have, where one signs in. */
export function rotationLimits(suite: Suite<SessionStore & BySubject & Rotating>): void {
  suite.test('a sign-in within the limit ends nobody', async ({ store, clock }) => {
    const [first, second] = oneAfterAnother(clock, 2)
    assert.ok(first && second)
    await store.create(first)
    const anonymous = newRecord(clock)
    await store.create(anonymous)
    const { key, patch } = signIn(clock, 'ann', atMost(2))
    assert.equal(await store.rotate(anonymous.key, key, patch), 'updated')
    await lists(store, 'ann', [first, movedBy(patch, anonymous, key)])
  })

  suite.test('one sign-in too many ends the sessions that signed in first', async ({ store, clock }) => {
    const [first, second, third] = oneAfterAnother(clock, 3)
    assert.ok(first && second && third)
    const anonymous = newRecord(clock)
    for (const record of [third, first, anonymous, second]) await store.create(record)
    const { key, patch } = signIn(clock, 'ann', atMost(2))
    const evictions = await store.rotate(anonymous.key, key, patch)
    assert.deepEqual(evictions, { evicted: [first.handle, second.handle] })
    await lists(store, 'ann', [third, movedBy(patch, anonymous, key)])
    for (const record of [first, second]) await isDead(store, record)
  })

  suite.test('a sign-in that the limit refuses leaves everything as it was', async ({ store, clock }) => {
    const [first, second] = oneAfterAnother(clock, 2)
    assert.ok(first && second)
    const anonymous = newRecord(clock)
    for (const record of [first, second, anonymous]) await store.create(record)
    const { key, patch } = signIn(clock, 'ann', noMoreThan(2))
    await refused('SESSION_LIMIT_REACHED', () => store.rotate(anonymous.key, key, patch))
    await lacks(store, key)
    await keeps(store, anonymous)
    await lists(store, 'ann', [first, second])
    await store.revoke('ann', second.handle)
    assert.equal(await store.rotate(anonymous.key, key, patch), 'updated')
    await lists(store, 'ann', [first, movedBy(patch, anonymous, key)])
  })

  suite.test('a session of the subject itself does not count twice when it moves', async ({ store, clock }) => {
    const [first, second] = oneAfterAnother(clock, 2)
    assert.ok(first && second)
    for (const record of [first, second]) await store.create(record)
    let record = first
    for (const limit of [atMost(2), noMoreThan(2)]) {
      const { key, patch } = signIn(clock, 'ann', limit)
      assert.equal(await store.rotate(record.key, key, patch), 'updated')
      const { moved } = await rotateOn(store, movedBy(patch, record, key), { limit })
      await lists(store, 'ann', [second, moved])
      record = moved
    }
  })

  suite.test('a session that moves is never the one that leaves', async ({ store, clock }) => {
    const [first, second, third] = oneAfterAnother(clock, 3)
    assert.ok(first && second && third)
    for (const record of [first, second, third]) await store.create(record)
    const [key, patch] = [successorKey(first.key), sealedRotation('ann', [], { limit: atMost(2) })]
    assert.deepEqual(await store.rotate(first.key, key, patch), { evicted: [second.handle] })
    await lists(store, 'ann', [movedBy(patch, first, key), third])
  })

  suite.test('a rotation that is not done ends nobody', async ({ store, clock }) => {
    const [first, second] = oneAfterAnother(clock, 2)
    const anonymous = newRecord(clock)
    assert.ok(first && second)
    for (const record of [first, second, anonymous]) await store.create(record)
    const { patch } = signIn(clock, 'ann', atMost(1))
    assert.equal(await store.rotate(newKey(), newKey('ann'), patch), 'gone')
    assert.equal(await store.rotate(anonymous.key, newKey('ann'), { ...patch, ifVersion: 2 }), 'conflict')
    await refused('RECORD_EXISTS', () => store.rotate(anonymous.key, second.key, patch))
    const elsewhere = newKey('bob')
    assert.equal(await store.rotate(anonymous.key, elsewhere, rotation('bob')), 'updated')
    assert.equal(await store.rotate(anonymous.key, newKey('ann'), patch), 'rotated')
    await lists(store, 'ann', [first, second])
    await lists(store, 'bob', [movedBy(rotation('bob'), anonymous, elsewhere)])
  })

  suite.test('a key that was rotated away does not count for a limit', async ({ store, clock }) => {
    const sealed = await rotatedSession(store, clock, { authenticatedAt: clock.now() - minutes(2) })
    const killed = signedIn(clock, 'ann', { authenticatedAt: clock.now() - minutes(1) })
    const [key, patch] = [newKey('ann'), rotation('ann')]
    await store.create(killed)
    await store.rotate(killed.key, key, patch)
    const last = signedIn(clock, 'ann')
    assert.equal(await store.create(last, noMoreThan(3)), undefined)
    await lists(store, 'ann', [sealed.moved, movedBy(patch, killed, key), last])
  })

  suite.test('a session that a limit ends is dead under every id that it had', async ({ store, clock }) => {
    const first = await rotatedSession(store, clock, { authenticatedAt: clock.now() - minutes(2) })
    const { moved } = await rotateOn(store, first.moved)
    const last = signedIn(clock, 'ann')
    assert.deepEqual(await store.create(last, atMost(1)), { evicted: [moved.handle] })
    await isDead(store, moved)
    for (const formerKey of [first.formerKey, first.moved.key]) {
      await store.confirm(moved.key, formerKey, clock.now() + 10_000)
      await leadsNowhere(store, formerKey)
      assert.equal(await store.update(formerKey, patchOf()), 'rotated')
    }
    await lists(store, 'ann', [last])
  })

  suite.test('a new id keeps the place of a session in the order of a limit', async ({ store, clock }) => {
    const [first, second] = oneAfterAnother(clock, 2)
    assert.ok(first && second)
    for (const record of [first, second]) await store.create(record)
    const { moved } = await rotateOn(store, first)
    assert.deepEqual(await store.create(signedIn(clock, 'ann'), atMost(2)), { evicted: [moved.handle] })
  })

  suite.test('a session that signs out has no limit and leaves room', async ({ store, clock }) => {
    const [first, second, third] = oneAfterAnother(clock, 3)
    assert.ok(first && second && third)
    for (const record of [first, second]) await store.create(record)
    const [key, patch] = [newKey(), rotation(undefined, [], { limit: noMoreThan(1) })]
    assert.equal(await store.rotate(first.key, key, patch), 'updated')
    await keeps(store, movedBy(patch, first, key))
    assert.equal(await store.create(third, noMoreThan(2)), undefined)
    await lists(store, 'ann', [second, third])
  })
}

/** A new key and the change that goes with it when somebody signs in. */
function signIn(clock: ManualClock, subject: string, limit: SubjectLimit) {
  return { key: newKey(subject), patch: rotation(subject, [], { signIn: signInAt(clock.now()), limit }) }
}
