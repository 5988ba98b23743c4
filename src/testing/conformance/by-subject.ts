import { strict as assert } from 'node:assert'
import { days, hours, minutes } from '../../core/duration.js'
import type { SessionRecord } from '../../core/record.js'
import type { BySubject, SessionStore } from '../../core/store.js'
import { IDLE, newRecord, patchOf, signedIn, timesOf } from './samples.js'
import { lists, type Suite } from './suite.js'

/** Two subjects whose tags (`tagOf`) are the same, so that a store that goes by the tag alone takes one for the other. */
export const SAME_TAG = ['user-69968', 'user-25100035'] as const

const NAMES = 'ann Ann ANN an anna bob __proto__ constructor undefined null 0 00 -0 0.0 1 01 1.0 1e3 1000'
const ASCII = '{ann} { } {} }{ a{b}c a:b a:b:c ann: :ann * ? a* [a] % %s a%00 a.b .. / \\ \' " \\" ` ; \'; -- # & = + ,'
const UNICODE = '😀 😀😀 👩‍👩‍👧 é e\u0301 ß ss ı i 漢字 \uFFFD \uFFFF \u{10FFFF}'
const SPACES = [' ', '  ', 'ann ', ' ann', 'ann\n', 'ann\t', 'ann\0', 'ann\0x', 'a\0', '\0', '\uFEFF', '\uFEFFann']
const LONG = ['x'.repeat(300), 'x'.repeat(299), `${'x'.repeat(299)}y`, '😀'.repeat(300)]

/** Subjects that stores have taken for one another, each of them different. */
export const ODD_SUBJECTS: readonly string[] = [
  ...new Set([...`${NAMES} ${ASCII} ${UNICODE}`.split(' '), ...SPACES, ...LONG, ...SAME_TAG]),
]

