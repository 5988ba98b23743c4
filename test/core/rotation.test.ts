import { hours, minutes, seconds, type EngineOptions, type OpenSession } from 'latchkey/core'
import { describe, expect, test } from 'vitest'
import { TokenSigner } from '../../src/core/token.js'
import { bare, setUp, type EngineSetup } from '../support/engine.js'

const GRACE = seconds(10)

describe('rotate', () => {
  test('moves the session to a new id with its data, its handle and its deadlines', async () => {
    const { open, stored, clock } = setUp()
    const visit = await open(await stored({ a: 1, userId: 1 }))
    const { handle, id } = visit
    const { expires } = visit.cookie
    clock.advance(1000)
    Object.assign(visit.session, { b: 2 })
    await visit.session.rotate()
    expect(visit.id).not.toBe(id)
    const next = await open(visit.signedToken)
    expect({ ...next.session }).toEqual({ a: 1, userId: 1, b: 2 })
    expect(next.handle).toBe(handle)
    expect(next.cookie.expires).toEqual(expires)
  })

  test('in the same request twice gives one new id', async () => {
    const { open, stored, store } = setUp()
    const visit = await open(await stored({ a: 1 }))
    await visit.session.rotate()
    const { id } = visit
    await visit.session.rotate()
    expect(visit.id).toBe(id)
    expect(store.calls.rotate).toBe(1)
  })

  test('by parallel requests gives one new id to all of them, and keeps what each changed', async () => {
    const { open, stored, data } = setUp()
    const token = await stored({ a: 1 })
    const visits = await Promise.all(Array.from({ length: 10 }, () => open(token)))
    await Promise.all(
      visits.map((visit, index) => {
        Object.assign(visit.session, { [`key${index}`]: index })
        return visit.session.rotate()
      }),
    )
    expect(new Set(visits.map((visit) => visit.signedToken)).size).toBe(1)
    expect(visits.every((visit) => visit.tokenChange === 'set')).toBe(true)
    const kept = Object.fromEntries(visits.map((_, index) => [`key${index}`, index]))
    expect(await data(visits[0]!.signedToken)).toEqual({ a: 1, ...kept })
  })

  test('a request on its way with the old id reads and writes the same session', async () => {
    const { open, stored, data, events } = setUp()
    const token = await stored({ a: 1, gone: 1 })
    const slow = await open(token)
    const rotating = await open(token)
    await rotating.session.rotate()
    Object.assign(slow.session, { b: 2 })
    delete (slow.session as { gone?: number }).gone
    await slow.commit()
    expect(await data(rotating.signedToken)).toEqual({ a: 1, b: 2 })
    expect(events.map(({ type }) => type)).not.toContain('revoked-during-request')
  })

  test('a request on its way that counts with update() overwrites nobody', async () => {
    const { open, stored, data } = setUp()
    const token = await stored({ count: 1 })
    const slow = await open(token)
    const rotating = await open(token)
    Object.assign(rotating.session, { count: 5 })
    await rotating.session.rotate()
    await slow.session.update((draft: { count?: number }) => void (draft.count = (draft.count ?? 0) + 1))
    expect(await data(rotating.signedToken)).toEqual({ count: 6 })
  })

  test.each(['destroy', 'regenerate'] as const)('a %s by a request on its way ends the session', async (verb) => {
    const { open, stored, data } = setUp()
    const token = await stored({ a: 1 })
    const slow = await open(token)
    const rotating = await open(token)
    await rotating.session.rotate()
    await slow.session[verb]()
    expect(await data(rotating.signedToken)).toEqual({})
    expect(await data(token)).toEqual({})
  })

  test('a touch and a reload by a request on its way find the session', async () => {
    const { open, stored } = setUp()
    const token = await stored({ a: 1 })
    const slow = await open(token)
    const rotating = await open(token)
    Object.assign(rotating.session, { b: 2 })
    await rotating.session.rotate()
    await slow.session.touch()
    await slow.session.reload()
    expect({ ...slow.session }).toEqual({ a: 1, b: 2 })
  })

  test('what became of the touch at the beginning of a request does not end it', async () => {
    const { open, stored, store, clock, data } = setUp()
    const token = await stored({ a: 1 })
    clock.advance(minutes(5))
    const gate = store.hold('touch')
    const slow = await open(token)
    const rotating = await open(token)
    await rotating.session.rotate()
    Object.assign(slow.session, { b: 2 })
    gate.open()
    await slow.commit()
    expect(await data(rotating.signedToken)).toEqual({ a: 1, b: 2 })
  })

  test('needs no new id where the client has not shown the last one', async () => {
    const { open, store } = setUp()
    const visit = await open()
    Object.assign(visit.session, { a: 1 })
    await visit.session.rotate()
    await visit.session.rotate()
    expect(store.calls).toMatchObject({ create: 1, rotate: 0 })
  })

  test('the lifetime never begins again', async () => {
    const { open, stored, clock, data } = setUp({ lifetime: minutes(20), idleTimeout: minutes(20) })
    let token = await stored({ a: 1 })
    for (let round = 0; round < 3; round++) {
      clock.advance(minutes(5))
      const visit = await open(token)
      await visit.session.rotate()
      token = visit.signedToken
    }
    clock.advance(minutes(5))
    expect(await data(token)).toEqual({})
  })
})

