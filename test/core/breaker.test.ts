import { SessionError, type SessionStore } from 'latchkey/core'
import { MemoryStore } from 'latchkey/stores/memory'
import { FailingStore } from 'latchkey/testing'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { StoreCalls } from '../../src/core/calls.js'
import { bare } from '../support/engine.js'

const TIMEOUT = 500

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
})

afterEach(() => {
  vi.useRealTimers()
})

function setUp(wrap: (store: SessionStore) => SessionStore = (store) => store) {
  const store = new FailingStore(new MemoryStore())
  const told: string[] = []
  const calls = new StoreCalls(wrap(store), TIMEOUT, {
    failed: (verb) => void told.push(`failed ${verb}`),
    down: ({ code }) => void told.push(`down ${code}`),
    up: (downFor) => void told.push(`up ${Math.round(downFor)}`),
  })
  return { store, calls, told }
}

type SetUp = ReturnType<typeof setUp>

/** The error of a load, which is due now. */
async function loadFails({ calls }: SetUp): Promise<unknown> {
  try {
    await calls.load('key')
  } catch (error) {
    return error
  }
  throw new Error('The load was answered.')
}

async function takeDown(it: SetUp): Promise<void> {
  it.store.failWith(new Error('away'))
  for (let count = 0; count < 5; count++) await loadFails(it)
}

describe('a store that only fails', () => {
  test('is not asked any more after five failures, and that is told once', async () => {
    const it = setUp()
    it.store.failWith(new Error('away'))
    for (let count = 0; count < 4; count++) await loadFails(it)
    expect([it.calls.downFor, it.told]).toEqual([undefined, Array(4).fill('failed load')])
    expect(await loadFails(it)).toMatchObject({ code: 'STORE_UNAVAILABLE', cause: new Error('away') })
    expect(it.told).toEqual([...Array<string>(5).fill('failed load'), 'down STORE_UNAVAILABLE'])
    vi.advanceTimersByTime(50)
    expect(await loadFails(it)).toMatchObject({
      code: 'STORE_UNAVAILABLE',
      message: expect.stringMatching(
        /was not asked to load: it has been down for 0\.1 s\. It is tried again in the background\. Nothing was half saved\.$/,
      ) as string,
    })
    expect(it.store.calls.load).toBe(5)
    expect(it.told).toHaveLength(6)
    expect(it.calls.downFor).toBe(50)
  })

  test.each(['list', 'count'] as const)('is not asked any more after five failures to %s either', async (verb) => {
    const it = setUp()
    it.store.failWith(new Error('away'))
    for (let count = 0; count < 5; count++) {
      await expect(it.calls.bySubject(verb, (store) => store[verb]('subject') as never)).rejects.toThrow(verb)
    }
    expect(it.calls.downFor).toBe(0)
  })

  test('is up for a check that it answers with what it can not read', async () => {
    const it = setUp()
    it.store.failWith(new SessionError('RECORD_UNREADABLE', 'of a newer format'), ['load'])
    await expect(it.calls.check()).resolves.toBeUndefined()
  })

  test('counts as failing when calls that were made together are late together', async () => {
    const it = setUp()
    it.store.hang()
    const loads = Array.from({ length: 20 }, () => loadFails(it))
    await vi.advanceTimersByTimeAsync(TIMEOUT)
    for (const error of await Promise.all(loads)) expect(error).toMatchObject({ code: 'STORE_UNAVAILABLE' })
    expect(it.told.filter((each) => each.startsWith('down'))).toHaveLength(1)
  })

  test('is asked on while one call in five is answered', async () => {
    const it = setUp()
    for (let round = 0; round < 3; round++) {
      it.store.failWith(new Error('away'))
      for (let count = 0; count < 4; count++) await loadFails(it)
      it.store.heal()
      await it.calls.load('key')
    }
    expect(it.calls.downFor).toBeUndefined()
  })

  test('is asked on while only its writes fail, as when its memory is full', async () => {
    const it = setUp()
    it.store.failWith(new Error('OOM'), ['update', 'create'])
    for (let count = 0; count < 10; count++) {
      await expect(it.calls.update('key', { set: new Map(), remove: [] })).rejects.toThrow('did not update')
    }
    expect(it.told).toEqual(Array(10).fill('failed update'))
    await it.calls.load('key')
  })

  test('is asked on while it answers with errors of the contract', async () => {
    const it = setUp()
    it.store.failWith(new SessionError('RECORD_UNREADABLE', 'Not ours.'))
    for (let count = 0; count < 10; count++) await loadFails(it)
    expect(it.told).toEqual([])
  })

  test('is not asked any more if it throws synchronously, either', async () => {
    const it = setUp((store) => ({
      ...bare(store),
      load() {
        throw new Error('disk full')
      },
    }))
    for (let count = 0; count < 5; count++) await loadFails(it)
    expect(it.calls.downFor).toBe(0)
    expect(await loadFails(it)).toMatchObject({ code: 'STORE_UNAVAILABLE' })
  })
})

