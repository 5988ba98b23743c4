import type { Store } from 'express-session'
import session from 'express-session'
import { afterAll, describe, expect, test } from 'vitest'
import { days, minutes } from '../../src/core/duration.js'
import { encode } from '../../src/core/codec.js'
import { fromExpressStore, type ExpressStore, type FromExpressStoreOptions } from '../../src/stores/express.js'
import { newRecord, patchOf } from '../../src/testing/conformance/samples.js'
import { keeps, lacks, loaded } from '../../src/testing/conformance/suite.js'
import { ManualClock } from '../../src/testing/manual-clock.js'
import { theirStores } from '../support/express-stores.js'
import { HeldExpressStore } from '../support/held-express-store.js'

type Kept = Record<string, unknown> & { readonly cookie: Record<string, unknown> }

/** What the store itself gives to whoever asks it. */
function keptIn(store: ExpressStore, sid: string): Promise<Kept | undefined> {
  return new Promise((resolve, reject) => {
    const done = (error: unknown, kept?: unknown): void => {
      // A store of files says of a session that isn't there that there is no file.
      if (error && (error as { code?: unknown }).code !== 'ENOENT') reject(error as Error)
      else resolve((kept ?? undefined) as Kept | undefined)
    }
    store.get(sid, done)
  })
}

describe.each(theirStores)('what $name keeps', ({ open, stop }) => {
  afterAll(stop)

  const opened = async (options: FromExpressStoreOptions = {}) => {
    const theirs: Store = await open()
    return { theirs, store: fromExpressStore(theirs, options), clock: new ManualClock() }
  }

  test('is a session as express-session has it, which goes when it is over', async () => {
    const { theirs, store, clock } = await opened({ cookie: { path: '/', secure: true } })
    const data = [
      ['userId', '42'],
      ['cart', '[{"price":1.5}]'],
    ] as const
    const record = newRecord(clock, data)
    await store.create(record)
    const kept = (await keptIn(theirs, record.key))!
    expect(kept).toMatchObject({ userId: 42, cart: [{ price: 1.5 }], cookie: { path: '/', secure: true } })
    const { originalMaxAge, expires } = kept.cookie as { originalMaxAge: number; expires: string }
    const end = clock.now() + minutes(30)
    for (const told of [Date.now() + originalMaxAge, new Date(expires).getTime()]) {
      expect(Math.abs(told - end)).toBeLessThan(minutes(1))
    }
    const short = newRecord(clock, data, { idleTimeout: 1500 })
    await store.create(short)
    await expect.poll(() => keptIn(theirs, short.key), { timeout: 15_000, interval: 200 }).toBeUndefined()
    expect(await keptIn(theirs, record.key)).toEqual(kept)
  })

  test('is what express-session reads, and what it has written is read', async () => {
    const { theirs, store, clock } = await opened()
    const record = newRecord(clock, [['userId', '42']])
    await store.create(record)
    const read = await new Promise<object | undefined>((resolve) =>
      theirs.load(record.key, (_, found) => resolve(found)),
    )
    expect(read).toMatchObject({ id: record.key, userId: 42 })
    expect(read).toHaveProperty('cookie', expect.any(session.Cookie))

    const cookie = Object.assign(new session.Cookie(), { maxAge: minutes(10), originalMaxAge: minutes(10) })
    const theirSession = { cookie, userId: 43, cart: ['tea'] } as never
    await new Promise<void>((resolve) => theirs.set('of theirs', theirSession, () => resolve()))
    const found = await loaded(store, 'of theirs')
    expect(found).toMatchObject({ version: 1, subject: undefined, idleTimeout: minutes(10), persistent: true })
    expect(Math.abs(found.expiresAt - Date.now() - minutes(10))).toBeLessThan(5000)
    expect(new Map(found.data)).toEqual(
      new Map([
        ['userId', '43'],
        ['cart', '["tea"]'],
      ]),
    )
    expect(await store.update('of theirs', patchOf([['a', '1']], { ifVersion: 1 }))).toBe('updated')
    expect(await loaded(store, 'of theirs')).toMatchObject({ handle: found.handle, version: 2 })
    expect(await keptIn(theirs, 'of theirs')).toMatchObject({ userId: 43, cart: ['tea'], a: 1 })
  })
})

