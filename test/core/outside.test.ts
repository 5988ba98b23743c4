import { hours, minutes, newId, type RecordPatch, type SessionStore } from 'latchkey/core'
import { MemoryStore } from 'latchkey/stores/memory'
import { describe, expect, test, vi } from 'vitest'
import { after, isPromise, StoreCalls } from '../../src/core/calls.js'
import { limitReached, keyTaken } from '../../src/core/errors.js'
import { FailingStore } from '../../src/testing/failing-store.js'
import { bare, setUp } from '../support/engine.js'

/** A stored session and its id. */
async function stored(data: object, ...options: Parameters<typeof setUp>) {
  const setup = setUp(...options)
  const token = await setup.stored(data)
  const { id, handle } = await setup.open(token)
  return { ...setup, token, id, handle }
}

describe('a session that is read from outside of its request', () => {
  test.each([undefined, null, 5, '', 'short', 'x'.repeat(52)])('(%s) is none, and asks no store', async (id) => {
    const { engine, store } = setUp()
    expect(await engine.read(id as string)).toBeUndefined()
    expect(await engine.revoke(id as string)).toBe(false)
    expect(await engine.write(id as string, { a: 1 }, 'merge')).toBe(false)
    expect(store.calls.load).toBe(0)
  })

  test('is none under an id that leads nowhere', async () => {
    const { engine, events } = setUp()
    const id = newId(undefined)
    expect(await engine.read(id)).toBeUndefined()
    expect(await engine.write(id, { a: 1 }, 'merge')).toBe(false)
    expect(await engine.revoke(id)).toBe(false)
    expect(events).toEqual([])
  })

  test('counts as absent where its data can not be read, which is told of', async () => {
    const { engine, id, store, open, token, events } = await stored({ a: 1 })
    const load = store.load.bind(store)
    store.load = async (key) => ({ ...(await load(key)), data: new Map([['a', '{']]) }) as never
    expect(await engine.read(id)).toBeUndefined()
    expect({ ...(await open(token)).session }).toEqual({})
    expect(events.slice(1).map(({ type }) => type)).toEqual(['record-unreadable', 'record-unreadable'])
  })
})

describe('a session that is written from outside of its request', () => {
  test.each([
    ['merge', { userId: 1, a: 1, c: 3 }, ['b']],
    ['replace', { userId: 1, c: 3 }, ['a', 'b']],
  ] as const)('(%s) has the data, and loses what it was to lose', async (mode, data, remove) => {
    const { engine, id, store } = await stored({ userId: 1, a: 1, b: 2 })
    const update = vi.spyOn(store, 'update')
    expect(await engine.write(id, { userId: 1, b: undefined, c: 3 }, mode)).toBe(true)
    expect(await engine.read(id)).toEqual(data)
    const patch = update.mock.calls[0]![1] as RecordPatch
    expect(patch.remove.toSorted()).toEqual(remove)
    expect(patch.times).toBeUndefined()
  })

  test('can be emptied', async () => {
    const { engine, id } = await stored({ a: 1 })
    expect(await engine.write(id, {}, 'replace')).toBe(true)
    expect(await engine.read(id)).toEqual({})
  })

  test('ends when it is told to, and is otherwise used as before', async () => {
    const { engine, id, open, token, clock } = await stored({ a: 1 }, { lifetime: hours(5), idleTimeout: minutes(30) })
    clock.advance(minutes(20))
    expect(await engine.write(id, { b: 1 }, 'merge', hours(1))).toBe(true)
    expect((await open(token)).cookie.maxAge).toBe(hours(1))
    clock.advance(minutes(29))
    expect(await engine.read(id)).toEqual({ a: 1, b: 1 })
  })

  test('is followed where it moves in between', async () => {
    const { engine, id, open, token, store, data } = await stored({ a: 1 })
    const gate = store.hold('update')
    const written = engine.write(id, { b: 1 }, 'merge')
    await gate.reached
    const visit = await open(token)
    await visit.session.rotate()
    gate.open()
    expect(await written).toBe(true)
    expect(await data(visit.signedToken)).toEqual({ a: 1, b: 1 })
  })

  test('is not revived where it ends in between', async () => {
    const { engine, id, open, token, store, data } = await stored({ a: 1 })
    const gate = store.hold('update')
    const written = engine.write(id, { b: 1 }, 'merge')
    await gate.reached
    await (await open(token)).session.destroy()
    gate.open()
    expect(await written).toBe(false)
    expect(await data(token)).toEqual({})
  })
})

