import { describe, expect, test } from 'vitest'
import { MemoryStore } from '../../src/stores/memory.js'
import { storeConformance, type StoreConformanceOptions } from '../../src/testing/conformance.js'
import { abilityFaults } from './broken/abilities.js'
import { expiryFaults } from './broken/expiry.js'
import { raceFaults } from './broken/races.js'
import { rotationFaults } from './broken/rotation.js'
import { updateFaults } from './broken/updates.js'
import { valueFaults } from './broken/values.js'
import { verbFaults } from './broken/verbs.js'

const brokenStores = [
  ...verbFaults,
  ...updateFaults,
  ...expiryFaults,
  ...valueFaults,
  ...raceFaults,
  ...rotationFaults,
  ...abilityFaults,
]

/** The tests of the suite that a store fails, and all there are. */
async function run(store: Pick<StoreConformanceOptions, 'open' | 'openAnother'>) {
  const tests = new Map<string, () => Promise<void>>()
  storeConformance({ ...store, test: (name, body) => tests.set(name, body) })
  const failed: string[] = []
  for (const [name, body] of tests) {
    try {
      await body()
    } catch {
      failed.push(name)
    }
  }
  return { failed, all: [...tests.keys()] }
}

describe('the conformance suite', () => {
  const caught = new Set<string>()

  test('lets a sound store pass', async () => {
    const { failed, all } = await run({ open: (clock) => new MemoryStore({ clock }) })
    expect(failed).toEqual([])
    expect(all.length).toBeGreaterThan(80)
  })

  test.each(brokenStores)('catches a store that $fault', async ({ caughtBy, ...store }) => {
    const { failed } = await run(store)
    for (const name of failed) caught.add(name)
    expect(failed).toContain(caughtBy)
  })

  test('has no test that no broken store fails', async () => {
    const { all } = await run({ open: (clock) => new MemoryStore({ clock }) })
    expect(all.filter((name) => !caught.has(name))).toEqual([])
  })
})
