import { describe, expect, test } from 'vitest'
import type { SessionRecord } from '../../src/core/record.js'
import { MemoryStore } from '../../src/stores/memory.js'
import { storeConformance } from '../../src/testing/conformance.js'
import {
  atMost,
  newKey,
  newRecord,
  noMoreThan,
  oneAfterAnother,
  patchOf,
  rotation,
  sealedRotation,
  successorKey,
} from '../../src/testing/conformance/samples.js'
import { FailingStore } from '../../src/testing/failing-store.js'
import { ManualClock } from '../../src/testing/manual-clock.js'

describe('a failing store that nothing disturbs is a store', () => {
  storeConformance({ test, open: (clock) => new FailingStore(new MemoryStore({ clock })) })
})

describe('a failing store', () => {
  function opened() {
    const clock = new ManualClock()
    const inner = new MemoryStore({ clock: clock.now })
    const record = newRecord(clock)
    inner.create(record)
    return { clock, inner, record, key: record.key, store: new FailingStore(inner) }
  }

  /** Whether a promise has settled when all that is due now has happened. */
  async function isSettled(promise: PromiseLike<unknown>): Promise<boolean> {
    let settled = false
    promise.then(
      () => (settled = true),
      () => (settled = true),
    )
    await new Promise((resolve) => setImmediate(resolve))
    return settled
  }

  test('answers synchronously where the store inside does, with its name and abilities', () => {
    const { store, inner, key, record } = opened()
    expect(store.load(key)).toEqual(record)
    expect([store.name, store.abilities]).toEqual([inner.name, inner.abilities])
  })

  test('counts the calls of each verb, those that fail included', async () => {
    const { store, key } = opened()
    store.load(key)
    store.load(key)
    store.touch(key, 0)
    store.failWith(new Error('down'))
    await expect(store.update(key, patchOf())).rejects.toThrow('down')
    await expect(store.list('ann')).rejects.toThrow('down')
    const { load, update, touch, list, ...others } = store.calls
    expect({ load, update, touch, list }).toEqual({ load: 2, update: 1, touch: 1, list: 1 })
    expect(Object.keys(others)).toEqual([
      'create',
      'delete',
      'rotate',
      'confirm',
      'find',
      'count',
      'revoke',
      'revokeAll',
      'updateAll',
      'sweep',
      'probe',
    ])
    expect(new Set(Object.values(others))).toEqual(new Set([0]))
  })

  test('rejects every verb with the error and asks nobody, until it is healed', async () => {
    const { store, inner, key, record, clock } = opened()
    const error = new Error('down')
    store.failWith(error)
    const calls = [
      () => store.load(key),
      () => store.create(newRecord(clock)),
      () => store.update(key, patchOf([['a', '1']])),
      () => store.touch(key, clock.now() + 1),
      () => store.delete(key),
      () => store.rotate(key, newKey('ann'), rotation('ann')),
      () => store.confirm(key, newKey(), clock.now()),
      () => store.list('ann'),
      () => store.find('ann', record.handle),
      () => store.count('ann'),
      () => store.revoke('ann', record.handle),
      () => store.revokeAll('ann'),
      () => store.updateAll('ann', patchOf([['a', '1']])),
      () => store.sweep(1),
      () => store.probe(),
    ]
    expect(calls).toHaveLength(Object.keys(store.calls).length)
    for (const call of calls) await expect(call()).rejects.toBe(error)
    expect(inner.load(key)).toEqual(record)
    store.heal()
    expect(store.delete(key)).toBe(true)
  })

  test('hands on all that its verbs are given', () => {
    const { store, inner, clock } = opened()
    const [one, two, three] = oneAfterAnother(clock, 3) as [SessionRecord, SessionRecord, SessionRecord]
    expect(store.create(one, noMoreThan(1))).toBeUndefined()
    expect(store.create(two, atMost(1))).toEqual({ evicted: [one.handle] })
    const [next, patch] = [successorKey(two.key), sealedRotation('ann')]
    expect(store.rotate(two.key, next, patch)).toBe('updated')
    expect(store.load(two.key)).toMatchObject({ movedTo: next, sealedId: patch.sealedId })
    store.confirm(next, two.key, clock.now() + 5)
    expect(inner.load(two.key)).toEqual({ movedTo: next, sealedId: undefined, goodUntil: clock.now() + 5 })
    expect(store.updateAll('ann', patchOf([['a', '1']]))).toBe(1)
    expect(store.list('ann')).toEqual([inner.load(next)])
    expect(store.find('ann', two.handle)).toEqual(inner.load(next))
    expect(store.create(three)).toBeUndefined()
    expect(store.count('ann')).toBe(2)
    expect(store.revokeAll('ann', three.handle)).toEqual([two.handle])
    expect(store.revoke('ann', three.handle)).toBe(true)
    expect(inner.list('ann')).toEqual([])
  })

  test('rejects only the verbs that are named', async () => {
    const { store, key, record } = opened()
    store.failWith(new Error('read only'), ['update'])
    expect(store.load(key)).toEqual(record)
    await expect(store.update(key, patchOf())).rejects.toThrow('read only')
  })

  test('hangs until it is healed, and then goes on', async () => {
    const { store, inner, key, clock } = opened()
    store.hang(['touch'])
    const touched = store.touch(key, clock.now() + 1) as Promise<boolean>
    store.hang()
    const deleted = store.delete(key) as Promise<boolean>
    expect(await Promise.all([isSettled(touched), isSettled(deleted)])).toEqual([false, false])
    expect(inner.load(key)).toMatchObject({ lastSeenAt: clock.now() })
    store.heal()
    expect(await Promise.all([touched, deleted])).toEqual([true, true])
    expect(inner.load(key)).toBeUndefined()
    expect(store.load(key)).toBeUndefined()
  })

  test('holds the next call before it is done', async () => {
    const { store, inner, key } = opened()
    const gate = store.hold('delete')
    expect(await isSettled(gate.reached)).toBe(false)
    const deleted = store.delete(key) as Promise<boolean>
    await gate.reached
    expect(inner.load(key)).toBeDefined()
    expect(await isSettled(deleted)).toBe(false)
    expect(store.delete(newKey())).toBe(false)
    gate.open()
    expect(await deleted).toBe(true)
    expect(inner.load(key)).toBeUndefined()
  })

  test.each(['confirm', 'list', 'find', 'count', 'revoke', 'revokeAll', 'updateAll'] as const)(
    'hangs and holds %s as it does the other verbs',
    async (verb) => {
      const { store, key, record } = opened()
      const call = (): unknown =>
        ({
          confirm: () => store.confirm(key, key, 0),
          list: () => store.list('ann'),
          find: () => store.find('ann', record.handle),
          count: () => store.count('ann'),
          revoke: () => store.revoke('ann', record.handle),
          revokeAll: () => store.revokeAll('ann'),
          updateAll: () => store.updateAll('ann', patchOf()),
        })[verb]()
      store.hang([verb])
      const hanging = Promise.resolve(call())
      expect(await isSettled(hanging)).toBe(false)
      store.heal()
      const due = await hanging
      const gate = store.hold(verb)
      const held = Promise.resolve(call())
      await gate.reached
      expect(await isSettled(held)).toBe(false)
      gate.open()
      expect(await held).toEqual(due)
    },
  )

  test('holds the next call after it was done', async () => {
    const { store, inner, key } = opened()
    const gate = store.hold('delete', 'after')
    const deleted = store.delete(key) as Promise<boolean>
    await gate.reached
    expect(inner.load(key)).toBeUndefined()
    expect(await isSettled(deleted)).toBe(false)
    gate.open()
    gate.open()
    expect(await deleted).toBe(true)
  })

  test('holds as many calls as there are gates, in turn, and no other verb', async () => {
    const { store, key, record } = opened()
    const [first, second] = [store.hold('touch'), store.hold('touch')]
    expect(store.load(key)).toEqual(record)
    const touches = [1, 2].map((at) => store.touch(key, at) as Promise<boolean>)
    await Promise.all([first.reached, second.reached])
    second.open()
    await touches[1]
    expect(await isSettled(touches[0]!)).toBe(false)
    first.open()
    expect(await touches[0]).toBe(true)
    expect(store.touch(key, 3)).toBe(true)
  })

  test('holds a failure after it happened', async () => {
    const { store, key } = opened()
    const gate = store.hold('load', 'after')
    store.failWith(new Error('down'))
    const loading = store.load(key) as Promise<unknown>
    await gate.reached
    expect(await isSettled(loading)).toBe(false)
    gate.open()
    await expect(loading).rejects.toThrow('down')
  })

  test('does not hold a call whose gate was opened before', async () => {
    const { store, key, record } = opened()
    store.hold('load').open()
    expect(await store.load(key)).toEqual(record)
  })

  test('holds a call that fails synchronously', async () => {
    const { store, record } = opened()
    const gate = store.hold('create', 'after')
    const creating = store.create(record) as Promise<void>
    await gate.reached
    gate.open()
    await expect(creating).rejects.toMatchObject({ code: 'RECORD_EXISTS' })
  })
})
