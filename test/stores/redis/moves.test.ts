import { randomUUID } from 'node:crypto'
import { createCluster } from 'redis'
import { days, hours, minutes } from 'latchkey/core'
import { RedisStore } from 'latchkey/stores/redis'
import { ManualClock } from 'latchkey/testing'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { RotatePatch, SessionRecord } from '../../../src/core/record.js'
import {
  atMost,
  movedBy,
  newKey,
  newRecord,
  noMoreThan,
  patchOf,
  rotation,
  signedIn,
  signInAt,
  timesOf,
} from '../../../src/testing/conformance/samples.js'
import { keeps, lacks, lists } from '../../../src/testing/conformance/suite.js'
import { type RedisCluster, startCluster } from '../../support/redis-cluster.js'
import { type GatedCluster, gated, type Held } from './gated.js'

/*
 * On a Cluster a rotation to another subject is three commands: load, create, leave. Each test holds the last of them, does
 * something in between, and lets it go on.
 */

let cluster: RedisCluster
let client: GatedCluster
let clock: ManualClock
let store: RedisStore
let other: RedisStore
let at: (key: string) => string

beforeAll(async () => {
  cluster = await startCluster()
  const open = createCluster({ rootNodes: cluster.masters.map(({ url }) => ({ url })) })
  client = gated(open)
  // From now on every server knows all scripts.
  for (let count = 0; count < 20; count++) await life(new RedisStore({ client, prefix: randomUUID() }))
  return async () => {
    await open.close()
    await cluster.stop()
  }
}, 30_000)

afterAll(() => {})

beforeEach(() => {
  const prefix = randomUUID()
  clock = new ManualClock()
  store = new RedisStore({ client, prefix, clock: clock.now })
  other = new RedisStore({ client, prefix, clock: clock.now })
  at = (key) => `${prefix}:{${key.slice(0, 8)}}:s:${key.slice(8)}`
})

async function life(on: RedisStore): Promise<void> {
  const now = new ManualClock()
  const [record, key] = [newRecord(now), newKey()]
  await on.create(record)
  await on.update(record.key, patchOf())
  await on.rotate(record.key, key, rotation(undefined))
  await on.delete(key)
}

interface Move {
  readonly record: SessionRecord
  readonly key: string
  readonly patch: RotatePatch
  readonly held: Held
  readonly answer: Promise<unknown>
}

/** A rotation to ann, of an anonymous session unless another is given, that has not left its old slot yet. */
async function moving(other: Partial<RotatePatch> = {}, record = newRecord(clock)): Promise<Move> {
  const [key, patch] = [newKey('ann'), rotation('ann', [['userId', '"ann"']], other)]
  await store.create(record)
  const held = client.hold(at(record.key))
  const answer = store.rotate(record.key, key, patch)
  await held.come
  return { record, key, patch, held, answer }
}

/** Fails unless nothing is left of a session under either key. */
async function isOver({ record, key }: Move): Promise<void> {
  for (const each of [record.key, key]) await lacks(store, each)
  await lists(store, 'ann', [])
}

