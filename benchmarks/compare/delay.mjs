import { connect } from 'node:net'
import { CONNECTIONS, pagesOf } from './scenarios.mjs'
import { serve } from './serve.mjs'

/** How long a round trip to Redis takes, in milliseconds. */
export const ROUND_TRIP = 1

/** How many of them, one after the other, make a measurement. */
const PINGS = 300

/**
 * The latency of reading a session, asked for on one connection, where a round trip to Redis takes a millisecond: as a
 * PING sees it, so without the part that the proxy and Redis take anyway.
 *
 * @param {import('./ground.mjs').Ground} ground
 * @returns {Promise<{ ping: number[], latency: Record<string, number[]> }>} medians in milliseconds, one for each round
 */
export async function measureDelayed(ground, variants, { rounds, requests, warmUp, say }) {
  const ping = []
  const latency = Object.fromEntries(variants.map(({ name }) => [name, []]))
  for (let round = 0; round < rounds; round++) {
    for (const variant of round % 2 === 0 ? variants : variants.toReversed()) {
      say(`with a network, round ${round + 1} of ${rounds}: ${variant.name}`)
      await ground.proxy.ask('delay', { roundTrip: 0 })
      await ground.with(variant, { throughProxy: true }, async (settings) => {
        const served = await serve(variant, settings)
        try {
          await ground.load.ask('connect', { port: served.port, connections: CONNECTIONS })
          const page = (await pagesOf(ground.load, variant, { small: CONNECTIONS, large: 1 })).read
          await ground.load.ask('warm', { requests: warmUp, page })
          await ground.load.ask('connect', { port: served.port, connections: 1 })
          if (variant.usesRedis) ping.push(await lengthen(ground))
          latency[variant.name].push((await ground.load.ask('run', { requests, page })).p50)
        } finally {
          await ground.proxy.ask('delay', { roundTrip: 0 })
          await served.close()
        }
      })
    }
  }
  return { ping, latency }
}

/** Makes the network so long that a PING takes what it should. Answers what it takes then. */
async function lengthen({ proxy, proxyPort }) {
  const short = await pingTime(proxyPort)
  await proxy.ask('delay', { roundTrip: Math.max(0, ROUND_TRIP - short) })
  return pingTime(proxyPort)
}

/** The median of PING over a socket of its own, in milliseconds. */
async function pingTime(port) {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  const times = []
  try {
    await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject))
    for (let count = 0; count < PINGS; count++) {
      const started = performance.now()
      const answered = new Promise((resolve, reject) => socket.once('data', resolve).once('close', reject))
      socket.write('*1\r\n$4\r\nPING\r\n')
      await answered
      socket.removeAllListeners('close')
      times.push(performance.now() - started)
    }
  } finally {
    socket.destroy()
  }
  return times.sort((one, two) => one - two)[Math.floor(PINGS / 2)]
}
