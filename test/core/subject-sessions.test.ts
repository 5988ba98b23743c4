import { days, hours, keyOf, minutes, type Duration, type OpenSession } from 'latchkey/core'
import type { StoreVerb } from 'latchkey/testing'
import { describe, expect, test } from 'vitest'
import { bare, setUp, type EngineSetup } from '../support/engine.js'

describe('the sessions of a subject', () => {
  test('are listed with what their owner may see, the first signed in first, and the present one marked', async () => {
    const { engine, open, clock } = setUp({ lifetime: days(1), idleTimeout: hours(1) })
    const client = { device: 'Firefox on Linux', ip: '192.0.2.1' }
    const laptop = await open(undefined, { client })
    Object.assign(laptop.session, { cart: 1 })
    await laptop.commit()
    const createdAt = clock.now()
    clock.advance(minutes(10))
    await laptop.signIn({ userId: 1 })
    const signedInAt = clock.now()
    clock.advance(minutes(10))
    const phone = await open()
    await phone.signIn({ userId: 1 }, { remember: days(30) })
    await (await open()).signIn({ userId: 2 })
    const shown = [
      {
        handle: laptop.handle,
        createdAt,
        authenticatedAt: signedInAt,
        lastSeenAt: signedInAt,
        expiresAt: signedInAt + days(1),
        ...client,
        current: false,
      },
      {
        handle: phone.handle,
        createdAt: clock.now(),
        authenticatedAt: clock.now(),
        lastSeenAt: clock.now(),
        expiresAt: clock.now() + days(30),
        device: undefined,
        ip: undefined,
        current: true,
      },
    ]
    expect(await engine.subjects.list(1, phone.handle)).toStrictEqual(shown)
    expect((await engine.subjects.list(1)).map(({ current }) => current)).toEqual([false, false])
    expect(await engine.subjects.list(3)).toEqual([])
  })

  test('are found by their handle, as a list shows them, by one call of the store', async () => {
    const { engine, open, stored, store, clock } = setUp()
    const [ann, bob] = [await open(await stored({ userId: 1 })), await open(await stored({ userId: 2 }))]
    await stored({ userId: 1 })
    const shown = (await engine.subjects.list(1)).find(({ handle }) => handle === ann.handle)
    expect(shown).toMatchObject({ handle: ann.handle, current: false })
    const { load, list } = store.calls
    expect(await engine.subjects.find('1', ann.handle)).toStrictEqual(shown)
    expect(await engine.subjects.find(1, ann.handle, ann.handle)).toStrictEqual({ ...shown, current: true })
    expect(await engine.subjects.find(1, bob.handle)).toBeUndefined()
    expect(store.calls).toMatchObject({ load, list, find: 3 })
    await ann.session.rotate()
    expect(await engine.subjects.find(1, ann.handle)).toBeDefined()
    await ann.session.destroy()
    expect(await engine.subjects.find(1, ann.handle)).toBeUndefined()
    clock.advance(minutes(30))
    expect(await engine.subjects.find(2, bob.handle)).toBeUndefined()
  })

  test('are the same for 1, "1" and 1n', async () => {
    const { engine, stored } = setUp()
    await stored({ userId: 1 })
    await stored({ userId: '1' })
    await stored({ userId: 1n })
    for (const subject of [1, '1', 1n]) expect(await engine.subjects.count(subject)).toBe(3)
  })

  test('stay so through rotations, and go with a logout, another subject and the end of their time', async () => {
    const { engine, open, stored, clock } = setUp()
    const count = async () => [await engine.subjects.count(1), await engine.subjects.count(2)]
    let visit = await open(await stored({ userId: 1 }))
    await visit.session.rotate()
    visit = await open(visit.signedToken)
    await visit.session.rotate()
    expect(await count()).toEqual([1, 0])
    Object.assign(visit.session, { userId: 2 })
    await visit.commit()
    expect(await count()).toEqual([0, 1])
    await visit.session.destroy()
    expect(await count()).toEqual([0, 0])
    await stored({ userId: 1 })
    clock.advance(minutes(30))
    expect(await count()).toEqual([0, 0])
  })

  test('are revoked by their handle, but not by that of somebody else', async () => {
    const { engine, open, stored, data, events } = setUp()
    const [ann, bob] = [await stored({ userId: 1 }), await stored({ userId: 2 })]
    const { handle } = await open(ann)
    expect(await engine.subjects.revoke(2, handle)).toBe(false)
    expect(await engine.subjects.revoke(1, handle)).toBe(true)
    expect(await engine.subjects.revoke(1, handle)).toBe(false)
    expect([await data(ann), await data(bob)]).toEqual([{}, { userId: 2 }])
    expect(events.slice(2)).toEqual([{ type: 'revoked', handle, reason: 'service' }])
  })

  test('are revoked all at once, or all but one', async () => {
    const { engine, open, stored, data, events } = setUp()
    const tokens = [await stored({ userId: 1 }), await stored({ userId: 1 }), await stored({ userId: 1 })]
    const { handle } = await open(tokens[1])
    expect(await engine.subjects.revokeAll(1, handle)).toBe(2)
    expect(await Promise.all(tokens.map(data))).toEqual([{}, { userId: 1 }, {}])
    expect(events.slice(3).map((event) => ({ ...event, handle: '' }))).toEqual(
      [0, 1].map(() => ({ type: 'revoked', handle: '', reason: 'service' })),
    )
    expect(events.slice(3)).not.toContainEqual(expect.objectContaining({ handle }))
    expect(await engine.subjects.revokeAll(1)).toBe(1)
    expect(await engine.subjects.revokeAll(1)).toBe(0)
  })

  test('get new values all at once; a request under way keeps its own beside them', async () => {
    const { engine, open, stored, data } = setUp()
    const tokens = [await stored({ userId: 1, role: 'editor', a: 1 }), await stored({ userId: 1, role: 'editor' })]
    const visit = await open(tokens[0])
    expect(await engine.subjects.updateAll(1, { role: 'admin', a: undefined })).toBe(2)
    Object.assign(visit.session, { b: 2 })
    await visit.commit()
    expect(await data(tokens[0]!)).toEqual({ userId: 1, role: 'admin', b: 2 })
    expect(await data(tokens[1]!)).toEqual({ userId: 1, role: 'admin' })
  })

  test('make update() try again where they got new values meanwhile', async () => {
    const { engine, open, stored, data } = setUp()
    const token = await stored({ userId: 1, count: 1 })
    const visit = await open(token)
    await engine.subjects.updateAll(1, { count: 10 })
    await visit.session.update((draft: { count?: number }) => void (draft.count = (draft.count ?? 0) + 1))
    expect(await data(token)).toEqual({ userId: 1, count: 11 })
  })

  test("get new values also where one of them can no longer be read, unless that would then be somebody else's", async () => {
    const { engine, open, stored, data, store, events } = setUp()
    const tokens = [await stored({ userId: 1 }), await stored({ userId: 1 })]
    const { id } = await open(tokens[1])
    await store.update(keyOf(id), { set: new Map([['a', '{']]), remove: [] })
    expect(await engine.subjects.updateAll(1, { role: 'reader' })).toBe(2)
    expect(await data(tokens[0]!)).toEqual({ userId: 1, role: 'reader' })
    expect(events).toContainEqual(expect.objectContaining({ type: 'record-unreadable' }))
    expect(await data(tokens[1]!)).toEqual({})

    await engine.subjects.revokeAll(1)
    const last = await open(await stored({ userId: 1 }))
    await store.update(keyOf(last.id), { set: new Map([['userId', '{']]), remove: [] })
    await expect(engine.subjects.updateAll(1, { userId: 2 })).rejects.toMatchObject({ code: 'SUBJECT_CHANGE_REFUSED' })
  })

  test('get no values with which one would belong to somebody else, not even some of them', async () => {
    const { engine, stored, data, store } = setUp({ subject: ({ team, name }) => team && name })
    const tokens = [await stored({ team: 1, name: 'ann' }), await stored({ team: 2, name: 'ann' })]
    for (const partial of [{ name: 'bob' }, { name: undefined }, { team: 0 }]) {
      await expect(engine.subjects.updateAll('ann', partial)).rejects.toMatchObject({ code: 'SUBJECT_CHANGE_REFUSED' })
    }
    expect(store.calls.updateAll).toBe(0)
    expect(await engine.subjects.updateAll('ann', { team: 3 })).toBe(2)
    expect(await Promise.all(tokens.map(data))).toEqual([
      { team: 3, name: 'ann' },
      { team: 3, name: 'ann' },
    ])
  })

  test('are refused with a store that does not know them', async () => {
    const { engine } = setUp({}, bare)
    await expect(engine.subjects.list(1)).rejects.toMatchObject({ code: 'ABILITY_MISSING' })
    expect(() => setUp({ maxSessions: 1 }, bare)).toThrow(/maxSessions needs a store with the ability by-subject/)
  })
})

