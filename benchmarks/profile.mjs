// What the processor time of a session goes into, as Node's profiler sees it.
//
//   node benchmarks/profile.mjs [--requests 20000] [--warm-up 30000] [--out benchmarks/results]
//
// Serves the bare framework, a middleware that does nothing, Latchkey, and what people use today, each from a fresh process, and
// asks for a page with a session and for one without a cookie. Prints what the time goes into, and writes it to OUT as
// profile.json and profile.md. The profiler takes part of the time itself: compare the columns with each other, not with
// comparison.md.
//
// Uses the built library and loopback alone, starts its own Redis, and leaves nothing else behind.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { machine, versions } from './compare/about.mjs'
import { withBare } from './compare/bare.mjs'
import { mapped, median } from './compare/figures.mjs'
import { openGround } from './compare/ground.mjs'
import { PARTS } from './compare/profile.mjs'
import { scenarios } from './compare/scenarios.mjs'
import { withServed } from './compare/serve.mjs'
import { ready, run, warm } from './compare/time.mjs'
import { nameOf, peers, variants } from './compare/variants.mjs'

/** The scenarios. */
const NAMES = ['read', 'visit']

/** How many functions of Latchkey are named. */
const NAMED = 12

/** How often the bare framework is asked before and after, to see how fast the machine is at the time. */
const PACE = 2000

const { values } = parseArgs({
  options: {
    requests: { type: 'string', default: '20000' },
    'warm-up': { type: 'string', default: '30000' },
    out: { type: 'string', default: fileURLToPath(new URL('./results', import.meta.url)) },
  },
})
const [requests, warmUp] = [values.requests, values['warm-up']].map(Number)
if (!Number.isSafeInteger(requests) || requests < 1) throw new Error('Give --requests as a whole number from 1.')
if (!Number.isSafeInteger(warmUp) || warmUp < 0) throw new Error('Give --warm-up as a whole number from 0.')

const ground = await openGround()
try {
  const about = { date: new Date().toISOString(), machine: machine(), versions: await versions(ground.admin), requests }
  const figures = {}
  for (const platform of ['express', 'fastify']) {
    const names = [
      ...['bare', 'empty'].map((library) => nameOf(platform, library, 'none')),
      ...['memory', 'redis'].flatMap((store) => ['latchkey', peers[platform]].map((by) => nameOf(platform, by, store))),
    ]
    await withBare(ground.load, [platform], { names: NAMES, warmUp }, async ({ [platform]: bare }) => {
      const found = {}
      for (const name of names)
        found[name] = await profile(
          variants.find((each) => each.name === name),
          bare,
        )
      Object.assign(figures, atOnePace(found))
    })
  }
  write(about, figures)
} finally {
  await ground.close()
}

function profile(variant, bare) {
  const { load } = ground
  return ground.with(variant, {}, (settings) =>
    withServed(load, variant, settings, async (served) => {
      const asked = await ready(load, served, variant, undefined)
      await warm(load, asked, { names: NAMES, warmUp })
      const found = {}
      for (const name of NAMES) {
        console.error(`${variant.name}: ${scenarios[name].title}`)
        const before = await paceOf(bare)
        await served.ask('profile')
        await run(load, asked, name, requests)
        const busy = await served.ask('profiled')
        found[name] = { ...busy, pace: (before + (await paceOf(bare))) / 2 }
      }
      return found
    }),
  )
}

/** The processor time of a request to the bare framework, in microseconds. */
async function paceOf(bare) {
  const asked = Math.min(PACE, requests)
  await run(ground.load, bare, 'read', asked)
  const begin = await bare.served.ask('mark')
  await run(ground.load, bare, 'read', asked)
  const end = await bare.served.ask('mark')
  return (end.processor - begin.processor) / asked
}

/** For one request, and as if the bare framework had always taken as long as it did at the median. */
function atOnePace(busy) {
  const usual = median(Object.values(busy).flatMap((found) => Object.values(found).map(({ pace }) => pace)))
  return mapped(busy, (found) =>
    mapped(found, ({ parts, functions, pace }) => {
      const share = (/** @type {number} */ taken) => (taken / requests) * (usual / pace)
      return { parts: mapped(parts, share), functions: mapped(functions, share), pace }
    }),
  )
}

function write(about, figures) {
  const text = markdown(about, figures)
  mkdirSync(values.out, { recursive: true })
  writeFileSync(join(values.out, 'profile.json'), `${JSON.stringify({ ...about, figures }, undefined, 1)}\n`)
  writeFileSync(join(values.out, 'profile.md'), text)
  console.log(text)
}

function markdown({ date, machine: { cpu, cores, system }, versions: made, requests: asked }, figures) {
  const sections = ['express', 'fastify'].flatMap((platform) =>
    NAMES.map((scenario) => section(platform, scenario, figures)),
  )
  return `# What the time goes into

Microseconds of one request, as Node's profiler sees the server: the bare framework, a middleware that does nothing, Latchkey and the
library that it is compared with. The profiler takes part of the time itself, so compare columns, not these figures with those of
[the comparison](comparison.md). What Node and the garbage collector do for a library is theirs here: the difference from the
bare framework tells it. All is given at one pace of the machine: by what the bare framework took before and after.

${sections.join('\n\n')}

- Date: ${date}
- Command: \`node benchmarks/profile.mjs\`, ${asked} requests of each kind
- Machine: ${cpu}, ${cores} cores, ${system}
- Versions: ${Object.entries(made)
    .map(([name, version]) => `${name} ${version}`)
    .join(', ')}
`
}

function section(platform, scenario, figures) {
  const names = Object.keys(figures).filter((name) => name.startsWith(`${platform} `))
  const parts = names.map((name) => figures[name][scenario].parts)
  const rows = Object.entries(PARTS).map(([part, what]) => [what, ...parts.map((of) => of[part].toFixed(1))])
  const total = parts.map((of) => Object.values(of).reduce((sum, taken) => sum + taken, 0))
  const over = total.map((taken) => (taken - total[0]).toFixed(1))
  const named = Object.entries(figures[nameOf(platform, 'latchkey', 'memory')][scenario].functions)
    .sort(([, one], [, two]) => two - one)
    .slice(0, NAMED)
    .map(([name, taken]) => `${name} ${taken.toFixed(2)}`)
  return `## ${platform[0].toUpperCase()}${platform.slice(1)}: ${scenarios[scenario].title}

| ${['', ...names.map((name) => name.slice(platform.length + 1))].join(' | ')} |
| ---${' | ---:'.repeat(names.length)} |
${[...rows, ['**all**', ...total.map((taken) => taken.toFixed(1))], ['**over bare**', ...over]]
  .map((row) => `| ${row.join(' | ')} |`)
  .join('\n')}

Latchkey's own functions that take most, with memory: ${named.join(', ')}.`
}
