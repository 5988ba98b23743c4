// Whether the sessions of one user are found as fast among a million as among a thousand.
//
//   node benchmarks/load-sessions.mjs --store redis|sqlite [--count 1000000] [--base 1000] [--url redis://HOST:PORT]
//     [--rounds 20] [--out benchmarks/results] [--no-limits]
//
// Fills a store with BASE sessions and one with COUNT, ten for each user, and measures `list`, `count` and `load` in both,
// the two in turn: medians over 250 calls in each round. Prints a table and writes it with all about the run to OUT, as
// JSON and Markdown. Ends with 1 where a limit is not held, unless told not to.
//
// Redis is started for it on loopback, one server for each, unless it is given one by --url: then they are filled and
// measured one after the other, under a prefix of their own. Uses the built library, and leaves nothing behind.
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { fill } from './load-sessions/fill.mjs'
import { measure } from './load-sessions/measure.mjs'
import { startRedis } from './load-sessions/redis.mjs'
import { write } from './load-sessions/report.mjs'
import { openSqlite } from './load-sessions/sqlite.mjs'

/** How long the whole may take, in milliseconds. */
const DEADLINE = 20 * 60_000

const grounds = { redis: startRedis, sqlite: openSqlite }

const { values } = parseArgs({
  options: {
    store: { type: 'string' },
    count: { type: 'string', default: '1000000' },
    base: { type: 'string', default: '1000' },
    rounds: { type: 'string', default: '20' },
    url: { type: 'string' },
    out: { type: 'string', default: fileURLToPath(new URL('./results', import.meta.url)) },
    'no-limits': { type: 'boolean', default: false },
  },
})
const { store, url, out } = values
const [base, count, rounds] = [values.base, values.count, values.rounds].map(Number)
if (!Object.hasOwn(grounds, store ?? '')) throw new Error('Give --store redis or --store sqlite.')
if (![base, count].every((each) => Number.isSafeInteger(each) && each >= 10 && each % 10 === 0) || base > count) {
  throw new Error('Give --base and --count as multiples of 10, the first not the larger.')
}

const opened = []
const close = async () => {
  for (const ground of opened.splice(0).toReversed()) await ground.close()
}
const stop = (why) => {
  console.error(why)
  void close().finally(() => process.exit(1))
}
process.once('SIGINT', () => stop('Interrupted.'))
process.once('SIGTERM', () => stop('Ended.'))
setTimeout(() => stop(`Not done within ${DEADLINE / 60_000} minutes.`), DEADLINE).unref()

try {
  const open = async () => {
    const ground = await grounds[store](url)
    opened.push(ground)
    return ground
  }
  const result = url === undefined ? await sideBySide(open) : await inTurn(open)
  const isHeld = write(out, { store, base, count, rounds, arguments: process.argv.slice(2), ...result })
  if (!isHeld && !values['no-limits']) process.exitCode = 1
} finally {
  await close()
}

/** Both are there at the same time, so that what else the machine does slows both alike. */
async function sideBySide(open) {
  const [small, large] = [await open(), await open()]
  await fill(small, base)
  const filling = await fill(large, count)
  const [atBase, atCount] = await measure([small, large], rounds)
  return { atBase, atCount, filling, about: await large.about() }
}

async function inTurn(open) {
  const ground = await open()
  await fill(ground, base)
  const [atBase] = await measure([ground], rounds)
  const filling = await fill(ground, count)
  const [atCount] = await measure([ground], rounds)
  return { atBase, atCount, filling, about: await ground.about() }
}