describe('the old id', () => {
  async function rotated(options: Partial<EngineOptions> = {}) {
    const setup = setUp(options)
    const old = await setup.stored({ a: 1 })
    const visit = await setup.open(old)
    await visit.session.rotate()
    return { ...setup, old, new: visit.signedToken, handle: visit.handle }
  }

  /** A request, to its end. */
  async function visit(setup: Awaited<ReturnType<typeof rotated>>, token: string): Promise<object> {
    const open = await setup.open(token)
    const { tokenChange } = open
    await open.commit()
    return { data: { ...open.session }, sends: tokenChange === 'set' ? open.signedToken : undefined }
  }

  test('is good until the new one was seen, and each answer brings the new one again', async () => {
    const setup = await rotated()
    setup.clock.advance(minutes(20))
    for (let round = 0; round < 2; round++) {
      expect(await visit(setup, setup.old)).toEqual({ data: { a: 1 }, sends: setup.new })
    }
  })

  test('is good for the grace once the new one was seen, and is not answered with an id any more', async () => {
    const setup = await rotated()
    expect(await visit(setup, setup.new)).toEqual({ data: { a: 1 }, sends: undefined })
    setup.clock.advance(GRACE - 1)
    expect(await visit(setup, setup.old)).toEqual({ data: { a: 1 }, sends: undefined })
    setup.clock.advance(1)
    expect(await visit(setup, setup.old)).toEqual({ data: {}, sends: undefined })
    expect(await visit(setup, setup.new)).toEqual({ data: { a: 1 }, sends: undefined })
  })

  test('gets its grace from the first time that the new one was seen', async () => {
    const setup = await rotated()
    await visit(setup, setup.new)
    setup.clock.advance(GRACE - 1)
    await visit(setup, setup.new)
    setup.clock.advance(1)
    expect(await visit(setup, setup.old)).toMatchObject({ data: {} })
    expect(setup.store.calls.confirm).toBe(1)
  })

  test('is never sent, whatever its request does', async () => {
    const setup = await rotated()
    await visit(setup, setup.new)
    const open = await setup.open(setup.old)
    open.cookie.maxAge = hours(2)
    await open.session.rotate()
    await open.commit()
    expect(open.tokenChange).toBe('keep')
    await expect(open.session.token()).rejects.toMatchObject({ code: 'SESSION_GONE' })
  })

  test('is not signed anew by a request that learns on its way that the client has the new one', async () => {
    const { open, clock, stored } = setUp({ secret: ['new secret', 's'.repeat(32)] })
    const { id } = await open(await stored({ a: 1 }))
    const signedByOld = new TokenSigner(['s'.repeat(32)]).sign(id)
    const slow = await open(signedByOld)
    expect(slow.tokenChange).toBe('set')
    const rotating = await open(signedByOld)
    await rotating.session.rotate()
    await (await open(rotating.signedToken)).commit()
    Object.assign(slow.session, { b: 2 })
    await slow.commit()
    expect(slow.tokenChange).toBe('keep')
    clock.advance(GRACE)
    expect({ ...(await open(rotating.signedToken)).session }).toEqual({ a: 1, b: 2 })
  })

  test('writes into the session during its grace', async () => {
    const setup = await rotated()
    await visit(setup, setup.new)
    const open = await setup.open(setup.old)
    Object.assign(open.session, { b: 2 })
    await open.commit()
    expect(await setup.data(setup.new)).toEqual({ a: 1, b: 2 })
  })

  test('can still sign in during its grace, and then gets an id of its own', async () => {
    const setup = await rotated()
    await visit(setup, setup.new)
    const open = await setup.open(setup.old)
    Object.assign(open.session, { userId: 1 })
    await open.commit()
    expect(open.tokenChange).toBe('set')
    expect(await setup.data(open.signedToken)).toEqual({ a: 1, userId: 1 })
    for (const token of [setup.old, setup.new]) expect(await setup.data(token)).toEqual({})
  })

  test('leads on through several rotations', async () => {
    const setup = await rotated()
    const second = await setup.open(setup.new)
    await second.session.rotate()
    expect(await visit(setup, setup.old)).toEqual({ data: { a: 1 }, sends: undefined })
    expect(await visit(setup, setup.new)).toEqual({ data: { a: 1 }, sends: second.signedToken })
  })

  test('used after its grace is reported, and the session lives on', async () => {
    const setup = await rotated()
    await visit(setup, setup.new)
    setup.clock.advance(GRACE)
    await visit(setup, setup.old)
    expect(setup.events.at(-1)).toEqual({ type: 'reuse-detected', handle: setup.handle })
    expect(await visit(setup, setup.new)).toMatchObject({ data: { a: 1 } })
  })

  test("used after its grace ends the session with onReuse 'revoke', under all its ids", async () => {
    const setup = await rotated({ onReuse: 'revoke' })
    const next = await setup.open(setup.new)
    await next.session.rotate()
    await next.commit()
    setup.clock.advance(GRACE)
    await visit(setup, setup.old)
    expect(setup.events.slice(-2)).toEqual([
      { type: 'reuse-detected', handle: setup.handle },
      { type: 'revoked', handle: setup.handle, reason: 'reused' },
    ])
    for (const token of [setup.old, setup.new, next.signedToken]) expect(await setup.data(token)).toEqual({})
  })

  test('of a session that is over is no sign of anything', async () => {
    const setup = await rotated()
    const next = await setup.open(setup.new)
    await next.session.destroy()
    setup.clock.advance(GRACE)
    await visit(setup, setup.old)
    expect(setup.events.map(({ type }) => type)).not.toContain('reuse-detected')
  })

  test('stays good if the store could not note that the new one was seen, and that is noted next time', async () => {
    const setup = await rotated()
    setup.store.failWith(new Error('down'), ['confirm'])
    expect(await visit(setup, setup.new)).toMatchObject({ data: { a: 1 } })
    setup.store.heal()
    setup.clock.advance(GRACE)
    expect(await visit(setup, setup.old)).toMatchObject({ data: { a: 1 } })
    await visit(setup, setup.new)
    setup.clock.advance(GRACE)
    expect(await visit(setup, setup.old)).toMatchObject({ data: {} })
  })

  test('of a sign-in is dead at once', async () => {
    const { open, stored, data } = setUp()
    const token = await stored({ a: 1 })
    const visit = await open(token)
    Object.assign(visit.session, { userId: 1 })
    await visit.commit()
    expect(await data(token)).toEqual({})
  })

  test('leads to a session that the service reads, writes and ends', async () => {
    const { engine, open, stored, data } = setUp()
    const token = await stored({ a: 1 })
    const visit = await open(token)
    const { id } = visit
    await visit.session.rotate()
    expect(await engine.read(id)).toEqual({ a: 1 })
    expect(await engine.write(id, { b: 2 }, 'merge')).toBe(true)
    expect(await data(visit.signedToken)).toEqual({ a: 1, b: 2 })
    expect(await engine.revoke(id)).toBe(true)
    expect(await data(visit.signedToken)).toEqual({})
  })
})

