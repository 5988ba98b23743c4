import { describe, expect, test } from 'vitest'
import { MemoryStore } from '../../src/stores/memory.js'
import { storeConformance, type StoreConformanceOptions } from '../../src/testing/conformance.js'
import { abilityFaults } from './broken/abilities.js'
import type { BrokenStore } from './broken/build.js'
import { bySubjectFaults, findFaults, movingFaults } from './broken/by-subject.js'
import { confirmFaults } from './broken/confirming.js'
import { expiryFaults } from './broken/expiry.js'
import { formerKeyFaults } from './broken/former-keys.js'
import { limitFaults } from './broken/limits.js'
import { raceFaults } from './broken/races.js'
import { revokeFaults } from './broken/revoking.js'
import { rotationLimitFaults } from './broken/rotation-limits.js'
import { rotationFaults } from './broken/rotation.js'
import { subjectRaceFaults } from './broken/subject-races.js'
import { updateAllFaults } from './broken/update-all.js'
import { updateFaults } from './broken/updates.js'
import { valueFaults } from './broken/values.js'
import { verbFaults } from './broken/verbs.js'

const brokenStores: readonly BrokenStore[] = [
  ...verbFaults,
  ...updateFaults,
  ...expiryFaults,
  ...valueFaults,
  ...raceFaults,
  ...rotationFaults,
  ...formerKeyFaults,
  ...confirmFaults,
  ...bySubjectFaults,
  ...findFaults,
  ...movingFaults,
  ...revokeFaults,
  ...updateAllFaults,
  ...limitFaults,
  ...rotationLimitFaults,
  ...subjectRaceFaults,
  ...abilityFaults,
]

type Opening = Pick<StoreConformanceOptions, 'open' | 'openAnother'>

function testsOf({ open, openAnother }: Opening): ReadonlyMap<string, () => Promise<void>> {
  const tests = new Map<string, () => Promise<void>>()
  storeConformance({ open, openAnother, test: (name, run) => tests.set(name, run) })
  return tests
}

/** Whether the store fails this test of the suite. One that it isn't given, such as a race of two processes, it passes. */
async function fails(store: Opening, name: string): Promise<boolean> {
  const run = testsOf(store).get(name)
  if (!run) return false
  return run().then(
    () => false,
    () => true,
  )
}

/** Whether any broken store fails this test. Those that are made for it, or for the same race, are asked first. */
async function isFailed(name: string): Promise<boolean> {
  const [made, others] = [true, false].map((due) =>
    brokenStores.filter(({ caughtBy }) => name.startsWith(caughtBy) === due),
  )
  for (const store of [...(made ?? []), ...(others ?? [])]) if (await fails(store, name)) return true
  return false
}

describe('the conformance suite', () => {
  const open: Opening['open'] = (clock) => new MemoryStore({ clock })

  test('lets a sound store pass', async () => {
    const failed: string[] = []
    for (const name of testsOf({ open, openAnother: undefined }).keys())
      if (await fails({ open }, name)) failed.push(name)
    expect(failed).toEqual([])
  })

  test.each(brokenStores.map((store) => [store.fault, store.caughtBy, store] as const))(
    'catches a store that %s: %s',
    async (_, caughtBy, store) => {
      expect([...testsOf(store).keys()]).toContain(caughtBy)
      expect(await fails(store, caughtBy)).toBe(true)
    },
  )

  test('has no test that every broken store passes', async () => {
    const passed: string[] = []
    for (const name of testsOf({ open, openAnother: open }).keys()) if (!(await isFailed(name))) passed.push(name)
    expect(passed).toEqual([])
  })

  test('has no two tests of one name', () => {
    const names: string[] = []
    storeConformance({ open, openAnother: open, test: (name) => names.push(name) })
    expect(names.filter((name, at) => names.indexOf(name) !== at)).toEqual([])
  })

  test('runs each race on one store and, where processes can share them, on two', () => {
    const alone = [...testsOf({ open }).keys()]
    const shared = [...testsOf({ open, openAnother: open }).keys()]
    const more = shared.filter((name) => !alone.includes(name))
    expect(more.filter((name) => name.endsWith(', from two processes')).length).toBeGreaterThan(30)
    expect(alone.every((name) => shared.includes(name))).toBe(true)
  })

  test('has nothing to check of an ability that a store lacks', async () => {
    const { load, create, update, touch, delete: remove } = MemoryStore.prototype
    const failed: string[] = []
    const plain: Opening = {
      open: (clock) => {
        const good = new MemoryStore({ clock })
        const verbs = Object.entries({ load, create, update, touch, delete: remove }).map(([name, verb]) => [
          name,
          verb.bind(good),
        ])
        return { name: 'plain', abilities: new Set(), ...Object.fromEntries(verbs) }
      },
    }
    for (const name of testsOf(plain).keys()) if (await fails(plain, name)) failed.push(name)
    expect(failed).toEqual([])
  })
})
