import { hours, minutes } from 'latchkey/core'
import { RedisStore } from 'latchkey/stores/redis'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import {
  atMost,
  IDLE,
  newKey,
  newRecord,
  patchOf,
  rotation,
  sealedRotation,
  signedIn,
  successorKey,
} from '../../../src/testing/conformance/samples.js'
import { loaded, together } from '../../../src/testing/conformance/suite.js'
import { type RedisServer, startRedis } from '../../support/redis-server.js'
import { type Bench, benchOn, sentDuring } from './bench.js'

let server: RedisServer
let bench: Bench
let other: RedisStore

beforeAll(async () => {
  server = await startRedis()
})

afterAll(() => server.stop())

beforeEach(() => {
  bench = benchOn(server)
  other = new RedisStore({ url: server.url, prefix: bench.prefix, clock: bench.clock.now })
})

afterEach(() => together([bench.store, other].map((store) => () => store.close())))

/** Records of ann, the first signed in first. */
async function annSignsIn(times: number): Promise<readonly string[]> {
  const keys: string[] = []
  for (let at = 0; at < times; at++) {
    const record = signedIn(bench.clock, 'ann', { authenticatedAt: bench.clock.now() + at })
    await bench.store.create(record)
    keys.push(record.key)
  }
  return keys
}

describe('how many commands it takes', () => {
  const commands = async (act: () => Promise<unknown>): Promise<readonly string[]> => {
    // Once before, so that the server knows the script.
    await act()
    return (await sentDuring(server, act)).map(([name = '']) => name)
  }

  test('a limit costs nothing at the first sign-in of a subject, and one command more at the others', async () => {
    const { store, clock } = bench
    const signIn = (limit: number) => () => store.create(signedIn(clock, 'ann'), atMost(limit))
    await store.create(signedIn(clock, 'bob'), atMost(5))
    expect(await sentDuring(server, signIn(5))).toHaveLength(1)
    expect(await commands(signIn(5))).toEqual(['EVALSHA', 'EVALSHA'])
    expect(await commands(signIn(1))).toEqual(['EVALSHA', 'EVALSHA'])
  })

  test('all that is done with the sessions of a subject takes two, and where it has none one', async () => {
    await annSignsIn(3)
    const verbs: ((subject: string) => Promise<unknown>)[] = [
      (subject) => bench.store.list(subject),
      (subject) => bench.store.count(subject),
      (subject) => bench.store.revoke(subject, 'nobody'),
      (subject) => bench.store.updateAll(subject, patchOf([['a', '1']])),
    ]
    for (const verb of verbs) {
      expect(await commands(() => verb('ann'))).toEqual(['EVALSHA', 'EVALSHA'])
      expect(await commands(() => verb('nobody'))).toEqual(['EVALSHA'])
    }
    expect(await sentDuring(server, () => bench.store.revokeAll('ann'))).toHaveLength(3)
    expect(await commands(() => bench.store.revokeAll('ann'))).toEqual(['EVALSHA'])
  })

  test('many sign-ins of one subject in one process wait for each other instead of trying again', async () => {
    const { store, clock } = bench
    await annSignsIn(5)
    const many = (): Promise<unknown> =>
      together(Array.from({ length: 50 }, () => () => store.create(signedIn(clock, 'ann'), atMost(5))))
    await many()
    expect((await sentDuring(server, many)).length).toBeLessThanOrEqual(51)
    expect(await store.count('ann')).toBe(5)
  })

  test('sign-ins of one subject in two processes keep its limit', async () => {
    const { store, clock } = bench
    const stores = Array.from({ length: 50 }, (_, at) => (at % 2 === 0 ? store : other))
    for (let round = 0; round < 20; round++) {
      const records = stores.map(() => signedIn(clock, 'ann'))
      await together(stores.map((each, at) => () => each.create(records[at] ?? signedIn(clock, 'ann'), atMost(5))))
      expect(await store.count('ann')).toBe(5)
    }
  })

  test('who waits for a command that never comes back waits only for a moment', async () => {
    const { client, held } = silentAtFirst()
    const store = new RedisStore({ client, prefix: bench.prefix, clock: bench.clock.now })
    const lost = store.count('ann')
    expect(await store.count('ann')).toBe(0)
    held()
    expect(await lost).toBe(0)
  })

  /** A client that answers its first command only when it is told to, and every other one with `done` and 0. */
  function silentAtFirst(): { readonly client: never; readonly held: () => void } {
    let go: () => void = () => {}
    const gate = new Promise<void>((resolve) => (go = resolve))
    let isFirst = true
    const sendCommand = async (): Promise<unknown> => {
      if (isFirst) {
        isFirst = false
        await gate
      }
      return ['done', 0]
    }
    const client = { isOpen: true, sendCommand, on: () => {}, listenerCount: () => 1 }
    return { client: client as never, held: go }
  }
})