describe('rotateEvery', () => {
  test('moves a session whose id is older, at the end of its next request', async () => {
    const { open, stored, clock, events } = setUp({ rotateEvery: minutes(10) })
    const token = await stored({ a: 1 })
    clock.advance(minutes(10) - 1)
    const early = await open(token)
    await early.commit()
    expect(early.tokenChange).toBe('keep')
    clock.advance(1)
    const due = await open(token)
    expect(due.isUnsettled).toBe(true)
    await due.commit()
    expect(due.tokenChange).toBe('set')
    expect(events.at(-1)).toMatchObject({ type: 'rotated', reason: 'due' })
    const next = await open(due.signedToken)
    await next.commit()
    expect(next.tokenChange).toBe('keep')
  })

  test('gives parallel requests one new id', async () => {
    const { open, stored, clock, store } = setUp({ rotateEvery: minutes(10) })
    const token = await stored({ a: 1 })
    clock.advance(minutes(10))
    const visits = await Promise.all(Array.from({ length: 10 }, () => open(token)))
    await Promise.all(visits.map(async (visit) => visit.commit()))
    const tokens = visits.filter(({ tokenChange }) => tokenChange === 'set').map(({ signedToken }) => signedToken)
    expect(new Set(tokens).size).toBe(1)
    expect((await store.load('none'), store.calls.create)).toBe(1)
  })

  test('waits until it was noted that the last new id was seen', async () => {
    const { open, stored, clock, store } = setUp({ rotateEvery: minutes(10) })
    const old = await stored({ a: 1 })
    const rotating = await open(old)
    await rotating.session.rotate()
    clock.advance(minutes(10))
    store.failWith(new Error('down'), ['confirm'])
    const unnoted = await open(rotating.signedToken)
    Object.assign(unnoted.session, { b: 2 })
    await unnoted.session.rotate()
    await unnoted.commit()
    expect(unnoted.tokenChange).toBe('keep')
    store.heal()
    const gate = store.hold('confirm')
    const noting = await open(rotating.signedToken)
    await gate.reached
    const saving = noting.session.save()
    await saving
    expect(noting.tokenChange).toBe('keep')
    gate.open()
    await noting.commit()
    expect(noting.tokenChange).toBe('set')
    clock.advance(GRACE)
    expect({ ...(await open(old)).session }).toEqual({})
    expect({ ...(await open(noting.signedToken)).session }).toEqual({ a: 1, b: 2 })
  })

  test('waits for a request that can be told of it', async () => {
    const { open, stored, clock } = setUp({ rotateEvery: minutes(10) })
    const token = await stored({ a: 1 })
    clock.advance(minutes(10))
    const late = await open(token, { isReachable: false })
    await late.commit()
    expect(late.tokenChange).toBe('keep')
    const next = await open(token)
    await next.commit()
    expect(next.tokenChange).toBe('set')
  })

  test('is refused with a store that can not rotate', () => {
    expect(() => setUp({ rotateEvery: 1 }, bare)).toThrow(/rotateEvery needs a store with the ability rotating/)
  })
})

