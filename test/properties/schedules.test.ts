import fc from 'fast-check'
import { afterAll, describe, test } from 'vitest'
import { runs, timeFor } from './counts.js'
import { Crowd } from './crowd.js'
import { gatedStores } from './gated-stores.js'
import { plan } from './plans.js'
import { setting } from './steps.js'
import type { Pass } from './watched-store.js'

const USUAL: Readonly<Record<string, number>> = { memory: 500, sqlite: 150 }

describe.each(gatedStores)('clients who act at the same time, in any order of their calls, on $name', (gated) => {
  const parameters = runs(USUAL[gated.name] ?? 120)

  afterAll(gated.stop)

  test(
    'find what they were told to be there, and nothing that was over before they looked',
    async () => {
      await fc.assert(
        fc.asyncProperty(setting, plan, fc.scheduler(), async (given, planned, scheduler) => {
          let pass: Pass = (_name, call) => call()
          const crowd = await Crowd.gather(gated, given, planned, (name, call) => pass(name, call))
          try {
            pass = inTurn(scheduler)
            await scheduler.waitFor(Promise.all(planned.clients.map((client) => crowd.act(client))))
            await scheduler.waitIdle()
            pass = (_name, call) => call()
            await crowd.look()
          } finally {
            await crowd.close()
          }
        }),
        parameters,
      )
    },
    timeFor(parameters),
  )
})

/** Makes a call when it is its turn, and lets its answer come back when it is the turn of that. */
function inTurn(scheduler: fc.Scheduler): Pass {
  return (name, call) =>
    new Promise((resolve, reject) => {
      let answer = (): void => {}
      const make = async (): Promise<void> => {
        try {
          const value = await call()
          answer = () => resolve(value)
        } catch (error) {
          answer = () => reject(error as Error)
        }
      }
      scheduler.scheduleSequence([
        { label: name, builder: make },
        { label: `the answer of ${name}`, builder: () => Promise.resolve(answer()) },
      ])
    })
}
