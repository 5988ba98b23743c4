import { describe, expect, test, vi } from 'vitest'
import { SessionEngine } from '../../src/core/engine.js'
import { fromExpressStore, type ExpressStore, type FromExpressStoreOptions } from '../../src/stores/express.js'
import { newKey, newRecord, patchOf } from '../../src/testing/conformance/samples.js'
import { keeps } from '../../src/testing/conformance/suite.js'
import { ManualClock } from '../../src/testing/manual-clock.js'
import { carrier } from '../support/engine.js'
import { HeldExpressStore } from '../support/held-express-store.js'

const clock = new ManualClock()

async function setUp() {
  const theirs = new HeldExpressStore()
  const store = fromExpressStore(theirs, { clock: clock.now })
  const record = newRecord(clock)
  await store.create(record)
  return { theirs, store, record, key: record.key }
}

type Failing = Parameters<HeldExpressStore['once']>[1]

describe('a store of express-session that fails', () => {
  const cause = new Error('the line is cut')
  const ways: readonly (readonly [string, unknown, Failing])[] = [
    ['calls back with an error', cause, (callback) => callback(cause)],
    ['calls back with a text', 'no table', (callback) => callback('no table')],
    [
      'throws',
      cause,
      () => {
        throw cause
      },
    ],
    ['rejects', cause, () => Promise.reject(cause)],
  ]

  test.each(ways)('and %s is the cause of a STORE_UNAVAILABLE', async (_, cause, way) => {
    for (const verb of ['get', 'set', 'destroy'] as const) {
      const { theirs, store, record, key } = await setUp()
      theirs.once(verb, way)
      const failed = verb === 'destroy' ? store.delete(key) : store.update(key, patchOf([['a', '1']]))
      await expect(failed, verb).rejects.toMatchObject({
        name: 'SessionError',
        code: 'STORE_UNAVAILABLE',
        message: `The express-session store "HeldExpressStore" failed at ${verb}. See the cause.`,
        cause,
      })
      await keeps(store, record)
    }
  })

  test('is told of once to the engine, with what it failed with', async () => {
    const { theirs, store } = await setUp()
    const engine = new SessionEngine({ store, secret: 's'.repeat(32), clock: clock.now })
    const open = await engine.open([], carrier)
    Object.assign(open.session, { a: 1 })
    theirs.once('set', (callback) => callback(cause))
    await expect(open.commit()).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE', cause })
    await engine.close()
  })

  test('and says afterwards that it has failed or done it changes nothing', async () => {
    const { theirs, store, key } = await setUp()
    theirs.once('get', (callback) => {
      callback(null, null)
      callback(cause)
      callback(null, { cookie: {} })
    })
    expect(await store.load(key)).toBeUndefined()
    theirs.once('get', (callback) => {
      callback(null, undefined)
      throw cause
    })
    expect(await store.load(key)).toBeUndefined()
  })

  test('and has no such file has no such session', async () => {
    const { theirs, store, key } = await setUp()
    const noFile: Failing = (callback) => callback(Object.assign(new Error('no such file'), { code: 'ENOENT' }))
    theirs.once('get', noFile)
    expect(await store.load(key)).toBeUndefined()
    theirs.once('set', noFile)
    await expect(store.update(key, patchOf())).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
  })
})

describe('a store of express-session that answers by promises', () => {
  /** As its methods are, with the callback left out or not. */
  const promising = (map = new Map<string, string>()) => ({
    get: async (sid: string) => JSON.parse(map.get(sid) ?? 'null') as unknown,
    set: async (sid: string, session: unknown) => void map.set(sid, JSON.stringify(session)),
    destroy: async (sid: string) => map.delete(sid),
  })

  test('alone is awaited', async () => {
    const store = fromExpressStore(promising(), { clock: clock.now })
    const record = newRecord(clock)
    await store.create(record)
    await keeps(store, record)
    expect(await store.delete(record.key)).toBe(true)
    expect(await store.load(record.key)).toBeUndefined()
  })

  test('before it calls back is waited for until it does', async () => {
    const held = new HeldExpressStore()
    const both: ExpressStore = {
      get: async (sid, callback) => void held.get(sid, callback),
      set: async (sid, session, callback) => void held.set(sid, session, callback!),
      destroy: async (sid, callback) => void held.destroy(sid, callback!),
    }
    const store = fromExpressStore(both, { clock: clock.now })
    const record = newRecord(clock)
    await store.create(record)
    await keeps(store, record)
  })
})

