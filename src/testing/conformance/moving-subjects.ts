import { strict as assert } from 'node:assert'
import { days, hours, minutes } from '../../core/duration.js'
import type { BySubject, Rotating, SessionStore } from '../../core/store.js'
import { rotatedSession, rotateOn } from './rotated.js'
import { IDLE, movedBy, newKey, newRecord, patchOf, rotation, signedIn, signInAt, timesOf } from './samples.js'
import { lists, type Suite } from './suite.js'

/** The abilities `by-subject` and `rotating` together: the index follows a record to its new key. */
export function movingSubjects(suite: Suite<SessionStore & BySubject & Rotating>): void {
  suite.test('a session that has a new id is in the list once, as it is now', async ({ store, clock }) => {
    const first = await rotatedSession(store, clock)
    await lists(store, 'ann', [first.moved])
    const second = await rotateOn(store, first.moved)
    await lists(store, 'ann', [second.moved])
    await store.confirm(second.moved.key, second.formerKey, clock.now())
    await lists(store, 'ann', [{ ...second.moved, formerKey: undefined }])
    const [key, patch] = [newKey('ann'), rotation('ann', [['a', '1']])]
    await store.rotate(second.moved.key, key, patch)
    await lists(store, 'ann', [movedBy(patch, second.moved, key)])
  })

  suite.test('a session is in the list of the subject that it has now', async ({ store, clock }) => {
    const anonymous = newRecord(clock)
    await store.create(anonymous)
    const keys = [newKey('ann'), newKey('bob'), newKey(), newKey('ann')] as const
    let record = anonymous
    for (const [at, subject] of (['ann', 'bob', undefined, 'ann'] as const).entries()) {
      const key = keys[at] ?? ''
      const signIn = subject === undefined ? undefined : signInAt(clock.now() + at)
      const patch = rotation(subject, [], { signIn })
      assert.equal(await store.rotate(record.key, key, patch), 'updated')
      record = movedBy(patch, record, key)
      await lists(store, 'ann', subject === 'ann' ? [record] : [])
      await lists(store, 'bob', subject === 'bob' ? [record] : [])
    }
  })

  suite.test('a new sign-in moves a session to the end of the list, and a new id alone does not', async (bench) => {
    const { store, clock } = bench
    const records = [0, 1, 2].map((later) => signedIn(clock, 'ann', { authenticatedAt: clock.now() + later }))
    for (const record of records) await store.create(record)
    const [first, second, third] = records
    assert.ok(first && second && third)
    const { moved } = await rotateOn(store, first)
    await lists(store, 'ann', [moved, second, third])
    const [key, patch] = [newKey('ann'), rotation('ann', [], { signIn: signInAt(clock.now() + 9) })]
    await store.rotate(moved.key, key, patch)
    await lists(store, 'ann', [second, third, movedBy(patch, moved, key)])
  })

  suite.test('a rotation that is not done leaves the lists as they were', async ({ store, clock }) => {
    const [ann, bob] = [signedIn(clock, 'ann'), signedIn(clock, 'bob')]
    await store.create(ann)
    await store.create(bob)
    assert.equal(await store.rotate(ann.key, newKey('bob'), rotation('bob', [], { ifVersion: 2 })), 'conflict')
    assert.equal(await store.rotate(newKey('ann'), newKey('bob'), rotation('bob')), 'gone')
    await assert.rejects(async () => {
      await store.rotate(ann.key, bob.key, rotation('bob'))
    })
    await lists(store, 'ann', [ann])
    await lists(store, 'bob', [bob])
  })

  suite.test('a session that has a new id is in the list until it ends, and not after that', async (bench) => {
    const { store, clock } = bench
    const times = { idleTimeout: days(90), expiresAt: clock.now() + days(30) }
    const { moved } = await rotatedSession(store, clock, times)
    clock.set(moved.expiresAt - 1)
    await lists(store, 'ann', [moved])
    clock.advance(1)
    await lists(store, 'ann', [])
    const touched = await rotatedSession(store, clock)
    clock.advance(IDLE - 1)
    await store.touch(touched.moved.key, clock.now())
    await store.update(touched.moved.key, patchOf())
    clock.advance(IDLE - 1)
    await lists(store, 'ann', [{ ...touched.moved, lastSeenAt: clock.now() - IDLE + 1, version: 3 }])
    clock.advance(1)
    await lists(store, 'ann', [])
  })

  suite.test('a rotation can lengthen and shorten how long a session is in the list', async ({ store, clock }) => {
    for (const lifetime of [minutes(10), days(40)]) {
      const record = signedIn(clock, 'ann', { expiresAt: clock.now() + hours(1), idleTimeout: days(90) })
      await store.create(record)
      const times = timesOf(record, { expiresAt: clock.now() + lifetime })
      const { moved } = await rotateOn(store, record, { times })
      clock.set(times.expiresAt - 1)
      await lists(store, 'ann', [moved])
      clock.advance(1)
      await lists(store, 'ann', [])
    }
  })

  suite.test('what was deleted or has expired under a new id is not in the list', async ({ store, clock }) => {
    const [deleted, expired] = [await rotatedSession(store, clock), await rotatedSession(store, clock)]
    await store.delete(deleted.moved.key)
    await lists(store, 'ann', [expired.moved])
    clock.advance(IDLE)
    await lists(store, 'ann', [])
    clock.set(expired.moved.expiresAt)
    await lists(store, 'ann', [])
  })
}
