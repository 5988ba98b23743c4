// The long versions of the tests: properties, races and attacks with large counts, outages as long and loads as large as they are
// promised, and a steady run with outages that must not grow. Keeps what was measured in benchmarks/results/soak.json and
// soak.md, and fails if anything did.
//
//   npm run test:soak -- [--minutes 5] [--load-seconds 60] [--connections 200] [--stop 10000] [--without-suites]
//     [--out benchmarks/results]
//
// --minutes: how long the steady run lasts. --without-suites: without the properties, races and attacks. --stop: for how long Redis
// is stopped in its tracks, in milliseconds.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, release, tmpdir, totalmem, type } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '5' },
    'load-seconds': { type: 'string', default: '60' },
    connections: { type: 'string', default: '200' },
    stop: { type: 'string', default: '10000' },
    'without-suites': { type: 'boolean', default: false },
    out: { type: 'string', default: 'benchmarks/results' },
  },
})
const folder = mkdtempSync(join(tmpdir(), 'latchkey-soak-'))
const figures = join(folder, 'figures.jsonl')
writeFileSync(figures, '')

const suites = {
  PROPERTY_RUNS: '1000',
  RACE_ROUNDS: '1000',
  RACES: '50000',
  NEAR_CACHE_STEPS: '200000',
}
/** The pages and the processes of the portal, on every adapter. */
const portal = { PORTAL_THOROUGH: '1' }
const nearCache = { STORES: 'redis', NEAR_CACHE: '100' }
const outages = {
  OUTAGE_STOP: values.stop,
  LOAD_SECONDS: values['load-seconds'],
  LOAD_CONNECTIONS: values.connections,
  STEADY_SECONDS: String(Number(values.minutes) * 60),
  OUTAGE_FIGURES: figures,
}

const passed = [
  values['without-suites'] ||
    run(
      suites,
      ['latchkey', 'measuring'],
      'test/properties',
      'test/races',
      'test/hostile',
      'test/stores/redis.test.ts',
      'test/near-cache',
    ),
  values['without-suites'] || run(portal, ['portal'], 'page', 'cross-site', 'process'),
  values['without-suites'] ||
    run(nearCache, ['latchkey'], 'test/acceptance', 'test/races/parallel-writes', 'test/races/revocations'),
  // One after the other: they measure.
  run(outages, ['latchkey'], 'test/outages', '--no-file-parallelism'),
]
report()
rmSync(folder, { recursive: true })
process.exitCode = passed.every(Boolean) ? 0 : 1

function run(env, projects, ...args) {
  const { status } = spawnSync(
    process.execPath,
    ['node_modules/vitest/vitest.mjs', 'run', ...projects.flatMap((name) => ['--project', name]), ...args],
    {
      stdio: 'inherit',
      env: { ...process.env, ...env },
    },
  )
  return status === 0
}

function report() {
  const rows = readFileSync(figures, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line))
  const { version } = JSON.parse(readFileSync('package.json', 'utf8'))
  const about = {
    date: new Date().toISOString(),
    command: ['npm run test:soak --', ...process.argv.slice(2)].join(' '),
    passed: passed.every(Boolean),
    machine: {
      cpu: cpus()[0]?.model.trim() ?? 'unknown',
      cores: cpus().length,
      memoryGiB: Math.round(totalmem() / 2 ** 30),
      system: `${type()} ${release()}`,
    },
    versions: { latchkey: version, node: process.versions.node },
    units: 'times in milliseconds, heaps in MiB after a collection',
    rows,
  }
  writeFileSync(join(values.out, 'soak.json'), `${JSON.stringify(about, undefined, 2)}\n`)
  writeFileSync(join(values.out, 'soak.md'), markdown(about))
}

function markdown({ date, command, passed, machine, versions, rows }) {
  const lines = rows.map(({ name, ...each }) => {
    const text = Object.entries(each).map(([key, value]) => `${key} ${value}`)
    return `| ${name} | ${text.join(', ')} |`
  })
  return `# The soak

${passed ? 'All tests passed.' : '**Not all tests passed.**'} Times are in milliseconds, heaps in MiB after a collection; \`p99\` is the 99th percentile of
how long answers took, those with 503 included. The deadline of a store call is 500 ms.

| what | figures |
| --- | --- |
${lines.join('\n')}

- Date: ${date}
- Command: \`${command}\`
- Machine: ${machine.cpu}, ${machine.cores} cores, ${machine.memoryGiB} GiB, ${machine.system}
- Versions: latchkey ${versions.latchkey}, node ${versions.node}
`
}