describe('a store that is down', () => {
  test('is tried by itself, and asked again when it answers', async () => {
    const it = setUp()
    await takeDown(it)
    it.store.heal()
    await vi.advanceTimersByTimeAsync(99)
    expect(it.calls.downFor).toBe(99)
    await vi.advanceTimersByTimeAsync(1)
    expect(it.calls.downFor).toBeUndefined()
    expect(it.told.at(-1)).toBe('up 100')
    await it.calls.load('key')
    // One more failure is not the sixth.
    it.store.failWith(new Error('away'))
    await loadFails(it)
    expect(it.calls.downFor).toBeUndefined()
  })

  test('is tried after pauses that grow to half a second, and no request is told of it', async () => {
    const it = setUp()
    await takeDown(it)
    const tries: number[] = []
    for (let time = 0, known = 5; time <= 2300; time += 100) {
      if (it.store.calls.load > known) tries.push(time)
      known = it.store.calls.load
      await vi.advanceTimersByTimeAsync(100)
    }
    expect(tries).toEqual([100, 300, 700, 1200, 1700, 2200])
    expect(it.told).toHaveLength(6)
  })

  test('is tried by one call at a time', async () => {
    const it = setUp()
    await takeDown(it)
    it.store.heal()
    it.store.hang()
    await vi.advanceTimersByTimeAsync(100 + TIMEOUT)
    expect(it.store.calls.load).toBe(6)
    await vi.advanceTimersByTimeAsync(200)
    expect(it.store.calls.load).toBe(7)
  })

  test('stays down when an answer comes after its deadline', async () => {
    const it = setUp()
    it.store.hang()
    const loads = Array.from({ length: 5 }, () => loadFails(it))
    await vi.advanceTimersByTimeAsync(TIMEOUT)
    await Promise.all(loads)
    it.store.heal()
    await vi.advanceTimersByTimeAsync(50)
    expect(it.calls.downFor).toBe(50)
  })

  test('is not tried any more once it was closed', async () => {
    const it = setUp()
    await takeDown(it)
    await it.calls.close()
    await vi.advanceTimersByTimeAsync(5000)
    expect(it.store.calls.load).toBe(5)
  })

  test('stays down when it was closed during a try', async () => {
    const it = setUp()
    await takeDown(it)
    it.store.heal()
    const gate = it.store.hold('load')
    await vi.advanceTimersByTimeAsync(100)
    await it.calls.close()
    gate.open()
    await vi.advanceTimersByTimeAsync(1000)
    expect([it.told.at(-1), it.calls.downFor]).toEqual(['down STORE_UNAVAILABLE', 1100])
  })

  test('is back for who checks it, whatever the state', async () => {
    const it = setUp()
    await takeDown(it)
    await expect(it.calls.check()).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE', cause: new Error('away') })
    it.store.heal()
    await it.calls.check()
    expect(it.calls.downFor).toBe(0)
  })
})

describe('the deadline of a call', () => {
  test('is its own, whenever others began', async () => {
    const it = setUp()
    it.store.hang()
    const late: string[] = []
    for (const name of ['first', 'second']) {
      void loadFails(it).then(() => late.push(name))
      await vi.advanceTimersByTimeAsync(200)
    }
    await vi.advanceTimersByTimeAsync(99)
    expect(late).toEqual([])
    await vi.advanceTimersByTimeAsync(1)
    expect(late).toEqual(['first'])
    await vi.advanceTimersByTimeAsync(199)
    expect(late).toEqual(['first'])
    await vi.advanceTimersByTimeAsync(1)
    expect(late).toEqual(['first', 'second'])
  })

  test('keeps no process alive once the answer is there', async () => {
    vi.useRealTimers()
    const timers = (): number => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
    const before = timers()
    const it = setUp((store) => ({ ...bare(store), load: async (key) => store.load(key) }))
    const loading = it.calls.load('key')
    expect(timers()).toBe(before + 1)
    await loading
    expect(timers()).toBe(before)
    const again = it.calls.load('key')
    expect(timers()).toBe(before + 1)
    await again
  })

  test('is not over for answers that a process which stood still has not read yet', async () => {
    vi.useRealTimers()
    const store: SessionStore = {
      ...bare(new MemoryStore()),
      load: () => new Promise((resolve) => setImmediate(() => resolve(undefined))),
    }
    const calls = new StoreCalls(store, 50, { failed: () => {}, down: () => {}, up: () => {} })
    const loads = Array.from({ length: 6 }, async () => calls.load('key'))
    const began = performance.now()
    while (performance.now() - began < 200);
    await Promise.all(loads)
    expect(calls.downFor).toBeUndefined()
  })

  test('closing waits for calls under way, and for no longer than their deadline', async () => {
    const it = setUp()
    const gate = it.store.hold('load')
    const done: string[] = []
    void Promise.resolve(it.calls.load('key')).then(() => done.push('loaded'))
    void it.calls.close().then(() => done.push('closed'))
    await vi.advanceTimersByTimeAsync(100)
    expect(done).toEqual([])
    gate.open()
    await vi.advanceTimersByTimeAsync(0)
    await new Promise((resolve) => setImmediate(resolve))
    expect(done).toEqual(['loaded', 'closed'])

    const another = setUp()
    another.store.hang()
    const failing = loadFails(another)
    const closing = another.calls.close()
    await vi.advanceTimersByTimeAsync(TIMEOUT)
    expect(await failing).toMatchObject({ code: 'STORE_UNAVAILABLE' })
    await closing
  })
})
