import { strict as assert } from 'node:assert'
import { minutes } from '../../core/duration.js'
import type { BySubject, SessionStore } from '../../core/store.js'
import { SAME_TAG } from './by-subject.js'
import { atMost, newRecord, noMoreThan, oneAfterAnother, patchOf, signedIn, timesOf } from './samples.js'
import { isDead, keeps, lacks, lists, refused, type Suite } from './suite.js'

/** The ability `by-subject`: how many sessions a subject may have, where a session is created. */
export function limits(suite: Suite<SessionStore & BySubject>): void {
  suite.test('a new session within the limit ends nobody', async ({ store, clock }) => {
    const records = oneAfterAnother(clock, 3)
    for (const record of records) assert.equal(await store.create(record, atMost(3)), undefined)
    await lists(store, 'ann', records)
    const more = signedIn(clock, 'bob')
    assert.equal(await store.create(more, noMoreThan(1)), undefined)
    await lists(store, 'bob', [more])
  })

  suite.test('one session too many ends the one that signed in first', async ({ store, clock }) => {
    const [first, second, third, fourth] = oneAfterAnother(clock, 4)
    assert.ok(first && second && third && fourth)
    for (const record of [second, first]) await store.create(record, atMost(2))
    assert.deepEqual(await store.create(third, atMost(2)), { evicted: [first.handle] })
    assert.deepEqual(await store.create(fourth, atMost(2)), { evicted: [second.handle] })
    await lists(store, 'ann', [third, fourth])
    for (const record of [first, second]) await isDead(store, record)
  })

  suite.test('a limit of one leaves the new session alone', async ({ store, clock }) => {
    const records = oneAfterAnother(clock, 4)
    for (const [at, record] of records.entries()) {
      const former = records[at - 1]
      assert.deepEqual(await store.create(record, atMost(1)), former && { evicted: [former.handle] })
      await lists(store, 'ann', [record])
    }
  })

  suite.test('a limit that was lowered ends as many as it takes, the first signed in first', async (bench) => {
    const { store, clock } = bench
    const records = oneAfterAnother(clock, 6)
    const [first, second, third, fourth, fifth, last] = records
    assert.ok(first && second && third && fourth && fifth && last)
    for (const record of [fourth, first, fifth, third, second]) await store.create(record)
    const evicted = [first, second, third, fourth].map(({ handle }) => handle)
    assert.deepEqual(await store.create(last, atMost(2)), { evicted })
    await lists(store, 'ann', [fifth, last])
    for (const record of [first, second, third, fourth]) await isDead(store, record)
  })

  suite.test('of sessions signed in at the same moment those created first leave, then by handle', async (bench) => {
    const { store, clock } = bench
    const now = clock.now()
    const [older, upper, lower, last] = [
      signedIn(clock, 'ann', { authenticatedAt: now, createdAt: now - 1, handle: 'zzzzzzzzzzzzzzzz' }),
      signedIn(clock, 'ann', { authenticatedAt: now, handle: 'Baaaaaaaaaaaaaaa' }),
      signedIn(clock, 'ann', { authenticatedAt: now, handle: 'aaaaaaaaaaaaaaaa' }),
      signedIn(clock, 'ann', { authenticatedAt: now, handle: '0000000000000000' }),
    ]
    for (const record of [lower, upper, older]) await store.create(record)
    assert.deepEqual(await store.create(last, atMost(2)), { evicted: [older.handle, upper.handle] })
    await lists(store, 'ann', [last, lower])
  })

  suite.test('a limit goes by the sign-in, whatever was created or used since', async ({ store, clock }) => {
    const now = clock.now()
    const first = signedIn(clock, 'ann', { authenticatedAt: now - 2, createdAt: now })
    const second = signedIn(clock, 'ann', { authenticatedAt: now - 1, createdAt: now - minutes(9) })
    for (const record of [second, first]) await store.create(record)
    clock.advance(minutes(1))
    await store.touch(first.key, clock.now())
    await store.update(first.key, patchOf())
    assert.deepEqual(await store.create(signedIn(clock, 'ann'), atMost(2)), { evicted: [first.handle] })
  })

  suite.test('a new session is never the one that leaves', async ({ store, clock }) => {
    const [older, first, second] = oneAfterAnother(clock, 3)
    assert.ok(older && first && second)
    for (const record of [first, second]) await store.create(record, atMost(2))
    assert.deepEqual(await store.create(older, atMost(2)), { evicted: [first.handle] })
    await lists(store, 'ann', [older, second])
  })

  suite.test('a limit that refuses leaves everything as it was', async ({ store, clock }) => {
    const [first, second, third] = oneAfterAnother(clock, 3)
    assert.ok(first && second && third)
    for (const record of [first, second]) await store.create(record, noMoreThan(2))
    await refused('SESSION_LIMIT_REACHED', () => store.create(third, noMoreThan(2)))
    await refused('SESSION_LIMIT_REACHED', () => store.create(third, noMoreThan(1)))
    await lacks(store, third.key)
    await lists(store, 'ann', [first, second])
    await store.revoke('ann', first.handle)
    assert.equal(await store.create(third, noMoreThan(2)), undefined)
    await lists(store, 'ann', [second, third])
  })

  suite.test('what has ended does not count for a limit and is not named', async ({ store, clock }) => {
    const [deleted, expired, ended, alive, last] = oneAfterAnother(clock, 5)
    assert.ok(deleted && expired && ended && alive && last)
    for (const record of [deleted, { ...expired, idleTimeout: 1 }, ended, alive]) await store.create(record)
    await store.delete(deleted.key)
    await store.update(ended.key, patchOf([], { times: timesOf(ended, { expiresAt: clock.now() }) }))
    clock.set(expired.lastSeenAt + 1)
    assert.equal(await store.create(last, noMoreThan(2)), undefined)
    await lists(store, 'ann', [alive, last])
    const more = signedIn(clock, 'ann', { authenticatedAt: last.createdAt + minutes(1) })
    assert.deepEqual(await store.create(more, atMost(2)), { evicted: [alive.handle] })
  })

  suite.test('a limit counts the sessions of one subject alone', async ({ store, clock }) => {
    const left = [signedIn(clock, 'bob'), signedIn(clock, 'anna'), signedIn(clock, SAME_TAG[0]), newRecord(clock)]
    for (const record of left) await store.create(record)
    for (const subject of ['ann', SAME_TAG[1]]) {
      const [one, two] = [signedIn(clock, subject), signedIn(clock, subject)]
      assert.equal(await store.create(one, noMoreThan(1)), undefined)
      await refused('SESSION_LIMIT_REACHED', () => store.create(two, noMoreThan(1)))
      assert.deepEqual(await store.create(two, atMost(1)), { evicted: [one.handle] })
    }
    for (const record of left) await keeps(store, record)
  })

  suite.test('an anonymous session has no limit', async ({ store, clock }) => {
    const records = [newRecord(clock), newRecord(clock), newRecord(clock)]
    const [one, two, three] = records
    assert.ok(one && two && three)
    assert.equal(await store.create(one, atMost(1)), undefined)
    assert.equal(await store.create(two, atMost(1)), undefined)
    assert.equal(await store.create(three, noMoreThan(1)), undefined)
    for (const record of records) await keeps(store, record)
  })

  suite.test('a session under a key that is taken ends nobody', async ({ store, clock }) => {
    const [first, second, third] = oneAfterAnother(clock, 3)
    assert.ok(first && second && third)
    for (const record of [first, second]) await store.create(record)
    await refused('RECORD_EXISTS', () => store.create({ ...third, key: second.key }, atMost(1)))
    await lists(store, 'ann', [first, second])
  })
}