describe('after forty rotations', () => {
  async function rotatedOften(): Promise<EngineSetup & { first: string; long: OpenSession; last: string }> {
    const setup = setUp({ rotateEvery: minutes(1), onReuse: 'revoke', lifetime: hours(100), idleTimeout: hours(100) })
    const first = await setup.stored({ a: 1, userId: 1 })
    const long = await setup.open(first)
    let last = first
    for (let count = 0; count < 40; count++) {
      setup.clock.advance(minutes(1))
      const visit = await setup.open(last)
      await visit.commit()
      expect(visit.tokenChange).toBe('set')
      last = visit.signedToken
    }
    return { ...setup, first, long, last }
  }

  test('the first id is still known for reused', async () => {
    const { first, last, open, data, events } = await rotatedOften()
    expect({ ...(await open(first)).session }).toEqual({})
    expect(events.map(({ type }) => type)).toContain('reuse-detected')
    expect(await data(last)).toEqual({})
  })

  test('a request that began before them still ends the session', async () => {
    const { long, last, data } = await rotatedOften()
    await long.session.destroy()
    await long.commit()
    expect(await data(last)).toEqual({})
  })

  test('what a request that began before them changed is kept', async () => {
    const { long, last, data } = await rotatedOften()
    Object.assign(long.session, { b: 2 })
    await long.commit()
    expect(await data(last)).toEqual({ a: 1, userId: 1, b: 2 })
  })
})

describe('a store whose former keys lead in circles', () => {
  /** Leads from every key to the same one, after which a request would never end. */
  async function inCircles(goodUntil: number | undefined) {
    const setup = setUp({ onReuse: 'revoke' })
    const token = await setup.stored({ a: 1 })
    const held = await setup.open(token)
    let loads = 0
    setup.store.load = (key) => {
      if (++loads > 10_000) throw new Error('It never ends.')
      return { movedTo: key, sealedId: undefined, goodUntil }
    }
    setup.store.delete = () => false
    return { ...setup, token, held }
  }

  test.each([
    ['still good', undefined],
    ['reused', 0],
  ])('finds nothing for an id that is %s', async (_what, goodUntil) => {
    const { data, token, events } = await inCircles(goodUntil)
    expect(await data(token)).toEqual({})
    expect(events.map(({ type }) => type)).toEqual(['created'])
  })

  test('has nothing to end', async () => {
    const { held, events } = await inCircles(undefined)
    await held.session.destroy()
    expect(held.tokenChange).toBe('clear')
    expect(events.map(({ type }) => type)).toEqual(['created'])
  })
})
