// Latchkey beside what people use today, and beside the bare framework.
//
//   node benchmarks/compare.mjs [--rounds 7] [--requests 2000] [--warm-up 30000] [--only PART,PART] [--many 1000000] [--out benchmarks/results]
//   node benchmarks/compare.mjs --smoke [--only PART,PART]
//
// Checks first that every variant does what is measured, then measures. Writes comparison.json, comparison.md and
// comparison.svg to OUT. ONLY takes the variants with one of these parts in their names, such as "express latchkey" or
// "nest-", and the bare frameworks of them. MANY is the number of sessions among which reading one is compared with 1,000; 0 leaves that out.
// WARM-UP is how often a server is asked to read before it is measured, for 15 seconds at most.
// SMOKE shows that everything runs, with a few requests of each kind.
//
// BENCH_NODE_OPTIONS gives the servers options of Node, such as "--cpu-prof --cpu-prof-dir=profiles".
//
// Uses the built library and loopback alone, starts its own Redis, and leaves nothing else behind.
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { machine, versions } from './compare/about.mjs'
import { check } from './compare/check.mjs'
import { isPinned, pinNothing } from './compare/cores.mjs'
import { countBytes, countCommands } from './compare/counts.mjs'
import { measureDelayed } from './compare/delay.mjs'
import { openGround } from './compare/ground.mjs'
import { write } from './compare/report.mjs'
import { measureRounds } from './compare/rounds.mjs'
import { measureScale } from './compare/scale.mjs'
import { measureSignOut } from './compare/sign-out.mjs'
import { chosen } from './compare/variants.mjs'

/** How long the whole may take, in milliseconds. */
const DEADLINE = 180 * 60_000

/** How many variants are checked at once: most of the time a check waits. */
const CHECKS = 10

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '7' },
    requests: { type: 'string', default: '2000' },
    'warm-up': { type: 'string', default: '30000' },
    only: { type: 'string', default: '' },
    many: { type: 'string', default: '1000000' },
    smoke: { type: 'boolean', default: false },
    out: { type: 'string', default: fileURLToPath(new URL('./results', import.meta.url)) },
  },
})
const only = values.only.split(',').filter((part) => part !== '')
const [rounds, requests, warmUp, many] = [values.rounds, values.requests, values['warm-up'], values.many].map(Number)
if (![rounds, requests].every((each) => Number.isSafeInteger(each) && each >= 1)) {
  throw new Error('Give --rounds and --requests as whole numbers from 1.')
}
if (!Number.isSafeInteger(warmUp) || warmUp < 0) throw new Error('Give --warm-up as a whole number from 0.')
if (!Number.isSafeInteger(many) || many % 10 !== 0 || (many !== 0 && many < 1000)) {
  throw new Error('Give --many as a multiple of 10 from 1000, or as 0.')
}

const full = {
  rounds,
  requests,
  warmUp,
  stored: 1000,
  times: 200,
  delayed: 300,
  sessions: undefined,
  few: 1000,
  many,
}
const few = {
  rounds: 1,
  requests: 40,
  warmUp: 0,
  stored: 100,
  times: 3,
  delayed: 20,
  sessions: { small: 32, large: 32 },
  few: 100,
  many: Math.min(many, 200),
}
const extent = values.smoke ? few : full

if (values.smoke) pinNothing()

const say = (/** @type {string} */ line) => console.error(line)
const ground = await openGround()
let isOver = false
const stop = (/** @type {string} */ why) => {
  if (isOver) return
  isOver = true
  console.error(why)
  void ground.close().finally(() => process.exit(1))
}
process.once('SIGINT', () => stop('Interrupted.'))
process.once('SIGTERM', () => stop('Ended.'))
setTimeout(() => stop(`Not done within ${DEADLINE / 60_000} minutes.`), DEADLINE).unref()

try {
  write(values.out, await compare())
} finally {
  if (!isOver) await ground.close()
}

async function compare() {
  const about = { machine: machine(), versions: await versions(ground.admin) }
  const variants = chosen(only, ({ store }) => store !== 'redis-near' || ground.hasNearCache)
  const checked = checkAll(variants)
  // Only where the figures mean nothing may anything else run beside.
  if (!values.smoke) await checked
  const [figures] = await Promise.all([measureRounds(ground, variants, { ...extent, say }), checked])

  const looked = values.smoke ? variants.filter(({ platform }) => platform === variants[0].platform) : variants
  const inRedis = looked.filter(({ usesRedis }) => usesRedis)
  const inStore = looked.filter(({ usesRedis, store, hasSessions }) => hasSessions && (usesRedis || store === 'sqlite'))
  const withNetwork = inRedis.length === 0 ? [] : looked.filter(({ usesRedis, isBare }) => usesRedis || isBare)
  const ended = inRedis.filter(({ platform, library }) => platform === 'express' && library === 'latchkey')
  return {
    date: new Date().toISOString(),
    command: ['node', 'benchmarks/compare.mjs', ...process.argv.slice(2)].map(quoted).join(' '),
    isSmoke: values.smoke,
    ...about,
    isPinned: isPinned(),
    ...extent,
    variants,
    figures,
    counts: await forEach('counting commands', inRedis, (variant) => countCommands(ground, variant)),
    bytes: await forEach('counting bytes', inStore, (variant) => countBytes(ground, variant, extent.stored)),
    delayed: await measureDelayed(ground, withNetwork, {
      ...extent,
      requests: Math.min(requests, extent.delayed),
      say,
    }),
    signOut: await forEach('signing out', ended, (variant) => measureSignOut(ground, variant, extent.times)),
    scale: await scale(variants),
  }
}

function quoted(argument) {
  return /^[\w@%+=:,./-]+$/.test(argument) ? argument : JSON.stringify(argument)
}

async function checkAll(variants) {
  const waiting = variants.values()
  const work = async () => {
    for (const variant of waiting) {
      say(`checking ${variant.name}`)
      // In a database that is not emptied meanwhile. They share it: each has keys of its own.
      await ground.with({ ...variant, usesRedis: false }, {}, (settings) =>
        check(variant, { ...settings, redisUrl: `${settings.redisUrl}/1` }),
      )
    }
  }
  await Promise.all(Array.from({ length: CHECKS }, work))
}

async function forEach(what, variants, work) {
  const all = {}
  for (const variant of variants) {
    say(`${what}: ${variant.name}`)
    all[variant.name] = await work(variant)
  }
  return all
}

async function scale(variants) {
  const variant = variants.find(({ name }) => name === 'fastify latchkey redis')
  if (!variant || extent.many === 0) return undefined
  return measureScale(ground, variant, { ...extent, say })
}
