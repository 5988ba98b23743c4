import { strict as assert } from 'node:assert'
import { minutes } from '../../core/duration.js'
import { ROTATED_FOR, type Ability, type Closing, type Rotating } from '../../core/store.js'
import type { SessionStore, Sweeping } from '../../core/store.js'
import { IDLE, newKey, newRecord, patchOf, rotation } from './samples.js'
import { keeps, lacks, refused, type Suite, together } from './suite.js'

/** Each ability and the method that it stands for. */
const METHODS: Readonly<Record<Ability, string>> = { rotating: 'rotate', sweeping: 'sweep', closing: 'close' }

/** What a store says of itself. */
export function abilities(suite: Suite): void {
  suite.test('a store has a name', ({ store }) => {
    assert.equal(typeof store.name, 'string')
    assert.notEqual(store.name, '')
    return Promise.resolve()
  })

  suite.test('a store declares the abilities that it has, and no others', ({ store }) => {
    const has = Object.entries(METHODS).filter(([, method]) => typeof Reflect.get(store, method) === 'function')
    assert.deepEqual(new Set(store.abilities), new Set(has.map(([ability]) => ability)))
    return Promise.resolve()
  })
}

/** The ability `closing`. The bench of such a test is closed by the test itself. */
export function closing(suite: Suite): void {
  suite.test('closing twice is not an error', async ({ store }) => {
    if (!isClosing(store)) return
    await store.close()
    await store.close()
    await together([() => store.close(), () => store.close()])
  })

  suite.test('every verb of a closed store throws STORE_CLOSED', async ({ store, clock }) => {
    if (!isClosing(store)) return
    const record = newRecord(clock)
    await store.create(record)
    await store.close()
    await refused('STORE_CLOSED', () => store.load(record.key))
    await refused('STORE_CLOSED', () => store.create(newRecord(clock)))
    await refused('STORE_CLOSED', () => store.update(record.key, patchOf()))
    await refused('STORE_CLOSED', () => store.touch(record.key, clock.now()))
    await refused('STORE_CLOSED', () => store.delete(record.key))
    const { rotate, sweep } = store as SessionStore & Partial<Rotating & Sweeping>
    if (rotate) await refused('STORE_CLOSED', () => rotate.call(store, record.key, newKey(), rotation('ann')))
    if (sweep) await refused('STORE_CLOSED', () => sweep.call(store, 1))
  })

  suite.shared('closing one store leaves another on the same data at work', async ({ store, other, clock }) => {
    if (!isClosing(other)) return
    const record = newRecord(clock)
    await store.create(record)
    await other.close()
    await keeps(store, record)
    assert.equal(await store.update(record.key, patchOf()), 'updated')
  })
}

/** The ability `sweeping`. */
export function sweeping(suite: Suite<SessionStore & Sweeping>): void {
  suite.test('a sweep removes what has expired, says how much, and leaves the rest', async ({ store, clock }) => {
    const [idle, over, alive] = [
      newRecord(clock),
      newRecord(clock, [], { idleTimeout: minutes(90), expiresAt: clock.now() + IDLE }),
      newRecord(clock, [['a', '1']], { idleTimeout: IDLE + 1, subject: 'ann' }),
    ]
    for (const record of [idle, over, alive]) await store.create(record)
    assert.equal(await store.sweep(100), 0)
    clock.advance(IDLE)
    assert.equal(await store.sweep(100), 2)
    assert.equal(await store.sweep(100), 0)
    await keeps(store, alive)
    for (const record of [idle, over]) await lacks(store, record.key)
    assert.equal(await store.update(alive.key, patchOf()), 'updated')
  })

  suite.test('a sweep judges a record by the times it has now', async ({ store, clock }) => {
    const [touched, shortened] = [newRecord(clock), newRecord(clock)]
    await store.create(touched)
    await store.create(shortened)
    clock.advance(minutes(1))
    await store.touch(touched.key, clock.now())
    const { lastSeenAt, expiresAt, persistent } = shortened
    const times = { lastSeenAt, idleTimeout: minutes(2), expiresAt, persistent }
    await store.update(shortened.key, patchOf([], { times }))
    clock.advance(minutes(1))
    assert.equal(await store.sweep(100), 1)
    clock.set(touched.lastSeenAt + IDLE)
    assert.equal(await store.sweep(100), 0)
    clock.advance(minutes(1))
    assert.equal(await store.sweep(100), 1)
  })

  suite.test('a sweep removes no more than its limit', async ({ store, clock }) => {
    for (let count = 0; count < 12; count++) await store.create(newRecord(clock))
    clock.advance(IDLE)
    const alive = newRecord(clock)
    await store.create(alive)
    const removed: number[] = []
    for (let step = 0; step < 4; step++) removed.push(await store.sweep(5))
    assert.deepEqual(removed, [5, 5, 2, 0])
    await keeps(store, alive)
  })

  suite.test('a sweep leaves a key that was rotated away as it is', async ({ store, clock }) => {
    const { rotate } = store as SessionStore & Partial<Rotating>
    if (!rotate) return
    const [record, next] = [newRecord(clock), newKey('ann')]
    await store.create(record)
    await rotate.call(store, record.key, next, rotation('ann'))
    clock.advance(ROTATED_FOR - 1)
    await store.sweep(100)
    assert.equal(await store.update(record.key, patchOf()), 'rotated')
    clock.advance(1)
    await store.sweep(100)
    assert.equal(await store.update(record.key, patchOf()), 'gone')
    await keeps(store, { ...record, key: next, subject: 'ann', version: 2 })
  })

  suite.race('parallel sweeps count every record once', async ({ store, other, clock }) => {
    for (let count = 0; count < 20; count++) await store.create(newRecord(clock))
    clock.advance(IDLE)
    const counts = await together([store, other, store, other].map((each) => () => each.sweep(8)))
    assert.ok(
      counts.every((count) => count <= 8),
      `a sweep removed more than 8: ${counts.join(', ')}`,
    )
    assert.equal(sum(counts) + (await store.sweep(20)), 20)
  })
}

function isClosing(store: SessionStore): store is SessionStore & Closing {
  return store.abilities.has('closing')
}

function sum(counts: readonly number[]): number {
  return counts.reduce((total, count) => total + count, 0)
}
