import { strict as assert } from 'node:assert'
import { SessionError, type SessionErrorCode } from '../../core/errors.js'
import type { SessionRecord } from '../../core/record.js'
import type { Ability, Awaitable, Closing, SessionStore } from '../../core/store.js'
import type { StoreConformanceOptions } from '../conformance.js'
import { ManualClock } from '../manual-clock.js'

/** What a test works with: a fresh store of its own and the clock it tells the time by. */
export interface Bench<S extends SessionStore> {
  readonly store: S
  /** A second store on the same data where a race is run across two processes, otherwise `store` once more. */
  readonly other: S
  readonly clock: ManualClock
}

/** Registers tests, each with a bench; those of an ability do nothing on a store that lacks it. */
export class Suite<S extends SessionStore = SessionStore> {
  readonly #options: StoreConformanceOptions
  readonly #ability: Ability | undefined

  constructor(options: StoreConformanceOptions, ability?: Ability) {
    this.#options = options
    this.#ability = ability
  }

  /** A test on one store. */
  test(name: string, run: (bench: Bench<S>) => Promise<void>): void {
    this.#options.test(name, () => this.#run(run, false))
  }

  /** A test on one store, and where processes can share a store once more on two. */
  race(name: string, run: (bench: Bench<S>) => Promise<void>): void {
    this.test(name, run)
    if (this.#options.openAnother) {
      this.#options.test(`${name}, from two processes`, () => this.#run(run, true))
    }
  }

  /** A test that needs two stores on the same data. */
  shared(name: string, run: (bench: Bench<S>) => Promise<void>): void {
    if (this.#options.openAnother) this.#options.test(name, () => this.#run(run, true))
  }

  async #run(run: (bench: Bench<S>) => Promise<void>, isShared: boolean): Promise<void> {
    const clock = new ManualClock()
    const { open, openAnother, close = closeIfAble } = this.#options
    const store = await open(clock.now)
    try {
      if (this.#ability !== undefined && !store.abilities.has(this.#ability)) return
      const other = isShared ? await openAnother?.(clock.now) : undefined
      try {
        await run({ store: store as S, other: (other ?? store) as S, clock })
      } finally {
        if (other) await close(other)
      }
    } finally {
      await close(store)
    }
  }
}

/** How often a race is run whose order can't be held from outside of the store. */
export const ROUNDS = 40

/** The calls, beginning with another one each round. */
export function inTurn<T>(round: number, calls: readonly T[]): readonly T[] {
  const first = round % calls.length
  return [...calls.slice(first), ...calls.slice(0, first)]
}

/** Runs calls at once, also those that throw rather than reject, and waits for all. */
export function together<T>(calls: readonly (() => Awaitable<T>)[]): Promise<T[]> {
  return Promise.all(calls.map(async (call) => call()))
}

/** Fails unless the call throws or rejects with a `SessionError` of this code. */
export async function refused(code: SessionErrorCode, call: () => Awaitable<unknown>): Promise<void> {
  await assert.rejects(
    async () => {
      await call()
    },
    (error) => {
      assert.ok(error instanceof SessionError, `a SessionError ${code} was due, not ${String(error)}`)
      assert.equal(error.code, code)
      return true
    },
  )
}

/** Fails unless the store has exactly this record, field by field. */
export async function keeps(store: SessionStore, expected: SessionRecord): Promise<void> {
  const loaded = await store.load(expected.key)
  assert.ok(loaded, 'the record is missing')
  assert.deepEqual(plain(loaded), plain(expected))
}

/** The record under `key`. Fails if there is none. */
export async function loaded(store: SessionStore, key: string): Promise<SessionRecord> {
  const record = await store.load(key)
  assert.ok(record, 'the record is missing')
  return record
}

/** Fails if the store has a live record under `key`. */
export async function lacks(store: SessionStore, key: string): Promise<void> {
  assert.equal(await store.load(key), undefined, 'nothing must be loaded')
}

/** The fields that count, with the data in an order of its own: that of a store is free. */
function plain(record: SessionRecord): unknown {
  const { key, handle, subject, createdAt, lastSeenAt, idleTimeout, expiresAt, version, persistent, device } = record
  const data = [...record.data].toSorted(([one], [two]) => (one < two ? -1 : 1))
  return { key, handle, subject, createdAt, lastSeenAt, idleTimeout, expiresAt, version, persistent, device, data }
}

async function closeIfAble(store: SessionStore): Promise<void> {
  if (store.abilities.has('closing')) await (store as SessionStore & Closing).close()
}
