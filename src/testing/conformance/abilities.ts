import { strict as assert } from 'node:assert'
import type {
  Ability,
  Awaitable,
  BySubject,
  Closing,
  Probing,
  Rotating,
  SessionStore,
  Sweeping,
} from '../../core/store.js'
import { newKey, newRecord, patchOf, rotation } from './samples.js'
import { keeps, refused, type Suite, together } from './suite.js'

/** Each ability and the methods that it stands for. */
const METHODS: Readonly<Record<Ability, readonly string[]>> = {
  'by-subject': ['list', 'find', 'count', 'revoke', 'revokeAll', 'updateAll'],
  rotating: ['rotate', 'confirm'],
  sweeping: ['sweep'],
  probing: ['probe'],
  closing: ['close'],
}

/** What a store says of itself. */
export function abilities(suite: Suite): void {
  suite.test('a store has a name', ({ store }) => {
    assert.equal(typeof store.name, 'string')
    assert.notEqual(store.name, '')
    return Promise.resolve()
  })

  suite.test('a store declares the abilities that it has, and no others', ({ store }) => {
    const has = Object.entries(METHODS).filter(([, methods]) => missing(store, methods).length === 0)
    for (const [ability, methods] of Object.entries(METHODS)) {
      if (!store.abilities.has(ability as Ability)) continue
      assert.deepEqual(missing(store, methods), [], `methods of the ability ${ability} that are missing`)
    }
    assert.deepEqual(new Set(store.abilities), new Set(has.map(([ability]) => ability)))
    return Promise.resolve()
  })
}

/** The ability `closing`. The bench of such a test is closed by the test itself. */
export function closing(suite: Suite): void {
  suite.test('closing twice is not an error', async ({ store }) => {
    if (!isClosing(store)) return
    await store.close()
    await store.close()
    await together([() => store.close(), () => store.close()])
  })

  suite.test('every verb of a closed store throws STORE_CLOSED', async ({ store, clock }) => {
    if (!isClosing(store)) return
    const record = newRecord(clock)
    await store.create(record)
    await store.close()
    await refused('STORE_CLOSED', () => store.load(record.key))
    await refused('STORE_CLOSED', () => store.create(newRecord(clock)))
    await refused('STORE_CLOSED', () => store.update(record.key, patchOf()))
    await refused('STORE_CLOSED', () => store.touch(record.key, clock.now()))
    await refused('STORE_CLOSED', () => store.delete(record.key))
    const every = store as SessionStore as SessionStore & BySubject & Rotating & Sweeping & Probing
    const calls: Readonly<Record<Exclude<Ability, 'closing'>, readonly (() => Awaitable<unknown>)[]>> = {
      'by-subject': [
        () => every.list('ann'),
        () => every.count('ann'),
        () => every.revoke('ann', record.handle),
        () => every.revokeAll('ann'),
        () => every.updateAll('ann', patchOf()),
      ],
      rotating: [
        () => every.rotate(record.key, newKey('ann'), rotation('ann')),
        () => every.confirm(record.key, newKey(), clock.now()),
      ],
      sweeping: [() => every.sweep(1)],
      probing: [() => every.probe()],
    }
    for (const [ability, verbs] of Object.entries(calls)) {
      if (!store.abilities.has(ability as Ability)) continue
      for (const verb of verbs) await refused('STORE_CLOSED', verb)
    }
  })

  suite.shared('closing one store leaves another on the same data at work', async ({ store, other, clock }) => {
    if (!isClosing(other)) return
    const record = newRecord(clock)
    await store.create(record)
    await other.close()
    await keeps(store, record)
    assert.equal(await store.update(record.key, patchOf()), 'updated')
  })
}

function isClosing(store: SessionStore): store is SessionStore & Closing {
  return store.abilities.has('closing')
}

/** Those of the methods that the store lacks. */
function missing(store: SessionStore, methods: readonly string[]): readonly string[] {
  return methods.filter((method) => typeof Reflect.get(store, method) !== 'function')
}
