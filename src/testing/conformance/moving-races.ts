import { strict as assert } from 'node:assert'
import type { BySubject, Rotating, SessionStore } from '../../core/store.js'
import { rotatedSession } from './rotated.js'
import {
  movedBy,
  newKey,
  newRecord,
  patchOf,
  rotation,
  sealedRotation,
  signedIn,
  signInAt,
  successorKey,
  timesOf,
} from './samples.js'
import { inTurn, keeps, leadsNowhere, lists, loaded, LONG_ROUNDS, ROUNDS, type Suite, together } from './suite.js'
import { revokeAllDuring } from './subject-races.js'

/**
 * The verbs of a subject while its sessions get new ids: the abilities `by-subject` and `rotating` together. Calls alternate
 * between the two stores of the bench.
 */
export function movingRaces(suite: Suite<SessionStore & BySubject & Rotating>): void {
  suite.race(
    'a list has a session exactly once all the while that it gets new ids',
    async ({ store, other, clock }) => {
      const record = signedIn(clock, 'ann')
      await store.create(record)
      const handles: (readonly string[])[] = []
      const counts: number[] = []
      const rotate = async (): Promise<void> => {
        let { key } = record
        for (let step = 0; step < ROUNDS; step++) {
          const next = step % 4 ? successorKey(key) : newKey('ann')
          const patch = step % 4 ? sealedRotation('ann') : rotation('ann')
          assert.equal(await (step % 2 ? other : store).rotate(key, next, patch), 'updated')
          if (step % 3 === 0) await store.confirm(next, key, clock.now())
          key = next
        }
      }
      const look = async (each: BySubject): Promise<void> => {
        for (let step = 0; step < ROUNDS; step++) {
          handles.push((await each.list('ann')).map(({ handle }) => handle))
          counts.push(await each.count('ann'))
        }
      }
      await together([() => look(store), rotate, () => look(other)])
      for (const seen of handles) assert.deepEqual(seen, [record.handle])
      assert.deepEqual(new Set(counts), new Set([1]))
    },
  )

  suite.race('nothing that was there before a revokeAll lives after it, under whatever key', async (bench) => {
    const { store, other, clock } = bench
    for (let round = 0; round < LONG_ROUNDS; round++) {
      const [one, two, three] = [signedIn(clock, 'ann'), signedIn(clock, 'ann'), signedIn(clock, 'ann')]
      for (const record of [one, two, three]) await store.create(record)
      const four = await rotatedSession(store, clock)
      const keys = [successorKey(one.key), successorKey(one.key), newKey('ann'), successorKey(four.moved.key)] as const
      const times = timesOf(three, { lastSeenAt: clock.now() + 1 })
      const calls = [
        () => store.rotate(one.key, keys[0], sealedRotation('ann')),
        async () => {
          await other.confirm(keys[0], one.key, clock.now() + 10_000)
          await store.rotate(keys[0], keys[1], sealedRotation('ann'))
        },
        () => store.rotate(two.key, keys[2], rotation('ann', [], { signIn: signInAt(clock.now()) })),
        () => other.update(three.key, patchOf([['a', '1']], { times })),
        () => store.touch(three.key, clock.now() + 2),
        () => store.confirm(four.moved.key, four.formerKey, clock.now() + 10_000),
        () => store.update(four.moved.key, patchOf([['a', '1']])),
        () => other.rotate(four.moved.key, keys[3], sealedRotation('ann')),
      ]
      const [ended] = await revokeAllDuring(round, other, calls)
      const due = [one, two, three, four.moved].map(({ handle }) => handle)
      assert.deepEqual(ended.toSorted(), due.toSorted(), 'a session that was there before is not named')
      const dead = [one.key, two.key, three.key, four.formerKey, four.moved.key, ...keys]
      for (const key of dead) {
        await leadsNowhere(store, key)
        assert.notEqual(await other.update(key, patchOf()), 'updated')
      }
      for (const each of [store, other]) await lists(each, 'ann', [])
    }
  })

  suite.race('a revoke that races rotations ends the session under whatever key', async ({ store, other, clock }) => {
    for (let round = 0; round < ROUNDS; round++) {
      const record = signedIn(clock, 'ann')
      const keys = [successorKey(record.key), newKey('ann')] as const
      await store.create(record)
      const revokes: boolean[] = []
      await together<unknown>(
        inTurn(round, [
          () => store.rotate(record.key, keys[0], sealedRotation('ann')),
          async () => {
            revokes.push(await other.revoke('ann', record.handle))
          },
          () => store.rotate(keys[0], keys[1], rotation('ann')),
        ]),
      )
      assert.deepEqual(revokes, [true], 'a session that was there all the while was not found')
      for (const key of [record.key, ...keys]) await leadsNowhere(other, key)
      await lists(store, 'ann', [])
    }
  })

  suite.race('a sign-in that races a revokeAll is ended whole or left whole', async ({ store, other, clock }) => {
    for (let round = 0; round < ROUNDS; round++) {
      const anonymous = newRecord(clock)
      const key = newKey('ann')
      await store.create(anonymous)
      const patch = rotation('ann', [], { signIn: signInAt(clock.now()) })
      const [ended] = await revokeAllDuring(round, other, [() => store.rotate(anonymous.key, key, patch)])
      await lists(store, 'ann', ended.length > 0 ? [] : [movedBy(patch, anonymous, key)])
      await leadsNowhere(other, anonymous.key)
      await store.revokeAll('ann')
    }
  })

  suite.race('an updateAll that races a rotation reaches the session wherever it is', async (bench) => {
    const { store, other, clock } = bench
    for (let round = 0; round < ROUNDS; round++) {
      const record = signedIn(clock, 'ann')
      const keys = [successorKey(record.key), successorKey(record.key)] as const
      await store.create(record)
      const reached: number[] = []
      await together<unknown>(
        inTurn(round, [
          () => store.rotate(record.key, keys[0], sealedRotation('ann', [['a', '1']])),
          async () => {
            reached.push(await other.updateAll('ann', patchOf([['b', '2']])))
          },
          () => store.rotate(keys[0], keys[1], sealedRotation('ann')),
        ]),
      )
      assert.deepEqual(reached, [1])
      const [now] = await other.list('ann')
      assert.ok(now, 'the session is not in the list')
      await keeps(store, now)
      const { data } = await loaded(other, now.key)
      assert.deepEqual([data.get('a'), data.get('b')], ['1', '2'])
      await store.revokeAll('ann')
    }
  })
}
