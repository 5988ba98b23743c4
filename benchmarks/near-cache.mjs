// What the near cache of the Redis store saves, and how soon another process knows that a session was ended.
//
//   node benchmarks/near-cache.mjs [--times 1000] [--loads 200000] [--url redis://HOST:PORT] [--out benchmarks/results]
//
// TIMES: how often a session is ended in one process and asked for, without a pause, in another that keeps it: measured from the
// answer to the one who ended it to the last answer of the other that still had it. LOADS: how many are timed. Prints a
// table and writes it with all about the run to OUT, as JSON and Markdown. Ends with 1 where the goal is not reached.
//
// Redis is started for it on loopback, unless it is given one by --url. Uses the built library, and leaves nothing behind.
import { fork } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus, release, totalmem, type } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { keyOf, newHandle, newId } from 'latchkey/core'
import { RedisStore } from 'latchkey/stores/redis'
import { startServer } from './redis-server.mjs'

/** From the end of a session to its refusal in another process, on loopback: the 99th percentile, in milliseconds. */
const GOAL = 10

const nearCache = { maxEntries: 10_000 }

const [, , role, childUrl, childPrefix] = process.argv
if (role === 'ends') endWhatIsAsked(childUrl, childPrefix)
else await measure()

/** The process that ends sessions. */
function endWhatIsAsked(url, prefix) {
  const store = new RedisStore({ url, prefix })
  process.on('message', (key) => {
    // The clock that all processes of a machine share.
    void store.delete(/** @type {string} */ (key)).then(() => process.send(now()))
  })
  process.on('disconnect', () => process.exit())
}

async function measure() {
  const { values } = parseArgs({
    options: {
      times: { type: 'string', default: '1000' },
      loads: { type: 'string', default: '200000' },
      url: { type: 'string' },
      out: { type: 'string', default: fileURLToPath(new URL('./results', import.meta.url)) },
    },
  })
  const [times, loads] = [values.times, values.loads].map(Number)
  if (![times, loads].every((each) => Number.isSafeInteger(each) && each >= 1)) {
    throw new Error('Give --times and --loads as whole numbers from 1.')
  }
  const server = values.url === undefined ? await startServer() : undefined
  const [url, prefix] = [values.url ?? server.url, `near-cache-${randomUUID()}`]
  const [near, plain] = [new RedisStore({ url, prefix, nearCache }), new RedisStore({ url, prefix })]
  const child = fork(fileURLToPath(import.meta.url), ['ends', url, prefix])
  try {
    await near.probe()
    const refused = []
    for (let count = 0; count < times; count++) refused.push(await endedElsewhere(near, child))
    const result = {
      date: new Date().toISOString(),
      command: ['node', 'benchmarks/near-cache.mjs', ...process.argv.slice(2)].join(' '),
      machine: `${cpus()[0]?.model ?? 'unknown'}, ${cpus().length} cores, ${Math.round(totalmem() / 2 ** 30)} GiB, ${type()} ${release()}`,
      node: process.versions.node,
      milliseconds: { p50: percentile(refused, 0.5), p99: percentile(refused, 0.99), most: Math.max(...refused) },
      microseconds: { near: await timeOf(near, loads), plain: await timeOf(plain, Math.ceil(loads / 20)) },
      times,
      loads,
    }
    const text = markdown(result)
    mkdirSync(values.out, { recursive: true })
    writeFileSync(join(values.out, 'near-cache.json'), `${JSON.stringify(result, undefined, 2)}\n`)
    writeFileSync(join(values.out, 'near-cache.md'), text)
    console.log(text)
    process.exitCode = result.milliseconds.p99 <= GOAL ? 0 : 1
  } finally {
    child.disconnect()
    await Promise.all([near.close(), plain.close()])
    await server?.stop()
  }
}

/** How long a session is still had after it was ended in another process, in milliseconds. */
async function endedElsewhere(store, child) {
  const { key } = await kept(store)
  const ended = new Promise((resolve) => child.once('message', resolve))
  child.send(key)
  let last = 0
  while ((await store.load(key)) !== undefined) {
    last = now()
    // As a server has it between two requests.
    await new Promise((resolve) => setImmediate(resolve))
  }
  return Math.max(0, last - (await ended))
}

function now() {
  return Number(process.hrtime.bigint()) / 1e6
}

/** Microseconds for one load of what was loaded before. */
async function timeOf(store, loads) {
  const { key } = await kept(store)
  for (let count = 0; count < loads / 10; count++) await store.load(key)
  const began = performance.now()
  for (let count = 0; count < loads; count++) {
    const found = store.load(key)
    if ('then' in found) await found
  }
  const taken = performance.now() - began
  await store.delete(key)
  return (taken * 1000) / loads
}

/** A session that a store has created and loaded. */
async function kept(store) {
  const begun = Date.now()
  const record = {
    key: keyOf(newId('ann')),
    handle: newHandle(),
    subject: 'ann',
    createdAt: begun,
    authenticatedAt: begun,
    rotatedAt: begun,
    lastSeenAt: begun,
    idleTimeout: 1_800_000,
    expiresAt: begun + 86_400_000,
    version: 1,
    persistent: true,
    device: 'Firefox on Linux',
    ip: '203.0.113.7',
    formerKey: undefined,
    data: new Map([['userId', '42'], ['email', '"ann@example.com"'], ['role', '"admin"']]), // prettier-ignore
  }
  await store.create(record)
  // Word of it may still be under way: it comes before the answer to the second.
  for (let count = 0; count < 2; count++) await store.load(record.key)
  return record
}

function percentile(values, part) {
  return values.toSorted((one, two) => one - two)[Math.ceil(values.length * part) - 1]
}

function markdown({ date, command, machine, node, milliseconds, microseconds, times, loads }) {
  const { p50, p99, most } = milliseconds
  return `# The near cache of the Redis store

| what | measured | goal |
| --- | --- | --- |
| ended in one process, still had by another: median | ${p50.toFixed(2)} ms | |
| 99th percentile | ${p99.toFixed(2)} ms | at most ${GOAL} ms |
| the longest | ${most.toFixed(2)} ms | |
| one load, kept | ${microseconds.near.toFixed(2)} µs | |
| one load, asked of Redis | ${microseconds.plain.toFixed(1)} µs | |

- ${times} sessions were ended, and ${loads} loads timed, one after the other.
- Date: ${date}
- Command: \`${command}\`
- Machine: ${machine}
- Versions: node ${node}
`
}
