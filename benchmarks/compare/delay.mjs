import { median } from './figures.mjs'
import { CONNECTIONS } from './scenarios.mjs'
import { withServed } from './serve.mjs'
import { ready, warm } from './time.mjs'

/** How long a round trip to Redis takes, in milliseconds. */
export const ROUND_TRIP = 1

/** How often the length of the network is set, each time by what was wrong with it. */
const LENGTHENINGS = 3

/**
 * The latency of reading a session, asked for on one connection, where a round trip to Redis takes a millisecond: as a
 * PING of the server's process sees it, so without the part that the proxy and Redis take anyway. `get` is what a GET takes there with
 * the client of Redis.
 *
 * @param {import('./ground.mjs').Ground} ground
 * @returns {Promise<{ ping: number[], get: number[], latency: Record<string, number[]> }>} medians in milliseconds
 */
export async function measureDelayed(ground, variants, { rounds, requests, warmUp, say }) {
  const { load, proxy, proxyPort: port } = ground
  const [ping, get] = [[], []]
  const latency = Object.fromEntries(variants.map(({ name }) => [name, []]))
  for (let round = 0; round < rounds; round++) {
    for (const variant of round % 2 === 0 ? variants : variants.toReversed()) {
      say(`with a network, round ${round + 1} of ${rounds}: ${variant.name}`)
      await proxy.ask('delay', { roundTrip: 0 })
      await ground.with(variant, { throughProxy: true }, (settings) =>
        withServed(load, variant, settings, async (served) => {
          const asked = await ready(load, served, variant, { small: CONNECTIONS, large: 1 })
          await warm(load, asked, { names: ['read'], warmUp: Math.ceil(warmUp / 3) })
          if (variant.usesRedis) {
            ping.push(await lengthen(ground, served))
            get.push(await served.ask('get', { port }))
          }
          await load.ask('connect', { port: served.port, connections: 1 })
          const { times } = await load.ask('run', { port: served.port, requests, page: asked.pages.read })
          latency[variant.name].push(median(times))
          await proxy.ask('delay', { roundTrip: 0 })
        }),
      )
    }
  }
  return { ping, get, latency }
}

/** Makes the network so long that a PING of the server's process takes what it should. Answers what it takes then. */
async function lengthen({ proxy, proxyPort }, served) {
  let [delay, took] = [0, await served.ask('ping', { port: proxyPort })]
  // What a wait adds to itself shows only once there is one.
  for (let time = 0; time < LENGTHENINGS; time++) {
    delay = Math.max(0, delay + ROUND_TRIP - took)
    await proxy.ask('delay', { roundTrip: delay })
    took = await served.ask('ping', { port: proxyPort })
  }
  return took
}
