import { setTimeout as wait } from 'node:timers/promises'
import { quantile } from './figures.mjs'
import { CONNECTIONS, pagesOf } from './scenarios.mjs'

/** In how many turns a server and the bare framework are asked, one after the other. */
export const TURNS = 8

/** What a server has begun to compile is left so much time, in milliseconds. */
const REST = 300

/**
 * What a measurement found: processor time of the server's process for one request, in microseconds, and the part of it
 * that is not spent in the system; that of the bare framework at the same time; requests in a second; latency in milliseconds; and how
 * many requests were made.
 *
 * @typedef {{ processor: number, user: number, bare: number, throughput: number, p50: number, p99: number, made: number }} Figures
 */

/**
 * A server, and what to ask it, scenario by scenario.
 *
 * @typedef {{ served: import('./serve.mjs').Served, pages: Record<string, any> }} Asked
 */

/**
 * Connects to a server and signs users in.
 *
 * @param {import('./child.mjs').Child} load
 * @param {import('./serve.mjs').Served} served
 * @returns {Promise<Asked>}
 */
export async function ready(load, served, variant, sessions) {
  await load.ask('connect', { port: served.port, connections: CONNECTIONS })
  return { served, pages: await pagesOf(load, served, variant, sessions) }
}

/**
 * Asks without measuring, because at first most of the time goes into compiling, which a server does once. The scenario that is measured
 * first is asked last, and much more often than the others: what those leave behind, such as sessions and garbage, is not its own.
 *
 * @param {import('./child.mjs').Child} load
 * @param {Asked} asked
 * @param {{ names?: string[], warmUp: number }} how - of which scenarios, all unless they are named, and how often the first one of them is asked
 */
export async function warm(load, asked, how) {
  const { names = Object.keys(asked.pages), warmUp } = how
  for (const name of names.toReversed()) await askTo(load, asked, name, name === names[0] ? warmUp : shareOf(warmUp))
  if (warmUp > 0) await wait(REST)
}

/** How often each of the scenarios is asked that are not measured first, where that one is asked so often. */
export function shareOf(warmUp) {
  return Math.ceil(warmUp / 30)
}

/**
 * Asks a server that was warm before and had nothing to do since. It takes some thousand requests to be as fast as it was.
 *
 * @param {import('./child.mjs').Child} load
 * @param {Asked} asked
 * @param {{ warmUp: number }} how
 */
export async function awake(load, asked, { warmUp }) {
  await askTo(load, asked, 'read', Math.ceil(warmUp / 6))
}

/**
 * Measures a scenario of a server in turn with the bare framework, so that whatever the machine does meanwhile happens to both.
 * Before that they are asked as often without being measured: after something else, or after another rhythm, a server collects
 * garbage that is not the scenario's.
 *
 * @param {import('./child.mjs').Child} load
 * @param {{ asked: Asked, bare: Asked }} both - which are warmed up
 * @param {string} name - of the scenario
 * @param {number} requests - how many are measured
 * @returns {Promise<Figures>}
 */
export async function time(load, both, name, requests) {
  const servers = [both.bare, both.asked]
  await inTurn(load, servers, name, requests)
  // What a server does for its requests in the background it may do while the other one is asked.
  const begin = await Promise.all(servers.map(({ served }) => served.ask('mark')))
  const runs = await inTurn(load, servers, name, requests)
  const end = await Promise.all(servers.map(({ served }) => served.ask('mark')))
  const [bare, asked] = servers.map((each, at) => {
    const made = sum(runs.get(each), 'made')
    const spent = (/** @type {string} */ what) => (end[at][what] - begin[at][what]) / made
    return { made, processor: spent('processor'), user: spent('user') }
  })
  const times = runs.get(both.asked).flatMap((each) => each.times)
  return {
    ...asked,
    bare: bare.processor,
    throughput: asked.made / sum(runs.get(both.asked), 'seconds'),
    p50: quantile(times, 0.5),
    p99: quantile(times, 0.99),
  }
}

/**
 * Asks servers in turn, a part of the requests each time.
 *
 * @param {Asked[]} servers
 * @returns {Promise<Map<Asked, Awaited<ReturnType<typeof run>>[]>>} what they answered
 */
async function inTurn(load, servers, name, requests) {
  const runs = new Map(servers.map((each) => [each, []]))
  for (let turn = 0; turn < TURNS; turn++) {
    for (const each of turn % 2 === 0 ? servers : servers.toReversed())
      runs.get(each).push(await run(load, each, name, Math.ceil(requests / TURNS)))
  }
  return runs
}

/**
 * Makes some requests without a pause.
 *
 * @param {import('./child.mjs').Child} load
 * @param {Asked} asked
 * @returns {Promise<{ made: number, seconds: number, times: number[] }>} how many, and how long all and each of them took, the latter in
 *   milliseconds
 */
export function run(load, asked, name, requests) {
  return load.ask('run', { port: asked.served.port, requests, page: asked.pages[name], sleeps: false })
}

async function askTo(load, { served, pages }, name, requests) {
  await load.ask('warm', { port: served.port, requests, page: pages[name] })
}

function sum(runs, what) {
  return runs.reduce((all, each) => all + each[what], 0)
}
