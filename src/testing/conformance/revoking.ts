import { strict as assert } from 'node:assert'
import { minutes } from '../../core/duration.js'
import type { SessionRecord } from '../../core/record.js'
import type { BySubject, Rotating, SessionStore } from '../../core/store.js'
import { SAME_TAG } from './by-subject.js'
import { rotatedSession, rotateOn } from './rotated.js'
import {
  IDLE,
  movedBy,
  newKey,
  newRecord,
  oneAfterAnother,
  patchOf,
  rotation,
  signedIn,
  successorKey,
} from './samples.js'
import { isDead, keeps, lacks, leadsNowhere, lists, type Suite } from './suite.js'

/** The ability `by-subject`: revoke and revokeAll. */
export function revoking(suite: Suite<SessionStore & BySubject>): void {
  suite.test('revoke ends the session with this handle and no other', async ({ store, clock }) => {
    const [one, two] = [signedIn(clock, 'ann'), signedIn(clock, 'ann')]
    for (const record of [one, two]) await store.create(record)
    assert.equal(await store.revoke('ann', one.handle), true)
    await isDead(store, one)
    await lists(store, 'ann', [two])
  })

  suite.test('revoke answers false for a handle that nobody has, also the second time', async ({ store, clock }) => {
    const record = signedIn(clock, 'ann', { handle: 'Abcdefghijklmnop' })
    await store.create(record)
    for (const handle of ['', 'nobody', record.key, 'abcdefghijklmnop', 'Abcdefghijklmno', 'Abcdefghijklmnopq', '*']) {
      assert.equal(await store.revoke('ann', handle), false)
    }
    await lists(store, 'ann', [record])
    assert.equal(await store.revoke('ann', record.handle), true)
    assert.equal(await store.revoke('ann', record.handle), false)
  })

  suite.test('revoke leaves the sessions of other subjects and anonymous ones', async ({ store, clock }) => {
    const [one, two] = SAME_TAG.map((subject) => signedIn(clock, subject))
    const [ann, bob, anonymous] = [signedIn(clock, 'ann'), signedIn(clock, 'bob'), newRecord(clock)]
    assert.ok(one && two)
    const records = [one, two, ann, bob, anonymous]
    for (const record of records) await store.create(record)
    for (const { handle } of [bob, anonymous, one]) assert.equal(await store.revoke('ann', handle), false)
    assert.equal(await store.revoke(SAME_TAG[0], two.handle), false)
    for (const record of records) await keeps(store, record)
  })

  suite.test('revoke answers false for a session that has ended by itself', async ({ store, clock }) => {
    const [deleted, expired] = [signedIn(clock, 'ann'), signedIn(clock, 'ann', { idleTimeout: 1 })]
    for (const record of [deleted, expired]) await store.create(record)
    await store.delete(deleted.key)
    clock.advance(1)
    for (const { handle } of [deleted, expired]) assert.equal(await store.revoke('ann', handle), false)
  })

  suite.test('revokeAll ends every session of a subject and answers their handles', async ({ store, clock }) => {
    const records = Array.from({ length: 12 }, () => signedIn(clock, 'ann'))
    for (const record of records) await store.create(record)
    await names(store.revokeAll('ann'), records)
    for (const record of records) await isDead(store, record)
    await lists(store, 'ann', [])
    await names(store.revokeAll('ann'), [])
    await names(store.revokeAll('nobody'), [])
  })

  suite.test('revokeAll leaves the session that is excepted', async ({ store, clock }) => {
    const [one, kept, two] = oneAfterAnother(clock, 3)
    assert.ok(one && kept && two)
    for (const record of [one, kept, two]) await store.create(record)
    await names(store.revokeAll('ann', kept.handle), [one, two])
    await lists(store, 'ann', [kept])
    await names(store.revokeAll('ann', kept.handle), [])
    await lists(store, 'ann', [kept])
    await names(store.revokeAll('ann'), [kept])
    await lists(store, 'ann', [])
  })

  suite.test('revokeAll excepts no session of another subject', async ({ store, clock }) => {
    const [one, two, bob] = [signedIn(clock, 'ann'), signedIn(clock, 'ann'), signedIn(clock, 'bob')]
    for (const record of [one, two, bob]) await store.create(record)
    await names(store.revokeAll('ann', bob.handle), [one, two])
    await lists(store, 'ann', [])
    await lists(store, 'bob', [bob])
    await store.create(signedIn(clock, 'ann'))
    assert.equal((await store.revokeAll('ann', '')).length, 1)
  })

  suite.test('revokeAll leaves the sessions of other subjects and anonymous ones', async ({ store, clock }) => {
    const left = [signedIn(clock, 'bob'), signedIn(clock, 'anna'), signedIn(clock, SAME_TAG[1]), newRecord(clock)]
    const [ann, same] = [signedIn(clock, 'ann'), signedIn(clock, SAME_TAG[0])]
    for (const record of [...left, ann, same]) await store.create(record)
    await names(store.revokeAll('ann'), [ann])
    await names(store.revokeAll(SAME_TAG[0]), [same])
    for (const record of left) await keeps(store, record)
    await lists(store, SAME_TAG[1], left.slice(2, 3))
  })

  suite.test('revokeAll names no session that had ended before', async ({ store, clock }) => {
    const [deleted, expired, alive] = [0, 1, IDLE].map((more) => signedIn(clock, 'ann', { idleTimeout: more + 1 }))
    assert.ok(deleted && expired && alive)
    for (const record of [deleted, expired, alive]) await store.create(record)
    await store.delete(deleted.key)
    clock.advance(minutes(1))
    await names(store.revokeAll('ann'), [alive])
  })

  suite.test('a subject whose sessions were revoked can sign in again', async ({ store, clock }) => {
    const [one, two, three] = [signedIn(clock, 'ann'), signedIn(clock, 'ann'), signedIn(clock, 'ann')]
    await store.create(one)
    await store.revokeAll('ann')
    await store.create(two)
    await store.revoke('ann', two.handle)
    await store.create(three)
    await lists(store, 'ann', [three])
  })
}

