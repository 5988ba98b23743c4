import { metrics } from '@opentelemetry/api'
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
  type Histogram,
} from '@opentelemetry/sdk-metrics'
import { SessionEngine, SessionError, type SessionMetrics } from 'latchkey/core'
import { minutes, seconds } from 'latchkey/express'
import { openTelemetryMetrics } from 'latchkey/opentelemetry'
import { MemoryStore } from 'latchkey/stores/memory'
import { afterEach, describe, expect, test } from 'vitest'
import { everywhere, HandlerGate, type Routes } from '../acceptance/everywhere.js'
import { carrier, setUp } from '../support/engine.js'
import { ANSWERED } from '../support/platforms.js'

const providers: MeterProvider[] = []

afterEach(async () => {
  for (const provider of providers.splice(0)) await provider.shutdown()
  metrics.disable()
})

/** A provider of OpenTelemetry, and what was measured through it. */
function provide() {
  const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE)
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 2 ** 31 - 1 })
  const provider = new MeterProvider({ readers: [reader] })
  providers.push(provider)
  const all = async () => {
    exporter.reset()
    await provider.forceFlush()
    return exporter.getMetrics().flatMap(({ scopeMetrics }) => scopeMetrics.flatMap((scope) => scope.metrics))
  }
  /** The values of an instrument, by their attributes. */
  const values = async (name: string): Promise<Readonly<Record<string, unknown>>> => {
    const data = (await all()).find(({ descriptor }) => descriptor.name === name)
    const points = data?.dataPoints ?? []
    return Object.fromEntries(points.map(({ attributes, value }) => [Object.values(attributes).join(' '), value]))
  }
  return { provider, all, values, meter: provider.getMeter('test') }
}

