import { fill } from '../load-sessions/fill.mjs'
import { startRedis } from '../load-sessions/redis.mjs'
import { serve } from './serve.mjs'
import { time } from './time.mjs'

/**
 * What reading a session costs where there are few, and where there are many: two servers on a Redis each, in turn with
 * the bare framework.
 *
 * @param {import('./ground.mjs').Ground} ground
 * @param {{ bare: import('./variants.mjs').Variant, variant: import('./variants.mjs').Variant }} which
 */
export async function measureScale(ground, { bare, variant }, { few, many, rounds, requests, warmUp, say }) {
  const grounds = []
  const bareFigures = []
  const figures = { few: [], many: [] }
  try {
    for (const [name, count] of Object.entries({ few, many })) {
      say(`storing ${count} sessions`)
      const redis = await startRedis(undefined)
      grounds.push({ name, redis })
      await fill(redis, count)
    }
    for (let round = 0; round < rounds; round++) {
      say(`few and many sessions, round ${round + 1} of ${rounds}`)
      bareFigures.push((await measure(bare, {})).processor)
      for (const { name, redis } of round % 2 === 0 ? grounds : grounds.toReversed()) {
        figures[name].push(await measure(variant, { redisUrl: redis.url }, redis))
      }
    }
  } finally {
    for (const { redis } of grounds) await redis.close()
  }
  return { few, many, bare: bareFigures, figures }

  async function measure(which, settings, redis) {
    const served = await serve(which, settings)
    const inRedis = redis && processorOf(redis.client)
    /** Asks Redis at the same moments as the server. */
    const both = {
      ...served,
      async ask(name, question, patience) {
        await inRedis?.[name]?.()
        return served.ask(name, question, patience)
      },
    }
    try {
      const { read } = await time(both, ground.load, which, { names: ['read'], requests, warmUp })
      return { ...read, inRedis: inRedis?.spent() / requests }
    } finally {
      await served.close()
    }
  }
}

/** The time that Redis itself spends on commands, in microseconds, between `begin` and `end`. */
function processorOf(client) {
  let spent = 0
  return {
    begin: () => client.configResetStat(),
    async end() {
      const info = await client.info('commandstats')
      for (const [, name, usec] of info.matchAll(/cmdstat_([^:]+):calls=\d+,usec=(\d+)/g)) {
        if (!/^(config|info)/.test(name)) spent += Number(usec)
      }
    },
    spent: () => spent,
  }
}