describe('what a store of express-session keeps of a session', () => {
  const opened = () => {
    const clock = new ManualClock()
    const theirs = new HeldExpressStore()
    const keep = (sid: string, kept: unknown): void => void theirs.kept.set(sid, JSON.stringify(kept))
    const kept = (sid: string): Record<string, unknown> =>
      JSON.parse(theirs.kept.get(sid) ?? 'null') as Record<string, unknown>
    return { clock, theirs, store: fromExpressStore(theirs, { clock: clock.now }), keep, kept }
  }

  test('has each value of another type in its place, with its name in the mark', async () => {
    const { clock, store, kept } = opened()
    const record = newRecord(clock, [
      ['at', encode(new Date(5), 'at')],
      ['tags', encode(new Set(['a']), 'tags')],
      ['n', '1'],
    ])
    await store.create(record)
    expect(kept(record.key)).toMatchObject({
      at: { '~d': 5 },
      tags: { '~s': ['a'] },
      n: 1,
      latchkey: { format: 1, tagged: ['at', 'tags'] },
    })
    await keeps(store, record)
  })

  test('has what could be taken for something else in the mark alone', async () => {
    const { clock, store, kept } = opened()
    const names = ['cookie', 'latchkey', '__proto__', '__lastAccess', 'lastModified']
    const record = newRecord(
      clock,
      names.map((name) => [name, '"mine"'] as const),
    )
    await store.create(record)
    expect(Object.keys(kept(record.key))).toEqual(['cookie', 'latchkey'])
    expect(kept(record.key)['cookie']).toMatchObject({ path: '/', httpOnly: true })
    await keeps(store, record)
  })

  test('names no key, no id and nobody but the subject', async () => {
    const { clock, theirs, store } = opened()
    const record = newRecord(clock)
    await store.create(record)
    expect(theirs.kept.get(record.key)).not.toContain(record.key)
  })

  test('may be changed by others, who see and change plain data', async () => {
    const { clock, store, keep, kept } = opened()
    const record = newRecord(clock, [
      ['a', '1'],
      ['b', '2'],
      ['at', encode(new Date(5), 'at')],
    ])
    await store.create(record)
    const { b: _, ...others } = kept(record.key)
    keep(record.key, { ...others, a: 10, c: { d: 3 }, at: '1970-01-01' })
    expect(new Map((await loaded(store, record.key)).data)).toEqual(
      new Map([
        ['a', '10'],
        ['c', '{"d":3}'],
        ['at', '~"1970-01-01"'],
      ]),
    )
  })

  test('of express-session alone lives until the end of its cookie, or as the store has it', async () => {
    const { clock, store, keep } = opened()
    const at = (time: number): string => new Date(clock.now() + time).toISOString()
    keep('long', { cookie: { originalMaxAge: days(2), expires: at(days(2)) } })
    keep('browser', { cookie: { originalMaxAge: null, expires: null } })
    // The store was told of later uses, and the cookie was not.
    keep('touched', { cookie: { originalMaxAge: minutes(10), expires: at(-minutes(5)) } })
    const ends = { long: days(2), browser: days(1), touched: minutes(10) }
    for (const [sid, end] of Object.entries(ends)) {
      const { expiresAt, handle } = await loaded(store, sid)
      expect(expiresAt, sid).toBe(clock.now() + end)
      expect(handle).toMatch(/^[\w-]{16}$/)
    }
    const handles = await Promise.all(Object.keys(ends).map(async (sid) => (await loaded(store, sid)).handle))
    expect(new Set(handles).size).toBe(3)
    expect(await store.touch('long', clock.now())).toBe(true)
    clock.advance(days(2) - 1)
    expect(await loaded(store, 'long')).toMatchObject({ persistent: true })
    clock.advance(1)
    await lacks(store, 'long')
  })

  test.each([
    ['is no object', '"text"'],
    ['has no cookie', '{"a":1}'],
    ['has no cookie that is one', '{"a":1,"cookie":5}'],
    ['has a mark that is none', '{"cookie":{},"latchkey":5}'],
    ['is of a newer format', '{"cookie":{},"latchkey":{"format":2}}'],
    ['has half a mark', '{"cookie":{},"latchkey":{"format":1,"handle":"h"}}'],
    ['has no handle', '{"cookie":{},"latchkey":{"format":1}}'],
    ['has a former key that is none', '{"cookie":{},"latchkey":{"format":1,"movedTo":"k","until":5}}'],
    ['has wrong types', '{"cookie":{},"latchkey":{"format":1,"handle":5}}'],
    ['has tagged data that are none', '{"cookie":{},"a":{"~n":"x"},"latchkey":{"format":1,"tagged":["a"]}}'],
    ['has a list that is none', '{"cookie":{},"latchkey":{"format":1,"tagged":5}}'],
    ['has encoded data that are none', '{"cookie":{},"latchkey":{"format":1,"encoded":[[1,2]]}}'],
  ])('and %s is unreadable, and can be removed', async (_, text) => {
    const { theirs, store } = opened()
    theirs.kept.set('sid', text)
    const unreadable = { name: 'SessionError', code: 'RECORD_UNREADABLE' }
    await expect(store.load('sid')).rejects.toMatchObject(unreadable)
    await expect(store.update('sid', patchOf())).rejects.toMatchObject(unreadable)
    expect(theirs.kept.get('sid')).toBe(text)
    expect(await store.delete('sid')).toBe(false)
    expect(theirs.kept.size).toBe(0)
  })
})
