import {
  keyOf,
  SessionEngine,
  type Ability,
  type OpenSession,
  type SessionError,
  type SessionStore,
} from 'latchkey/core'
import { MemoryStore } from 'latchkey/stores/memory'
import { describe, expect, test } from 'vitest'
import { bare, carrier, setUp } from '../support/engine.js'

const withCode = (code: string): unknown => expect.objectContaining({ code })

describe('verbs as express-session has them', () => {
  test.each(['save', 'reload', 'regenerate', 'destroy', 'touch', 'rotate'] as const)(
    '%s returns a promise and also takes a callback',
    async (verb) => {
      const { open, stored } = setUp()
      const first = (await open(await stored({ a: 1 }))).session
      await expect(first[verb]()).resolves.toBeUndefined()
      const second = (await open(await stored({ a: 1 }))).session
      const error = await new Promise((resolve) => void second[verb](resolve))
      expect(error).toBeUndefined()
    },
  )

  test('a callback gets the error, and then the promise does not reject', async () => {
    const { open, stored, store } = setUp()
    const { session } = await open(await stored({ a: 1 }))
    store.failWith(new Error('down'))
    let promise: Promise<void> | undefined
    const error = await new Promise((resolve) => void (promise = session.destroy(resolve)))
    expect(error).toEqual(withCode('STORE_UNAVAILABLE'))
    await expect(promise).resolves.toBeUndefined()
  })

  test('a failed verb that nobody waits for is no unhandled rejection', async () => {
    const { open, stored, store } = setUp()
    const { session } = await open(await stored({ a: 1 }))
    const unhandled: unknown[] = []
    const listener = (reason: unknown): void => void unhandled.push(reason)
    process.on('unhandledRejection', listener)
    store.failWith(new Error('down'))
    void session.destroy()
    for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate)
    process.off('unhandledRejection', listener)
    expect(unhandled).toEqual([])
  })

  test('verbs are on the prototype: neither JSON, nor spread, nor keys show them, and printing shows no id', async () => {
    const { open, stored } = setUp()
    const { session, id } = await open(await stored({ a: 1 }))
    expect(JSON.stringify(session)).toBe('{"a":1}')
    expect({ ...session }).toStrictEqual({ a: 1 })
    const { inspect } = await import('node:util')
    expect(inspect(session, { showHidden: true, depth: 5 })).not.toContain(id)
  })

  test('verbs run one after the other', async () => {
    const { open, stored, store, data } = setUp()
    const token = await stored({ a: 1 })
    const { session } = await open(token)
    const gate = store.hold('update')
    session['a' as never] = 2 as never
    const saved = session.save()
    const destroyed = session.destroy()
    await gate.reached
    expect(store.calls.delete).toBe(0)
    gate.open()
    await Promise.all([saved, destroyed])
    expect(await data(token)).toEqual({})
  })
})

describe('a verb that is called while the end of the request is being stored', () => {
  test.each([{ a: 1 }, { userId: 1 }])('waits for it, so that the new session %j is stored once', async (first) => {
    const { engine, open, store, data } = setUp()
    const visit = await open()
    Object.assign(visit.session, first)
    const gate = store.hold('create')
    const committed = visit.commit()
    Object.assign(visit.session, { b: 2 })
    const saved = visit.session.save()
    const hungUp = visit.commit()
    gate.open()
    await Promise.all([committed, saved, hungUp])
    expect(store.calls.create).toBe(1)
    expect(await data(visit.signedToken)).toEqual({ ...first, b: 2 })
    expect(await engine.subjects.count(1)).toBe('userId' in first ? 1 : 0)
  })
})

describe('regenerate', () => {
  test('ends the old session and gives a new, empty object; the old object keeps what it held', async () => {
    const { open, stored, data } = setUp()
    const token = await stored({ cart: [1], userId: 1 })
    const visit = await open(token)
    const before = visit.session
    await before.regenerate()
    expect(visit.session).not.toBe(before)
    expect({ ...visit.session }).toEqual({})
    expect({ ...before }).toEqual({ cart: [1], userId: 1 })
    expect(await data(token)).toEqual({})
  })

  test('what a handler writes to the object it still holds goes to the new session', async () => {
    const { open, stored, data } = setUp()
    const visit = await open(await stored({ cart: [1] }))
    const held = visit.session as Record<string, unknown> & typeof visit.session
    await held.regenerate()
    held['userId'] = 5
    await visit.commit()
    expect(await data(visit.signedToken)).toEqual({ userId: 5 })
  })

  test('what the new session has of its own wins', async () => {
    const { open, stored, data } = setUp()
    const visit = await open(await stored({}))
    const held = visit.session as Record<string, unknown> & typeof visit.session
    await held.regenerate()
    Object.assign(visit.session, { userId: 'new' })
    held['userId'] = 'old'
    await visit.commit()
    expect(await data(visit.signedToken)).toEqual({ userId: 'new' })
  })

  test('without new data the cookie is deleted', async () => {
    const { open, stored } = setUp()
    const visit = await open(await stored({ a: 1 }))
    await visit.session.regenerate()
    await visit.commit()
    expect(visit.tokenChange).toBe('clear')
  })
})

