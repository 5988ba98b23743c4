import { strict as assert } from 'node:assert'
import { days } from '../../core/duration.js'
import type { Probing, SessionStore, Sweeping } from '../../core/store.js'
import { newRecord } from './samples.js'
import { keeps, type Suite, together } from './suite.js'

/** The ability `probing`. */
export function probing(suite: Suite<SessionStore & Probing>): void {
  suite.test('a probe passes on a store at work, also several at once', async ({ store, clock }) => {
    const record = newRecord(clock)
    await store.create(record)
    await store.probe()
    await together([store, store, store, store].map((each) => () => each.probe()))
    await keeps(store, record)
  })
}

/** What a probe leaves: the abilities `probing` and `sweeping` together. */
export function probingTraces(suite: Suite<SessionStore & Probing & Sweeping>): void {
  suite.test('a probe leaves nothing behind', async ({ store, clock }) => {
    await store.probe()
    clock.advance(days(400))
    assert.equal(await store.sweep(100), 0, 'something of the probe was still there')
  })
}
