import { expect, test } from 'vitest'
import { minutes } from '../../src/core/duration.js'
import { ManualClock } from '../../src/testing/manual-clock.js'

test('a manual clock begins at the present moment and stands still', async () => {
  const before = Date.now()
  const { now } = new ManualClock()
  const first = now()
  expect(first).toBeGreaterThanOrEqual(before)
  while (Date.now() <= first) await Promise.resolve()
  expect(now()).toBe(first)
})

test('a manual clock moves when it is told, forwards and backwards', () => {
  const clock = new ManualClock(1_000_000)
  const { now } = clock
  clock.advance(minutes(1))
  expect(now()).toBe(1_060_000)
  clock.advance(-minutes(2))
  expect(now()).toBe(940_000)
  clock.set(5)
  expect(now()).toBe(5)
})
