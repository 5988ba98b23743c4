import fc from 'fast-check'
import { afterAll, describe, test } from 'vitest'
import { stores } from '../support/stores.js'
import { runs, timeFor } from './counts.js'
import { setting, steps } from './steps.js'
import { World } from './world.js'

const USUAL: Readonly<Record<string, number>> = { memory: 500, sqlite: 100, redis: 80 }

describe.each(stores)('any sequence of steps of several requests, on $name', (shipped) => {
  const parameters = runs(USUAL[shipped.name] ?? 30)

  afterAll(shipped.stop)

  test(
    'leaves those sessions, and those ids that lead to them, which a simple model has',
    async () => {
      await fc.assert(
        fc.asyncProperty(setting, steps, async (given, taken) => {
          const world = await World.start(shipped, given)
          try {
            for (const step of taken) await world.play(step)
          } finally {
            await world.close()
          }
        }),
        parameters,
      )
    },
    timeFor(parameters),
  )
})
