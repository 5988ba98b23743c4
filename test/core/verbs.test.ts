import { days, hours, type SessionEvent } from 'latchkey/core'
import { describe, expect, test } from 'vitest'
import { setUp } from '../support/engine.js'

const told = (events: readonly SessionEvent[], type: SessionEvent['type']): readonly SessionEvent[] =>
  events.filter((event) => event.type === type)

test('each end that a handler makes is told with its reason', async () => {
  const { open, stored, events } = setUp()
  for (const verb of ['regenerate', 'destroy'] as const) await (await open(await stored({ a: 1 }))).session[verb]()
  expect(told(events, 'revoked')).toMatchObject([{ reason: 'regenerated' }, { reason: 'destroyed' }])
})

describe('a token', () => {
  test('is refused for a session without data, and says so', async () => {
    const { open } = setUp()
    await expect((await open()).session.token()).rejects.toMatchObject({
      code: 'SESSION_GONE',
      message: expect.stringMatching(/It has no data yet, so there is nothing to stand for\./),
    })
  })

  test('is refused to a request that does not know the newer id, and says so', async () => {
    const { open, stored } = setUp()
    const token = await stored({ a: 1 })
    const old = await open(token)
    const rotating = await open(token)
    await rotating.session.rotate()
    await open(rotating.signedToken)
    await old.session.touch()
    await expect(old.session.token()).rejects.toMatchObject({
      code: 'SESSION_GONE',
      message: expect.stringMatching(/The client has a newer id of it, which this request does not know\./),
    })
  })
})

describe('a session that nobody has stored yet', () => {
  test('has no time of a sign-in', async () => {
    const { open } = setUp()
    expect((await open()).session.authenticatedAt).toBeUndefined()
  })

  test('is stored by one update, which meets no conflict', async () => {
    const { open, data, events } = setUp()
    const visit = await open()
    let calls = 0
    await visit.session.update((draft) => {
      calls++
      Object.assign(draft, { a: 1 })
    })
    expect(calls).toBe(1)
    expect(told(events, 'write-conflict')).toEqual([])
    expect(await data(visit.signedToken)).toEqual({ a: 1 })
  })
})

test('the end of a request waits for the last verb, also when one before it is done', async () => {
  const { open, stored, store } = setUp()
  const visit = await open(await stored({ a: 1 }))
  const [first, last] = [store.hold('update'), store.hold('touch')]
  Object.assign(visit.session, { b: 2 })
  const saved = visit.session.save()
  const touched = visit.session.touch()
  first.open()
  await saved
  await last.reached
  let isCommitted = false
  const committed = Promise.resolve(visit.commit()).then(() => void (isCommitted = true))
  for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate)
  expect(isCommitted).toBe(false)
  last.open()
  await Promise.all([touched, committed])
})

describe('an update', () => {
  test('that sets the subject signs in', async () => {
    const { open, stored, events, clock } = setUp()
    const visit = await open(await stored({ a: 1 }))
    clock.advance(1000)
    await visit.session.update((draft) => void Object.assign(draft, { userId: 1 }))
    expect(visit.authenticatedAt).toBe(clock.now())
    expect(told(events, 'rotated')).toMatchObject([{ reason: 'subject' }])
  })

  test('that meets another writer reads once for each further try', async () => {
    const { open, stored, store, events } = setUp()
    const token = await stored({ count: 0 })
    const visit = await open(token)
    const other = await open(token)
    const { load } = store.calls
    await visit.session.update(async (draft) => {
      if (told(events, 'write-conflict').length > 0) return
      Object.assign(draft, { mine: true })
      await other.session.update((theirs) => void Object.assign(theirs, { theirs: true }))
    })
    expect(told(events, 'write-conflict')).toMatchObject([{ attempt: 1 }])
    expect(store.calls.load).toBe(load + 1)
  })
})

