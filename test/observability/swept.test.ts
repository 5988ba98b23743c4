import { SessionEngine, type SessionEvent } from 'latchkey/core'
import { ManualClock } from 'latchkey/testing'
import { afterAll, afterEach, describe, expect, test, vi } from 'vitest'
import { carrier } from '../support/engine.js'
import { stores } from '../support/stores.js'

const MINUTE = 60_000

afterEach(() => void vi.useRealTimers())

describe.each(stores.filter(({ name }) => name !== 'redis'))('on $name', ({ open, stop }) => {
  afterAll(stop)

  test('expired: the sweeper says how many it has removed, and nothing where there are none', async () => {
    const clock = new ManualClock()
    const store = await open(clock.now)
    const events: SessionEvent[] = []
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const engine = new SessionEngine({
      store,
      secret: 's'.repeat(32),
      clock: clock.now,
      onEvent: (event) => events.push(event),
    })
    for (let count = 0; count < 3; count++) {
      const visit = await engine.open([], carrier)
      Object.assign(visit.session, { count })
      await visit.commit()
    }
    events.length = 0
    await vi.advanceTimersByTimeAsync(MINUTE)
    expect(events).toEqual([])
    clock.advance(31 * MINUTE)
    await vi.advanceTimersByTimeAsync(MINUTE)
    expect(events).toEqual([{ type: 'expired', reason: 'swept', count: 3 }])
    await vi.advanceTimersByTimeAsync(5 * MINUTE)
    expect(events).toHaveLength(1)
    await engine.close()
  })
})

test('a store of Redis lets its records go by itself', async () => {
  const redis = stores.find(({ name }) => name === 'redis')!
  const store = await redis.open()
  expect(store.abilities.has('sweeping')).toBe(false)
  await redis.stop()
})
