import { median, quantile, scaleRatio } from './figures.mjs'
import { nameOf, peers } from './variants.mjs'

/**
 * What was promised beside what was measured. A ratio is ours over theirs, of the cost over the bare framework.
 *
 * @returns {{ what: string, goal: string, measured: number | undefined, isMet: boolean | undefined, detail: string }[]}
 *   `measured` is undefined where the run left it out, and NaN where it is lost in the noise
 */
export function goalsOf({ summary, counts, bytes, added, delayed, signOut, scale }) {
  return [
    ...['express', 'fastify'].flatMap((platform) =>
      Object.entries({ memory: 0.25, redis: 0.33 }).map(([store, limit]) => {
        const [ours, theirs] = both(platform, store).map((name) => summary[name]?.read.cost)
        const what = `read, ${platform}, ${store}: cost against ${peers[platform]}`
        const alone = summary[nameOf(platform, 'get', store)]?.read.cost
        const floor = alone === undefined ? '' : `; ${us(alone)} for a GET alone`
        return row(what, limit, ratio(ours, theirs), `${us(ours)} against ${us(theirs)}${floor}`)
      }),
    ),
    ...['express', 'fastify'].map((platform) => {
      const [ours, theirs] = both(platform, 'redis').map((name) => counts[name]?.read.commands)
      return row(`read, ${platform}, redis: commands`, 1, ours, `${ours} against ${theirs}`)
    }),
    ...['express', 'fastify'].map((platform) => {
      const [ours, theirs] = both(platform, 'redis').map((name) => counts[name]?.changeLarge.sent)
      const what = `change one key of 16 KiB, ${platform}, redis: bytes sent`
      return row(what, 0.1, ratio(ours, theirs), `${ours} against ${theirs}`)
    }),
    ...['express', 'fastify'].map((platform) => {
      const [ours, theirs] = both(platform, 'memory').map((name) => summary[name]?.visit.cost)
      const what = `visit without a cookie, ${platform}: cost against ${peers[platform]}`
      const nothing = summary[nameOf(platform, 'empty', 'none')]?.visit.cost
      const floor = nothing === undefined ? '' : `; ${us(nothing)} for a middleware that does nothing`
      const detail = `${us(ours)} against ${us(theirs)}${floor}`
      return row(what, 0.1, ratio(ours, theirs), detail)
    }),
    row('visit without a cookie: commands', 0, counts[both('express', 'redis')[0]]?.visit.commands),
    ...['express', 'fastify'].flatMap((platform) => {
      const [ours, theirs] = both(platform, 'redis').map((name) => added[name])
      const get = added[nameOf(platform, 'get', 'redis')]
      const floor = get === undefined ? '' : `; a middleware that makes one GET: ${ms(get)}`
      const alone = ours === undefined ? '' : `${floor}; a GET without requests: ${ms(median(delayed.get))}`
      const near = added[nameOf(platform, 'latchkey', 'redis-near')]
      return [
        row(`1 ms to Redis, ${platform}: added p50`, 1.1, ours, `${peers[platform]}: ${ms(theirs)}${alone}`, ms),
        row(`1 ms to Redis, ${platform}, near cache: added p50`, 0.1, near, '', ms),
      ]
    }),
    ...bytesGoals(bytes),
    row(
      `from ${scale?.few.toLocaleString('en') ?? 'few'} to ${scale?.many.toLocaleString('en') ?? 'many'} sessions: cost of a read`,
      1.2,
      scale && scaleRatio(scale),
    ),
    signOutGoal(signOut, 'redis-near', 'near cache'),
  ]
}

function bytesGoals(bytes) {
  const [ours, theirs] = both('express', 'redis').map((name) => bytes[name])
  const whole = ours && ours.record + ours.index
  const detail = (value) => `${value?.toFixed(0)} against ${theirs?.record.toFixed(0)} bytes`
  return [
    row('a session in Redis: the record', 0.8, ratio(ours?.record, theirs?.record), detail(ours?.record)),
    row('a session in Redis: with the index', 1.25, ratio(whole, theirs?.record), detail(whole)),
  ]
}

function signOutGoal(signOut, store, what) {
  const times = signOut[nameOf('express', 'latchkey', store)]
  const measured = times && quantile(times, 0.99)
  return row(`signed out to refused by another process, ${what}: p99`, 10, measured, '', ms)
}

/** The names of ours and of theirs. */
function both(platform, store) {
  return [nameOf(platform, 'latchkey', store), nameOf(platform, peers[platform], store)]
}

function row(what, limit, measured, detail = '', show = (value) => String(value)) {
  const isMet = measured === undefined || Number.isNaN(measured) ? undefined : measured <= limit
  return { what, goal: `≤ ${show(limit)}`, measured, isMet, detail: measured === undefined ? '' : detail }
}

function ratio(ours, theirs) {
  if (ours === undefined || theirs === undefined) return undefined
  // Nothing can be said of a cost that is lost in the noise, nor against one.
  return theirs > 0 && ours >= 0 ? ours / theirs : NaN
}

const us = (value) => `${value?.toFixed(1)} µs`
const ms = (value) => (value === undefined ? 'not measured' : `${Number(value.toFixed(3))} ms`)
