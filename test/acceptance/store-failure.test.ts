import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'libsql'
import type { SessionStore } from 'latchkey/core'
import { RedisStore } from 'latchkey/stores/redis'
import { SqliteStore } from 'latchkey/stores/sqlite'
import { CookieAgent, type StoreVerb } from 'latchkey/testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { platforms } from '../support/platforms.js'
import { type RedisServer, startRedis } from '../support/redis-server.js'
import { dataOf, ending, everywhere, ROUTES, secret } from './everywhere.js'

/** What a client gets instead of a success. */
async function isRefused(response: Response): Promise<void> {
  expect(response.status).toBe(503)
  expect(response.headers.get('retry-after')).toBe('1')
  expect(response.headers.getSetCookie()).toEqual([])
  expect(response.headers.get('location')).toBeNull()
  expect(await response.json()).toMatchObject({ statusCode: 503, code: 'STORE_UNAVAILABLE' })
}

const WRITES: readonly (readonly [StoreVerb, string])[] = [
  ['create', '/set?more=1'],
  ['update', '/set?more=1'],
  ['rotate', '/login?user=42'],
  ['delete', '/logout'],
]

describe('the store fails on save: the client gets 200 and a cookie', () => {
  everywhere(({ start }) => {
    test.each(WRITES)('on %s: 503 and no cookie, and all is as it was before', async (verb, path) => {
      const { browser, store, kept } = await start()
      if (verb !== 'create') await browser.get('/set?cart=1')
      const token = browser.cookie('sessionId')
      const { sessions } = await kept()
      store.failWith(new Error('no space left'), [verb])
      await isRefused(await browser.get(path))
      store.heal()
      expect((await kept()).sessions).toBe(sessions)
      expect(browser.cookie('sessionId')).toBe(token)
      expect(await dataOf(browser)).toEqual(verb === 'create' ? {} : { cart: '1' })
    })

    test('a redirect that was to follow a login is not sent', async () => {
      const { browser, store } = await start({
        'GET /sign-in': ({ session, redirect }) => {
          session['userId'] = 42
          redirect('/data')
        },
      })
      store.failWith(new Error('no space left'), ['create'])
      await isRefused(await browser.get('/sign-in'))
    })

    test('on load: 503, and never "logged out"', async () => {
      const { browser, store } = await start({
        'GET /me': ({ session }) => ({ authenticated: session['userId'] !== undefined }),
      })
      await browser.get('/login?user=42')
      store.failWith(new Error('connection refused'))
      await isRefused(await browser.get('/me'))
      store.heal()
      expect(await (await browser.get('/me')).json()).toEqual({ authenticated: true })
    })

    test('and never answers: 503 at the deadline, on whichever call it hangs', async () => {
      const { another, again, store } = await start()
      const visits = WRITES.map(([verb, path]) => ({ verb, path, browser: another() }))
      for (const { verb, browser } of visits) if (verb !== 'create') await browser.get('/set?cart=1')
      const hurried = await again({ storeTimeout: 40 })
      const ask = ({ browser, path }: (typeof visits)[number]): Promise<Response> => {
        const token = browser.cookie('sessionId')
        return fetch(hurried.base + path, token ? { headers: { cookie: `sessionId=${token}` } } : {})
      }
      const began = performance.now()
      store.hang(WRITES.map(([verb]) => verb))
      for (const answer of await Promise.all(visits.map(ask))) await isRefused(answer)
      store.hang(['load'])
      for (const answer of await Promise.all(visits.slice(1).map(ask))) await isRefused(answer)
      store.heal()
      expect(performance.now() - began).toBeLessThan(3_000)
    })

    test('on touch alone: the request goes on, and the next one tries again', async () => {
      const { browser, store, clock } = await start()
      await browser.get('/set?cart=1')
      clock.advance(120_000)
      store.failWith(new Error('connection refused'), ['touch'])
      expect(await dataOf(browser)).toEqual({ cart: '1' })
      store.heal()
      expect(await dataOf(browser)).toEqual({ cart: '1' })
      expect(store.calls.touch).toBe(2)
    })
  })
})

interface Broken {
  readonly store: SessionStore
  break(): unknown
  mend(): unknown
}

describe('the store fails on save, for reasons of its own', () => {
  let server: RedisServer
  let folder: string

  beforeAll(async () => {
    server = await startRedis()
    folder = await mkdtemp(join(tmpdir(), 'latchkey-acceptance-'))
  })

  afterAll(async () => {
    await server.stop()
    await rm(folder, { recursive: true, force: true })
  })

  const reasons: Readonly<Record<string, () => Broken>> = {
    'a SQLite file that may only be read': () => {
      const database = new Database(':memory:')
      return {
        store: new SqliteStore({ database }),
        break: () => database.exec('PRAGMA query_only = ON'),
        mend: () => database.exec('PRAGMA query_only = OFF'),
      }
    },
    'a SQLite file that another connection has locked': () => {
      const path = join(folder, `${randomUUID()}.db`)
      const store = new SqliteStore({ path, busyTimeout: 10 })
      const other = new Database(path)
      return {
        store,
        break: () => other.exec('BEGIN IMMEDIATE'),
        mend: () => {
          other.exec('ROLLBACK')
          other.close()
        },
      }
    },
    'a Redis that has no replica left to write to': () => ({
      store: new RedisStore({ url: server.url }),
      break: () => server.command('CONFIG', 'SET', 'min-replicas-to-write', '1'),
      mend: () => server.command('CONFIG', 'SET', 'min-replicas-to-write', '0'),
    }),
    'a Redis whose memory is full': () => ({
      store: new RedisStore({ url: server.url }),
      break: () => server.command('CONFIG', 'SET', 'maxmemory', '1'),
      mend: () => server.command('CONFIG', 'SET', 'maxmemory', '0'),
    }),
  }

  describe.each(platforms)('on $name', ({ start }) => {
    test.each(Object.entries(reasons))('%s', async (_name, make) => {
      const { store, break: breakIt, mend } = make()
      const app = ending(await start({ secret, store, log: false }, ROUTES))
      const browser = new CookieAgent(app.base)
      await browser.get('/set?cart=1')
      await breakIt()
      await isRefused(await browser.get('/set?more=1'))
      await isRefused(await new CookieAgent(app.base).get('/set?more=1'))
      expect(await dataOf(browser)).toEqual({ cart: '1' })
      await mend()
      await browser.get('/login?user=42')
      expect(await dataOf(browser)).toEqual({ cart: '1', userId: '42' })
    })
  })
})
