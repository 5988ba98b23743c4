import { strict as assert } from 'node:assert'
import type { SessionRecord } from '../../core/record.js'
import type { BySubject, SessionStore } from '../../core/store.js'
import { patchOf, signedIn, timesOf } from './samples.js'
import { inTurn, isDead, keeps, lists, LONG_ROUNDS, ROUNDS, type Suite, together } from './suite.js'

/** The verbs of a subject at the same time as others. Calls alternate between the two stores of the bench. */
export function subjectRaces(suite: Suite<SessionStore & BySubject>): void {
  suite.race('a list has a session all the while that it is written to', async ({ store, other, clock }) => {
    const record = signedIn(clock, 'ann')
    await store.create(record)
    const lengths: number[] = []
    const calls = Array.from({ length: ROUNDS }, (_, at) => async (): Promise<unknown> => {
      const each = at % 8 < 4 ? other : store
      if (at % 4 === 0) return each.update(record.key, patchOf([['a', String(at)]]))
      if (at % 4 === 1) return each.touch(record.key, clock.now() + at)
      return lengths.push(at % 4 === 2 ? (await each.list('ann')).length : await each.count('ann'))
    })
    await together(calls)
    assert.deepEqual(new Set(lengths), new Set([1]))
  })

  suite.race('a session that is loaded is in the list, and one that is in the list is loaded', async (bench) => {
    const { store, other, clock } = bench
    const isListed = async (each: BySubject, { handle }: SessionRecord): Promise<boolean> => {
      return (await each.list('ann')).some((record) => record.handle === handle)
    }
    for (let round = 0; round < LONG_ROUNDS; round++) {
      const [begun, ended] = [signedIn(clock, 'ann'), signedIn(clock, 'ann')]
      await store.create(ended)
      const look = async (): Promise<void> => {
        for (let step = 0; step < 4; step++) {
          const isLoaded = (await other.load(begun.key)) !== undefined
          assert.ok((await isListed(other, begun)) || !isLoaded, 'a session that is loaded is not in the list')
          const isThere = await isListed(other, ended)
          assert.ok(isThere || !(await other.load(ended.key)), 'a session that is not in the list any more is loaded')
        }
      }
      await together<unknown>(inTurn(round, [() => store.create(begun), look, () => store.delete(ended.key)]))
      await lists(other, 'ann', [begun])
      await store.revokeAll('ann')
    }
  })

  suite.race('what is created and ended at the same time is in the list if it lives', async (bench) => {
    const { store, other, clock } = bench
    for (let round = 0; round < LONG_ROUNDS; round++) {
      const [first, second] = [signedIn(clock, 'ann'), signedIn(clock, 'ann')]
      for (const record of [first, second]) await store.create(record)
      const created = [0, 1, 2].map((later) => signedIn(clock, 'ann', { authenticatedAt: clock.now() + later }))
      await together<unknown>(
        inTurn(round, [
          ...created.map((record, at) => () => (at % 2 ? store : other).create(record)),
          () => store.delete(first.key),
          () => other.revoke('ann', second.handle),
        ]),
      )
      for (const each of [store, other]) await lists(each, 'ann', created)
      assert.equal((await other.revokeAll('ann')).length, created.length)
    }
  })

  suite.race('a session that is created during a revokeAll is ended whole or left whole', async (bench) => {
    const { store, other, clock } = bench
    for (let round = 0; round < ROUNDS; round++) {
      const [before, during] = [signedIn(clock, 'ann'), signedIn(clock, 'ann')]
      await store.create(before)
      const [ended] = await revokeAllDuring(round, other, [() => store.create(during)])
      assert.ok(ended.includes(before.handle), 'a session that was there before is not named')
      await lists(store, 'ann', ended.includes(during.handle) ? [] : [during])
      await store.revokeAll('ann')
    }
  })

  suite.race('writes that race a revoke never bring the session back', async ({ store, other, clock }) => {
    for (let round = 0; round < ROUNDS; round++) {
      const record = signedIn(clock, 'ann')
      await store.create(record)
      const revokes: boolean[] = []
      await together<unknown>(
        inTurn(round, [
          ...writesTo(record, store, other),
          async () => {
            revokes.push(await other.revoke('ann', record.handle))
          },
          ...writesTo(record, other, store),
        ]),
      )
      assert.deepEqual(revokes, [true])
      for (const each of [store, other]) await isDead(each, record)
      await lists(other, 'ann', [])
    }
  })

  suite.race('writes that race a revokeAll bring none of its sessions back', async ({ store, other, clock }) => {
    for (let round = 0; round < LONG_ROUNDS; round++) {
      const records = [signedIn(clock, 'ann'), signedIn(clock, 'ann'), signedIn(clock, 'ann')]
      for (const record of records) await store.create(record)
      const writes = records.flatMap((record) => writesTo(record, store, other))
      const [ended] = await revokeAllDuring(round, other, writes)
      assert.deepEqual(ended.toSorted(), records.map(({ handle }) => handle).toSorted())
      for (const record of records) await isDead(store, record)
      for (const each of [store, other]) await lists(each, 'ann', [])
    }
  })

  suite.race('of parallel revokes of one session exactly one answers true', async ({ store, other, clock }) => {
    for (let round = 0; round < ROUNDS; round++) {
      const record = signedIn(clock, 'ann')
      await store.create(record)
      const stores = [store, other, store, other]
      const answers = await together(stores.map((each) => () => each.revoke('ann', record.handle)))
      assert.equal(answers.filter(Boolean).length, 1)
    }
  })

  suite.race('parallel revokeAlls name every session once', async ({ store, other, clock }) => {
    for (let round = 0; round < ROUNDS; round++) {
      const records = [signedIn(clock, 'ann'), signedIn(clock, 'ann'), signedIn(clock, 'ann')]
      for (const record of records) await store.create(record)
      const answers = await together([store, other, store, other].map((each) => () => each.revokeAll('ann')))
      assert.deepEqual(answers.flat().toSorted(), records.map(({ handle }) => handle).toSorted())
    }
  })

  suite.race('parallel updates and updateAlls of different keys are all kept', async ({ store, other, clock }) => {
    const record = signedIn(clock, 'ann')
    await store.create(record)
    const keys = Array.from({ length: ROUNDS }, (_, at) => `key ${at}`)
    await together<unknown>(
      keys.map((key, at) => () => {
        const [each, patch] = [at % 4 < 2 ? other : store, patchOf([[key, key]])]
        return at % 2 ? each.update(record.key, patch) : each.updateAll('ann', patch)
      }),
    )
    const data = new Map([...record.data, ...keys.map((key) => [key, key] as const)])
    await keeps(other, { ...record, version: 1 + keys.length, data })
  })
}

/** What an `updateAll`, an `update` and a `touch` do to a record. */
function writesTo(
  record: SessionRecord,
  store: SessionStore & BySubject,
  other: SessionStore,
): readonly (() => unknown)[] {
  const times = timesOf(record, { lastSeenAt: record.lastSeenAt + 1 })
  return [
    () => store.updateAll('ann', patchOf([['c', '4']])),
    () => other.update(record.key, patchOf([['a', '2']], { times })),
    () => other.touch(record.key, record.lastSeenAt + 2),
  ]
}

/** A `revokeAll` at the same time as other calls, and what all of them answered. */
export async function revokeAllDuring(
  round: number,
  store: BySubject,
  calls: readonly (() => unknown)[],
): Promise<readonly [ended: readonly string[], answers: readonly unknown[]]> {
  let ended: readonly string[] = []
  const revokeAll = async (): Promise<void> => {
    ended = await store.revokeAll('ann')
  }
  const answers = await together<unknown>(inTurn(round, [...calls, revokeAll]))
  return [ended, answers]
}