describe('destroy', () => {
  test('empties the object, which then takes no more data', async () => {
    const { open, stored } = setUp()
    const { session } = await open(await stored({ userId: 1 }))
    await session.destroy()
    expect({ ...session }).toEqual({})
    expect(() => Object.assign(session, { userId: 1 })).toThrow(TypeError)
  })

  test('twice is not an error', async () => {
    const { open, stored } = setUp()
    const visit = await open(await stored({ userId: 1 }))
    await visit.session.destroy()
    await visit.session.destroy()
    await visit.commit()
    expect(visit.tokenChange).toBe('clear')
  })

  test('a regenerate after it begins a new session', async () => {
    const { open, stored, data } = setUp()
    const visit = await open(await stored({ userId: 1 }))
    await visit.session.destroy()
    await visit.session.regenerate()
    Object.assign(visit.session, { flash: 'bye' })
    await visit.commit()
    expect(await data(visit.signedToken)).toEqual({ flash: 'bye' })
  })
})

describe('reload and save', () => {
  test('reload drops what this request changed and brings what others wrote', async () => {
    const { open, stored } = setUp()
    const token = await stored({ a: 1 })
    const mine = await open(token)
    const other = await open(token)
    Object.assign(other.session, { b: 2 })
    await other.commit()
    Object.assign(mine.session, { a: 'changed', c: 3 })
    await mine.session.reload()
    expect({ ...mine.session }).toEqual({ a: 1, b: 2 })
  })

  test('reload of what can no longer be read drops nothing', async () => {
    const { open, stored, store } = setUp()
    const visit = await open(await stored({ a: 1, b: 2 }))
    await store.update(keyOf(visit.id), { set: new Map([['b', '{']]), remove: [] })
    await expect(visit.session.reload()).rejects.toEqual(withCode('RECORD_UNREADABLE'))
    expect({ ...visit.session }).toEqual({ a: 1, b: 2 })
    await visit.commit()
    expect(store.calls.update).toBe(1)
  })

  test('reload of a session that is over rejects with SESSION_GONE', async () => {
    const { open, stored } = setUp()
    const token = await stored({ a: 1 })
    const visit = await open(token)
    await (await open(token)).session.destroy()
    await expect(visit.session.reload()).rejects.toEqual(withCode('SESSION_GONE'))
    await expect((await open()).session.reload()).rejects.toEqual(withCode('SESSION_GONE'))
  })

  test('save of a session that was ended elsewhere rejects with SESSION_GONE and revives nothing', async () => {
    const { open, stored, data } = setUp()
    const token = await stored({ a: 1 })
    const visit = await open(token)
    await (await open(token)).session.destroy()
    Object.assign(visit.session, { a: 2 })
    await expect(visit.session.save()).rejects.toEqual(withCode('SESSION_GONE'))
    expect(await data(token)).toEqual({})
  })

  test('what was saved is not written again at the end', async () => {
    const { open, store } = setUp()
    const visit = await open()
    Object.assign(visit.session, { a: 1 })
    await visit.session.save()
    await visit.commit()
    expect(store.calls).toMatchObject({ create: 1, update: 0 })
    expect(visit.tokenChange).toBe('set')
  })
})

