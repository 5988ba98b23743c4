import { LARGE } from './pages.mjs'
import { atOnePace, median, quantile, scaleRatio } from './figures.mjs'
import { CONNECTIONS, scenarios } from './scenarios.mjs'
import { shareOf, TURNS } from './time.mjs'
import { nameOf } from './variants.mjs'

/** Where costs can be wrong by more than this part of what the bare framework takes, they say little. */
const NOISY = 0.15

/** The results for people. */
export function markdown(result) {
  const { summary, variants } = result
  const sections = [
    `# Sessions side by side`,
    result.isSmoke ? 'A smoke run: it shows that everything runs. **Its figures mean nothing.**' : '',
    quietLine(result),
    '## Goals',
    goals(result.goals),
    '## Where Latchkey takes more',
    'Than another library on the same platform with the same kind of store, or than iron-session, which needs none. Costs are listed where the quartiles of the rounds are apart.',
    losses(result.losses),
    '## Processor time of a request over the bare framework',
    '![Reading a session](comparison.svg)',
    'Microseconds of the server process, median (quartiles) of all rounds; for the bare framework all that it takes, and how far the quartiles of its rounds are from that.',
    costs(summary, variants),
    '## Throughput and latency',
    `As measured, at whatever pace the machine had. Requests in a second, and latency in milliseconds (p50 / p99) on ${CONNECTIONS} connections that ask without a pause. For "${scenarios.together.title}" the latency is that of all 20.`,
    speeds(summary, variants),
    '## What a request asks of Redis',
    'Commands, bytes sent and bytes received.',
    counts(result.counts, variants),
    '## What a session takes in a store',
    bytes(result.bytes, variants),
    '## With a network to Redis',
    network(result),
    '## Ended at one process, refused by another',
    signOut(result.signOut),
    '## Few and many sessions',
    scale(result.scale),
    '## How this was made',
    how(result),
  ]
  return `${sections.filter((section) => section !== '').join('\n\n')}\n`
}

function quietLine({ errors, paces, machine, summary }) {
  const parts = Object.entries(errors).map(([platform, error]) => ({
    platform,
    error,
    isNoisy: error > summary[nameOf(platform, 'bare', 'none')].read.processor * NOISY,
  }))
  const noisy = parts.filter(({ isNoisy }) => isNoisy).map(({ platform }) => platform)
  const warning = noisy.length === 0 ? '' : ` **Don't rely on the costs on ${noisy.join(' and ')}.**`
  const shown = parts.map(({ platform, error }) => `${error.toFixed(1)} µs on ${platform}`).join(', ')
  return `A cost can be wrong by ${shown}: so much more or less another process of the bare framework seems to cost in a bad round, or a middleware that does nothing at the median, in the worst of the scenarios.${warning} The slowest measurement of a bare framework took ${round(paces)} times as long as the fastest, for which processor times are corrected; the load average before the run was ${machine.loadBefore.toFixed(1)} on ${machine.cores} cores.`
}

function goals(rows) {
  const cells = rows.map(({ what, goal, measured, isMet, detail }) => [
    what,
    goal,
    measured === undefined ? 'not measured' : Number.isNaN(measured) ? 'lost in the noise' : round(measured),
    isMet === undefined ? '' : isMet ? 'yes' : '**no**',
    detail,
  ])
  return table(['', 'goal', 'measured', 'met?', ''], cells, 'lrrll')
}

function losses(rows) {
  if (rows.length === 0) return 'Nowhere, of what was measured.'
  const cells = rows.map(({ what, ours, theirs, than, unit }) => [
    what,
    `${round(ours)} ${unit}`,
    `${round(theirs)} ${unit}`,
    than,
    theirs > 0 ? round(ours / theirs) : '',
  ])
  return table(['', 'Latchkey', 'the other', '', 'times'], cells, 'lrrlr')
}

function costs(summary, variants) {
  const cells = variants.map(({ name, isBare }) => [
    isBare ? `**${name}**` : name,
    ...Object.keys(scenarios).map((scenario) => {
      const figures = summary[name][scenario]
      if (!figures) return 'can’t'
      const { processor, cost, low, high } = figures
      const range = `(${low.toFixed(0)} to ${high.toFixed(0)})`
      return isBare ? `**${processor.toFixed(0)}** ${range}` : `${cost.toFixed(1)} ${range}`
    }),
  ])
  return table(['', ...titles()], cells)
}

function speeds(summary, variants) {
  const cells = variants.map(({ name }) => [
    name,
    ...Object.keys(scenarios).map((scenario) => {
      const figures = summary[name][scenario]
      if (!figures) return 'can’t'
      const { throughput, p50, p99 } = figures
      return `${throughput.toFixed(0)}; ${p50.toFixed(1)} / ${p99.toFixed(1)}`
    }),
  ])
  return table(['', ...titles()], cells)
}

function counts(all, variants) {
  const cells = variants
    .filter(({ name }) => all[name])
    .map(({ name }) => [
      name,
      ...Object.keys(scenarios).map((scenario) => {
        const { commands, sent, received } = all[name][scenario]
        return `${round(commands)}; ${sent.toFixed(0)} / ${received.toFixed(0)}`
      }),
    ])
  return table(['', ...titles()], cells)
}