describe('by OpenTelemetry', () => {
  everywhere(({ start }) => {
    const ROUTES: Routes = {
      'GET /rotate': ({ session }) => session.rotate(),
      'GET /past': ({ session }) => void (session.cookie.maxAge = -1),
      'GET /function': ({ session }) => void (session['bad'] = () => {}),
      'GET /regenerate': ({ session }) => session.regenerate(),
      'GET /saved': async ({ session }) => {
        session['a'] = 1
        await session.save()
      },
    }

    async function run(routes: Routes = {}, options: object = {}) {
      const { meter, values } = provide()
      const scene = await start({ ...ROUTES, ...routes }, { metrics: openTelemetryMetrics({ meter }), ...options })
      const visit = async (...paths: readonly string[]): Promise<void> => {
        for (const path of paths) await scene.browser.get(path)
      }
      return { ...scene, values, visit }
    }

    test('what the tokens of requests led to', async () => {
      const { app, browser, store, values, visit } = await run()
      await visit('/', '/login?user=42', '/', '/data')
      const token = browser.cookie('sessionId')!
      const ask = (cookie: string) => fetch(`${app.base}/`, { headers: { cookie } })
      await ask('sessionId=garbage')
      await ask(`sessionId=${token.slice(0, -1)}${token.endsWith('A') ? 'B' : 'A'}`)
      store.failWith(new SessionError('RECORD_UNREADABLE', 'of a newer format'), ['load'])
      await visit('/')
      store.failWith(new Error('down'), ['load'])
      await visit('/', '/')
      store.heal()
      await visit('/logout')
      await ask(`sessionId=${token}`)
      expect(await values('latchkey.session.opens')).toEqual({
        'no-token': 2,
        found: 3,
        'token-malformed': 1,
        'token-signature': 1,
        'record-unreadable': 1,
        unavailable: 2,
        'no-record': 1,
      })
    })

    test('what became of the sessions of requests', async () => {
      const { browser, values, visit } = await run()
      await visit(
        '/',
        '/data',
        '/login?user=42',
        '/set?a=1',
        '/set?a=1',
        '/data',
        '/rotate',
        '/login?user=43',
        '/function',
      )
      await visit('/regenerate', '/saved', '/saved', '/logout', '/set?a=1', '/past')
      expect(browser.cookies).toEqual([])
      expect(await values('latchkey.session.commits')).toEqual({
        unchanged: 4,
        created: 3,
        updated: 1,
        rotated: 2,
        failed: 1,
        destroyed: 2,
        expired: 1,
      })
    })

    test('the most that became of one, where a handler saves several times', async () => {
      const saves = (...subjects: readonly (number | undefined)[]): Routes[string] => {
        return async ({ session }) => {
          for (const [index, userId] of subjects.entries()) {
            Object.assign(session, { index, ...(userId === undefined ? {} : { userId }) })
            await session.save()
          }
        }
      }
      const { values, visit } = await run({
        'GET /create': saves(undefined, undefined, 42, undefined),
        'GET /rotate': saves(undefined, 43, undefined),
      })
      await visit('/create', '/rotate')
      expect(await values('latchkey.session.commits')).toEqual({ created: 1, rotated: 1 })
    })

    test('a session that ended elsewhere, and a stream that changes its own after its head', async () => {
      const gate = new HandlerGate()
      const { browser, values, visit } = await run({
        'GET /slow': async ({ session }) => {
          await gate.pass()
          session['dropped'] = true
        },
        'GET /stream': async ({ raw, session }) => {
          raw.res.writeHead(200, { 'content-type': 'text/plain' })
          raw.res.write('one')
          await new Promise(setImmediate)
          session['late'] = true
          raw.res.end('two')
          return ANSWERED
        },
      })
      await visit('/set?a=1')
      await (await browser.get('/stream')).text()
      const other = browser.copy()
      const slow = visit('/slow')
      await gate.reached
      await other.get('/logout')
      gate.open()
      await slow
      expect(await values('latchkey.session.commits')).toEqual({
        created: 1,
        unchanged: 1,
        updated: 1,
        destroyed: 1,
        dropped: 1,
      })
    })

    test('how many sessions began and ended, and by what', async () => {
      const { another, browser, clock, values, visit } = await run({}, { maxSessions: 1, onReuse: 'revoke' })
      await visit('/login?user=42', '/regenerate', '/login?user=42', '/logout', '/login?user=42')
      await another().get('/login?user=42')
      await visit('/login?user=43', '/past', '/login?user=44')
      const thief = browser.copy()
      await visit('/data', '/rotate', '/data')
      clock.advance(seconds(10))
      await thief.get('/data')
      expect(await values('latchkey.session.created')).toEqual({ '': 6 })
      expect(await values('latchkey.session.ended')).toEqual({
        regenerated: 1,
        destroyed: 1,
        evicted: 1,
        lifetime: 1,
        reused: 1,
      })
      expect(await values('latchkey.session.events')).toEqual({
        'rotated asked': 1,
        'reuse-detected': 1,
      })
    })

    test('how long calls of the store take, and what becomes of them', async () => {
      const { again, browser, store, values, visit } = await run()
      const counts = async () =>
        Object.fromEntries(
          Object.entries(await values('latchkey.store.call.duration')).map(([name, value]) => [
            name,
            (value as Histogram).count,
          ]),
        )
      await visit('/login?user=42', '/data', '/set?a=1', '/rotate', '/logout', '/login?user=42')
      const before = await counts()
      expect(before).toMatchObject({ 'create ok': 2, 'load ok': 4, 'update ok': 1, 'rotate ok': 1, 'delete ok': 1 })
      store.hang(['load'])
      const impatient = await again({ storeTimeout: 40 })
      await fetch(`${impatient.base}/data`, { headers: { cookie: `sessionId=${browser.cookie('sessionId')}` } })
      store.heal()
      store.failWith(new SessionError('RECORD_UNREADABLE', 'of a newer format'), ['load'])
      await browser.copy().get('/data')
      store.failWith(new Error('down'))
      await visit('/data', '/data', '/data', '/data', '/data', '/data', '/data')
      expect(await counts()).toEqual({
        ...before,
        'load ok': 5,
        'load timeout': 1,
        'load failed': 5,
        'load refused': 2,
      })
      const slow = (await values('latchkey.store.call.duration'))['load timeout'] as Histogram
      expect(slow.sum).toBeGreaterThanOrEqual(0.039)
      expect(slow.sum).toBeLessThan(5)
    })

    test('whether the store is up', async () => {
      const { store, values, visit } = await run()
      expect(await values('latchkey.store.up')).toEqual({ '': 1 })
      await visit('/login?user=42')
      store.failWith(new Error('down'))
      await visit('/data', '/data', '/data', '/data', '/data')
      expect(await values('latchkey.store.up')).toEqual({ '': 0 })
      store.heal()
      await expect.poll(() => values('latchkey.store.up')).toEqual({ '': 1 })
      expect(await values('latchkey.session.events')).toMatchObject({
        'store-down STORE_UNAVAILABLE': 1,
        'store-up': 1,
      })
    })

    test('other events by their reason or by the code of their error', async () => {
      const { app, store, values, visit } = await run()
      await fetch(`${app.base}/`, { headers: { cookie: 'sessionId=garbage; sessionId=more' } })
      await visit('/login?user=42')
      store.failWith(new Error('down'), ['update'])
      await visit('/set?a=1')
      expect(await values('latchkey.session.events')).toEqual({
        'token-rejected malformed': 2,
        'store-failed STORE_UNAVAILABLE': 1,
        'commit-failed STORE_UNAVAILABLE': 1,
      })
    })
  })

  test('many that were swept at once count as many', async () => {
    const { meter, values } = provide()
    openTelemetryMetrics({ meter }).happened({ type: 'expired', reason: 'swept', count: 40 })
    expect(await values('latchkey.session.ended')).toEqual({ swept: 40 })
  })

  test('a call of the store is measured in seconds, in buckets that fit', async () => {
    const { meter, all } = provide()
    const measured = openTelemetryMetrics({ meter })
    measured.storeCall('load', 'ok', 0.8)
    measured.storeCall('load', 'ok', 1.2)
    measured.storeCall('load', 'timeout', 500)
    const data = (await all()).find(({ descriptor }) => descriptor.name === 'latchkey.store.call.duration')!
    expect(data.descriptor).toMatchObject({ unit: 's', type: 'HISTOGRAM' })
    const points = data.dataPoints.map(({ attributes, value }) => ({ attributes, ...(value as Histogram) }))
    expect(points).toMatchObject([
      { attributes: { 'latchkey.store.verb': 'load', 'latchkey.outcome': 'ok' }, count: 2, sum: 0.002 },
      { attributes: { 'latchkey.store.verb': 'load', 'latchkey.outcome': 'timeout' }, count: 1, sum: 0.5 },
    ])
    const { boundaries, counts } = points[0]!.buckets
    expect(boundaries[0]).toBe(0.0005)
    expect(boundaries.at(-1)).toBe(10)
    expect(counts.slice(0, 4)).toEqual([0, 1, 1, 0])
  })

  test('without a meter it is that of the global provider', async () => {
    const { provider, values } = provide()
    metrics.setGlobalMeterProvider(provider)
    openTelemetryMetrics().opened('found')
    expect(await values('latchkey.session.opens')).toEqual({ found: 1 })
  })

  test('without a provider it counts into nothing', () => {
    expect(() => openTelemetryMetrics().opened('found')).not.toThrow()
  })
})

