import { strict as assert } from 'node:assert'
import { SessionError } from '../../core/errors.js'
import type { SessionRecord } from '../../core/record.js'
import type { BySubject, Rotating, SessionStore } from '../../core/store.js'
import { atMost, newKey, newRecord, noMoreThan, patchOf, rotation, sealedRotation, signedIn, signInAt, successorKey } from './samples.js' // prettier-ignore
import { inTurn, keeps, lacks, leadsNowhere, LONG_ROUNDS, ROUNDS, type Suite, together } from './suite.js'

/** How many sign in at once, and how many of them may stay. */
const LOGINS = 50
const MAX = 5

/** Sign-ins of one subject at the same time. Calls alternate between the two stores of the bench. */
export function limitRaces(suite: Suite<SessionStore & BySubject>): void {
  suite.race('of parallel new sessions as many are left as the limit allows', async ({ store, other, clock }) => {
    for (let round = 0; round < 3; round++) {
      await store.revokeAll('ann')
      const records = Array.from({ length: LOGINS }, () => signedIn(clock, 'ann'))
      const answers = await together(
        records.map((record, at) => () => (at % 2 ? other : store).create(record, atMost(MAX))),
      )
      const evicted = answers.flatMap((evictions) => evictions?.evicted ?? [])
      await isLimited(other, records, evicted)
    }
  })

  suite.race('of parallel new sessions as many are taken as the limit allows', async ({ store, other, clock }) => {
    for (let round = 0; round < 3; round++) {
      await store.revokeAll('ann')
      const records = Array.from({ length: LOGINS }, () => signedIn(clock, 'ann'))
      const results = await Promise.allSettled(
        records.map((record, at) => together([() => (at % 2 ? other : store).create(record, noMoreThan(MAX))])),
      )
      const refusedOnes = results.flatMap((result, at) => {
        if (result.status === 'fulfilled') return []
        const error: unknown = result.reason
        assert.ok(error instanceof SessionError && error.code === 'SESSION_LIMIT_REACHED', String(error))
        return [records[at]?.handle ?? '']
      })
      await isLimited(other, records, refusedOnes)
    }
  })

  suite.race('a session that a limit ends stays dead, whatever is written to it', async ({ store, other, clock }) => {
    for (let round = 0; round < ROUNDS; round++) {
      await store.revokeAll('ann')
      const [first, second] = [signedIn(clock, 'ann'), signedIn(clock, 'ann', { authenticatedAt: clock.now() + 1 })]
      await store.create(first)
      await together<unknown>(
        inTurn(round, [
          () => store.touch(first.key, clock.now() + 2),
          () => other.create(second, atMost(1)),
          () => store.update(first.key, patchOf([['a', '1']])),
          () => other.touch(first.key, clock.now() + 3),
        ]),
      )
      await lacks(store, first.key)
      assert.equal(await other.update(first.key, patchOf()), 'gone')
      await keeps(store, second)
      assert.deepEqual(await handles(other), [second.handle])
    }
  })
}

/** Sign-ins into sessions that are there already. */
export function rotationLimitRaces(suite: Suite<SessionStore & BySubject & Rotating>): void {
  suite.race('of parallel sign-ins as many are left as the limit allows', async ({ store, other, clock }) => {
    const anonymous = Array.from({ length: LOGINS }, () => newRecord(clock))
    for (const record of anonymous) await store.create(record)
    const records = anonymous.map((record) => ({ ...record, key: newKey('ann') }))
    const signIn = signInAt(clock.now())
    const answers = await together(
      records.map(({ key }, at) => () => {
        const patch = rotation('ann', [], { signIn, limit: atMost(MAX) })
        return (at % 2 ? other : store).rotate(anonymous[at]?.key ?? '', key, patch)
      }),
    )
    const evicted = answers.flatMap((answer) => {
      assert.ok(answer === 'updated' || typeof answer === 'object', 'a sign-in was not done')
      return answer === 'updated' ? [] : answer.evicted
    })
    await isLimited(other, records, evicted)
    for (const { key } of anonymous) await lacks(store, key)
  })

  suite.race('a session that a limit ends stays dead, also where it has a new id by then', async (bench) => {
    const { store, other, clock } = bench
    for (let round = 0; round < LONG_ROUNDS; round++) {
      await store.revokeAll('ann')
      const [first, second] = [signedIn(clock, 'ann'), signedIn(clock, 'ann', { authenticatedAt: clock.now() + 1 })]
      const keys = [successorKey(first.key), successorKey(first.key)] as const
      await store.create(first)
      const answers = await together<unknown>(
        inTurn(round, [
          () => store.rotate(first.key, keys[0], sealedRotation('ann')),
          () => other.create(second, atMost(1)),
          async () => {
            await store.confirm(keys[0], first.key, clock.now())
            return other.rotate(keys[0], keys[1], sealedRotation('ann'))
          },
        ]),
      )
      const evictions = answers.filter((answer) => typeof answer === 'object')
      assert.deepEqual(evictions, [{ evicted: [first.handle] }])
      for (const key of [first.key, ...keys]) await leadsNowhere(store, key)
      assert.deepEqual(await handles(other), [second.handle])
    }
  })
}

/** Fails unless {@link MAX} of the records are alive, in the list and by their keys, and these are the others. */
async function isLimited(
  store: SessionStore & BySubject,
  records: readonly SessionRecord[],
  ended: readonly string[],
): Promise<void> {
  const alive = await handles(store)
  assert.equal(alive.length, MAX, 'another number of sessions is left than the limit allows')
  assert.equal(await store.count('ann'), MAX)
  const all = records.map(({ handle }) => handle).toSorted()
  assert.deepEqual([...alive, ...ended].toSorted(), all, 'every other session was named exactly once')
  for (const { key, handle } of records) {
    assert.equal((await store.load(key)) !== undefined, alive.includes(handle), 'the list says what is loaded')
  }
}

async function handles(store: BySubject): Promise<readonly string[]> {
  return (await store.list('ann')).map(({ handle }) => handle)
}
