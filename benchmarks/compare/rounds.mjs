import { scenariosOf } from './scenarios.mjs'
import { serve } from './serve.mjs'
import { time } from './time.mjs'

/**
 * Measures every variant once in each round, each time in a fresh process. The order is reversed from round to round, so
 * that what the machine does meanwhile falls on all.
 *
 * @param {import('./ground.mjs').Ground} ground
 * @returns {Promise<Record<string, Record<string, import('./time.mjs').Figures[]>>>} by variant and scenario, in the order of rounds
 */
export async function measureRounds(ground, variants, { rounds, requests, warmUp, sessions, say }) {
  const all = Object.fromEntries(variants.map(({ name }) => [name, {}]))
  for (let round = 0; round < rounds; round++) {
    const order = round % 2 === 0 ? variants : variants.toReversed()
    for (const variant of order) {
      say(`round ${round + 1} of ${rounds}: ${variant.name}`)
      await ground.with(variant, {}, async (settings) => {
        const served = await serve(variant, settings)
        try {
          const names = scenariosOf(variant)
          const figures = await time(served, ground.load, variant, { names, requests, warmUp, sessions })
          for (const name of names) (all[variant.name][name] ??= []).push(figures[name])
        } finally {
          await served.close()
        }
      })
    }
  }
  return all
}