describe('the option metrics', () => {
  test('that fails breaks no request', async () => {
    const fail = (): never => {
      throw new Error('metrics')
    }
    const failing: SessionMetrics = { storeCall: fail, opened: fail, committed: fail, happened: fail }
    const { open, stored, data } = setUp({ metrics: failing })
    const token = await stored({ a: 1 })
    expect(await data(token)).toEqual({ a: 1 })
    await (await open(token)).session.destroy()
    expect(await data(token)).toEqual({})
  })

  test('that fails later, as its type does not allow, ends no process', async () => {
    const unhandled: unknown[] = []
    const listener = (reason: unknown): void => void unhandled.push(reason)
    process.on('unhandledRejection', listener)
    const fail = (): void => Promise.reject(new Error('metrics')) as never
    const { stored } = setUp({ metrics: { storeCall: fail, opened: fail, committed: fail, happened: fail } })
    await stored({ a: 1 })
    for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate)
    process.off('unhandledRejection', listener)
    expect(unhandled).toEqual([])
  })

  test('keeps a synchronous store synchronous', () => {
    const noted: unknown[] = []
    const note =
      (name: string) =>
      (...args: unknown[]): void =>
        void noted.push([name, ...args])
    const engine = new SessionEngine({
      store: new MemoryStore(),
      secret: 's'.repeat(32),
      idleTimeout: minutes(5),
      metrics: {
        storeCall: (verb, outcome) => void noted.push(['storeCall', verb, outcome]),
        opened: note('opened'),
        committed: note('committed'),
        happened: ({ type }) => void noted.push(['happened', type]),
      },
    })
    const open = engine.open([], carrier)
    if (!('session' in open)) throw new Error('It is a promise.')
    Object.assign(open.session, { a: 1 })
    expect(open.commit()).toBeUndefined()
    expect(noted).toEqual([
      ['opened', 'no-token'],
      ['storeCall', 'create', 'ok'],
      ['happened', 'created'],
      ['committed', 'created'],
    ])
  })
})