/** The ability `by-subject`: list and count, and that the index follows the records. */
export function bySubject(suite: Suite<SessionStore & BySubject>): void {
  suite.test('a subject without sessions has an empty list and a count of nothing', async ({ store, clock }) => {
    await lists(store, 'ann', [])
    await store.create(signedIn(clock, 'bob'))
    await lists(store, 'ann', [])
  })

  suite.test('a list has the sessions of its subject, the first signed in first', async ({ store, clock }) => {
    const now = clock.now()
    const at = (authenticatedAt: number | undefined, createdAt: number): SessionRecord =>
      signedIn(clock, 'ann', { authenticatedAt, createdAt, device: `at ${authenticatedAt}`, ip: '::1' })
    const [first, second, third, fourth] = [
      at(now - hours(9), now),
      at(undefined, now - hours(3)),
      at(now - 1, now - days(1)),
      at(now, now - days(2)),
    ]
    for (const record of [third, first, fourth, second]) await store.create(record)
    await lists(store, 'ann', [first, second, third, fourth])
  })

  suite.test('sessions signed in at the same moment are listed by creation, then by handle', async (bench) => {
    const { store, clock } = bench
    const at = (createdAt: number, handle: string): SessionRecord => signedIn(clock, 'ann', { createdAt, handle })
    const now = clock.now()
    // In the order of their bytes, which a locale has otherwise.
    const handles = ['-aaaaaaaaaaaaaaa', '9aaaaaaaaaaaaaaa', 'Baaaaaaaaaaaaaaa', '_aaaaaaaaaaaaaaa', 'aaaaaaaaaaaaaaaa']
    const sorted = [at(now - 1, 'zzzzzzzzzzzzzzzz'), ...handles.map((handle) => at(now, handle))]
    for (const record of [5, 2, 0, 4, 1, 3].map((place) => sorted[place])) if (record) await store.create(record)
    await lists(store, 'ann', sorted)
  })

  suite.test('a list shows its sessions as they are now', async ({ store, clock }) => {
    const [one, two] = [signedIn(clock, 'ann'), signedIn(clock, 'ann', { createdAt: clock.now() + 1 })]
    await store.create(one)
    await store.create(two)
    clock.advance(minutes(1))
    await store.update(
      one.key,
      patchOf([['a', '1']], { remove: ['userId'], times: timesOf(one, { persistent: false }) }),
    )
    await store.touch(two.key, clock.now())
    const updated = { ...one, version: 2, persistent: false, data: new Map([['a', '1']]) }
    await lists(store, 'ann', [updated, { ...two, lastSeenAt: clock.now() }])
  })

  suite.test('a write, a touch or a load moves nothing in the list', async ({ store, clock }) => {
    const records = [0, 1, 2].map((later) => signedIn(clock, 'ann', { authenticatedAt: clock.now() + later }))
    for (const record of records) await store.create(record)
    const [first, second, third] = records
    assert.ok(first && second && third)
    clock.advance(minutes(1))
    await store.update(second.key, patchOf())
    await store.touch(first.key, clock.now())
    await store.load(third.key)
    await lists(store, 'ann', [{ ...first, lastSeenAt: clock.now() }, { ...second, version: 2 }, third])
  })

  suite.test('what was deleted is not in the list', async ({ store, clock }) => {
    const [deleted, alive] = [signedIn(clock, 'ann'), signedIn(clock, 'ann')]
    await store.create(deleted)
    await store.create(alive)
    await store.delete(deleted.key)
    await lists(store, 'ann', [alive])
    await store.delete(alive.key)
    await lists(store, 'ann', [])
  })

  suite.test('what has expired is not in the list, from the very millisecond on', async ({ store, clock }) => {
    const now = clock.now()
    const idle = signedIn(clock, 'ann', { authenticatedAt: now })
    const over = signedIn(clock, 'ann', { authenticatedAt: now + 1, idleTimeout: days(1), expiresAt: now + IDLE })
    const alive = signedIn(clock, 'ann', { authenticatedAt: now + 2, idleTimeout: IDLE + 1 })
    const never = signedIn(clock, 'ann', { expiresAt: now })
    for (const record of [idle, over, alive, never]) await store.create(record)
    clock.advance(IDLE - 1)
    await lists(store, 'ann', [idle, over, alive])
    clock.advance(1)
    await lists(store, 'ann', [alive])
  })

  suite.test('a session that an update ended is not in the list', async ({ store, clock }) => {
    const [ended, alive] = [signedIn(clock, 'ann'), signedIn(clock, 'ann')]
    await store.create(ended)
    await store.create(alive)
    await store.update(ended.key, patchOf([], { times: timesOf(ended, { expiresAt: clock.now() }) }))
    await lists(store, 'ann', [alive])
  })

  suite.test('a list that has run empty stays empty, and begins anew', async ({ store, clock }) => {
    for (let count = 0; count < 3; count++) await store.create(signedIn(clock, 'ann'))
    clock.advance(IDLE)
    await lists(store, 'ann', [])
    clock.advance(days(400))
    await lists(store, 'ann', [])
    const fresh = signedIn(clock, 'ann')
    await store.create(fresh)
    await lists(store, 'ann', [fresh])
  })

  suite.test('a session is in the list as long as it lives, however short the others live', async (bench) => {
    const { store, clock } = bench
    const lasting = { idleTimeout: days(90), expiresAt: clock.now() + days(30) }
    const short = { idleTimeout: days(90), expiresAt: clock.now() + minutes(1) }
    const [before, brief, after] = [lasting, short, lasting].map((times, at) =>
      signedIn(clock, 'ann', { ...times, authenticatedAt: clock.now() + at }),
    )
    assert.ok(before && brief && after)
    for (const record of [before, brief, after]) await store.create(record)
    clock.advance(minutes(1))
    await lists(store, 'ann', [before, after])
    await store.delete(before.key)
    clock.set(after.expiresAt - 1)
    await lists(store, 'ann', [after])
    clock.advance(1)
    await lists(store, 'ann', [])
  })

  suite.test('a session is in the list as long as touches and updates keep it alive', async ({ store, clock }) => {
    const touched = signedIn(clock, 'ann', { expiresAt: clock.now() + days(30), authenticatedAt: clock.now() })
    const updated = signedIn(clock, 'ann', { expiresAt: clock.now() + minutes(1), authenticatedAt: clock.now() + 1 })
    for (const record of [touched, updated]) await store.create(record)
    const times = timesOf(updated, { idleTimeout: days(90), expiresAt: clock.now() + days(60) })
    await store.update(updated.key, patchOf([], { times }))
    for (let count = 0; count < 5; count++) {
      clock.advance(IDLE - 1)
      await store.touch(touched.key, clock.now())
    }
    await lists(store, 'ann', [
      { ...touched, lastSeenAt: clock.now() },
      { ...updated, ...times, version: 2 },
    ])
    clock.set(times.expiresAt - 1)
    await lists(store, 'ann', [{ ...updated, ...times, version: 2 }])
  })

  suite.test('an anonymous session is in no list', async ({ store, clock }) => {
    const former = signedIn(clock, 'ann')
    await store.create(former)
    await store.delete(former.key)
    for (const record of [newRecord(clock), newRecord(clock, [], { key: former.key })]) await store.create(record)
    for (const subject of ['ann', 'undefined', 'null', 'false', '0']) await lists(store, subject, [])
  })

  suite.test('a key that is used again is in the list of its new record alone', async ({ store, clock }) => {
    const former = signedIn(clock, 'ann')
    await store.create(former)
    clock.advance(IDLE)
    const fresh = signedIn(clock, 'ann', { key: former.key })
    await store.create(fresh)
    await lists(store, 'ann', [fresh])
    clock.advance(IDLE)
    await store.create(newRecord(clock, [], { key: former.key }))
    await lists(store, 'ann', [])
  })

  suite.test('any string may be a subject with a list of its own', async ({ store, clock }) => {
    const records = ODD_SUBJECTS.map((subject) => signedIn(clock, subject))
    for (const record of records) await store.create(record)
    for (const [at, subject] of ODD_SUBJECTS.entries()) await lists(store, subject, records.slice(at, at + 1))
    await lists(store, 'x'.repeat(301), [])
  })

  suite.test('subjects with the same tag have lists of their own', async ({ store, clock }) => {
    const [one, two] = SAME_TAG.map((subject) => [0, 1].map((later) => of(subject, later)))
    function of(subject: string, later: number): SessionRecord {
      return signedIn(clock, subject, { authenticatedAt: clock.now() + later })
    }
    assert.ok(one?.[0] && one[1] && two?.[0] && two[1])
    for (const record of [two[1], one[0], two[0], one[1]]) await store.create(record)
    await lists(store, SAME_TAG[0], one)
    await lists(store, SAME_TAG[1], two)
    await store.delete(two[0].key)
    await lists(store, SAME_TAG[0], one)
    await lists(store, SAME_TAG[1], [two[1]])
  })

  suite.test('find gives the session of that subject with that handle, as it is now', async ({ store, clock }) => {
    const [one, two] = [signedIn(clock, 'ann', { device: 'phone', ip: '::1' }), signedIn(clock, 'ann')]
    for (const record of [one, two]) await store.create(record)
    assert.deepEqual(await store.find('ann', one.handle), one)
    clock.advance(minutes(1))
    await store.update(one.key, patchOf([['a', '1']], { remove: ['userId'] }))
    assert.deepEqual(await store.find('ann', one.handle), { ...one, version: 2, data: new Map([['a', '1']]) })
    assert.deepEqual(await store.find('ann', two.handle), two)
  })

  suite.test('find gives nothing for a handle that the subject does not have', async ({ store, clock }) => {
    const [ann, bob] = [signedIn(clock, 'ann', { handle: 'Abcdefghijklmnop' }), signedIn(clock, 'bob')]
    const [anonymous, ...same] = [newRecord(clock), ...SAME_TAG.map((subject) => signedIn(clock, subject))]
    for (const record of [ann, bob, anonymous, ...same]) await store.create(record)
    const others = [bob.handle, anonymous.handle, 'abcdefghijklmnop', 'Abcdefghijklmno', 'Abcdefghijklmnopq']
    for (const handle of ['', '*', ann.key, ...others]) assert.equal(await store.find('ann', handle), undefined)
    assert.equal(await store.find(SAME_TAG[0], same[1]!.handle), undefined)
    assert.equal(await store.find('nobody', ann.handle), undefined)
  })

  suite.test('find gives nothing for a session that is over', async ({ store, clock }) => {
    const [deleted, expired, alive] = [
      signedIn(clock, 'ann'),
      signedIn(clock, 'ann', { idleTimeout: 1 }),
      signedIn(clock, 'ann'),
    ]
    for (const record of [deleted, expired, alive]) await store.create(record)
    await store.delete(deleted.key)
    assert.deepEqual(await store.find('ann', expired.handle), expired)
    clock.advance(1)
    for (const { handle } of [deleted, expired]) assert.equal(await store.find('ann', handle), undefined)
    await store.revoke('ann', alive.handle)
    assert.equal(await store.find('ann', alive.handle), undefined)
  })

  suite.test('changing what was found changes nothing that is kept', async ({ store, clock }) => {
    const record = signedIn(clock, 'ann')
    await store.create(record)
    const found = await store.find('ann', record.handle)
    assert.ok(found)
    for (const field of Object.keys(found)) if (field !== 'data') Reflect.set(found, field, 'spoilt')
    spoil(() => (found.data as Map<string, string>).set('a', 'spoilt'))
    await lists(store, 'ann', [record])
  })

  suite.test('changing what was listed changes nothing that is kept', async ({ store, clock }) => {
    const record = signedIn(clock, 'ann', { device: 'phone', ip: '::1' })
    await store.create(record)
    for (let round = 0; round < 2; round++) {
      const listed = await store.list('ann')
      for (const each of listed) {
        for (const field of Object.keys(each)) if (field !== 'data') Reflect.set(each, field, 'spoilt')
        spoil(() => (each.data as Map<string, string>).set('a', 'spoilt'))
      }
      spoil(() => (listed as SessionRecord[]).push({ ...record, handle: 'spoilt' }))
    }
    await lists(store, 'ann', [record])
  })
}

/** A store may hand out what can't be changed. */
function spoil(change: () => void): void {
  try {
    change()
  } catch {
    // Nothing was changed.
  }
}