describe('the probe of a store of express-session', () => {
  test('passes, and leaves nothing behind', async () => {
    const theirs = new HeldExpressStore()
    await fromExpressStore(theirs).probe()
    expect(theirs.kept.size).toBe(0)
  })

  test.each([
    ['keeps nothing', 'does not give back what is written', undefined],
    ['keeps only what it knows', 'gives back something else', { cookie: {} }],
    ['answers something else', 'does not give back what is written', 'a text'],
  ])('of one that %s fails', async (_, why, given) => {
    const theirs = new HeldExpressStore()
    vi.spyOn(theirs, 'get').mockImplementation((_sid, callback) => {
      const isThere = theirs.kept.size > 0
      callback(null, isThere ? given : undefined)
    })
    await expect(fromExpressStore(theirs).probe()).rejects.toMatchObject({
      code: 'STORE_UNFIT',
      message: expect.stringContaining(why) as string,
    })
    expect(theirs.kept.size).toBe(0)
  })
})

describe('the options of fromExpressStore', () => {
  const refusal = (store: unknown, options: unknown = {}): string => {
    try {
      fromExpressStore(store as ExpressStore, options as FromExpressStoreOptions)
    } catch (error) {
      expect(error).toMatchObject({ name: 'SessionError', code: 'OPTIONS_INVALID' })
      return (error as Error).message
    }
    throw new Error('it was taken')
  }

  test('a factory, nothing, one of ours and what is no store at all are refused with the mend', () => {
    expect(refusal(class {})).toContain('call the factory, and then `new` on the class')
    expect(refusal(undefined)).toContain('the store is undefined')
    expect(refusal({ get() {}, set() {} })).toContain('no method "destroy"')
    expect(refusal(fromExpressStore(new HeldExpressStore()))).toContain('pass it as `store` without fromExpressStore')
  })

  test.each([
    ['name', ''],
    ['name', 5],
    ['sidOf', 'sess:'],
    ['cookie', 'secure'],
    ['clock', 5],
  ])('%s can not be %j', (name, value) => {
    expect(refusal(new HeldExpressStore(), { [name]: value })).toContain(`${name} is `)
  })

  test('one that is not known is refused by its name', () => {
    expect(refusal(new HeldExpressStore(), { prefix: 'sess:' })).toContain(
      'Unknown option of fromExpressStore "prefix". Known are: name, sidOf, cookie, clock.',
    )
  })

  test('a store is called by the name of its class, or as it is told', () => {
    const literal: ExpressStore = { get() {}, set() {}, destroy() {} }
    expect(fromExpressStore(new HeldExpressStore()).name).toBe('HeldExpressStore')
    expect(fromExpressStore(literal).name).toBe('express-session store')
    expect(fromExpressStore(literal, { name: 'sessions' }).name).toBe('sessions')
  })

  test('the id under which a session is kept can be chosen', async () => {
    const theirs = new HeldExpressStore()
    const store = fromExpressStore(theirs, { sidOf: (key) => `sid of ${key}`, clock: clock.now })
    const [record, next] = [newRecord(clock), newKey()]
    await store.create(record)
    expect([...theirs.kept.keys()]).toEqual([`sid of ${record.key}`])
    await store.rotate(record.key, next, { ...patchOf(), subject: undefined, rotatedAt: clock.now() })
    expect([...theirs.kept.keys()]).toEqual([`sid of ${next}`])
    expect(await store.load(next)).toMatchObject({ key: next })
  })
})
