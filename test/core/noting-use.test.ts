import { minutes, seconds, type SessionStore } from 'latchkey/core'
import { describe, expect, test } from 'vitest'
import { bare, setUp } from '../support/engine.js'

/** Answers with promises, as a store over a network does. */
const slowly = (store: SessionStore): SessionStore =>
  new Proxy(store, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target)
      return typeof value !== 'function'
        ? value
        : (...args: unknown[]) => Promise.resolve(Reflect.apply(value, target, args) as unknown)
    },
  })

describe('the use of a session', () => {
  test.each([
    ['once a minute', minutes(30), minutes(1)],
    ['once per quarter of its idle timeout, where that is shorter', minutes(2), seconds(30)],
  ])('is noted %s', async (_often, idleTimeout, interval) => {
    const { open, stored, store, clock } = setUp({ idleTimeout })
    const token = await stored({ a: 1 })
    clock.advance(interval - 1)
    await open(token)
    expect(store.calls.touch).toBe(0)
    clock.advance(1)
    await open(token)
    expect(store.calls.touch).toBe(1)
  })

  test.each([
    [
      'at once',
      () => {
        throw new Error('down')
      },
    ],
    ['later', () => Promise.reject(new Error('down'))],
  ])(
    'that could not be noted, because the store failed %s, is told of and costs the session nothing',
    async (_when, touch) => {
      const { open, stored, clock, events, data } = setUp({}, (store) => ({ ...bare(store), touch }))
      const token = await stored({ a: 1 })
      clock.advance(minutes(1))
      const visit = await open(token)
      await visit.commit()
      expect(visit.tokenChange).toBe('keep')
      expect(events.map(({ type }) => type)).toEqual(['created', 'store-failed'])
      expect(await data(token)).toEqual({ a: 1 })
    },
  )
})

test('a new id that comes back is noted without another look at the session', async () => {
  const { open, stored, store } = setUp({}, slowly)
  const visit = await open(await stored({ a: 1 }))
  await visit.session.rotate()
  const { load } = store.calls
  const next = await open(visit.signedToken)
  await next.commit()
  expect(store.calls).toMatchObject({ load: load + 1, confirm: 1 })
})