test('a session that is ended from outside is told of once', async () => {
  const { engine, id, handle, events } = await stored({ a: 1 })
  expect([await engine.revoke(id), await engine.revoke(id)]).toEqual([true, false])
  expect(events.slice(1)).toEqual([{ type: 'revoked', handle, reason: 'service' }])
})

test('and not by who came too late', async () => {
  const { engine, id, events, store } = await stored({ a: 1 })
  const gate = store.hold('delete')
  const late = engine.revoke(id)
  await gate.reached
  expect(await engine.revoke(id)).toBe(true)
  gate.open()
  expect(await late).toBe(false)
  expect(events.filter(({ type }) => type === 'revoked')).toHaveLength(1)
})

test('a token that no secret of ours signed is told of, costs no store call, and the next one counts', async () => {
  const { engine, token, events, store } = await stored({ a: 1 })
  const other = await setUp({ secret: 'o'.repeat(32) }).stored({ a: 2 })
  const { load } = store.calls
  const visit = await engine.open([other, 'garbage', token], { presented: true, assertReachable() {} })
  expect({ ...visit.session }).toEqual({ a: 1 })
  expect(store.calls.load).toBe(load + 1)
  expect(events.slice(1)).toMatchObject([{ type: 'token-rejected' }, { type: 'token-rejected' }])
})

describe('closing', () => {
  const closable = (abilities: ReadonlySet<'closing'>) => {
    const close = vi.fn()
    const { engine } = setUp({}, (store) => ({ ...bare(store), abilities, close }) as SessionStore)
    return { engine, close }
  }

  test('closes the store, where that has something to close', async () => {
    const { engine, close } = closable(new Set(['closing'] as const))
    await engine.close()
    expect(close).toHaveBeenCalledOnce()
  })

  test('leaves any other alone', async () => {
    const { engine, close } = closable(new Set())
    await engine.close()
    expect(close).not.toHaveBeenCalled()
  })
})

describe('an answer of a store', () => {
  test('that is there is taken at once, and one that is promised when it comes', async () => {
    for (const value of [null, undefined, 0, 'then', {}]) {
      expect(isPromise(value)).toBe(false)
      expect(after(value, (given) => [given])).toEqual([value])
    }
    expect(await after(Promise.resolve(1), (given) => given + 1)).toBe(2)
  })

  test.each([
    ['load', (calls: StoreCalls) => calls.load('k')],
    ['create', (calls: StoreCalls) => calls.create({} as never)],
    ['update', (calls: StoreCalls) => calls.update('k', {} as never)],
    ['touch', (calls: StoreCalls) => calls.touch('k', 1)],
    ['delete', (calls: StoreCalls) => calls.delete('k')],
    ['rotate', (calls: StoreCalls) => calls.rotate('k', 'n', {} as never)],
    ['confirm', (calls: StoreCalls) => calls.confirm('k', 'f', 1)],
    ['sweep', (calls: StoreCalls) => calls.sweep(1)],
    ['list', (calls: StoreCalls) => calls.bySubject('list', (store) => store.list('s'))],
  ] as const)('to %s that does not come in time is told of by its name', async (verb, call) => {
    const store = new FailingStore(new MemoryStore())
    store.hang()
    const told: unknown[] = []
    const calls = new StoreCalls(store, 20, {
      failed: (name, error) => void told.push([name, error.message, String(error.cause)]),
      down: () => {},
      up: () => {},
    })
    await expect(call(calls)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
    expect(told).toEqual([
      [
        verb,
        `The session store "memory" did not ${verb}. See the cause. Nothing was half saved.`,
        'Error: No answer within 20 ms.',
      ],
    ])
  })
})

test.each([
  [1, "The subject has a session already, which is as many as `maxSessions` allows, and `onLimit` is 'refuse'."],
  [3, "The subject has 3 sessions already, which is as many as `maxSessions` allows, and `onLimit` is 'refuse'."],
])('the refusal of one session more than %i says so, and what to do', (max, message) => {
  expect(limitReached(max)).toMatchObject({
    code: 'SESSION_LIMIT_REACHED',
    message: `${message} End one of them first, or let the oldest go with \`evict-oldest\`.`,
  })
})

test('the refusal of a key that is taken says what to do', () => {
  expect(keyTaken()).toMatchObject({
    code: 'RECORD_EXISTS',
    message: 'The key of a new session is already taken. Create each session with a new id.',
  })
})
