import type { SessionEvent, SessionStore } from 'latchkey/core'
import type { SessionOptions } from 'latchkey/express'
import { RedisStore, type AdoptOptions } from 'latchkey/stores/redis'
import { CookieAgent } from 'latchkey/testing'
import { afterAll, afterEach, beforeAll, describe } from 'vitest'
import { platforms, type Handler, type TestApp } from '../support/platforms.js'
import { startRedis, type RedisServer } from '../support/redis-server.js'
import { libraries, type OldApp, type OldHandler, type OldLibrary, type OldOptions } from './old-apps.js'

export const secret = 'a secret of more than 32 characters'

/** An old application and a new one on one Redis, with another name for each cookie. */
export interface Sides {
  readonly library: OldLibrary
  readonly redis: RedisServer
  startOld(routes?: Readonly<Record<string, OldHandler>>, options?: Partial<OldOptions>): Promise<OldApp>
  startNew(start?: StartNew): Promise<NewApp>
  /** A browser that goes to both: cookies don't look at ports. */
  browser(): Browser
  /** All keys in Redis. */
  keys(): Promise<readonly string[]>
}

export interface StartNew {
  readonly routes?: Readonly<Record<string, Handler>>
  readonly adopt?: Partial<AdoptOptions>
  readonly options?: Partial<SessionOptions>
  readonly clock?: () => number
  /** Whether the new application has a near cache. */
  readonly isNear?: boolean
  /** What goes around the store, such as gates. */
  readonly around?: (store: RedisStore) => SessionStore
  /** The name of the new cookie. Default: `sid`. */
  readonly name?: string
}

export interface NewApp extends TestApp {
  readonly store: RedisStore
  readonly events: readonly SessionEvent[]
  readonly lines: readonly string[]
}

/** One set of cookies for several servers. */
export class Browser {
  readonly #agent = new CookieAgent('http://127.0.0.1')

  async get(app: { readonly base: string }, path: string): Promise<Response> {
    return this.#agent.get(new URL(path, app.base).href)
  }

  /** The body of an answer, which is JSON. */
  async json(app: { readonly base: string }, path: string): Promise<unknown> {
    return (await this.get(app, path)).json()
  }

  get cookies(): readonly string[] {
    return this.#agent.cookies.map(({ name }) => name)
  }

  cookie(name: string): string | undefined {
    return this.#agent.cookie(name)
  }

  take(line: string): void {
    this.#agent.take(line)
  }

  forget(name?: string): void {
    this.#agent.forget(name)
  }
}

const ROUTES: Readonly<Record<string, Handler>> = {
  'GET /data': ({ session }) => ({ ...session }),
  'GET /set': ({ session, query }) => void Object.assign(session, query),
  'GET /login': ({ session, query }) => void (session['userId'] = query['user']),
  'GET /logout': ({ session }) => session.destroy(),
  'GET /look': ({ session }) => ({
    handle: session.handle,
    maxAge: session.cookie.maxAge,
    authenticatedAt: session.authenticatedAt,
  }),
}

/** Declares the tests once for every library whose sessions are taken over; what is started ends after each test. */
export function everyLibrary(tests: (sides: Sides) => void): void {
  for (const library of libraries) {
    describe(`sessions of ${library.from}`, () => {
      let redis: RedisServer
      const running: { close(): Promise<void> }[] = []
      beforeAll(async () => {
        redis = await startRedis()
      })
      afterEach(async () => {
        for (const app of running.splice(0)) await app.close()
        await redis.command('FLUSHALL')
      })
      afterAll(() => redis.stop())
      tests({
        library,
        get redis() {
          return redis
        },
        async startOld(routes, options = {}) {
          const app = await library.start({ url: redis.url, secret, ...options }, routes)
          running.push(app)
          return app
        },
        async startNew({
          routes = {},
          adopt = {},
          options = {},
          clock,
          isNear = false,
          around = (store: RedisStore) => store,
          name = 'sid',
        } = {}) {
          const store = new RedisStore({
            url: redis.url,
            prefix: 'new',
            adopt: { from: library.from, ...adopt },
            nearCache: isNear ? { maxEntries: 100 } : undefined,
            clock,
          })
          const [events, lines]: [SessionEvent[], string[]] = [[], []]
          const platform = platforms.find(
            (each) => each.name === (library.from === 'connect-redis' ? 'express' : 'fastify'),
          )!
          const given: SessionOptions = {
            secret,
            store: around(store),
            cookie: { name },
            storeTimeout: 10_000,
            clock,
            onEvent: (event) => void events.push(event),
            log: (line) => void lines.push(line),
            ...options,
          }
          const app = await platform.start(given, { ...ROUTES, ...routes })
          running.push(app)
          return { ...app, store, events, lines }
        },
        browser: () => new Browser(),
        keys: async () => ((await redis.command('KEYS', '*')) as string[]).toSorted(),
      })
    })
  }
}
