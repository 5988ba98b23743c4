import { CONNECTIONS, pagesOf } from './scenarios.mjs'

/**
 * What a measurement found: processor time of the server's process for one request, in microseconds, and the part of it
 * that is not spent in the system; requests in a second; latency in milliseconds; and what a fixed piece of work took in the same
 * process before and after, in microseconds.
 *
 * @typedef {{ processor: number, user: number, throughput: number, p50: number, p99: number, work: number }} Figures
 */

/**
 * Measures scenarios of a variant that is served, after a warm-up of each, because at first most of the time goes into compiling,
 * which a server does once. `warmUp` is the number of requests of the first; the others have a tenth of it.
 *
 * @param {import('./serve.mjs').Served} served
 * @param {import('./child.mjs').Child} load
 * @returns {Promise<Record<string, Figures>>}
 */
export async function time(served, load, variant, { names, requests, warmUp, sessions = undefined }) {
  await load.ask('connect', { port: served.port, connections: CONNECTIONS })
  const pages = await pagesOf(load, variant, sessions)
  /** @type {Record<string, Figures>} */
  const figures = {}
  for (const [at, name] of names.entries()) {
    // The first one also warms up what all have in common.
    await load.ask('warm', { requests: at === 0 ? warmUp : Math.ceil(warmUp / 10), page: pages[name] })
    const begin = await served.ask('begin')
    const { seconds, p50, p99, requests: made } = await load.ask('run', { requests, page: pages[name], sleeps: false })
    const end = await served.ask('end')
    const spent = (of) => (end[of] - begin[of]) / made
    figures[name] = {
      processor: spent('processor'),
      user: spent('user'),
      throughput: made / seconds,
      p50,
      p99,
      work: (begin.work + end.work) / 2,
    }
  }
  return figures
}
