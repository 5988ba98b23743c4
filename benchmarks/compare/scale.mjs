import { fill } from '../load-sessions/fill.mjs'
import { startRedis } from '../load-sessions/redis.mjs'
import { withBare } from './bare.mjs'
import { withServed } from './serve.mjs'
import { awake, ready, time, warm } from './time.mjs'

/**
 * What reading a session costs where there are few, and where there are many: two servers on a Redis each, in turn with
 * the bare framework.
 *
 * @param {import('./ground.mjs').Ground} ground
 * @param {import('./variants.mjs').Variant} variant
 */
export async function measureScale(ground, variant, { few, many, rounds, requests, warmUp, say }) {
  const { load } = ground
  const grounds = []
  const figures = { few: [], many: [] }
  try {
    for (const [name, count] of Object.entries({ few, many })) {
      say(`storing ${count} sessions`)
      const redis = await startRedis(undefined)
      grounds.push({ name, redis })
      await fill(redis, count)
    }
    await withBare(load, [variant.platform], { names: ['read'], warmUp }, async ({ [variant.platform]: bare }) => {
      for (let round = 0; round < rounds; round++) {
        say(`few and many sessions, round ${round + 1} of ${rounds}`)
        for (const { name, redis } of round % 2 === 0 ? grounds : grounds.toReversed())
          figures[name].push(await measure(bare, redis))
      }
    })
  } finally {
    for (const { redis } of grounds) await redis.close()
  }
  return { few, many, figures }

  function measure(bare, redis) {
    return withServed(load, variant, { redisUrl: redis.url }, async (served) => {
      const asked = await ready(load, served, variant, undefined)
      await warm(load, asked, { names: ['read'], warmUp })
      await awake(load, bare, { warmUp })
      const inRedis = processorOf(redis.client)
      /** Asks Redis at the same moments as the server. */
      const withRedis = {
        ...served,
        async ask(name, question, patience) {
          if (name === 'mark') await inRedis.mark()
          return served.ask(name, question, patience)
        },
      }
      const both = { asked: { ...asked, served: withRedis }, bare }
      const read = await time(load, both, 'read', requests)
      return { ...read, inRedis: inRedis.spent() / read.made }
    })
  }
}

/** The time that Redis itself spends on commands, in microseconds, from one mark to the next. */
function processorOf(client) {
  const marks = []
  return {
    async mark() {
      const info = await client.info('commandstats')
      let spent = 0
      for (const [, name, usec] of info.matchAll(/cmdstat_([^:]+):calls=\d+,usec=(\d+)/g)) {
        if (!/^(config|info)/.test(name)) spent += Number(usec)
      }
      marks.push(spent)
    },
    spent: () => marks.at(-1) - marks.at(-2),
  }
}
