import { strict as assert } from 'node:assert'
import { minutes } from '../../core/duration.js'
import type { Rotating, SessionStore } from '../../core/store.js'
import { rotatedSession } from './rotated.js'
import { movedBy, patchOf, sealedRotation, successorKey } from './samples.js'
import { inTurn, keeps, keepsFormer, lacks, leadsNowhere, ROUNDS, type Suite, together } from './suite.js'

/** Confirms at the same time as other verbs on the same record. Calls alternate between the two stores of the bench. */
export function confirmRaces(suite: Suite<SessionStore & Rotating>): void {
  suite.race('of parallel confirms exactly one counts', async ({ store, other, clock }) => {
    for (let round = 0; round < ROUNDS; round++) {
      const { formerKey, former, moved } = await rotatedSession(store, clock)
      const ends = [1, 2, 3, 4].map((seconds) => clock.now() + seconds * 1000)
      const confirms = ends.map((end, at) => () => (at % 2 ? other : store).confirm(moved.key, formerKey, end))
      await together(inTurn(round, confirms))
      await keeps(other, { ...moved, formerKey: undefined })
      const found = await store.load(formerKey)
      const goodUntil = ends.find((end) => found && 'goodUntil' in found && end === found.goodUntil)
      assert.ok(goodUntil !== undefined, 'a former key that was confirmed has another end than any that was given')
      await keepsFormer(other, formerKey, { ...former, sealedId: undefined, goodUntil })
    }
  })

  suite.race('a confirm that races a rotation is done whole or not at all', async ({ store, other, clock }) => {
    for (let round = 0; round < ROUNDS; round++) {
      const { formerKey, former, moved } = await rotatedSession(store, clock)
      const [key, patch] = [successorKey(moved.key), sealedRotation('ann')]
      const goodUntil = clock.now() + 10_000
      const answers = await together<unknown>(
        inTurn(round, [
          () => store.rotate(moved.key, key, patch),
          () => other.confirm(moved.key, formerKey, goodUntil),
        ]),
      )
      assert.ok(answers.includes('updated'), 'the rotation is done')
      await keeps(other, movedBy(patch, moved, key))
      await keepsFormer(store, moved.key, { movedTo: key, sealedId: patch.sealedId, goodUntil: undefined })
      const found = await store.load(formerKey)
      const isConfirmed = found !== undefined && 'goodUntil' in found && found.goodUntil !== undefined
      await keepsFormer(other, formerKey, isConfirmed ? { ...former, sealedId: undefined, goodUntil } : former)
    }
  })

  suite.race('a confirm and the writes at the same time are all kept', async ({ store, other, clock }) => {
    for (let round = 0; round < ROUNDS; round++) {
      const { formerKey, former, moved } = await rotatedSession(store, clock)
      const goodUntil = clock.now() + 10_000
      const seen = clock.now() + minutes(1)
      await together<unknown>(
        inTurn(round, [
          () => store.update(moved.key, patchOf([['a', '1']])),
          () => other.confirm(moved.key, formerKey, goodUntil),
          () => other.touch(moved.key, seen),
          () => store.update(moved.key, patchOf([['b', '2']], { remove: ['userId'] })),
        ]),
      )
      const data = new Map([
        ['a', '1'],
        ['b', '2'],
      ])
      await keeps(store, { ...moved, formerKey: undefined, lastSeenAt: seen, version: moved.version + 2, data })
      await keepsFormer(other, formerKey, { ...former, sealedId: undefined, goodUntil })
    }
  })

  suite.race('a confirm that races a delete brings nothing back', async ({ store, other, clock }) => {
    for (let round = 0; round < ROUNDS; round++) {
      const { formerKey, moved } = await rotatedSession(store, clock)
      const answers = await together<unknown>(
        inTurn(round, [() => store.delete(moved.key), () => other.confirm(moved.key, formerKey, clock.now() + 10_000)]),
      )
      assert.ok(answers.includes(true), 'the delete is done')
      for (const each of [store, other]) {
        await lacks(each, moved.key)
        await leadsNowhere(each, formerKey)
      }
      assert.equal(await store.update(moved.key, patchOf()), 'gone')
    }
  })
}
