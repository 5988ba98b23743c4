import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { cpus, release, totalmem, type } from 'node:os'
import { join } from 'node:path'
import { CALLS, measures } from './measure.mjs'

/** Prints what was measured and keeps it in a folder. Answers whether the limits are held. */
export function write(folder, { store, base, count, rounds, arguments: args, atBase, atCount, filling, about }) {
  const { bytes, ...versions } = about
  const rows = Object.entries(measures).map(([name, measure]) => {
    const limit = 'limit' in measure ? measure.limit : undefined
    const ratio = atCount[name] / atBase[name]
    return { name, atBase: atBase[name], atCount: atCount[name], ratio, limit, isHeld: !(ratio > limit) }
  })
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
  const result = {
    date: new Date().toISOString(),
    command: ['node', 'benchmarks/load-sessions.mjs', ...args].join(' '),
    store,
    machine: {
      cpu: cpus()[0]?.model ?? 'unknown',
      cores: cpus().length,
      memoryGiB: Math.round(totalmem() / 2 ** 30),
      system: `${type()} ${release()}`,
    },
    versions: { latchkey: version, node: process.versions.node, ...versions },
    filling: { ...filling, bytesPerSession: Math.round(bytes / count) },
    unit: 'microseconds, median',
    calls: rounds * CALLS,
    base,
    count,
    rows,
  }
  const text = markdown(result)
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, `subject-list-${store}.json`), `${JSON.stringify(result, undefined, 2)}\n`)
  writeFileSync(join(folder, `subject-list-${store}.md`), text)
  console.log(text)
  return rows.every(({ isHeld }) => isHeld)
}

function markdown({ store, date, command, machine, versions, filling, calls, base, count, rows }) {
  const number = (value) => value.toLocaleString('en')
  const cells = rows.map(({ name, atBase, atCount, ratio, limit, isHeld }) => {
    const bound = limit === undefined ? '' : `${isHeld ? '' : '**not held:** '}at most ${limit}`
    return `| ${name} | ${atBase.toFixed(1)} µs | ${atCount.toFixed(1)} µs | ${ratio.toFixed(2)} | ${bound} |`
  })
  const made = Object.entries(versions).map(([name, version]) => `${name} ${version}`)
  return `# The sessions of one user, on ${store}

| | with ${number(base)} sessions | with ${number(count)} | ratio | limit |
| --- | ---: | ---: | ---: | --- |
${cells.join('\n')}

Medians of ${number(calls)} calls each, one after the other from one process. Ten sessions for each user;
${number(filling.sessions)} were stored in ${filling.seconds.toFixed(1)} s and take ${filling.bytesPerSession} bytes each.

- Date: ${date}
- Command: \`${command}\`
- Machine: ${machine.cpu}, ${machine.cores} cores, ${machine.memoryGiB} GiB, ${machine.system}
- Versions: ${made.join(', ')}
`
}