describe('somebody who signs in where somebody else was', () => {
  test('does not inherit how long that one was to stay', async () => {
    const { open, stored, clock } = setUp({ lifetime: hours(2) })
    const visit = await open(await stored({ userId: 'ann' }))
    await visit.signIn({ userId: 'ann' }, { remember: days(30) })
    const next = await open(visit.signedToken)
    clock.advance(1000)
    await next.signIn({ userId: 'bob' })
    expect(next.cookie.maxAge).toBe(hours(2))
    expect(next.authenticatedAt).toBe(clock.now())
  })

  test('is told of as a sign-in', async () => {
    const { open, stored, events } = setUp()
    const visit = await open(await stored({ userId: 'ann' }))
    await visit.signIn({ userId: 'bob' })
    expect(told(events, 'rotated')).toMatchObject([{ reason: 'subject' }])
  })
})

test('who signs in once more gets an id of their own, also where another request moves the session meanwhile', async () => {
  const { open, stored, data } = setUp()
  const token = await stored({ userId: 1 })
  const [visit, other] = [await open(token), await open(token)]
  await other.session.rotate()
  await visit.signIn({ userId: 1 })
  expect([token, other.signedToken]).not.toContain(visit.signedToken)
  expect(await data(other.signedToken)).toEqual({})
  expect(await data(visit.signedToken)).toEqual({ userId: 1 })
})

test('an anonymous session that was ended elsewhere does not come back by a rotation', async () => {
  const { open, stored, store } = setUp()
  const token = await stored({ a: 1 })
  const [visit, other] = [await open(token), await open(token)]
  await other.session.destroy()
  Object.assign(visit.session, { b: 2 })
  await expect(visit.session.rotate()).rejects.toMatchObject({ code: 'SESSION_GONE' })
  expect(store.calls.create).toBe(1)
})

test('a session that its handler has put an end to takes no more data', async () => {
  const { open, stored, store, engine, events } = setUp()
  const visit = await open(await stored({ a: 1 }))
  const { id } = visit
  visit.cookie.maxAge = 0
  await visit.commit()
  Object.assign(visit.session, { b: 2 })
  await visit.commit()
  expect(store.calls).toMatchObject({ create: 1, update: 0 })
  expect(told(events, 'revoked-during-request')).toEqual([])
  expect(await engine.read(id)).toBeUndefined()
})

describe('what the session says of itself', () => {
  test.each(['id', 'handle', 'authenticatedAt', 'cookie'])('(%s) can not be assigned', async (name) => {
    const { open } = setUp()
    const { session } = await open()
    expect(() => Object.assign(session, { [name]: 1 })).toThrow(
      expect.objectContaining({
        code: 'VALUE_NOT_STORABLE',
        message: expect.stringMatching(
          new RegExp(`keep a value named "${name}": it is a name that the session uses itself, so choose another\\.`),
        ),
      }) as Error,
    )
  })

  test('is that of what is stored', async () => {
    const { open, stored } = setUp()
    const visit = await open(await stored({ userId: 1 }))
    const { id, handle, authenticatedAt, cookie } = visit.session
    expect({ id, handle, authenticatedAt, cookie }).toEqual({
      id: visit.id,
      handle: visit.handle,
      authenticatedAt: visit.authenticatedAt,
      cookie: visit.cookie,
    })
    expect(authenticatedAt).toBeTypeOf('number')
  })

  test('has its verbs where a value named __proto__ can not take them away', async () => {
    const { open, stored } = setUp()
    const { session } = await open(await stored({ a: 1 }))
    const verbs = Object.getPrototypeOf(session) as object
    const read = (): unknown => (session as unknown as Record<string, unknown>)['__proto__']
    expect(read()).toBe(verbs)
    ;(session as unknown as Record<string, unknown>)['__proto__'] = { b: 1 }
    expect(read()).toEqual({ b: 1 })
    expect(Object.getPrototypeOf(session)).toBe(verbs)
  })

  test('a key that can not be stored as text is refused', async () => {
    const { open } = setUp()
    const visit = await open()
    Object.assign(visit.session, { '\ud800': 1 })
    await expect(visit.session.save()).rejects.toThrow(/it is a key with half a surrogate pair\./)
  })
})