/** What a request may be doing while all sessions of its subject are revoked. */
interface UnderWay {
  readonly name: string
  /** The verb of the store at which it is held. */
  readonly verb: StoreVerb
  /** How long the session was left alone before. Default: not at all. */
  readonly pause?: Duration
  /** What was there before. Default: a session of the subject, with the id that it began with. */
  readonly before?: (setup: EngineSetup) => Promise<string>
  readonly act?: (visit: OpenSession) => unknown
}

const write = (visit: OpenSession): void => void Object.assign(visit.session, { late: 1 })

const toAnother =
  (userId: unknown) =>
  (visit: OpenSession): void =>
    void Object.assign(visit.session, { userId })

const rotated = async (setup: EngineSetup): Promise<string> => {
  const visit = await setup.open(await setup.stored({ userId: 1 }))
  await visit.session.rotate()
  return visit.signedToken
}

const former = async (setup: EngineSetup): Promise<string> => {
  const token = await setup.stored({ userId: 1 })
  await (await setup.open(token)).session.rotate()
  return token
}

const UNDER_WAY: readonly UnderWay[] = [
  { name: 'loads it', verb: 'load', act: write },
  { name: 'loads it by an id from before', verb: 'load', before: former, act: write },
  { name: 'writes into it', verb: 'update', act: write },
  { name: 'writes into it by an id from before', verb: 'update', before: former, act: write },
  { name: 'counts in it with update()', verb: 'update', act: (visit) => visit.session.update(() => write(visit)) },
  { name: 'notes its use', verb: 'touch', pause: minutes(2) },
  { name: 'notes its use, and writes', verb: 'touch', pause: minutes(2), act: write },
  { name: 'calls touch()', verb: 'touch', act: (visit) => visit.session.touch() },
  { name: 'calls rotate()', verb: 'rotate', act: (visit) => visit.session.rotate() },
  { name: 'rotates it because that is due', verb: 'rotate', pause: hours(2) },
  { name: 'notes that its new id was seen', verb: 'confirm', before: rotated, act: write },
  { name: 'notes that, and rotates', verb: 'confirm', before: rotated, act: (visit) => visit.session.rotate() },
  { name: 'signs the same user in again', verb: 'rotate', act: (visit) => visit.signIn({ userId: 1 }) },
  { name: 'gives it to somebody else', verb: 'rotate', act: toAnother(2) },
  { name: 'makes it anonymous', verb: 'rotate', act: toAnother(undefined) },
  { name: 'destroys it', verb: 'delete', act: (visit) => visit.session.destroy() },
]

