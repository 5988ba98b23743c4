import { Session } from 'node:inspector'

/** What the libraries for sessions that we compare with are made of, and share with no platform. */
const LIBRARIES = new Set([
  'express-session',
  'connect-redis',
  'cookie',
  'cookie-signature',
  'on-headers',
  'uid-safe',
  'random-bytes',
  '@fastify/session',
  '@fastify/cookie',
  'safe-stable-stringify',
])

const CLIENTS = new Set(['redis', '@redis/client', 'ioredis'])

/** What a process is busy with, as `profiler` tells it apart. */
export const PARTS = {
  library: 'the library',
  client: "Redis's client",
  node: 'Node',
  platform: 'the platform',
  system: 'system calls and other native code',
  garbage: 'collecting garbage',
  rest: 'the pages, and what no part can be told of',
}

/** Notes what this process is busy with, from one call to the next. */
export function profiler() {
  const session = new Session()
  session.connect()
  const post = (/** @type {string} */ method, params = {}) =>
    new Promise((resolve, reject) => {
      session.post(method, params, (/** @type {Error | null} */ error, answer) =>
        error ? reject(error) : resolve(answer),
      )
    })
  return {
    async start() {
      await post('Profiler.enable')
      await post('Profiler.setSamplingInterval', { interval: 100 })
      await post('Profiler.start')
    },
    async stop() {
      const { profile } = await post('Profiler.stop')
      return sum(profile)
    },
  }
}

/**
 * @param {import('node:inspector').Profiler.Profile} profile
 * @returns {{ parts: Record<string, number>, functions: Record<string, number> }} microseconds of each part, and of each function of Latchkey
 */
export function sum({ nodes, samples = [], timeDeltas = [] }) {
  const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]))
  /** @type {Record<string, number>} */
  const parts = Object.fromEntries(Object.keys(PARTS).map((part) => [part, 0]))
  /** @type {Record<string, number>} */
  const functions = {}
  for (const [at, id] of samples.entries()) {
    const frame = frames.get(id)
    if (!frame || frame.functionName === '(idle)') continue
    const taken = timeDeltas[at] ?? 0
    parts[partOf(frame)] += taken
    const ours = /\/dist\/(.+)\.js$/.exec(frame.url)?.[1]
    if (ours === undefined || packageOf(frame.url) !== undefined) continue
    const name = `${frame.functionName || '(anonymous)'} in ${ours}`
    functions[name] = (functions[name] ?? 0) + taken
  }
  return { parts, functions }
}

function partOf({ url, functionName }) {
  if (functionName === '(garbage collector)') return 'garbage'
  if (url === '') return functionName.startsWith('(') ? 'rest' : 'system'
  if (url.startsWith('node:')) return 'node'
  const name = packageOf(url)
  if (name === undefined) return url.includes('/benchmarks/') ? 'rest' : 'library'
  if (LIBRARIES.has(name)) return 'library'
  return CLIENTS.has(name) ? 'client' : 'platform'
}

/** The package that a file is part of; `undefined` for this one. */
function packageOf(url) {
  return /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(url)?.[1]
}