function bytes(all, variants) {
  const cells = variants
    .filter(({ name }) => all[name])
    .map(({ name }) => {
      const { record, index } = all[name]
      return [name, record.toFixed(0), index ? (record + index).toFixed(0) : '']
    })
  return `Of a user with one session. In Redis as MEMORY USAGE says; in SQLite the size of the file for each session, its indexes included.

${table(['', 'bytes', 'with the index of the user'], cells)}`
}

function network({ added, delayed }) {
  if (delayed.ping.length === 0) return 'Not measured.'
  const cells = Object.entries(added).map(([name, value]) => [name, value.toFixed(2)])
  return `The median latency of a read on one connection, less that of the bare framework, where a round trip to Redis takes 1 ms: half of it
each way, in a proxy, set so that a PING on a socket of the server's process takes that long in all (it took ${median(delayed.ping).toFixed(3)} ms). A
GET with the client of Redis and nothing else took ${median(delayed.get).toFixed(3)} ms in the same process.

${table(['', 'added p50, ms'], cells)}`
}

function signOut(all) {
  const cells = Object.entries(all).map(([name, times]) => [
    name,
    ...[0.5, 0.99, 1].map((share) => quantile(times, share).toFixed(2)),
    String(times.length),
  ])
  if (cells.length === 0) return 'Not measured.'
  return `From the answer to the sign-out at one process to the last answer of another that still served the session, in milliseconds.

${table(['', 'p50', 'p99', 'longest', 'times'], cells)}`
}

function scale(measured) {
  if (!measured) return 'Not measured.'
  const { few, many } = measured
  const figures = atOnePace(measured.figures)
  const cells = Object.entries({ few, many }).map(([name, count]) => [
    `${count.toLocaleString('en')} sessions`,
    median(figures[name].map(({ processor, bare }) => processor - bare)).toFixed(1),
    median(figures[name].map(({ inRedis }) => inRedis)).toFixed(2),
    median(figures[name].map(({ p50 }) => p50)).toFixed(2),
  ])
  const ratio = scaleRatio(measured)
  const times = Number.isNaN(ratio)
    ? 'What it costs in all is lost in the noise.'
    : `In all ${round(ratio)} times as much.`
  return `Reading a session on Fastify, whose figures are the steadiest, and Redis. ${times}

${table(['', 'server over bare, µs', 'Redis itself, µs', 'p50, ms'], cells)}`
}

function how({ date, command, machine, versions, rounds, requests, warmUp, isPinned }) {
  const made = Object.entries(versions).map(([name, version]) => `${name} ${version}`)
  return `Every variant serves the same pages, with a signed cookie, a session that ends 30 minutes after its last use (\`rolling\`), and four
keys of data; the large session has ${LARGE.keys} more with ${LARGE.each} characters each. A new id at each sign-in. NODE_ENV is production. Each round
starts a fresh process for each variant, and reverses their order. So that what is compiled is compiled, each is first asked for every scenario,
to read ${warmUp} times, for 15 seconds at most, and for the rest ${shareOf(warmUp)} times each. A scenario is asked ${requests} times without being measured, and as often again, in ${TURNS} parts, in turn
with as many requests to a process of the bare framework, so that what the machine does meanwhile happens to both. It is another process on
loopback that asks, and every answer is checked. That process never sleeps while it measures: otherwise the server would have to wake it with each answer, and a slower
server more often, which takes as long as a session does and over a network is none of the server's work. ${isPinned ? 'The servers have a core of their own; Redis and who asks share another, and take turns there, so latencies with Redis are longer here than over a network. ' : ''}The processor
time is that of all threads of the server process, without Redis, at one pace: as if the bare framework, which was measured in turn with it, had
always taken what it took at the median. The bare framework that costs are over is another process of it, as fresh as all others and measured as they are. "empty" is a middleware or a hook that does nothing, "get" one that makes one GET
to Redis: the least that a session there can cost. nestjs-session is made for Nest on Express, and brings an older
\`@nestjs/common\` of its own; over Fastify its place is taken by @fastify/session. A cookie holds 4 KiB, so iron-session can't keep the
large session; and what it keeps can't be ended by the server. The values of each round are in [comparison.json](comparison.json).

- Date: ${date}
- Command: \`${command}\`
- Rounds: ${rounds}
- Machine: ${machine.cpu}, ${machine.cores} cores, ${machine.memoryGiB} GiB, ${machine.system}
- Versions: ${made.join(', ')}`
}

function titles() {
  return Object.values(scenarios).map(({ title }) => title)
}

function table(head, rows, align = `l${'r'.repeat(head.length - 1)}`) {
  const line = (cells) => `| ${cells.join(' | ')} |`
  return [line(head), line(Array.from(align, (side) => (side === 'l' ? '---' : '---:'))), ...rows.map(line)].join('\n')
}

const round = (value) => String(Number(value.toPrecision(3)))
