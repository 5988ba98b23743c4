import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { type OutageApp, type OutageAppOptions, startApp } from '../support/outage-app.js'
import { type RedisServer, startRedis } from '../support/redis-server.js'
import { proxyTo, type TcpProxy } from '../support/tcp-proxy.js'
import { sized } from './counts.js'
import { keepFigures } from './figures.js'
import { clientsOf, type Held, HEAP_SLACK, held, load } from './load.js'
import { afterwards, percentile } from './outage.js'
import { type Visits, visits } from './visitor.js'

const seconds = sized('STEADY_SECONDS', 9)

/** So many rounds, each with traffic, one outage, and then a look at what is held: a leak of one thing a round is seen. */
const rounds = Math.max(4, Math.round(seconds / 20))
const CONNECTIONS = 8

/** A Redis that keeps what it is told, behind a proxy, and what can happen to it. */
class Ground {
  readonly #args: readonly string[]
  redis: RedisServer
  readonly proxy: TcpProxy

  constructor(args: readonly string[], redis: RedisServer, proxy: TcpProxy) {
    this.#args = args
    this.redis = redis
    this.proxy = proxy
  }

  readonly outages: readonly (() => Promise<unknown>)[] = [
    async () => {
      await this.redis.kill()
      await pause(300)
      this.redis = await startRedis({ args: this.#args, port: this.redis.port })
    },
    async () => {
      process.kill(this.redis.pid, 'SIGSTOP')
      await pause(900)
      process.kill(this.redis.pid, 'SIGCONT')
    },
    async () => {
      this.proxy.swallow('open')
      await pause(1_300)
    },
    async () => {
      for (let time = 0; time < 5; time++) {
        await this.redis.command('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
        await pause(50)
      }
    },
  ]
}

async function ground(folder: string): Promise<Ground> {
  const args = ['--appendonly', 'yes', '--appendfsync', 'always', '--dir', folder]
  const redis = await startRedis({ args })
  const proxy = afterwards(await proxyTo(redis.port), (each) => each.stop())
  const made = new Ground(args, redis, proxy)
  return afterwards(made, (each) => each.redis.kill())
}

test(`a steady run of ${seconds} s with outages: nothing grows`, { timeout: seconds * 3_000 + 120_000 }, async () => {
  const folder = afterwards(mkdtempSync(join(tmpdir(), 'latchkey-steady-')), (each) =>
    rmSync(each, { recursive: true }),
  )
  const base = await ground(folder)
  const kinds: readonly (readonly [string, OutageAppOptions])[] = [
    ['express on redis', { platform: 'express', redis: base.proxy.url }],
    ['fastify on redis', { platform: 'fastify', redis: base.proxy.url }],
    ['fastify on sqlite', { platform: 'fastify', sqlite: join(folder, 'sessions.db') }],
  ]
  const apps: (readonly [string, OutageApp])[] = []
  for (const [name, options] of kinds) {
    apps.push([name, afterwards(await startApp(options), (each) => each.kill())])
  }
  const samples = new Map<string, Held[]>(kinds.map(([name]) => [name, []]))
  const clients: number[] = []
  const seen: Visits = visits()

  for (let round = 0; round < rounds; round++) {
    const meanwhile = async (): Promise<void> => {
      const end = performance.now() + (seconds * 1000) / rounds
      await pause((seconds * 1000) / rounds / 3)
      await base.outages[round % base.outages.length]?.()
      await pause(Math.max(500, end - performance.now()))
    }
    let isOver = false
    const ended = meanwhile().finally(() => (isOver = true))
    await Promise.all(apps.map(([, app], at) => load(app, CONNECTIONS, seen, `r${round}a${at}u`, () => ended)))
    expect(isOver).toBe(true)
    expect(seen.faults).toEqual([])
    for (const [name, app] of apps) {
      samples.get(name)?.push(await held(app))
      expect(app.child.exitCode ?? app.child.signalCode).toBeNull()
      expect(app.said).toBe('')
    }
    clients.push(await clientsOf(base.redis))
    // What each request took is not needed of all rounds.
    if (seen.times.length > 200_000) seen.times.splice(0, seen.times.length - 100_000)
  }

  const all = [...seen.statuses.values()].reduce((sum, count) => sum + count, 0)
  keepFigures('steady run', {
    seconds,
    rounds,
    requests: all,
    refused: seen.statuses.get(503) ?? 0,
    p99: percentile(
      seen.times.map(([, took]) => took),
      0.99,
    ),
    redisClientsAtMost: Math.max(...clients),
  })
  for (const [name, each] of samples) {
    const [early, late] = [each.slice(1, 1 + Math.ceil(each.length / 4)), each.slice(-Math.ceil(each.length / 4))]
    const [before, after] = [median(early.map(({ heap }) => heap)), median(late.map(({ heap }) => heap))]
    const handles = each.map((sample) => sample.handles)
    keepFigures(name, {
      samples: each.length,
      heapEarly: before / 2 ** 20,
      heapLate: after / 2 ** 20,
      handlesFirst: handles[0] ?? 0,
      handlesLast: handles.at(-1) ?? 0,
      handlesAtMost: Math.max(...handles),
    })
    expect(after - before, `the heap of ${name}`).toBeLessThan(HEAP_SLACK)
    expect(handles.at(-1), `the handles of ${name}`).toBeLessThanOrEqual((handles[0] ?? 0) + 1)
  }
  // One for each application that has a Redis, through every outage.
  expect(clients).toEqual(clients.map(() => 2))
})

function median(values: readonly number[]): number {
  return percentile(values, 0.5)
}
