import { SessionError, type SessionErrorCode } from 'latchkey/core'
import { MemoryStore } from 'latchkey/stores/memory'
import { FailingStore } from 'latchkey/testing'
import { describe, expect, test } from 'vitest'
import { StoreCalls } from '../../src/core/calls.js'

/** Loads from a store that throws, and answers the error and what was told of it. */
async function loadFailing(thrown: unknown): Promise<{ error: unknown; told: readonly unknown[] }> {
  const store = new FailingStore(new MemoryStore())
  store.failWith(thrown)
  const told: unknown[] = []
  const calls = new StoreCalls(store, 1000, {
    failed: (verb, error) => void told.push(verb, error),
    down: () => {},
    up: () => {},
  })
  const error = await Promise.resolve(calls.load('key')).then(
    () => undefined,
    (reason: unknown) => reason,
  )
  return { error, told }
}

describe('what a store throws', () => {
  test.each<SessionErrorCode>(['RECORD_EXISTS', 'RECORD_UNREADABLE'])(
    'as an answer (%s) goes on as it is',
    async (code) => {
      const answer = new SessionError(code, 'As the contract says.')
      expect(await loadFailing(answer)).toEqual({ error: answer, told: [] })
    },
  )

  test.each([
    ['a driver', new Error('disk full')],
    ['a store that was closed', new SessionError('STORE_CLOSED', 'Closed.')],
    ['a store whose client is not installed', new SessionError('OPTIONS_INVALID', 'Install redis.')],
    ['something that is no error', 'disk full'],
  ])('from %s is told of, and becomes a STORE_UNAVAILABLE with its cause', async (_, cause) => {
    const { error, told } = await loadFailing(cause)
    expect(error).toMatchObject({ code: 'STORE_UNAVAILABLE', cause })
    expect(told).toEqual(['load', error])
  })

  test('as a STORE_UNAVAILABLE is told of, and not wrapped once more', async () => {
    const thrown = new SessionError('STORE_UNAVAILABLE', 'Away.')
    expect(await loadFailing(thrown)).toEqual({ error: thrown, told: ['load', thrown] })
  })
})
