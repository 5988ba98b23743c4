import { beforeAll, describe, expect, test } from 'vitest'
import { MemoryStore } from '../../src/stores/memory.js'
import { storeConformance, type StoreConformanceOptions } from '../../src/testing/conformance.js'
import { abilityFaults } from './broken/abilities.js'
import type { BrokenStore } from './broken/build.js'
import { expiryFaults } from './broken/expiry.js'
import { raceFaults } from './broken/races.js'
import { rotationFaults } from './broken/rotation.js'
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
  ...abilityFaults,
]

type Opening = Pick<StoreConformanceOptions, 'open' | 'openAnother'>

function testsOf({ open, openAnother }: Opening): ReadonlyMap<string, () => Promise<void>> {
  const tests = new Map<string, () => Promise<void>>()
  storeConformance({ open, openAnother, test: (name, run) => tests.set(name, run) })
  return tests
}

async function failedBy(store: Opening): Promise<readonly string[]> {
  const failed: string[] = []
  for (const [name, run] of testsOf(store)) await run().catch(() => failed.push(name))
  return failed
}

describe('the conformance suite', () => {
  const open: Opening['open'] = (clock) => new MemoryStore({ clock })
  const failures = new Map<BrokenStore, readonly string[]>()

  beforeAll(async () => {
    for (const store of brokenStores) failures.set(store, await failedBy(store))
  })

  test('lets a sound store pass', async () => {
    expect(await failedBy({ open })).toEqual([])
  })

  test.each(brokenStores.map((store) => [store.fault, store.caughtBy, store] as const))(
    'catches a store that %s: %s',
    (_, caughtBy, store) => {
      expect(failures.get(store)).toContain(caughtBy)
    },
  )

  test('has no test that every broken store passes', () => {
    const names = [...testsOf({ open, openAnother: open }).keys()]
    const failed = new Set([...failures.values()].flat())
    expect(names.filter((name) => !failed.has(name))).toEqual([])
  })

  test('runs each race on one store and, where processes can share them, on two', () => {
    const alone = [...testsOf({ open }).keys()]
    const shared = [...testsOf({ open, openAnother: open }).keys()]
    const more = shared.filter((name) => !alone.includes(name))
    expect(more.filter((name) => name.endsWith(', from two processes')).length).toBeGreaterThan(10)
    expect(alone.every((name) => shared.includes(name))).toBe(true)
  })
})
