import { withBare } from './bare.mjs'
import { scenariosOf } from './scenarios.mjs'
import { withServed } from './serve.mjs'
import { awake, ready, time, warm } from './time.mjs'

/**
 * Measures every variant once in each round, each time in a fresh process, and in turn with the bare framework, which is
 * a fresh one in each round. The order is reversed from round to round.
 *
 * @param {import('./ground.mjs').Ground} ground
 * @returns {Promise<Record<string, Record<string, import('./time.mjs').Figures[]>>>} by variant and scenario, in the order of rounds
 */
export async function measureRounds(ground, variants, { rounds, requests, warmUp, sessions, say }) {
  const { load } = ground
  const all = Object.fromEntries(variants.map(({ name }) => [name, {}]))
  const platforms = [...new Set(variants.map(({ platform }) => platform))]
  for (let round = 0; round < rounds; round++) {
    say(`round ${round + 1} of ${rounds}: warming up`)
    await withBare(load, platforms, { warmUp, sessions }, async (companions) => {
      for (const variant of round % 2 === 0 ? variants : variants.toReversed()) {
        say(`round ${round + 1} of ${rounds}: ${variant.name}`)
        const bare = companions[variant.platform]
        await ground.with(variant, {}, (settings) =>
          withServed(load, variant, settings, async (served) => {
            const asked = await ready(load, served, variant, sessions)
            await warm(load, asked, { warmUp })
            await awake(load, bare, { warmUp })
            for (const name of scenariosOf(variant))
              (all[variant.name][name] ??= []).push(await time(load, { asked, bare }, name, requests))
          }),
        )
      }
    })
  }
  return all
}
