import { Controller, Get, Inject, Logger, Module } from '@nestjs/common'
import { HealthCheck, HealthCheckService, TerminusModule } from '@nestjs/terminus'
import { SessionHealthIndicator, SessionModule, SessionService, type SessionModuleOptions } from 'latchkey'
import { keyOf, newId } from 'latchkey/core'
import { MemoryStore } from 'latchkey/stores/memory'
import { RedisStore } from 'latchkey/stores/redis'
import { FailingStore, ManualClock } from 'latchkey/testing'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { adapters, factories, type Adapter, type NestApp } from '../support/nest.js'
import { startRedis } from '../support/redis-server.js'

const secret = 'a secret of more than 32 characters'

/** What a store might say of itself, and must not be heard from the outside. */
const WORDS = 'connect ECONNREFUSED 10.1.2.3:6379'

@Controller('health')
class HealthController {
  constructor(
    @Inject(HealthCheckService) private readonly health: HealthCheckService,
    @Inject(SessionHealthIndicator) private readonly sessions: SessionHealthIndicator,
  ) {}

  @Get()
  @HealthCheck()
  check() {
    return this.health.check([() => this.sessions.check()])
  }

  @Get('named')
  named() {
    return this.health.check([() => this.sessions.check('who is signed in')])
  }
}

const cleanUps: (() => Promise<unknown>)[] = []
const logged: string[] = []

beforeEach(() => {
  for (const level of ['error', 'warn', 'log'] as const) {
    vi.spyOn(Logger.prototype, level).mockImplementation((line: unknown) => void logged.push(String(line)))
  }
})

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).toReversed()) await cleanUp()
  logged.length = 0
  vi.restoreAllMocks()
})

async function start(adapter: Adapter, options: Partial<SessionModuleOptions> = {}, factory = factories[0]!) {
  const clock = new ManualClock()
  const store = new FailingStore(new MemoryStore({ clock: clock.now }))
  @Module({
    imports: [
      TerminusModule.forRoot({ errorLogStyle: 'json' }),
      SessionModule.forRoot({ secret, store, clock: clock.now, log: false, ...options }),
    ],
    controllers: [HealthController],
  })
  class AppModule {}
  const app: NestApp = await factory.make(AppModule, adapter)
  await app.listen(0, '127.0.0.1')
  cleanUps.push(() => app.close())
  const base = await app.getUrl()
  const service = app.get<SessionService>(SessionService)
  return {
    store,
    clock,
    indicator: app.get<SessionHealthIndicator>(SessionHealthIndicator),
    async health(path = '/health') {
      const response = await fetch(base + path)
      const body = (await response.json()) as { status: string; details: Record<string, object> }
      return { status: response.status, body }
    },
    /** Requests of users, until the store is not asked any more. */
    async takeDown() {
      store.failWith(new Error(WORDS))
      for (let count = 0; count < 5; count++) await service.getSession(newId(undefined)).catch(() => {})
    },
  }
}

const everywhere = adapters.flatMap((adapter) => factories.map((factory) => ({ adapter, factory })))

describe.each(everywhere)('terminus on $adapter.name, in an application made by $factory.name', (place) => {
  test('is told whether the session store answers', async () => {
    const { store, health } = await start(place.adapter, {}, place.factory)
    const up = { sessions: { status: 'up' } }
    expect(await health()).toEqual({ status: 200, body: { status: 'ok', info: up, error: {}, details: up } })
    store.failWith(new Error(WORDS))
    const down = { sessions: { status: 'down' } }
    expect(await health()).toEqual({ status: 503, body: { status: 'error', info: {}, error: down, details: down } })
    store.heal()
    expect((await health()).status).toBe(200)
  })
})