describe('a session of a subject whose sessions are all revoked while a request', () => {
  const cases = UNDER_WAY.flatMap((one) => (['before', 'after'] as const).map((when) => ({ ...one, when })))

  test.each(cases)('$name ($when the store did it) is dead and stays so', async (one) => {
    const { verb, when, pause = 0, before = ({ stored }) => stored({ userId: 1 }), act } = one
    const setup = setUp({ rotateEvery: hours(2), idleTimeout: hours(5) })
    const { engine, store } = setup
    const token = await before(setup)
    setup.clock.advance(pause)
    const gate = store.hold(verb, when)
    const request = (async () => {
      const visit = await setup.open(token)
      // What a handler hears of it, and whether it listens, makes no difference.
      await Promise.resolve(act?.(visit)).catch(() => {})
      await Promise.resolve(visit.commit()).catch(() => {})
      return visit
    })()
    await gate.reached
    const [own, others] = [await engine.subjects.count(1), await engine.subjects.count(2)]
    expect(await engine.subjects.revokeAll(1)).toBe(own)
    gate.open()
    const visit = await request
    expect(await engine.subjects.list(1)).toEqual([])
    expect(await engine.subjects.count(2)).toBe(others)
    for (const known of [token, visit.signedToken]) expect(await setup.data(known)).not.toMatchObject({ userId: 1 })
    // A visit after it begins with nothing.
    expect(await setup.data(token)).toEqual({})
  })

  test('has signed in, which the store has done and the request has not heard of, is dead as well', async () => {
    const { engine, open, stored, store, data } = setUp()
    const visit = await open(await stored({ cart: 1 }))
    const gate = store.hold('rotate', 'after')
    const signingIn = visit.signIn({ userId: 1 })
    await gate.reached
    expect(await engine.subjects.revokeAll(1)).toBe(1)
    gate.open()
    await signingIn
    await visit.commit()
    expect(await data(visit.signedToken)).toEqual({})
    expect(await engine.subjects.count(1)).toBe(0)
  })

  test('is told of where the request would have changed it', async () => {
    const { engine, open, stored, events } = setUp()
    const visit = await open(await stored({ userId: 1 }))
    write(visit)
    await engine.subjects.revokeAll(1)
    await visit.commit()
    expect(visit.tokenChange).toBe('clear')
    expect(events.at(-1)).toEqual({
      type: 'revoked-during-request',
      handle: expect.any(String) as string,
      reason: 'gone',
    })
  })

  test('is told of where the request only noted its use', async () => {
    const { engine, open, stored, events, store, clock } = setUp()
    const token = await stored({ userId: 1 })
    clock.advance(minutes(2))
    const gate = store.hold('touch')
    const visit = await open(token)
    const { handle } = visit
    await engine.subjects.revokeAll(1)
    gate.open()
    await visit.commit()
    expect(events.at(-1)).toEqual({ type: 'revoked-during-request', handle, reason: 'gone' })
  })
})