describe('update', () => {
  test('a hundred requests that count at once count to a hundred', async () => {
    const { open, stored, data } = setUp()
    const token = await stored({ count: 0 })
    const visits = await Promise.all(Array.from({ length: 100 }, () => open(token)))
    await Promise.all(
      visits.map((visit) =>
        visit.session.update(async (draft: { count?: number }) => {
          await Promise.resolve()
          draft.count = (draft.count ?? 0) + 1
        }),
      ),
    )
    expect(await data(token)).toEqual({ count: 100 })
  })

  test('sees and stores what this request changed before, keeps what it changes meanwhile, and writes only what differs', async () => {
    const { open, stored, data } = setUp()
    const token = await stored({ a: 1, other: { deep: [1] } })
    const visit = await open(token)
    const session = visit.session as Record<string, unknown> & typeof visit.session
    const other = session['other']
    session['b'] = 2
    await session.update((draft: Record<string, unknown>) => {
      draft['sum'] = (draft['a'] as number) + (draft['b'] as number)
      session['meanwhile'] = true
    })
    expect(session['sum']).toBe(3)
    expect(session['other']).toBe(other)
    await visit.commit()
    expect(await data(token)).toEqual({ a: 1, b: 2, sum: 3, other: { deep: [1] }, meanwhile: true })
  })

  test('on a session that has no record yet it creates one', async () => {
    const { open, data } = setUp()
    const visit = await open()
    await visit.session.update((draft: Record<string, unknown>) => void (draft['count'] = 1))
    expect(await data(visit.signedToken)).toEqual({ count: 1 })
  })

  test('when the session is ended meanwhile it rejects with SESSION_GONE', async () => {
    const { open, stored, data } = setUp()
    const token = await stored({ count: 0 })
    const visit = await open(token)
    const updated = visit.session.update(async (draft: Record<string, unknown>) => {
      draft['count'] = 1
      await (await open(token)).session.destroy()
    })
    await expect(updated).rejects.toEqual(withCode('SESSION_GONE'))
    expect(await data(token)).toEqual({})
  })

  test('setting the subject in it rotates', async () => {
    const { open, stored, data } = setUp()
    const token = await stored({ cart: 1 })
    const visit = await open(token)
    await visit.session.update((draft: Record<string, unknown>) => void (draft['userId'] = 9))
    expect(await data(token)).toEqual({})
    expect(await data(visit.signedToken)).toEqual({ cart: 1, userId: 9 })
  })
})

describe('a sign-in whose session changed under it', () => {
  test('two sign-ins on one anonymous session both get a live session of their own', async () => {
    const { open, stored, data } = setUp()
    const token = await stored({ cart: 1 })
    const [one, two] = [await open(token), await open(token)]
    Object.assign(one.session, { userId: 1 })
    Object.assign(two.session, { userId: 1 })
    await one.commit()
    await two.commit()
    expect(one.signedToken).not.toBe(two.signedToken)
    expect(await data(one.signedToken)).toEqual({ cart: 1, userId: 1 })
    expect(await data(two.signedToken)).toEqual({ cart: 1, userId: 1 })
    expect(await data(token)).toEqual({})
  })

  test('after the anonymous session was destroyed, none of its data come back', async () => {
    const { open, stored, data } = setUp()
    const token = await stored({ cart: 1 })
    const login = await open(token)
    await (await open(token)).session.destroy()
    Object.assign(login.session, { userId: 1 })
    await login.commit()
    await login.commit()
    expect(await data(login.signedToken)).toEqual({ userId: 1 })
  })

  test('a touch that finds the anonymous session over does not cost the sign-in', async () => {
    const { open, stored, data, store, clock } = setUp()
    const token = await stored({ cart: 1 })
    clock.advance(120_000)
    const touch = store.hold('touch')
    const login = await open(token)
    await (await open(token)).session.destroy()
    Object.assign(login.session, { userId: 1 })
    const done = login.commit()
    touch.open()
    await done
    expect(login.tokenChange).toBe('set')
    expect(await data(login.signedToken)).toEqual({ userId: 1 })
    expect(await data(token)).toEqual({})
  })

  test('but a session that had a subject and was ended does not live on under another subject', async () => {
    const { open, stored, data } = setUp()
    const token = await stored({ userId: 1 })
    const visit = await open(token)
    await (await open(token)).session.destroy()
    Object.assign(visit.session, { userId: 2 })
    await visit.commit()
    expect(visit.tokenChange).toBe('clear')
    expect(await data(visit.signedToken)).toEqual({})
  })
})

describe('a store with the five verbs and no abilities', () => {
  test('rotates in two steps', async () => {
    const { open, stored, data } = setUp({}, bare)
    const token = await stored({ cart: 1 })
    const visit = await open(token)
    Object.assign(visit.session, { userId: 1 })
    await visit.commit()
    expect(await data(visit.signedToken)).toEqual({ cart: 1, userId: 1 })
    expect(await data(token)).toEqual({})
    Object.assign(visit.session, { more: 1 })
    await visit.commit()
    expect(await data(visit.signedToken)).toEqual({ cart: 1, userId: 1, more: 1 })
  })

  test('what was ended between the two steps does not live on', async () => {
    const { open, stored, data, store } = setUp({}, bare)
    const token = await stored({ userId: 1 })
    const visit = await open(token)
    const gate = store.hold('delete')
    const rotated = visit.session.rotate()
    await gate.reached
    await (await open(token)).session.destroy()
    gate.open()
    await expect(rotated).rejects.toEqual(withCode('SESSION_GONE'))
    expect(await data(visit.signedToken)).toEqual({})
  })
})

