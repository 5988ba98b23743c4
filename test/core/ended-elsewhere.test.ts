import { minutes, type EngineOptions, type OpenSession, type SessionEvent } from 'latchkey/core'
import { describe, expect, test } from 'vitest'
import { bare, setUp, type EngineSetup } from '../support/engine.js'

/** A request under way, and another one that has the same session. */
async function two(options: Partial<EngineOptions> = {}, wrap?: Parameters<typeof setUp>[1]) {
  const setup = setUp(options, wrap)
  const token = await setup.stored({ a: 1 })
  const [slow, other] = [await setup.open(token), await setup.open(token)]
  setup.events.length = 0
  return { ...setup, token, slow, other }
}

const during = ({ events }: EngineSetup): readonly SessionEvent[] =>
  events.filter(({ type }) => type === 'revoked-during-request')

describe('a session that another request has ended', () => {
  test.each([
    ['a store that rotates', undefined],
    ['a store of five verbs', bare],
  ])('is told of at a write, asks %s no more, and has its cookie deleted', async (_what, wrap) => {
    const setup = await two({}, wrap)
    await setup.other.session.destroy()
    Object.assign(setup.slow.session, { b: 2 })
    const { handle } = setup.slow
    const { load } = setup.store.calls
    await setup.slow.commit()
    expect(during(setup)).toEqual([{ type: 'revoked-during-request', handle, reason: 'gone' }])
    expect(setup.slow.tokenChange).toBe('clear')
    expect(setup.store.calls.load).toBe(load)
    expect(await setup.data(setup.token)).toEqual({})
  })

  test('is over for a touch that finds it so', async () => {
    const setup = await two()
    await setup.other.session.destroy()
    await setup.slow.session.touch()
    expect(during(setup)).toHaveLength(1)
    await expect(setup.slow.session.save()).rejects.toMatchObject({
      code: 'SESSION_GONE',
      message: expect.stringMatching(
        /not there any more\. It was destroyed, revoked or rotated meanwhile, or it has exp/,
      ),
    })
  })

  test('is over for a reload, which says what to do', async () => {
    const setup = await two()
    await setup.other.session.destroy()
    await expect(setup.slow.session.reload()).rejects.toMatchObject({
      code: 'SESSION_GONE',
      message: expect.stringMatching(
        /There is nothing to read\. Sign in again, or begin a new one with regenerate\(\)/,
      ),
    })
    expect(during(setup)).toHaveLength(1)
  })

  test('can be destroyed once more: its cookie is deleted, and only one end is told', async () => {
    const { slow, other, events } = await two()
    await other.session.destroy()
    await slow.session.destroy()
    expect(slow.tokenChange).toBe('clear')
    expect(events.map(({ type }) => type)).toEqual(['revoked'])
  })
})

describe('a session that another request has signed in', () => {
  test('is told of as rotated, and its cookie is left: the browser may hold the new one already', async () => {
    const setup = await two()
    await setup.other.signIn({ userId: 1 })
    Object.assign(setup.slow.session, { b: 2 })
    await setup.slow.commit()
    expect(during(setup)).toMatchObject([{ reason: 'rotated' }])
    expect(setup.slow.tokenChange).toBe('keep')
  })
})

describe('a session that another request has moved', () => {
  const sends = (visit: OpenSession): string | undefined =>
    visit.tokenChange === 'set' ? visit.signedToken : undefined

  test.each(['touch', 'reload'] as const)(
    'is found by %s, and its new id goes out with this answer too',
    async (verb) => {
      const { slow, other, events } = await two()
      await other.session.rotate()
      await slow.session[verb]()
      expect(sends(slow)).toBe(other.signedToken)
      expect(events.map(({ type }) => type)).toEqual(['rotated'])
    },
  )

  test('gives its new token also to a request that asks for it before the client has shown it', async () => {
    const { slow, other } = await two()
    await other.session.rotate()
    await slow.session.touch()
    expect(await slow.session.token()).toBe(other.signedToken)
  })
})

describe('a session that is where it was', () => {
  test('is touched without another look', async () => {
    const { slow, store, events } = await two()
    const { load } = store.calls
    await slow.session.touch()
    expect(store.calls).toMatchObject({ touch: 1, load })
    expect(events).toEqual([])
  })

  test('can still be rotated after a reload', async () => {
    const { slow, token } = await two()
    await slow.session.reload()
    await slow.session.rotate()
    expect(slow.signedToken).not.toBe(token)
  })
})

describe('a session that was never stored', () => {
  test('is touched without an error, and not stored by it', async () => {
    const { open, store } = setUp()
    await (await open()).session.touch()
    expect(store.calls).toMatchObject({ touch: 0, create: 0 })
  })

  test('has nothing to reload, and nobody is told of an end', async () => {
    const { open, events } = setUp()
    await expect((await open()).session.reload()).rejects.toMatchObject({ code: 'SESSION_GONE' })
    expect(events).toEqual([])
  })

  test.each([
    [true, 'clear'],
    [false, 'keep'],
  ] as const)(
    'and is destroyed by a request that brought a token (%s): its cookie is told to %s',
    async (presented, change) => {
      const { open, store } = setUp()
      const visit = await open(undefined, { presented })
      await visit.session.destroy()
      expect(visit.tokenChange).toBe(change)
      expect(store.calls.delete).toBe(0)
    },
  )
})

describe('the end of a request that looked at nothing', () => {
  test('has nothing to do', async () => {
    const { open, stored } = setUp()
    expect((await open(await stored({ a: 1 }))).isUnsettled).toBe(false)
    expect((await open()).isUnsettled).toBe(false)
  })

  test('has to hear what became of the touch, where one was due', async () => {
    const { open, stored, clock } = setUp()
    const token = await stored({ a: 1 })
    clock.advance(minutes(1))
    expect((await open(token)).isUnsettled).toBe(true)
  })

  test('has to send a token that an older secret signed anew', async () => {
    const [older, newer] = ['o'.repeat(32), 'n'.repeat(32)]
    const { store, stored } = setUp({ secret: older })
    const token = await stored({ a: 1 })
    const { open } = setUp({ secret: [newer, older] }, () => store)
    expect((await open(token)).isUnsettled).toBe(true)
  })
})
