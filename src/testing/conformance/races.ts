import { strict as assert } from 'node:assert'
import { SessionError } from '../../core/errors.js'
import { type FormerKey, isFormerKey, type SessionRecord } from '../../core/record.js'
import type { Outcome } from '../../core/store.js'
import { type Entries, newRecord, patchOf, timesOf } from './samples.js'
import { inTurn, keeps, lacks, loaded, ROUNDS, type Suite, together } from './suite.js'

/** Verbs at the same time on the same record. Calls alternate between the two stores of the bench. */
export function races(suite: Suite): void {
  suite.race('parallel updates of different keys are all kept', async ({ store, other, clock }) => {
    const record = newRecord(clock, [['a', '1']])
    await store.create(record)
    const keys = Array.from({ length: 60 }, (_, at) => `key ${at}`)
    const writes = keys.map((key, at) => () => (at % 2 ? other : store).update(record.key, patchOf([[key, key]])))
    assert.deepEqual(new Set(await together(writes)), new Set(['updated']))
    const entries: [string, string][] = keys.map((key) => [key, key])
    await keeps(other, { ...record, version: 61, data: new Map([['a', '1'], ...entries]) })
  })

  suite.race(
    'an update and a removal of another key at the same time are both kept',
    async ({ store, other, clock }) => {
      for (let round = 0; round < ROUNDS; round++) {
        const record = newRecord(clock, [
          ['a', '1'],
          ['b', '2'],
        ])
        await store.create(record)
        await together(
          inTurn(round, [
            () => store.update(record.key, patchOf([['a', '10']])),
            () => other.update(record.key, patchOf([], { remove: ['b'] })),
          ]),
        )
        await keeps(store, { ...record, version: 3, data: new Map([['a', '10']]) })
      }
    },
  )

  suite.race('parallel updates of the same key leave one of the values whole', async ({ store, other, clock }) => {
    const record = newRecord(clock, [
      ['a', '1'],
      ['b', '1'],
    ])
    await store.create(record)
    const values = Array.from({ length: 30 }, (_, at) => `"value ${at}"`)
    await together(
      values.map(
        (value, at) => () =>
          (at % 2 ? other : store).update(
            record.key,
            patchOf([
              ['a', value],
              ['b', value],
            ]),
          ),
      ),
    )
    const { data, version } = await loaded(store, record.key)
    assert.ok(values.includes(data.get('a') ?? ''))
    assert.equal(data.get('b'), data.get('a'), 'a patch is applied as one step')
    assert.equal(version, 31)
  })

  suite.race('a load during updates sees each patch whole', async ({ store, other, clock }) => {
    const record = newRecord(clock, [
      ['a', '0'],
      ['b', '0'],
    ])
    await store.create(record)
    const both = (value: string): Entries => [
      ['a', value],
      ['b', value],
    ]
    const loads = await together<SessionRecord | FormerKey | Outcome | undefined>(
      Array.from({ length: ROUNDS }, (_, at) => () => {
        return at % 4 ? (at % 2 ? other : store).load(record.key) : store.update(record.key, patchOf(both(String(at))))
      }),
    )
    for (const seen of loads) {
      if (typeof seen !== 'object') assert.equal(seen, 'updated')
      else if (isFormerKey(seen)) assert.fail('a record that never moved is loaded as one that did')
      else assert.equal(seen.data.get('b'), seen.data.get('a'))
    }
  })

  suite.race('of parallel updates with the same ifVersion exactly one is applied', async ({ store, other, clock }) => {
    const record = newRecord(clock, [['n', '0']])
    await store.create(record)
    for (let version = 1; version <= 10; version++) {
      const writes = Array.from({ length: 6 }, (_, at) => () => {
        return (at % 2 ? other : store).update(
          record.key,
          patchOf([['n', String(version * 10 + at)]], { ifVersion: version }),
        )
      })
      const outcomes = await together(writes)
      assert.deepEqual([...outcomes].sort(), [...Array<Outcome>(5).fill('conflict'), 'updated'])
      const winner = String(version * 10 + outcomes.indexOf('updated'))
      await keeps(store, { ...record, version: version + 1, data: new Map([['n', winner]]) })
    }
  })

  suite.race('of two creates of one key exactly one wins and its record is kept', async ({ store, other, clock }) => {
    for (let round = 0; round < ROUNDS; round++) {
      const one = newRecord(clock, [['one', '1']], { subject: 'one' })
      const two = newRecord(clock, [['two', '2']], { key: one.key, device: 'two' })
      const results = await Promise.allSettled([
        together([() => store.create(one)]),
        together([() => other.create(two)]),
      ])
      const failures = results.filter((result) => result.status === 'rejected')
      assert.equal(failures.length, 1, 'exactly one create is refused')
      const error: unknown = failures[0]?.reason
      assert.ok(error instanceof SessionError && error.code === 'RECORD_EXISTS', String(error))
      await keeps(store, results[0]?.status === 'fulfilled' ? one : two)
    }
  })

  suite.race('of parallel deletes exactly one answers true', async ({ store, other, clock }) => {
    for (let round = 0; round < ROUNDS; round++) {
      const record = newRecord(clock)
      await store.create(record)
      const stores = [store, other, store, other]
      const answers = await together(stores.map((each) => () => each.delete(record.key)))
      assert.equal(answers.filter(Boolean).length, 1)
    }
  })

  suite.race('writes that race a delete never bring the record back', async ({ store, other, clock }) => {
    for (let round = 0; round < ROUNDS; round++) {
      const record = newRecord(clock, [['a', '1']])
      await store.create(record)
      const patch = patchOf([['a', '2']], { times: timesOf(record, { lastSeenAt: clock.now() + 1 }) })
      const deletes: boolean[] = []
      const outcomes = await together<unknown>(
        inTurn(round, [
          () => store.update(record.key, patch),
          () => other.touch(record.key, clock.now() + 2),
          async () => {
            const answer = await other.delete(record.key)
            deletes.push(answer)
            return answer
          },
          () => other.update(record.key, patchOf([['b', '3']])),
          () => store.touch(record.key, clock.now() + 3),
        ]),
      )
      assert.deepEqual(deletes, [true])
      for (const outcome of outcomes) assert.ok(['updated', 'gone', true, false].includes(outcome as Outcome))
      await lacks(store, record.key)
      await lacks(other, record.key)
      assert.equal(await store.update(record.key, patch), 'gone')
    }
  })

  suite.race('a touch and an update at the same time are both kept', async ({ store, other, clock }) => {
    for (let round = 0; round < ROUNDS; round++) {
      const record = newRecord(clock, [['a', '1']])
      await store.create(record)
      await together<unknown>(
        inTurn(round, [
          () => store.touch(record.key, clock.now() + 5),
          () => other.update(record.key, patchOf([['a', '2']])),
          () => other.touch(record.key, clock.now() + 3),
        ]),
      )
      await keeps(store, { ...record, lastSeenAt: clock.now() + 5, version: 2, data: new Map([['a', '2']]) })
    }
  })

  suite.shared('what one process wrote is there for the other at once', async ({ store, other, clock }) => {
    const record = newRecord(clock, [['a', '1']])
    await store.create(record)
    await keeps(other, record)
    await store.update(record.key, patchOf([['a', '2']]))
    await keeps(other, { ...record, version: 2, data: new Map([['a', '2']]) })
    await other.delete(record.key)
    await lacks(store, record.key)
  })
}
