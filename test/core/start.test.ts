import { SessionError } from 'latchkey/core'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { bare, setUp } from '../support/engine.js'

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
})

afterEach(() => {
  vi.useRealTimers()
})

/** What becomes of a promise, as far as it has become of it. */
function outcome(promise: Promise<unknown>): { readonly is: unknown } {
  const it: { is: unknown } = { is: 'pending' }
  promise.then(
    () => (it.is = 'ready'),
    (error: unknown) => (it.is = error),
  )
  return it
}

describe('a start', () => {
  test('has the store prove itself', async () => {
    const { engine, store } = setUp()
    await engine.ready()
    await engine.ready()
    expect([store.calls.probe, store.calls.load]).toEqual([1, 0])
  })

  test('asks a store for a record where it can not prove itself', async () => {
    const { engine, store } = setUp({}, bare)
    await engine.ready()
    expect([store.calls.probe, store.calls.load]).toEqual([0, 1])
  })

  test('waits for a store that is still away', async () => {
    const { engine, store, events } = setUp()
    store.failWith(new Error('connect ECONNREFUSED'))
    const start = outcome(engine.ready())
    await vi.advanceTimersByTimeAsync(4000)
    expect(start.is).toBe('pending')
    store.heal()
    await vi.advanceTimersByTimeAsync(100)
    expect([start.is, events]).toEqual(['ready', []])
    await engine.open([], { presented: false, assertReachable() {} })
  })

  test('fails with one clear error when the store is away for too long', async () => {
    const { engine, store } = setUp()
    store.failWith(new Error('connect ECONNREFUSED 127.0.0.1:6379'))
    const start = outcome(engine.ready())
    await vi.advanceTimersByTimeAsync(5000)
    expect(start.is).toBeInstanceOf(SessionError)
    expect(start.is).toMatchObject({
      code: 'STORE_UNAVAILABLE',
      message:
        'The session store could not be used within 5000 ms of the start. The last try said: connect ECONNREFUSED 127.0.0.1:6379. ' +
        'Start the store or mend its address, give it more time by `startTimeout`, or start the application without it by ' +
        '`startWithoutStore: true`.',
    })
  })

  test('waits as long as `startTimeout` says, also for a store that never answers', async () => {
    const { engine, store } = setUp({ startTimeout: 1200, storeTimeout: 500 })
    store.hang()
    const start = outcome(engine.ready())
    await vi.advanceTimersByTimeAsync(1100)
    expect(start.is).toMatchObject({ message: expect.stringContaining('No answer within 500 ms') as string })
  })

  test('goes on without the store where it is told to, and with it when it is back', async () => {
    const { engine, store, events, stored } = setUp({ startWithoutStore: true, startTimeout: 300 })
    store.failWith(new Error('away'))
    const start = outcome(engine.ready())
    await vi.advanceTimersByTimeAsync(300)
    expect([start.is, engine.storeDownFor]).toEqual(['ready', expect.any(Number)])
    expect(events).toMatchObject([{ type: 'store-down' }])
    await expect(stored({ a: 1 })).rejects.toThrow('was not asked')
    store.heal()
    await vi.advanceTimersByTimeAsync(200)
    expect(events.map(({ type }) => type)).toEqual(['store-down', 'store-up'])
    await stored({ a: 1 })
    await engine.close()
  })

  test.each([
    ['does not keep what it is given', new SessionError('STORE_UNFIT', 'keeps for ever')],
    ['has no client', new SessionError('OPTIONS_INVALID', 'Run npm install redis.')],
    ['was closed', new SessionError('STORE_CLOSED', 'Closed.')],
  ])('waits for no store that %s', async (_, error) => {
    const { engine, store } = setUp({ startWithoutStore: true })
    store.failWith(error)
    await expect(engine.ready()).rejects.toSatisfy((thrown: Error) => thrown === error || thrown.cause === error)
  })
})

test('a function `maxSessions` that gives no answer is late like a store', async () => {
  const { open } = setUp({ maxSessions: () => new Promise(() => {}) })
  const visit = await open()
  Object.assign(visit.session, { userId: 'ann' })
  const saved = outcome(visit.session.save())
  await vi.advanceTimersByTimeAsync(500)
  expect(saved.is).toMatchObject({
    code: 'STORE_UNAVAILABLE',
    message: expect.stringContaining('`maxSessions` gave no answer within 500 ms') as string,
  })
})
