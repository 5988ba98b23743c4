import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { retrying } from '../../src/core/retry.js'

beforeEach(() => void vi.useFakeTimers())

afterEach(() => {
  vi.restoreAllMocks()
  vi.useRealTimers()
})

/** Runs {@link retrying} to its end, and answers how it went. */
async function run(attempt: (count: number) => boolean): Promise<{ tries: number; again: number[]; error: unknown }> {
  let tries = 0
  const again: number[] = []
  const done = retrying(
    () => Promise.resolve(attempt(++tries)),
    (count) => Promise.resolve(void again.push(count)),
  ).then(
    () => undefined,
    (reason: unknown) => reason,
  )
  await vi.runAllTimersAsync()
  return { tries, again, error: await done }
}

describe('what other writers keep from being done', () => {
  test('is tried until it is done, with another look between two tries', async () => {
    expect(await run(() => true)).toEqual({ tries: 1, again: [], error: undefined })
    expect(await run((count) => count === 4)).toEqual({ tries: 4, again: [1, 2, 3], error: undefined })
  })

  test('is given up after a hundred tries, and the error says so', async () => {
    const { tries, error } = await run(() => false)
    expect(tries).toBe(100)
    expect(error).toMatchObject({
      code: 'WRITE_CONFLICT',
      message: expect.stringMatching(/changed the session first, 100 times in a row\. Nothing was changed; try again/),
    })
  })

  test('is done if the hundredth try does it', async () => {
    expect(await run((count) => count === 100)).toMatchObject({ tries: 100, error: undefined })
  })

  test('waits a random time that grows up to 50 milliseconds, so that who met once does not meet again', async () => {
    const pauses = vi.spyOn(globalThis, 'setTimeout')
    vi.spyOn(Math, 'random').mockReturnValue(0.5)
    await run(() => false)
    expect(pauses.mock.calls.map(([, delay]) => delay)).toEqual(
      Array.from({ length: 100 }, (_, index) => Math.min(index + 1, 50) / 2),
    )
  })
})
