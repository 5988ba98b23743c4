import { hours } from 'latchkey/core'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import {
  atMost,
  IDLE,
  newKey,
  newRecord,
  noMoreThan,
  patchOf,
  rotation,
  sealedRotation,
  signedIn,
  successorKey,
  timesOf,
} from '../../../src/testing/conformance/samples.js'
import { together } from '../../../src/testing/conformance/suite.js'
import { type RedisServer, startRedis } from '../../support/redis-server.js'
import { type Bench, benchOn, type Run, runDuring } from './bench.js'

let server: RedisServer
let bench: Bench

beforeAll(async () => {
  server = await startRedis()
  bench = benchOn(server)
  // From now on the server knows all scripts.
  await everything()
  await bench.store.close()
})

afterAll(() => server.stop())

beforeEach(() => {
  bench = benchOn(server)
})

afterEach(() => bench.store.close())

/** Each script with the keys that it names and those that its commands touch. */
function scriptsIn(runs: readonly Run[]): readonly { readonly named: readonly string[]; readonly touched: string[] }[] {
  const scripts: { named: readonly string[]; touched: string[] }[] = []
  for (const { words, isByScript } of runs) {
    const [name, first = '', second = ''] = words
    if (isByScript) scripts.at(-1)?.touched.push(...(name === 'RENAME' ? [first, second] : [first]))
    else if (name === 'EVALSHA' || name === 'EVAL') {
      scripts.push({ named: words.slice(3, 3 + Number(second)), touched: [] })
    }
  }
  return scripts
}

/** Every verb, in every way that its script can go. */
async function everything(): Promise<void> {
  const { store, clock } = bench
  const [anonymous, idle, over] = [newRecord(clock), signedIn(clock, 'ann'), signedIn(clock, 'ann')]
  await store.create(anonymous)
  await store.create({ ...idle, idleTimeout: 1000 })
  await store.create({ ...over, expiresAt: clock.now() + 1000 })
  clock.advance(1000)
  await together(Array.from({ length: 8 }, () => () => store.create(signedIn(clock, 'ann'), atMost(3))))
  await store.create(signedIn(clock, 'ann'), noMoreThan(3)).catch(() => {})
  await store.rotate(anonymous.key, newKey('ann'), rotation('ann', [], { limit: atMost(3) }))
  await store.rotate(anonymous.key, newKey('ann'), rotation('ann'))
  const [first, second] = await store.list('ann')
  if (!first || !second) throw new Error('two sessions are due')
  const next = successorKey(first.key)
  await store.rotate(first.key, next, sealedRotation('ann', [['a', '1']], { limit: atMost(2) }))
  await store.confirm(next, first.key, clock.now())
  await store.update(next, patchOf([['b', '2']], { remove: ['a'] }))
  await store.update(next, patchOf([], { times: timesOf(first, { expiresAt: clock.now() + hours(1) }) }))
  await store.touch(next, clock.now() + 1)
  await store.rotate(next, newKey('bob'), rotation('bob'))
  await store.updateAll('ann', patchOf([['role', '1']]))
  await store.revoke('ann', second.handle)
  await store.create(signedIn(clock, 'ann', { key: second.key }))
  await store.delete(second.key)
  await store.count('bob')
  clock.advance(IDLE)
  await store.create(signedIn(clock, 'bob', { key: newKey('bob') }))
  await store.revokeAll('bob')
  await store.revokeAll('ann')
}

test('no script touches a key that it does not name', async () => {
  const scripts = scriptsIn(await runDuring(server, everything))
  expect(scripts.length).toBeGreaterThan(30)
  for (const { named, touched } of scripts) {
    expect(touched).not.toEqual([])
    expect(named).toEqual(expect.arrayContaining(touched))
  }
})

test('no script names keys of two slots, except where the subject changes on a single server', async () => {
  const scripts = scriptsIn(await runDuring(server, everything))
  const tags = scripts.map(({ named }) => new Set(named.map((key) => /\{.{8}\}/.exec(key)?.[0])))
  // Three such rotations, the first in two tries, because its limit has to see others.
  expect(tags.filter(({ size }) => size > 1)).toHaveLength(4)
})

test('nothing is looked for by a pattern', async () => {
  const names = new Set((await runDuring(server, everything)).map(({ words }) => words[0]))
  for (const name of ['KEYS', 'SCAN', 'SUBSCRIBE', 'PSUBSCRIBE']) expect(names).not.toContain(name)
})
