import { strict as assert } from 'node:assert'
import type { RecordPatch, SessionRecord } from '../../core/record.js'
import type { BySubject, Rotating, SessionStore } from '../../core/store.js'
import { ODD_SUBJECTS, SAME_TAG } from './by-subject.js'
import { rotatedSession } from './rotated.js'
import { type Entries, IDLE, newRecord, patchOf, signedIn } from './samples.js'
import { keeps, keepsFormer, lacks, lists, type Suite } from './suite.js'

/** The ability `by-subject`: updateAll. */
export function updateAll(suite: Suite<SessionStore & BySubject>): void {
  suite.test('updateAll sets and removes in every session of a subject, and leaves the rest', async (bench) => {
    const { store, clock } = bench
    const [role, cart, old] = [['role', '1'] as const, ['cart', '2'] as const, ['old', '3'] as const]
    const records = [[], [role], [role, cart, old]].map((data, at) =>
      newRecord(clock, data, { subject: 'ann', authenticatedAt: clock.now() + at }),
    )
    for (const record of records) await store.create(record)
    clock.advance(1)
    const set = new Map([
      ['role', '"admin"'],
      ['x', '4'],
    ])
    const patch = { set, remove: ['old', 'not there'] }
    assert.equal(await store.updateAll('ann', patch), 3)
    const updated = records.map((record) => patchedBy(patch, record))
    await lists(store, 'ann', updated)
  })

  suite.test('updateAll adds one to every version, also where it changes nothing', async ({ store, clock }) => {
    const record = signedIn(clock, 'ann')
    await store.create(record)
    await store.update(record.key, patchOf())
    assert.equal(await store.updateAll('ann', patchOf()), 1)
    assert.equal(await store.update(record.key, patchOf([], { ifVersion: 2 })), 'conflict')
    await keeps(store, { ...record, version: 3 })
  })

  suite.test('updateAll leaves the deadlines', async ({ store, clock }) => {
    const record = signedIn(clock, 'ann')
    await store.create(record)
    clock.advance(IDLE - 1)
    assert.equal(await store.updateAll('ann', patchOf([['a', '1']])), 1)
    await keeps(store, patchedBy(patchOf([['a', '1']]), record))
    clock.advance(1)
    await lacks(store, record.key)
  })

  suite.test('updateAll leaves other subjects and anonymous sessions', async ({ store, clock }) => {
    const left = [signedIn(clock, 'bob'), signedIn(clock, 'anna'), signedIn(clock, SAME_TAG[1]), newRecord(clock)]
    const updated = [signedIn(clock, 'ann'), signedIn(clock, SAME_TAG[0])]
    for (const record of [...left, ...updated]) await store.create(record)
    const patch = patchOf([['a', '1']], { remove: ['cart', 'userId'] })
    for (const { subject } of updated) assert.equal(await store.updateAll(subject ?? '', patch), 1)
    for (const record of left) await keeps(store, record)
    for (const record of updated) await keeps(store, patchedBy(patch, record))
  })

  suite.test('updateAll neither counts nor revives what has ended', async ({ store, clock }) => {
    const [deleted, alive] = [signedIn(clock, 'ann'), signedIn(clock, 'ann')]
    const expired = signedIn(clock, 'ann', { idleTimeout: 2 })
    assert.equal(await store.updateAll('ann', patchOf([['a', '1']])), 0)
    await lists(store, 'ann', [])
    for (const record of [deleted, expired, alive]) await store.create(record)
    await store.delete(deleted.key)
    clock.advance(2)
    assert.equal(await store.updateAll('ann', patchOf([['a', '1']])), 1)
    for (const { key } of [deleted, expired]) await lacks(store, key)
    await lists(store, 'ann', [patchedBy(patchOf([['a', '1']]), alive)])
  })

  suite.test('any string may be a key or a value of updateAll', async ({ store, clock }) => {
    const record = signedIn(clock, 'ann')
    const entries: Entries = [['', ''], ...ODD_SUBJECTS.map((text) => [text, text] as const)]
    const [set, remove] = [patchOf(entries), patchOf([], { remove: entries.map(([key]) => key) })]
    await store.create(record)
    await store.updateAll('ann', set)
    await keeps(store, patchedBy(set, record))
    await store.updateAll('ann', remove)
    await keeps(store, { ...record, version: 3 })
  })
}

/** The abilities `by-subject` and `rotating` together. */
export function updateAllRotated(suite: Suite<SessionStore & BySubject & Rotating>): void {
  suite.test('updateAll reaches a session under its new id and leaves its former key', async ({ store, clock }) => {
    const { formerKey, former, moved } = await rotatedSession(store, clock)
    assert.equal(await store.updateAll('ann', patchOf([['a', '1']])), 1)
    await lists(store, 'ann', [patchedBy(patchOf([['a', '1']]), moved)])
    await keepsFormer(store, formerKey, former)
  })
}

function patchedBy(patch: Pick<RecordPatch, 'set' | 'remove'>, record: SessionRecord): SessionRecord {
  const data = new Map(record.data)
  for (const key of patch.remove) data.delete(key)
  for (const [key, value] of patch.set) data.set(key, value)
  return { ...record, version: record.version + 1, data }
}