describe('what happens to a session while it moves to another slot', () => {
  test('nothing: it is there under its new key, and the old one is dead', async () => {
    const { record, key, patch, held, answer } = await moving({ signIn: signInAt(clock.now() + 5) })
    held.go()
    expect(await answer).toBe('updated')
    await lacks(store, record.key)
    expect(await store.update(record.key, patchOf())).toBe('rotated')
    await keeps(store, movedBy(patch, record, key))
    await lists(store, 'ann', [movedBy(patch, record, key)])
  })

  test('it comes from where its last sign-in came from, and from nowhere else', async () => {
    const usual = { ip: '203.0.113.7', device: 'Firefox on Linux' }
    const others = { ip: '::1', device: 'Shop on iOS' }
    const none = { ip: undefined, device: undefined }
    // The head has room for the code, or only until it is updated, or never.
    const grown = { version: 2 ** 50 }
    const long = { ...grown, idleTimeout: hours(998) + 1, expiresAt: clock.now() + days(98) + 1 }
    for (const numbers of [{}, grown, long]) {
      for (const [was, is] of [[usual, others], [others, usual], [usual, none], [usual], [others]] as const) {
        const signIn = is && signInAt(clock.now(), is)
        const { record, key, patch, held, answer } = await moving(
          { signIn },
          newRecord(clock, [], { ...was, ...numbers }),
        )
        const times = timesOf(record, { idleTimeout: hours(999) + 1, expiresAt: clock.now() + days(99) + 1 })
        expect(await other.update(record.key, patchOf([], { times }))).toBe('updated')
        held.go()
        expect(await answer).toBe('updated')
        await keeps(store, { ...movedBy(patch, record, key), ...times, version: record.version + 2 })
        await store.delete(key)
      }
    }
  })

  test('a write to other keys is kept, and one to the same key is overwritten', async () => {
    const record = newRecord(clock, [['cart', '1'], ['old', '2'], ['gone', '3']]) // prettier-ignore
    const { key, patch, held, answer } = await moving({ remove: ['gone'] }, record)
    const write = patchOf([['cart', '9'], ['new', '4'], ['userId', '"mallory"'], ['gone', '5']], { remove: ['old'] }) // prettier-ignore
    expect(await other.update(record.key, write)).toBe('updated')
    expect(await other.update(record.key, patchOf([['more', '6']]))).toBe('updated')
    held.go()
    expect(await answer).toBe('updated')
    const data = new Map([['cart', '9'], ['new', '4'], ['more', '6'], ['userId', '"ann"']]) // prettier-ignore
    await keeps(store, { ...movedBy(patch, record, key), version: 4, data })
    await lacks(store, record.key)
  })

  test('a touch and new deadlines are kept, unless the rotation sets some', async () => {
    const [expiresAt, idleTimeout] = [clock.now() + days(9), hours(7)]
    const given = {
      lastSeenAt: clock.now(),
      idleTimeout: hours(1),
      expiresAt: clock.now() + hours(2),
      persistent: true,
    }
    for (const times of [undefined, given]) {
      const { record, key, patch, held, answer } = await moving({ times })
      const set = timesOf(record, { expiresAt, idleTimeout, persistent: false })
      await other.update(record.key, patchOf([], { times: set }))
      await other.touch(record.key, clock.now() + 3)
      held.go()
      expect(await answer).toBe('updated')
      const kept = { ...movedBy(patch, record, key), ...(times ?? set), lastSeenAt: clock.now() + 3, version: 3 }
      await keeps(store, kept)
      await lists(store, 'ann', [kept])
      await store.revokeAll('ann')
    }
  })

  test('its end ends it under both keys', async () => {
    for (const end of [
      (key: string) => other.delete(key),
      () => other.revokeAll('bob'),
      () => Promise.resolve(clock.advance(minutes(30))),
    ]) {
      const move = await moving({}, signedIn(clock, 'bob'))
      await end(move.record.key)
      await lists(store, 'bob', [])
      move.held.go()
      expect(await move.answer).toBe('gone')
      await isOver(move)
    }
  })

  test('another rotation is first', async () => {
    const { record, key, held, answer } = await moving()
    const [first, patch] = [newKey('bob'), rotation('bob')]
    expect(await other.rotate(record.key, first, patch)).toBe('updated')
    held.go()
    expect(await answer).toBe('rotated')
    await lacks(store, key)
    await lists(store, 'ann', [])
    await keeps(store, movedBy(patch, record, first))
  })

  test('another version is a conflict where one is asked for, and leaves the session where it is', async () => {
    const { record, key, held, answer } = await moving({ ifVersion: 1 })
    await other.touch(record.key, clock.now() + 1)
    await other.update(record.key, patchOf([['cart', '9']]))
    held.go()
    expect(await answer).toBe('conflict')
    await lacks(store, key)
    await lists(store, 'ann', [])
    const data = new Map([['cart', '9']])
    await keeps(store, { ...record, lastSeenAt: clock.now() + 1, version: 2, data })
  })

  test('a touch is no conflict', async () => {
    const { record, key, patch, held, answer } = await moving({ ifVersion: 1 })
    await other.touch(record.key, clock.now() + 1)
    held.go()
    expect(await answer).toBe('updated')
    await keeps(store, { ...movedBy(patch, record, key), lastSeenAt: clock.now() + 1 })
  })
})

