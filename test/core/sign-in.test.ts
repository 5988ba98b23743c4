import { days, hours, minutes, type EngineOptions, type OpenSession } from 'latchkey/core'
import { describe, expect, test } from 'vitest'
import { bare, carrier, setUp } from '../support/engine.js'

const maxAgeAfter = async (
  { open, clock }: ReturnType<typeof setUp>,
  token: string,
  expected: number,
): Promise<void> => {
  const { expires } = (await open(token)).cookie
  expect(expires!.getTime() - clock.now()).toBe(expected)
}

describe('a sign-in', () => {
  test('while the store answers at once, is done at once', async () => {
    const { engine } = setUp()
    const visit = await engine.open([], carrier)
    const done = visit.signIn({ userId: 1 })
    expect(visit.authenticatedAt).toBeDefined()
    await done
  })

  test('notes the client that it came from, in the place of the one that began the session', async () => {
    const { engine, open } = setUp()
    const began = await open(undefined, { client: { device: 'Firefox on Linux', ip: '192.0.2.1' } })
    Object.assign(began.session, { cart: 1 })
    await began.commit()
    const visit = await open(began.signedToken, { client: { device: 'Safari on iOS', ip: '192.0.2.2' } })
    await visit.signIn({ userId: 1 })
    expect(await engine.subjects.list(1)).toEqual([
      expect.objectContaining({ device: 'Safari on iOS', ip: '192.0.2.2' }),
    ])
  })

  test('asks what is known of the client only where somebody signs in', async () => {
    const { engine, stored, clock } = setUp({ rotateEvery: minutes(1) })
    const token = await stored({ userId: 1 })
    clock.advance(minutes(1))
    let asked = 0
    const visit = await engine.open([token], {
      ...carrier,
      get client() {
        asked++
        return { device: undefined, ip: undefined }
      },
    })
    await visit.commit()
    expect(visit.tokenChange).toBe('set')
    expect(asked).toBe(0)
    await visit.signIn({ userId: 1 })
    expect(asked).toBe(1)
  })

  test('by two requests of one anonymous session gives each a session of its own', async () => {
    const { open, stored, data, engine } = setUp()
    const token = await stored({ cart: 1 })
    const [ann, bob] = [await open(token), await open(token)]
    await ann.signIn({ userId: 'ann' })
    await bob.signIn({ userId: 'bob' })
    expect(await data(token)).toEqual({})
    expect(await data(ann.signedToken)).toEqual({ cart: 1, userId: 'ann' })
    expect(await data(bob.signedToken)).toEqual({ cart: 1, userId: 'bob' })
    expect(ann.handle).not.toBe(bob.handle)
    expect([await engine.subjects.count('ann'), await engine.subjects.count('bob')]).toEqual([1, 1])
  })

  test('on an anonymous session that was destroyed meanwhile brings nothing of it back', async () => {
    const { open, stored, data } = setUp()
    const token = await stored({ cart: 1 })
    const [visit, other] = [await open(token), await open(token)]
    await other.session.destroy()
    await visit.signIn({ userId: 1 })
    expect(await data(visit.signedToken)).toEqual({ userId: 1 })
  })

  test('on an anonymous session that moved to a new id and was destroyed there brings nothing of it back', async () => {
    const { open, stored, data } = setUp()
    for (const signIn of [
      (visit: OpenSession) => visit.signIn({ userId: 1 }),
      (visit: OpenSession) => void Object.assign(visit.session, { userId: 1 }),
    ]) {
      const token = await stored({ cart: 1 })
      const [visit, other] = [await open(token), await open(token)]
      await other.session.rotate()
      await other.session.destroy()
      await signIn(visit)
      await visit.commit()
      expect(await data(visit.signedToken)).toEqual({ userId: 1 })
    }
  })

  test('of the same user once more does not bring back a session that was revoked meanwhile', async () => {
    const { open, stored, engine, data } = setUp()
    const visit = await open(await stored({ userId: 1 }))
    await engine.subjects.revokeAll(1)
    await expect(visit.signIn({ userId: 1 })).rejects.toMatchObject({ code: 'SESSION_GONE' })
    await visit.commit()
    expect(visit.tokenChange).toBe('clear')
    expect(await engine.subjects.count(1)).toBe(0)
    expect(await data(visit.signedToken)).toEqual({})
  })

  test('after the session was destroyed in the same request is refused, and says what to do', async () => {
    const { open, stored } = setUp()
    const visit = await open(await stored({ userId: 1 }))
    await visit.session.destroy()
    await expect(visit.signIn({ userId: 1 })).rejects.toThrow(/regenerate\(\)/)
    await visit.session.regenerate()
    await visit.signIn({ userId: 1 })
    expect(visit.tokenChange).toBe('set')
  })

  test('with an id from before a rotation gives a new one, and both others are dead', async () => {
    const { open, stored, data } = setUp()
    const old = await stored({ userId: 1, cart: 1 })
    const rotating = await open(old)
    await rotating.session.rotate()
    await (await open(rotating.signedToken)).commit()
    const visit = await open(old)
    await visit.signIn({ userId: 1 })
    expect(visit.tokenChange).toBe('set')
    expect(await data(visit.signedToken)).toEqual({ userId: 1, cart: 1 })
    for (const token of [old, rotating.signedToken]) expect(await data(token)).toEqual({})
  })

  test('by two requests of a user who is signed in already leaves one session, and the later is told that it has moved', async () => {
    const { open, stored, data, engine, store } = setUp()
    const token = await stored({ userId: 1 })
    const gate = store.hold('rotate')
    const [slow, quick] = [await open(token), await open(token)]
    const slowly = slow.signIn({ userId: 1, by: 'slow' })
    await gate.reached
    await quick.signIn({ userId: 1, by: 'quick' })
    gate.open()
    await expect(slowly).rejects.toMatchObject({ code: 'SESSION_GONE' })
    await slow.commit()
    expect(await data(quick.signedToken)).toEqual({ userId: 1, by: 'quick' })
    expect(slow.tokenChange).toBe('keep')
    expect(await engine.subjects.count(1)).toBe(1)
  })

  test('works with a store of five verbs', async () => {
    const { open, stored, data } = setUp({}, bare)
    const token = await stored({ cart: 1 })
    const visit = await open(token)
    await visit.signIn({ userId: 1 }, { remember: days(30) })
    expect(await data(visit.signedToken)).toEqual({ cart: 1, userId: 1 })
    expect(await data(token)).toEqual({})
  })

  test('begins a lifetime, keeps a longer one, and takes the one that it is given', async () => {
    const setup = setUp({ lifetime: days(1), idleTimeout: days(1) })
    const visit = await setup.open(await setup.stored({ cart: 1 }))
    setup.clock.advance(hours(20))
    await visit.signIn({ userId: 1 })
    await maxAgeAfter(setup, visit.signedToken, days(1))
    await visit.signIn({ userId: 1 }, { remember: days(30) })
    await maxAgeAfter(setup, visit.signedToken, days(30))
    await visit.signIn({ userId: 1 })
    await maxAgeAfter(setup, visit.signedToken, days(30))
    await visit.signIn({ userId: 1 }, { remember: hours(1) })
    await maxAgeAfter(setup, visit.signedToken, hours(1))
  })
})