describe('sessions that move while they are looked for', () => {
  test('are revoked under whatever key they are by then', async () => {
    const { store } = bench
    for (let round = 0; round < 50; round++) {
      const [key = ''] = await annSignsIn(3)
      const next = successorKey(key)
      const revoking = store.revokeAll('ann')
      const rotating = Promise.resolve(other.rotate(key, next, sealedRotation('ann')))
      expect(await revoking).toHaveLength(3)
      expect(['updated', 'gone']).toContain(await rotating)
      expect(await store.list('ann')).toEqual([])
      for (const each of [key, next]) expect(await store.update(each, patchOf())).not.toBe('updated')
    }
  })

  test('are updated all or, once more, all', async () => {
    const { store } = bench
    for (let round = 0; round < 50; round++) {
      const [key = ''] = await annSignsIn(3)
      const next = successorKey(key)
      const updating = store.updateAll('ann', patchOf([['role', '"user"']]))
      expect(await other.rotate(key, next, sealedRotation('ann'))).toBe('updated')
      expect(await updating).toBe(3)
      for (const record of await store.list('ann')) expect(record.data.get('role')).toBe('"user"')
      await store.revokeAll('ann')
    }
  })
})

describe('what has ended', () => {
  test('leaves the index with the next look, and the index ends with its last member', async () => {
    const { store, clock, indexOf, keys, at, indexAt } = bench
    const [idle] = await annSignsIn(2)
    clock.advance(IDLE)
    const [late = ''] = await annSignsIn(1)
    expect(await indexOf(late)).toHaveLength(6)
    expect(await store.count('ann')).toBe(1)
    const { expiresAt } = await loaded(store, late)
    expect(await indexOf(late)).toEqual([late.slice(8), String(expiresAt)])
    expect(await keys()).not.toContain(at(idle ?? ''))
    clock.advance(IDLE)
    expect(await store.list('ann')).toEqual([])
    expect(await keys()).not.toContain(indexAt(late))
  })

  test('by the clock of one process is not alive for another whose clock is behind', async () => {
    const { store, clock, indexOf } = bench
    const behind = new RedisStore({ url: server.url, prefix: bench.prefix, clock: () => clock.now() - minutes(1) })
    const [key = ''] = await annSignsIn(1)
    clock.advance(IDLE)
    expect(await behind.load(key)).toBeDefined()
    expect(await store.count('ann')).toBe(0)
    expect(await behind.touch(key, clock.now())).toBe(false)
    expect(await behind.load(key)).toBeUndefined()
    expect(await indexOf(key)).toEqual([])
    await behind.close()
  })

  test('leaves the index of a subject that only ever signs in, before it has grown large', async () => {
    const { store, clock, indexOf } = bench
    let most = 0
    for (let count = 0; count < 100; count++) {
      const anonymous = newRecord(clock)
      const key = newKey('ann')
      await store.create(anonymous)
      if (count % 2 === 0) await store.rotate(anonymous.key, key, rotation('ann'))
      else await store.create(signedIn(clock, 'ann', { key }))
      clock.advance(minutes(10))
      most = Math.max(most, ((await indexOf(key)) as string[]).length / 2)
    }
    expect(hours(24) / minutes(10)).toBeGreaterThan(100)
    expect(most).toBeLessThanOrEqual(32)
  })
})
