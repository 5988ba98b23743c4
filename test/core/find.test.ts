import { SessionError, type SessionStore } from 'latchkey/core'
import { describe, expect, test } from 'vitest'
import { bare, setUp } from '../support/engine.js'

describe('a store that fails at once', () => {
  const failing =
    (error: Error) =>
    (store: SessionStore): SessionStore => ({
      ...bare(store),
      load() {
        throw error
      },
    })

  test('is a failure of the request', async () => {
    const token = await setUp().stored({ a: 1 })
    const { open, events } = setUp({}, failing(new Error('down')))
    await expect(open(token)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
    expect(events.map(({ type }) => type)).toEqual(['store-failed'])
  })

  test('to read a record has none, which is told of', async () => {
    const token = await setUp().stored({ a: 1 })
    const { open, events } = setUp({}, failing(new SessionError('RECORD_UNREADABLE', 'Newer.')))
    expect({ ...(await open(token)).session }).toEqual({})
    expect(events.map(({ type }) => type)).toEqual(['record-unreadable'])
  })
})

test('a session that is over by the clock of the server is over, whatever the store says, under each of its ids', async () => {
  const setup = setUp()
  const ahead = setUp({ clock: () => setup.clock.now() + 30 * 60_000 }, () => setup.store)
  const old = await setup.stored({ a: 1 })
  const visit = await setup.open(old)
  await visit.session.rotate()
  for (const token of [old, visit.signedToken]) {
    expect(await setup.data(token)).toEqual({ a: 1 })
    expect(await ahead.data(token)).toEqual({})
  }
})

test('the end of a reused session is told only by the request that ended it', async () => {
  const { open, stored, store, clock, events } = setUp({ onReuse: 'revoke' })
  const old = await stored({ a: 1 })
  const visit = await open(old)
  await visit.session.rotate()
  await open(visit.signedToken)
  clock.advance(10_000)
  const end = store.delete.bind(store)
  store.delete = async (key) => {
    await end(key)
    return false
  }
  await open(old)
  expect(events.map(({ type }) => type)).toEqual(['created', 'rotated', 'reuse-detected'])
})