describe('a sign-in that failed', () => {
  const FULL: Partial<EngineOptions> = { maxSessions: 1, onLimit: 'refuse' }
  const reached = expect.objectContaining({ code: 'SESSION_LIMIT_REACHED' }) as Error

  test('leaves the session what it held, and the end of the request does not try again', async () => {
    const { open, stored, data, store, engine } = setUp(FULL)
    const first = await open(await stored({ userId: 1 }))
    const token = await stored({ cart: { items: [1] }, theme: 'dark' })
    const visit = await open(token)
    const { cart } = visit.session as { cart?: unknown }
    Object.assign(visit.session, { tries: 1 })
    await expect(visit.signIn({ userId: 1, theme: 'light' }, { keep: ['theme'] })).rejects.toEqual(reached)
    expect({ ...visit.session }).toEqual({ cart: { items: [1] }, theme: 'dark', tries: 1 })
    expect((visit.session as { cart?: unknown }).cart).toBe(cart)
    // Room for it now, but nobody is signed in by an answer that said no.
    await first.session.destroy()
    await visit.commit()
    expect(visit.tokenChange).toBe('keep')
    expect(store.calls.rotate).toBe(1)
    expect(await data(token)).toEqual({ cart: { items: [1] }, theme: 'dark', tries: 1 })
    expect(await engine.subjects.count(1)).toBe(0)
  })

  test('without a session from before stores none', async () => {
    const { open, stored, store } = setUp(FULL)
    await stored({ userId: 1 })
    const visit = await open()
    await expect(visit.signIn({ userId: 1 })).rejects.toEqual(reached)
    await visit.commit()
    expect(visit.tokenChange).toBe('keep')
    expect(store.calls.create).toBe(2)
    expect({ ...visit.session }).toEqual({})
  })

  test('leaves the deadlines, stored and given, as they were', async () => {
    const setup = setUp(FULL)
    await setup.stored({ userId: 1 })
    const token = await setup.stored({ userId: 2 })
    const visit = await setup.open(token)
    visit.cookie.maxAge = hours(2)
    await expect(visit.signIn({ userId: 1 }, { remember: days(30) })).rejects.toEqual(reached)
    expect(visit.cookie.maxAge).toBe(hours(2))
    await visit.commit()
    await maxAgeAfter(setup, token, hours(2))
  })

  test('on a session that was destroyed meanwhile brings nothing of it back', async () => {
    const { open, stored, data, engine } = setUp(FULL)
    await stored({ userId: 1 })
    const token = await stored({ cart: 1 })
    const [visit, other] = [await open(token), await open(token)]
    await other.session.destroy()
    await expect(visit.signIn({ userId: 1 })).rejects.toEqual(reached)
    await visit.commit()
    expect(visit.tokenChange).toBe('keep')
    expect(await data(visit.signedToken)).toEqual({})
    expect(await engine.subjects.count(1)).toBe(1)
  })

  test('can be tried again in the same request', async () => {
    const { open, stored, data, engine } = setUp(FULL)
    await stored({ userId: 1 })
    const visit = await open(await stored({ cart: 1 }))
    await expect(visit.signIn({ userId: 1 })).rejects.toEqual(reached)
    await engine.subjects.revokeAll(1)
    await visit.signIn({ userId: 1 })
    expect(await data(visit.signedToken)).toEqual({ cart: 1, userId: 1 })
  })

  test('because the store did stays a failure of the request, unless it is tried again', async () => {
    const { open, stored, store, data } = setUp()
    const token = await stored({ cart: 1 })
    const visit = await open(token)
    store.failWith(new Error('down'), ['rotate'])
    await expect(visit.signIn({ userId: 1 })).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
    expect(() => visit.commit()).toThrow(expect.objectContaining({ code: 'STORE_UNAVAILABLE' }))
    store.heal()
    expect(await data(token)).toEqual({ cart: 1 })
    await visit.signIn({ userId: 1 })
    await visit.commit()
    expect(await data(visit.signedToken)).toEqual({ cart: 1, userId: 1 })
  })
})

describe('what a sign-in keeps of before', () => {
  const before = { cart: 1, theme: 'dark' }

  test.each([
    ['everything, where nothing is said', undefined, { cart: 1, theme: 'dark', userId: 1 }],
    ['everything', true, { cart: 1, theme: 'dark', userId: 1 }],
    ['nothing', false, { userId: 1 }],
    ['the keys named', ['cart', 'other'], { cart: 1, userId: 1 }],
    ['no key of none', [], { userId: 1 }],
  ])('is %s', async (_what, keep, held) => {
    const { open, stored, data } = setUp()
    const visit = await open(await stored(before))
    await visit.signIn({ userId: 1 }, { keep })
    expect(await data(visit.signedToken)).toEqual(held)
  })

  test('is refused where the data name nobody', async () => {
    const { open, stored } = setUp()
    const visit = await open(await stored(before))
    await expect(visit.signIn({ name: 'ann' })).rejects.toMatchObject({
      code: 'SUBJECT_INVALID',
      message: expect.stringMatching(/^Nobody would be signed in: the data name no subject\. Give the user an id/),
    })
    expect({ ...visit.session }).toEqual({ cart: 1, theme: 'dark' })
  })
})