describe.each(adapters)('the health of sessions on $name', (adapter) => {
  test('goes by another name where it is given one', async () => {
    const { health } = await start(adapter)
    expect((await health('/health/named')).body.details).toEqual({ 'who is signed in': { status: 'up' } })
  })

  test('says since when the store is down, and does not ask it then', async () => {
    const { store, clock, indicator, takeDown, health } = await start(adapter)
    await takeDown()
    const before = store.calls.load
    const asked = indicator.check()
    // Later there are the calls of the background.
    expect(store.calls.load).toBe(before)
    expect(await asked).toEqual({ sessions: { status: 'down', since: expect.any(Number) as number } })
    const { status, body } = await health()
    const { since } = body.details['sessions'] as { since: number }
    expect([status, body.details]).toEqual([503, { sessions: { status: 'down', since } }])
    expect(since).toBeLessThan(clock.now())
    expect(since).toBeGreaterThan(clock.now() - 5000)
    store.heal()
    await expect.poll(health, { timeout: 5000 }).toMatchObject({ status: 200, body: { status: 'ok' } })
    expect((await health()).body.details).toEqual({ sessions: { status: 'up' } })
  })

  test('is down while requests are turned away, even if its own call was answered', async () => {
    const { store, indicator, takeDown } = await start(adapter)
    const gate = store.hold('load', 'after')
    const health = indicator.check()
    await gate.reached
    await takeDown()
    gate.open()
    expect(await health).toEqual({ sessions: { status: 'down', since: expect.any(Number) as number } })
  })

  test('has its answer within `storeTimeout` of a store that says nothing', async () => {
    const { store, health } = await start(adapter, { storeTimeout: 100 })
    store.hang()
    cleanUps.push(async () => store.heal())
    expect(await health()).toMatchObject({ status: 503, body: { details: { sessions: { status: 'down' } } } })
  })

  test('costs one call of the store, however many ask at once', async () => {
    const { store, indicator } = await start(adapter)
    const gate = store.hold('load')
    const before = store.calls.load
    const all = Promise.all(Array.from({ length: 20 }, () => indicator.check()))
    await gate.reached
    gate.open()
    expect(new Set((await all).map(({ sessions }) => sessions.status))).toEqual(new Set(['up']))
    expect(store.calls.load - before).toBe(1)
    store.failWith(new Error(WORDS))
    expect(await indicator.check()).toEqual({ sessions: { status: 'down' } })
    expect(store.calls.load - before).toBe(2)
  })

  test('has its failure in the log, also where no request has met one', async () => {
    const lines: string[] = []
    const { store, indicator } = await start(adapter, { log: (line) => lines.push(line) })
    store.failWith(new Error(WORDS))
    await indicator.check()
    expect(lines).toEqual([expect.stringContaining(WORDS)])
  })

  test('tells nobody what the store said, neither in the answer nor in the log of terminus', async () => {
    const { store, takeDown, health } = await start(adapter)
    store.failWith(new Error(WORDS, { cause: new Error(keyOf(newId(undefined))) }))
    const failing = await health()
    await takeDown()
    const down = await health()
    expect([failing.status, down.status]).toEqual([503, 503])
    expect(JSON.stringify([failing, down])).not.toMatch(/ECONNREFUSED|10\.1\.2\.3/)
    expect(logged.join('\n')).toContain('since')
    expect(logged.join('\n')).not.toMatch(/ECONNREFUSED|10\.1\.2\.3/)
  })

  test('is told of a Redis that hangs, and of one that goes on', async () => {
    const redis = await startRedis()
    cleanUps.push(() => redis.stop())
    const { health } = await start(adapter, { store: new RedisStore({ url: redis.url }), clock: Date.now })
    expect((await health()).status).toBe(200)
    process.kill(redis.pid, 'SIGSTOP')
    try {
      const began = performance.now()
      expect(await health()).toMatchObject({ status: 503, body: { details: { sessions: { status: 'down' } } } })
      // By default a store has 500 ms. The rest is for a busy machine.
      expect(performance.now() - began).toBeLessThan(2000)
    } finally {
      process.kill(redis.pid, 'SIGCONT')
    }
    await expect.poll(health, { timeout: 10_000 }).toMatchObject({ status: 200 })
  })
})
