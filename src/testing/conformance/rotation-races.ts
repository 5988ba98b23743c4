import { strict as assert } from 'node:assert'
import { minutes } from '../../core/duration.js'
import type { Evictions, Outcome, Rotating, SessionStore } from '../../core/store.js'
import {
  movedBy,
  newKey,
  newRecord,
  patchOf,
  ROTATED_AT,
  rotation,
  sealedRotation,
  signedIn,
  successorKey,
} from './samples.js'
import { inTurn, keeps, keepsFormer, lacks, ROUNDS, type Suite, together } from './suite.js'

/** Rotations at the same time as other verbs on the same record. Calls alternate between the two stores of the bench. */
export function rotationRaces(suite: Suite<SessionStore & Rotating>): void {
  suite.race('of parallel rotations of one record exactly one is done', async ({ store, other, clock }) => {
    for (let round = 0; round < ROUNDS; round++) {
      const record = newRecord(clock, [['a', '1']])
      await store.create(record)
      const keys = [newKey('ann'), newKey('ann'), newKey()]
      const outcomes = await together(
        keys.map(
          (key, at) => () => (at % 2 ? other : store).rotate(record.key, key, rotation(undefined, [['at', key]])),
        ),
      )
      isDoneOnce(outcomes)
      for (const [at, key] of keys.entries()) {
        if (outcomes[at] !== 'updated') await lacks(store, key)
        else
          await keeps(store, {
            ...record,
            key,
            rotatedAt: ROTATED_AT,
            version: 2,
            data: new Map([
              ['a', '1'],
              ['at', key],
            ]),
          })
      }
    }
  })

  suite.race(
    'an update that races a rotation is kept or told that the record has moved',
    async ({ store, other, clock }) => {
      for (let round = 0; round < ROUNDS; round++) {
        const record = newRecord(clock, [['a', '1']])
        const key = newKey('ann')
        await store.create(record)
        const writes = Array.from({ length: 6 }, (_, at) => () => {
          return (at % 2 ? other : store).update(record.key, patchOf([[`k${at}`, 'x']]))
        })
        const calls = [
          ...writes.slice(0, round % 7),
          () => store.rotate(record.key, key, rotation('ann')),
          ...writes.slice(round % 7),
        ]
        const outcomes = await together(calls)
        assert.equal(outcomes[round % 7], 'updated', 'the rotation is done')
        const kept = outcomes.toSpliced(round % 7, 1).flatMap((outcome, at): [string, string][] => {
          assert.ok(
            outcome === 'updated' || outcome === 'rotated',
            `${JSON.stringify(outcome)} for a record that has moved`,
          )
          return outcome === 'updated' ? [[`k${at}`, 'x']] : []
        })
        const data = new Map([['a', '1'], ...kept] as [string, string][])
        await keeps(other, { ...record, key, rotatedAt: ROTATED_AT, subject: 'ann', version: 2 + kept.length, data })
      }
    },
  )

  suite.race('a touch that races a rotation is never lost when it answered true', async ({ store, other, clock }) => {
    for (let round = 0; round < ROUNDS; round++) {
      const record = newRecord(clock)
      const key = newKey('ann')
      await store.create(record)
      const seen = clock.now() + minutes(1)
      const answers = await together<unknown>(
        inTurn(round, [() => store.rotate(record.key, key, rotation('ann')), () => other.touch(record.key, seen)]),
      )
      const lastSeenAt = answers.includes(true) ? seen : record.lastSeenAt
      await keeps(store, { ...record, key, rotatedAt: ROTATED_AT, subject: 'ann', version: 2, lastSeenAt })
      await lacks(store, record.key)
    }
  })

  suite.race('a delete that races a rotation ends the record or is told that it was not there', async (bench) => {
    const { store, other, clock } = bench
    for (let round = 0; round < ROUNDS; round++) {
      const record = newRecord(clock)
      const key = newKey('ann')
      await store.create(record)
      const answers = await together<unknown>(
        inTurn(round, [() => store.rotate(record.key, key, rotation('ann')), () => other.delete(record.key)]),
      )
      await lacks(store, record.key)
      await lacks(other, record.key)
      if (answers.includes(true)) {
        assert.ok(answers.includes('gone'), 'a record that was deleted can not have moved')
        await lacks(store, key)
        await lacks(other, key)
      } else {
        assert.ok(answers.includes('updated'), 'neither the delete nor the rotation found the record')
        await keeps(other, { ...record, key, rotatedAt: ROTATED_AT, subject: 'ann', version: 2 })
      }
    }
  })

  suite.race('of parallel rotations that leave the old key good exactly one is done', async (bench) => {
    const { store, other, clock } = bench
    for (let round = 0; round < ROUNDS; round++) {
      const record = signedIn(clock, 'ann')
      await store.create(record)
      const moves = [0, 1, 2, 3].map((at) => {
        return { key: successorKey(record.key), patch: sealedRotation('ann', [['at', String(at)]]) }
      })
      const outcomes = await together(
        moves.map(
          ({ key, patch }, at) =>
            () =>
              (at % 2 ? other : store).rotate(record.key, key, patch),
        ),
      )
      isDoneOnce(outcomes)
      for (const [at, { key, patch }] of moves.entries()) {
        if (outcomes[at] !== 'updated') {
          await lacks(other, key)
          continue
        }
        await keeps(other, movedBy(patch, record, key))
        await keepsFormer(store, record.key, { movedTo: key, sealedId: patch.sealedId, goodUntil: undefined })
      }
    }
  })

  suite.race('a load during a rotation finds the record or where it went', async ({ store, other, clock }) => {
    for (let round = 0; round < ROUNDS; round++) {
      const record = signedIn(clock, 'ann')
      const [key, patch] = [successorKey(record.key), sealedRotation('ann')]
      await store.create(record)
      const found = await together<unknown>(
        inTurn(round, [
          () => store.rotate(record.key, key, patch),
          () => other.load(record.key),
          () => store.load(record.key),
          () => other.load(record.key),
        ]),
      )
      assert.ok(!found.includes(undefined), 'a session that is being rotated was not to be found')
      await keeps(other, movedBy(patch, record, key))
    }
  })
}

/** Fails unless one rotation was done and all others were told that the record has moved. */
function isDoneOnce(outcomes: readonly (Outcome | Evictions)[]): void {
  assert.equal(outcomes.filter((outcome) => outcome === 'updated').length, 1, 'exactly one rotation is done')
  assert.equal(outcomes.filter((outcome) => outcome === 'rotated').length, outcomes.length - 1)
}