test('a store that knows subjects but can not rotate keeps the limit at a sign-in all the same', async () => {
  const withSubjects = (store: SessionStore): SessionStore => ({
    ...bare(store),
    abilities: new Set<Ability>(['by-subject']),
    create: (record, limit) => store.create(record, limit),
  })
  const { open, stored, store, data, events } = setUp({ maxSessions: 1 }, withSubjects)
  const first = await stored({ userId: 1 })
  const visit = await open(await stored({ cart: 1 }))
  Object.assign(visit.session, { userId: 1 })
  await visit.commit()
  expect(await store.count('1')).toBe(1)
  expect(await data(first)).toEqual({})
  expect(await data(visit.signedToken)).toEqual({ cart: 1, userId: 1 })
  expect(events.map(({ type }) => type)).toContain('evicted')
})

describe('subjects', () => {
  test.each([
    [42, true],
    ['42', true],
    [42n, true],
    [0, true],
    ['', false],
    [null, false],
  ])('%s', async (userId, signedIn) => {
    const { engine, stored, open } = setUp()
    const { session } = await open(await stored({ userId, a: 1 }))
    expect(engine.subjectOf(session) !== undefined).toBe(signedIn)
  })

  test.each([[{}], [true], [[1]]])('%j is refused', async (userId) => {
    const { stored } = setUp()
    await expect(stored({ userId })).rejects.toEqual(withCode('SUBJECT_INVALID'))
  })
})

test('while the store answers at once, so does the engine', () => {
  const engine = new SessionEngine({ store: new MemoryStore(), secret: 's'.repeat(32) })
  const visit = engine.open([], carrier) as OpenSession
  Object.assign(visit.session, { a: 1 })
  expect(visit.commit()).toBeUndefined()
  const again = engine.open([visit.signedToken], carrier) as OpenSession
  expect({ ...again.session }).toEqual({ a: 1 })
  expect(again.commit()).toBeUndefined()
})

test('an observer that throws breaks nothing', async () => {
  const engine = new SessionEngine({
    store: new MemoryStore(),
    secret: 's'.repeat(32),
    onEvent() {
      throw new Error('observer')
    },
  })
  const visit = await engine.open([], carrier)
  Object.assign(visit.session, { a: 1 })
  await visit.commit()
})

test('an observer whose promise rejects breaks nothing, and does not end the process', async () => {
  const rejected: unknown[] = []
  const note = (reason: unknown): void => void rejected.push(reason)
  process.on('unhandledRejection', note)
  try {
    const onEvent = (() => Promise.reject(new Error('observer'))) as () => void
    const visit = await new SessionEngine({ store: new MemoryStore(), secret: 's'.repeat(32), onEvent }).open(
      [],
      carrier,
    )
    Object.assign(visit.session, { a: 1 })
    await visit.commit()
    // Node tells of it once all that was due is done.
    await new Promise(setImmediate)
    expect(rejected).toEqual([])
  } finally {
    process.off('unhandledRejection', note)
  }
})

test('a value whose name is a symbol is refused, because it would be lost', async () => {
  const visit = await new SessionEngine({ store: new MemoryStore(), secret: 's'.repeat(32) }).open([], carrier)
  Object.assign(visit.session, { a: 1, [Symbol('cart')]: 2 })
  await expect(async () => visit.commit()).rejects.toMatchObject({
    code: 'VALUE_NOT_STORABLE',
    message: expect.stringMatching(
      /^The session can't keep a value of the session: it is named by a symbol\. Keep plain/,
    ),
  })
})

test('no error message holds an id, a token or a key', async () => {
  const { open, stored, store } = setUp()
  const token = await stored({ a: 1 })
  const visit = await open(token)
  store.failWith(new Error('x'))
  const errors: SessionError[] = []
  for (const verb of ['save', 'reload', 'destroy', 'rotate'] as const) {
    Object.assign(visit.session, { [verb + '1']: 1 })
    await visit.session[verb]().catch((error: SessionError) => errors.push(error))
  }
  expect(errors).toHaveLength(4)
  for (const error of errors) expect(String(error)).not.toMatch(/[\w-]{40,}/)
})