describe('what happens under the new key of a session while it moves', () => {
  test('a revocation ends it, and nothing brings it back', async () => {
    for (const write of [[], [['cart', '9'] as const]]) {
      const move = await moving()
      expect(await other.revokeAll('ann')).toEqual([move.record.handle])
      if (write.length > 0) await other.update(move.record.key, patchOf(write))
      move.held.go()
      expect(await move.answer).toBe(write.length > 0 ? 'gone' : 'updated')
      await isOver(move)
      expect(await store.update(move.record.key, patchOf())).toBe('rotated')
    }
  })

  test('updateAll is kept beside what is written under the old one', async () => {
    const { record, key, patch, held, answer } = await moving()
    expect(await other.updateAll('ann', patchOf([['role', '"user"']]))).toBe(1)
    await other.update(record.key, patchOf([['cart', '9']]))
    held.go()
    expect(await answer).toBe('updated')
    const data = new Map([['cart', '9'], ['userId', '"ann"'], ['role', '"user"']]) // prettier-ignore
    await keeps(store, { ...movedBy(patch, record, key), version: 4, data })
  })
})

describe('what becomes of a move that does not get through', () => {
  test('a refused limit and a key that is taken leave everything as it was', async () => {
    const [record, ann] = [newRecord(clock), signedIn(clock, 'ann')]
    await store.create(record)
    await store.create(ann)
    const limit = noMoreThan(1)
    await expect(store.rotate(record.key, newKey('ann'), rotation('ann', [], { limit }))).rejects.toMatchObject({
      code: 'SESSION_LIMIT_REACHED',
    })
    await expect(store.rotate(record.key, ann.key, rotation('ann'))).rejects.toMatchObject({ code: 'RECORD_EXISTS' })
    for (const each of [record, ann]) await keeps(store, each)
    await lists(store, 'ann', [ann])
  })

  test('a limit ends the others in the step that creates', async () => {
    const ann = signedIn(clock, 'ann')
    await store.create(ann)
    const { record, key, patch, held, answer } = await moving({ limit: atMost(1) })
    await lacks(other, ann.key)
    held.go()
    expect(await answer).toEqual({ evicted: [ann.handle] })
    await lists(store, 'ann', [movedBy(patch, record, key)])
  })

  test('the process ends: the session is where it was, and can move again', async () => {
    const { record, key } = await moving()
    await keeps(other, record)
    const [again, patch] = [newKey('ann'), rotation('ann')]
    expect(await other.rotate(record.key, again, patch)).toBe('updated')
    await keeps(other, movedBy(patch, record, again))
    expect(await other.revokeAll('ann')).toHaveLength(2)
    await lacks(other, key)
  })

  test('a last step whose connection is lost is asked for once more, done or not', async () => {
    for (const how of ['lost', 'unanswered'] as const) {
      const { record, key, patch, held, answer } = await moving()
      held.go(how)
      expect(await answer).toBe('updated')
      await keeps(store, movedBy(patch, record, key))
      await lacks(store, record.key)
      await store.revokeAll('ann')
    }
  })

  test('the last step can not be asked for: the session is where it was, and nothing is left of the move', async () => {
    const { record, key, held, answer } = await moving()
    const second = client.hold(at(record.key))
    held.go('lost')
    await second.come
    second.go('lost')
    await expect(answer).rejects.toThrow('Socket closed')
    await lacks(store, key)
    await lists(store, 'ann', [])
    await keeps(store, record)
  })

  test('no answer to the last step comes through: no session is left that nobody has the id of', async () => {
    const move = await moving()
    const second = client.hold(at(move.record.key))
    move.held.go('unanswered')
    await second.come
    second.go('lost')
    await expect(move.answer).rejects.toThrow('Socket closed')
    await isOver(move)
  })
})
