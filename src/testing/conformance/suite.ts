import { strict as assert } from 'node:assert'
import { SessionError, type SessionErrorCode } from '../../core/errors.js'
import { type FormerKey, isFormerKey, type SessionRecord } from '../../core/record.js'
import type { Ability, Awaitable, BySubject, Closing, SessionStore } from '../../core/store.js'
import type { StoreConformanceOptions } from '../conformance.js'
import { ManualClock } from '../manual-clock.js'
import { patchOf, timesOf } from './samples.js'

/** What a test works with: a fresh store of its own and the clock it tells the time by. */
export interface Bench<S extends SessionStore> {
  readonly store: S
  /** A second store on the same data where a race is run across two processes, otherwise `store` once more. */
  readonly other: S
  readonly clock: ManualClock
}

/** Registers tests, each with a bench; those of abilities do nothing on a store that lacks one of them. */
export class Suite<S extends SessionStore = SessionStore> {
  readonly #options: StoreConformanceOptions
  readonly #abilities: readonly Ability[]

  constructor(options: StoreConformanceOptions, ...abilities: readonly Ability[]) {
    this.#options = options
    this.#abilities = abilities
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
      if (!this.#abilities.every((ability) => store.abilities.has(ability))) return
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

/** How often, where a round is many calls. */
export const LONG_ROUNDS = 20

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
  assert.deepEqual(plain(await loaded(store, expected.key)), plain(expected))
}

/** The record under `key`. Fails if there is none. */
export async function loaded(store: SessionStore, key: string): Promise<SessionRecord> {
  const found = await store.load(key)
  assert.ok(found, 'the record is missing')
  assert.ok(!isFormerKey(found), 'a record was due, and what is loaded is a key that was rotated away')
  return found
}

/** Fails if the store has anything under `key`. */
export async function lacks(store: SessionStore, key: string): Promise<void> {
  assert.equal(await store.load(key), undefined, 'nothing must be loaded')
}

/** Fails unless the store has exactly this under a key that was rotated away with a sealed id. */
export async function keepsFormer(store: SessionStore, key: string, expected: FormerKey): Promise<void> {
  const found = await store.load(key)
  assert.ok(found, 'what was rotated away with a sealed id is missing')
  assert.deepEqual(found, expected)
}

/** Fails if a live record can be reached from `key`, also by way of keys that were rotated away. */
export async function leadsNowhere(store: SessionStore, key: string): Promise<void> {
  let found = await store.load(key)
  for (let steps = 0; found && isFormerKey(found); steps++) {
    assert.ok(steps < 1000, 'keys that were rotated away lead around in a circle')
    found = await store.load(found.movedTo)
  }
  assert.equal(found, undefined, 'no live record must be reached')
}

/** Fails unless a record is gone without a trace and no write brings it back. */
export async function isDead(store: SessionStore, record: SessionRecord): Promise<void> {
  const patch = patchOf([['a', '1']], { times: timesOf(record) })
  await lacks(store, record.key)
  assert.equal(await store.update(record.key, patch), 'gone')
  assert.equal(await store.touch(record.key, record.lastSeenAt + 1), false)
  assert.equal(await store.delete(record.key), false)
  await lacks(store, record.key)
}

/** Fails unless the live records of a subject are exactly these, in this order, for `list`, `count` and `load`. */
export async function lists(
  store: SessionStore & BySubject,
  subject: string,
  expected: readonly SessionRecord[],
): Promise<void> {
  const listed = await store.list(subject)
  assert.deepEqual(
    listed.map(({ handle }) => handle),
    expected.map(({ handle }) => handle),
    'other sessions than expected are in the list, or in another order',
  )
  assert.deepEqual(listed.map(plain), expected.map(plain))
  assert.equal(await store.count(subject), expected.length, 'the count is another than the length of the list')
  for (const record of expected) await keeps(store, record)
}

/** The fields that count, with the data in an order of its own: that of a store is free. */
function plain(record: SessionRecord): unknown {
  const { key, handle, subject, createdAt, authenticatedAt, rotatedAt, lastSeenAt, idleTimeout, expiresAt } = record
  const { version, persistent, device, ip, formerKey } = record
  const times = { createdAt, authenticatedAt, rotatedAt, lastSeenAt, idleTimeout, expiresAt }
  const data = [...record.data].toSorted(([one], [two]) => (one < two ? -1 : 1))
  return { key, handle, subject, ...times, version, persistent, device, ip, formerKey, data }
}

async function closeIfAble(store: SessionStore): Promise<void> {
  if (store.abilities.has('closing')) await (store as SessionStore & Closing).close()
}
