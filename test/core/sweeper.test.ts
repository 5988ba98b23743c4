import { SessionEngine, type SessionEvent, type SessionStore } from 'latchkey/core'
import { MemoryStore } from 'latchkey/stores/memory'
import { FailingStore } from 'latchkey/testing'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { bare } from '../support/engine.js'

const MINUTE = 60_000

beforeEach(() => void vi.useFakeTimers())

afterEach(() => void vi.useRealTimers())

function engineOver(store: SessionStore, events: SessionEvent[] = []): SessionEngine {
  return new SessionEngine({ store, secret: 's'.repeat(32), onEvent: (event) => void events.push(event) })
}

describe('expired records', () => {
  test('are looked for once a minute, in batches of 500', async () => {
    const store = new FailingStore(new MemoryStore())
    const sweep = vi.spyOn(store, 'sweep')
    const engine = engineOver(store)
    await vi.advanceTimersByTimeAsync(MINUTE - 1)
    expect(sweep).not.toHaveBeenCalled()
    await vi.advanceTimersByTimeAsync(1 + 2 * MINUTE)
    expect(sweep.mock.calls).toEqual([[500], [500], [500]])
    await engine.close()
  })

  test('of which there are more than a batch are removed soon after, once other work had its turn', async () => {
    const store = new FailingStore(new MemoryStore())
    const sweep = vi.spyOn(store, 'sweep').mockReturnValueOnce(500).mockReturnValueOnce(500).mockReturnValue(499)
    const engine = engineOver(store)
    await vi.advanceTimersByTimeAsync(MINUTE)
    expect(sweep).toHaveBeenCalledTimes(1)
    await vi.advanceTimersByTimeAsync(10)
    expect(sweep).toHaveBeenCalledTimes(2)
    await vi.advanceTimersByTimeAsync(10)
    expect(sweep).toHaveBeenCalledTimes(3)
    await vi.advanceTimersByTimeAsync(MINUTE - 1)
    expect(sweep).toHaveBeenCalledTimes(3)
    await engine.close()
  })

  test('are looked for again after the store failed, which is told', async () => {
    const store = new FailingStore(new MemoryStore())
    const events: SessionEvent[] = []
    const engine = engineOver(store, events)
    store.failWith(new Error('away'))
    await vi.advanceTimersByTimeAsync(MINUTE)
    expect(events).toMatchObject([{ type: 'store-failed', verb: 'sweep' }])
    store.heal()
    await vi.advanceTimersByTimeAsync(MINUTE)
    expect(store.calls.sweep).toBe(2)
    expect(events).toHaveLength(1)
    await engine.close()
  })

  test('are left alone once the engine is closed, also by a look that was under way', async () => {
    const store = new FailingStore(new MemoryStore())
    const gate = store.hold('sweep')
    const engine = engineOver(store)
    await vi.advanceTimersByTimeAsync(MINUTE)
    await gate.reached
    const closed = engine.close()
    gate.open()
    await vi.advanceTimersByTimeAsync(10 * MINUTE)
    await closed
    expect(store.calls.sweep).toBe(1)
  })

  test('are the own business of a store without that ability', async () => {
    const store = Object.assign(bare(new MemoryStore()), { sweep: vi.fn() })
    engineOver(store)
    await vi.advanceTimersByTimeAsync(10 * MINUTE)
    expect(store.sweep).not.toHaveBeenCalled()
  })

  test('keep no process alive', async () => {
    vi.useRealTimers()
    const timers = (): number => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
    const before = timers()
    const engine = engineOver(new MemoryStore())
    expect(timers()).toBe(before)
    await engine.close()
  })
})