/** The abilities `by-subject` and `rotating` together: sessions are revoked wherever they are by then. */
export function revokingRotated(suite: Suite<SessionStore & BySubject & Rotating>): void {
  suite.test('revoke finds a session under its new id, and no former key leads to it', async ({ store, clock }) => {
    const first = await rotatedSession(store, clock)
    const { moved } = await rotateOn(store, first.moved)
    assert.equal(await store.revoke('ann', moved.handle), true)
    await isDead(store, moved)
    for (const formerKey of [first.formerKey, first.moved.key]) {
      await store.confirm(moved.key, formerKey, clock.now() + 10_000)
      await leadsNowhere(store, formerKey)
      assert.equal(await store.update(formerKey, patchOf()), 'rotated')
    }
    assert.equal(await store.rotate(moved.key, successorKey(moved.key), rotation('ann')), 'gone')
    await lists(store, 'ann', [])
  })

  suite.test('revokeAll ends sessions under every id that they had', async ({ store, clock }) => {
    const [sealed, confirmed] = [await rotatedSession(store, clock), await rotatedSession(store, clock)]
    await store.confirm(confirmed.moved.key, confirmed.formerKey, clock.now() + 10_000)
    const anonymous = newRecord(clock)
    await store.create(anonymous)
    const [key, patch] = [newKey('ann'), rotation('ann')]
    await store.rotate(anonymous.key, key, patch)
    const moved = movedBy(patch, anonymous, key)
    await names(store.revokeAll('ann'), [sealed.moved, confirmed.moved, moved])
    for (const record of [sealed.moved, confirmed.moved, moved]) await isDead(store, record)
    for (const each of [sealed.formerKey, confirmed.formerKey, anonymous.key]) await leadsNowhere(store, each)
    await lists(store, 'ann', [])
  })

  suite.test('revokeAll excepts a session also when it has a new id', async ({ store, clock }) => {
    const [kept, ended] = [await rotatedSession(store, clock), await rotatedSession(store, clock)]
    await names(store.revokeAll('ann', kept.moved.handle), [ended.moved])
    await lists(store, 'ann', [kept.moved])
    await store.confirm(kept.moved.key, kept.formerKey, clock.now())
    await lists(store, 'ann', [{ ...kept.moved, formerKey: undefined }])
  })

  suite.test('a session is revoked only in the name of the subject that it has now', async ({ store, clock }) => {
    const record = signedIn(clock, 'ann')
    const [key, patch] = [newKey('bob'), rotation('bob')]
    await store.create(record)
    await store.rotate(record.key, key, patch)
    assert.equal(await store.revoke('ann', record.handle), false)
    await names(store.revokeAll('ann'), [])
    await keeps(store, movedBy(patch, record, key))
    assert.equal(await store.revoke('bob', record.handle), true)
    await lacks(store, key)
  })
}

/** Fails unless the handles that are answered are those of these records, in any order. */
async function names(answer: PromiseLike<readonly string[]> | readonly string[], due: readonly SessionRecord[]) {
  assert.deepEqual([...(await answer)].toSorted(), due.map(({ handle }) => handle).toSorted())
}
