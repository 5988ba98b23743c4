import { statSync } from 'node:fs'
import { pagesOf, scenariosOf } from './scenarios.mjs'
import { withServed } from './serve.mjs'

/** How many requests of a kind are counted. What comes with the first ones, such as the text of a script, is not. */
const REQUESTS = 100
const FIRST = 20

/** How many users sign in to see what a session takes in a store. */
const STORED = 1000

/** @typedef {{ commands: number, sent: number, received: number }} Counts - for one request */

/**
 * What one request asks of Redis, for each scenario. Nothing is measured in time here.
 *
 * @param {import('./ground.mjs').Ground} ground
 * @returns {Promise<Record<string, Counts>>}
 */
export function countCommands(ground, variant) {
  return ground.with(variant, { throughProxy: true }, (settings) =>
    withServed(ground.load, variant, settings, async (served) => {
      await ground.load.ask('connect', { port: served.port, connections: 20 })
      const pages = await pagesOf(ground.load, served, variant, { small: 20, large: 20 })
      /** @type {Record<string, Counts>} */
      const counts = {}
      for (const name of scenariosOf(variant)) {
        await ground.load.ask('run', { port: served.port, requests: FIRST, page: pages[name] })
        await ground.proxy.ask('count')
        const { made } = await ground.load.ask('run', { port: served.port, requests: REQUESTS, page: pages[name] })
        const { commands, sent, received } = await ground.proxy.ask('count')
        counts[name] = { commands: commands / made, sent: sent / made, received: received / made }
      }
      return counts
    }),
  )
}

/**
 * The bytes that one session takes, of a user who has no other one.
 *
 * @param {import('./ground.mjs').Ground} ground
 * @returns {Promise<{ record: number, index?: number }>} in Redis apart from the index of a user's sessions; in SQLite all in one
 */
export function countBytes(ground, variant, stored = STORED) {
  return ground.with(variant, {}, async (settings) => {
    const users = Array.from({ length: stored }, (_, at) => at + 1_000_000)
    const inRedis = await withServed(ground.load, variant, settings, async (served) => {
      await ground.load.ask('connect', { port: served.port, connections: 1 })
      await ground.load.ask('cookies', { port: served.port, users, path: '/sign-in/*' })
      return variant.usesRedis ? bytesInRedis(ground.admin, stored) : undefined
    })
    if (inRedis) return inRedis
    // It is closed, so all of it is in the one file. An empty one takes some pages too.
    return { record: statSync(settings.sqlitePath).size / stored }
  })
}

async function bytesInRedis(admin, stored) {
  const sums = { record: 0, index: 0 }
  for await (const keys of admin.scanIterator({ COUNT: 1000 })) {
    for (const key of keys) {
      const kind = key.endsWith(':u') ? 'index' : 'record'
      sums[kind] += await admin.memoryUsage(key, { SAMPLES: 0 })
    }
  }
  return { record: sums.record / stored, index: sums.index / stored }
}
