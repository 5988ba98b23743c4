import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { startApp } from '../support/outage-app.js'
import { type RedisServer, startRedis } from '../support/redis-server.js'
import { sized } from './counts.js'
import { keepFigures } from './figures.js'
import { afterwards, DEADLINE, MARGIN, percentile, SLACK } from './outage.js'
import { clientsOf, HEAP_SLACK, held, load } from './load.js'
import { visits } from './visitor.js'

const seconds = sized('LOAD_SECONDS', 6)
const connections = sized('LOAD_CONNECTIONS', 40)

/** How long Redis is away each time, in milliseconds. */
const AWAY = 400

describe.each(['express', 'fastify'] as const)('under load on %s', (platform) => {
  const what = `${connections} connections, ${seconds} s, and Redis killed and restarted three times`
  test(`${what}: every request is answered, and nothing is lost`, { timeout: seconds * 1000 + 60_000 }, async () => {
    const folder = afterwards(mkdtempSync(join(tmpdir(), 'latchkey-load-')), (each) =>
      rmSync(each, { recursive: true }),
    )
    const args = ['--appendonly', 'yes', '--appendfsync', 'always', '--dir', folder]
    let redis: RedisServer = await startRedis({ args })
    afterwards(undefined, () => redis.kill())
    const app = afterwards(await startApp({ platform, redis: redis.url }), (each) => each.kill())
    await load(app, connections, visits(), 'early', () => pause(seconds * 200))
    const before = await held(app)

    const seen = visits()
    const outages: [from: number, to: number][] = []
    await load(app, connections, seen, 'user', async () => {
      for (let time = 0; time < 3; time++) {
        await pause((seconds * 1000) / 4 - AWAY)
        const from = performance.now()
        await redis.kill()
        await pause(AWAY)
        redis = await startRedis({ args, port: redis.port })
        outages.push([from, performance.now()])
      }
      await pause((seconds * 1000) / 4)
    })
    expect(seen.faults).toEqual([])
    expect([...seen.statuses.keys()].toSorted((one, other) => one - other)).toEqual([200, 503])
    expect(app.child.exitCode ?? app.child.signalCode).toBeNull()
    expect(app.said).toBe('')

    const meeting = seen.times.filter(([began, took]) =>
      outages.some(([from, to]) => began < to && began + took > from),
    )
    const p99 = percentile(
      meeting.map(([, took]) => took),
      0.99,
    )
    expect(p99).toBeLessThan(DEADLINE + MARGIN + SLACK)
    const after = await held(app)
    keepFigures(`load on ${platform}`, {
      connections,
      seconds,
      requests: seen.times.length,
      refused: seen.statuses.get(503) ?? 0,
      p99: percentile(
        seen.times.map(([, took]) => took),
        0.99,
      ),
      p99DuringOutages: p99,
      heapBefore: before.heap / 2 ** 20,
      heapAfter: after.heap / 2 ** 20,
      handlesBefore: before.handles,
      handlesAfter: after.handles,
    })
    expect(after.heap - before.heap).toBeLessThan(HEAP_SLACK)
    expect(after.handles).toBeLessThanOrEqual(before.handles)
    expect(await clientsOf(redis)).toBe(1)
  })
})
