import { setImmediate as turnOfTheLoop } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { minutes } from '../../src/core/duration.js'
import { fromExpressStore } from '../../src/stores/express.js'
import {
  newKey,
  newRecord,
  patchOf,
  rotation,
  sealedRotation,
  successorKey,
} from '../../src/testing/conformance/samples.js'
import { loaded, together } from '../../src/testing/conformance/suite.js'
import { ManualClock } from '../../src/testing/manual-clock.js'
import { HeldExpressStore } from '../support/held-express-store.js'

/** A session in a store of others, and two adapters on it, as two modules of one process may have them. */
async function setUp() {
  const clock = new ManualClock()
  const theirs = new HeldExpressStore()
  const store = fromExpressStore(theirs, { clock: clock.now })
  const other = fromExpressStore(theirs, { clock: clock.now })
  const record = newRecord(clock, [['cart', '["tea"]']])
  await store.create(record)
  theirs.calls.length = 0
  return { clock, theirs, store, other, record, key: record.key }
}

const set = (name: string) => patchOf([[name, '1']])

describe('within one process, on a store that knows no atomic step,', () => {
  test('a write waits for the one before it, and both are kept', async () => {
    const { theirs, store, other, key } = await setUp()
    const first = theirs.hold('set')
    const writes = together<unknown>([
      () => store.update(key, set('a')),
      () => other.update(key, set('b')),
      () => store.touch(key, Date.now() + 5),
    ])
    await first.come
    await turnOfTheLoop()
    expect(theirs.calls).toEqual(['get', 'set'])
    first.go()
    expect(await writes).toEqual(['updated', 'updated', true])
    expect((await loaded(store, key)).data).toEqual(
      new Map([
        ['cart', '["tea"]'],
        ['a', '1'],
        ['b', '1'],
      ]),
    )
  })

  test('writes to different sessions do not wait for each other', async () => {
    const { clock, theirs, store, key } = await setUp()
    const another = newRecord(clock)
    await store.create(another)
    const held = theirs.hold('set')
    const write = store.update(key, set('a'))
    await held.come
    expect(await store.update(another.key, set('b'))).toBe('updated')
    held.go()
    expect(await write).toBe('updated')
  })

  test('a write that failed lets the next one through', async () => {
    const { theirs, store, key } = await setUp()
    theirs.once('set', (callback) => callback(new Error('disk full')))
    const writes = [store.update(key, set('a')), store.update(key, set('b'))]
    await expect(writes[0]).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
    expect(await writes[1]).toBe('updated')
    expect([...(await loaded(store, key)).data.keys()]).toEqual(['cart', 'b'])
  })

  test('a logout while a write is under way ends the session for good', async () => {
    const { theirs, store, other, key } = await setUp()
    const held = theirs.hold('set')
    const write = store.update(key, set('a'))
    await held.come
    const logout = other.delete(key)
    const late = store.update(key, set('b'))
    held.go()
    expect(await Promise.all([write, logout, late])).toEqual(['updated', true, 'gone'])
    expect(theirs.kept.size).toBe(0)
    expect(await store.load(key)).toBeUndefined()
  })

  test('a read that a logout overtakes gives nothing', async () => {
    const { theirs, store, key } = await setUp()
    const held = theirs.holdAnswer('get')
    const read = store.load(key)
    await held.come
    expect(await store.delete(key)).toBe(true)
    held.go()
    expect(await read).toBeUndefined()
  })

  test('what somebody else writes back after a logout is no session for a minute', async () => {
    const { clock, theirs, store, other, key } = await setUp()
    const text = theirs.kept.get(key)!
    expect(await store.delete(key)).toBe(true)
    theirs.kept.set(key, text)
    for (const each of [store, other]) {
      expect(await each.load(key)).toBeUndefined()
      expect(await each.update(key, set('a'))).toBe('gone')
      expect(await each.touch(key, clock.now())).toBe(false)
      expect(await each.rotate(key, newKey(), rotation(undefined))).toBe('gone')
    }
    expect(theirs.kept.get(key)).toBe(text)
    clock.advance(minutes(1))
    expect(await store.load(key)).toBeDefined()
  })

  test('a sign-in waits for the write under way, and takes along what it wrote', async () => {
    const { theirs, store, key } = await setUp()
    const held = theirs.hold('set')
    const write = store.update(key, set('a'))
    await held.come
    const next = newKey('ann')
    const login = store.rotate(key, next, rotation('ann'))
    const late = store.update(key, set('b'))
    held.go()
    expect(await Promise.all([write, login, late])).toEqual(['updated', 'updated', 'rotated'])
    expect([...(await loaded(store, next)).data.keys()]).toEqual(['cart', 'a'])
    expect([...theirs.kept.keys()]).toEqual([next])
  })

  test('a rotation has the new record in its place before the old one goes', async () => {
    const { theirs, store, key } = await setUp()
    const held = theirs.hold('destroy')
    const next = newKey('ann')
    const login = store.rotate(key, next, rotation('ann'))
    await held.come
    expect([...theirs.kept.keys()]).toEqual([key, next])
    held.go()
    expect(await login).toBe('updated')
    expect([...theirs.kept.keys()]).toEqual([next])
  })

  test.each([
    ['is dead', 'destroy', rotation('ann')],
    ['stays good', 'set', sealedRotation(undefined)],
  ] as const)(
    'a rotation after which the old key %s is taken back if its second step fails',
    async (_, verb, patch) => {
      const { theirs, store, record, key } = await setUp()
      const next = successorKey(key)
      const failed = new Error('the line is cut')
      const first = theirs.hold('set')
      theirs.once(verb, (callback) => setImmediate(callback, failed))
      const refused = expect(store.rotate(key, next, patch)).rejects.toMatchObject({
        code: 'STORE_UNAVAILABLE',
        cause: failed,
      })
      await first.come
      first.go()
      expect([...theirs.kept.keys()]).toEqual([key, next])
      await refused
      expect([...theirs.kept.keys()]).toEqual([key])
      expect(await store.load(next)).toBeUndefined()
      expect(await store.load(key)).toEqual(record)
      expect(await store.update(key, set('a'))).toBe('updated')
    },
  )

  test('rotations that want each other’s keys come to an end', async () => {
    const { clock, store, key } = await setUp()
    const another = newRecord(clock)
    await store.create(another)
    const answers = await Promise.allSettled([
      store.rotate(key, another.key, rotation(undefined)),
      store.rotate(another.key, key, rotation(undefined)),
      store.rotate(key, key, rotation(undefined)),
    ])
    expect(answers.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected'])
    for (const each of [key, another.key]) expect(await store.load(each)).toBeDefined()
  })

  test('closing waits for what is under way, and leaves their store as it is', async () => {
    const { theirs, store, other, key } = await setUp()
    const held = theirs.hold('set')
    const write = store.update(key, set('a'))
    await held.come
    let isClosed = false
    const closing = Promise.resolve(store.close()).then(() => (isClosed = true))
    await turnOfTheLoop()
    expect(isClosed).toBe(false)
    held.go()
    await closing
    expect(await write).toBe('updated')
    expect((await loaded(other, key)).data.get('a')).toBe('1')
  })
})

describe('a call that gets no answer', () => {
  afterEach(() => vi.useRealTimers())

  beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }))

  test.each(['get', 'set'] as const)('to a %s fails after ten seconds, and the next one goes on', async (verb) => {
    const { theirs, store, key } = await setUp()
    const held = theirs.hold(verb)
    const failed = expect(store.update(key, set('a'))).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
      message: expect.stringContaining('10000 ms') as string,
    })
    await held.come
    const next = store.update(key, set('b'))
    await vi.advanceTimersByTimeAsync(9_999)
    expect(theirs.calls.at(-1)).toBe(verb)
    await vi.advanceTimersByTimeAsync(2)
    await failed
    expect(await next).toBe('updated')
  })

  test('and comes through after a logout does not bring the session back', async () => {
    const { theirs, store, key } = await setUp()
    const held = theirs.hold('set')
    const failed = expect(store.update(key, set('a'))).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
    await held.come
    await vi.advanceTimersByTimeAsync(10_001)
    await failed
    expect(await store.delete(key)).toBe(true)
    held.go()
    expect(theirs.kept.has(key)).toBe(true)
    expect(await store.load(key)).toBeUndefined()
    await vi.waitFor(() => expect(theirs.kept.has(key)).toBe(false))
  })
})
