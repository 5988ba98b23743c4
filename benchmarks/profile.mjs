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
import { mapped, median } from './compare/figures.mjs'
import { openGround } from './compare/ground.mjs'
import { PARTS } from './compare/profile.mjs'
import { CONNECTIONS, pagesOf, scenarios } from './compare/scenarios.mjs'
import { serve } from './compare/serve.mjs'
import { empty, nameOf, peers, variants } from './compare/variants.mjs'

/** How many functions of Latchkey are named. */
const NAMED = 12

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
    for (const name of names) figures[name] = await profile([...variants, ...empty].find((each) => each.name === name))
  }
  write(about, each(figures))
} finally {
  await ground.close()
}

async function profile(variant) {
  const found = {}
  await ground.with(variant, {}, async (settings) => {
    const served = await serve(variant, settings)
    try {
      await ground.load.ask('connect', { port: served.port, connections: CONNECTIONS })
      const pages = await pagesOf(ground.load, variant.library === 'empty' ? { ...variant, isBare: true } : variant)
      for (const scenario of ['read', 'visit']) {
        console.error(`${variant.name}: ${scenarios[scenario].title}`)
        const page = pages[scenario]
        await ground.load.ask('warm', { requests: warmUp, page })
        await served.ask('profile')
        await ground.load.ask('run', { requests, page, sleeps: false })
        found[scenario] = await served.ask('profiled')
      }
    } finally {
      await served.close()
    }
  })
  return found
}

/** For one request, and as if a fixed piece of work had always taken as long as it did at the median. */
function each(busy) {
  const usual = median(Object.values(busy).flatMap((found) => Object.values(found).map(({ work }) => work)))
  return mapped(busy, (found) =>
    mapped(found, ({ parts, functions, work }) => {
      const share = (/** @type {number} */ taken) => (taken / requests) * (usual / work)
      return { parts: mapped(parts, share), functions: mapped(functions, share), work }
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
    ['read', 'visit'].map((scenario) => section(platform, scenario, figures)),
  )
  return `# What the time goes into

Microseconds of one request, as Node's profiler sees the server: the bare framework, a middleware that does nothing, Latchkey and the
library that it is compared with. The profiler takes part of the time itself, so compare columns, not these figures with those of
[the comparison](comparison.md). What Node and the garbage collector do for a library is theirs here: the difference from the
bare framework tells it. All is given at one pace of the machine: by what a fixed piece of work took before and after.

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
