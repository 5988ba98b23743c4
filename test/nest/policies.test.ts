import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import {
  Controller,
  Get,
  HttpException,
  Injectable,
  Module,
  Post,
  Req,
  Session as NestSession,
  UseGuards,
  type CanActivate,
  type ExecutionContext,
  type MiddlewareConsumer,
  type NestModule,
  type Type,
} from '@nestjs/common'
import { APP_GUARD, ExternalContextCreator, HttpAdapterHost } from '@nestjs/core'
import {
  minutes,
  OnStoreDown,
  Public,
  RecentLoginGuard,
  RequireRecentLogin,
  SessionAuthGuard,
  SessionError,
  SessionModule,
  SessionService,
  SkipCsrf,
  type Session,
  type SessionEvent,
  type SessionModuleOptions,
} from 'latchkey'
import { MemoryStore } from 'latchkey/stores/memory'
import { CookieAgent, FailingStore } from 'latchkey/testing'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { adapters, factories, type NestApp } from '../support/nest.js'

const secret = 'a secret of more than 32 characters'

type AnySession = Session<Record<string, unknown>>

/** What handlers did, in this order. */
const ran: string[] = []

function seen(name: string, session: AnySession): object {
  ran.push(name)
  return { user: session['userId'] ?? null, isAvailable: session.isAvailable }
}

/** Nothing in here chooses: the application's options hold for all. */
@Controller('plain')
class PlainController {
  @Get('login')
  login(@NestSession() session: AnySession): string {
    session['userId'] = 42
    return 'done'
  }

  @Get('who')
  who(@NestSession() session: AnySession): object {
    return seen('plain', session)
  }

  @Post('write')
  write(@NestSession() session: AnySession): string {
    ran.push('write')
    session['written'] = true
    return 'done'
  }

  @UseGuards(SessionAuthGuard)
  @Get('guarded')
  guarded(): string {
    ran.push('guarded')
    return 'done'
  }

  @Public()
  @UseGuards(SessionAuthGuard)
  @Get('public')
  public(@NestSession() session: AnySession): object {
    return seen('public', session)
  }

  @RequireRecentLogin(minutes(5))
  @Get('recent')
  recent(): string {
    ran.push('recent')
    return 'done'
  }
}

@SkipCsrf()
@Controller('hooks')
class HooksController {
  @Post()
  hook(@NestSession() session: AnySession): object {
    return seen('hook', session)
  }

  @Post('write')
  write(@NestSession() session: AnySession): string {
    session['hooked'] = true
    return 'done'
  }

  @OnStoreDown('anonymous')
  @Post('any')
  any(@NestSession() session: AnySession): object {
    return seen('any', session)
  }
}

@OnStoreDown('anonymous')
@Controller('news')
class NewsController {
  @Get()
  news(@NestSession() session: AnySession): object {
    return seen('news', session)
  }

  @OnStoreDown('refuse')
  @Get('account')
  account(@NestSession() session: AnySession): object {
    return seen('account', session)
  }

  @Get('write')
  write(@NestSession() session: AnySession): string {
    session['written'] = true
    return 'done'
  }

  @UseGuards(SessionAuthGuard)
  @Get('guarded')
  guarded(): string {
    ran.push('guarded')
    return 'done'
  }

  @RequireRecentLogin(minutes(5))
  @Get('recent')
  recent(): string {
    ran.push('recent')
    return 'done'
  }

  @Get('others')
  others(@Req() request: { session: AnySession }, @NestSession() session: AnySession): Promise<number> {
    expect(request.session).toBe(session)
    return service!.revokeOthers(session)
  }
}

/** Inherits its handlers, and what they chose. */
@Controller('more-news')
class MoreNewsController extends NewsController {}

abstract class OpenController {
  @SkipCsrf()
  @Post()
  open(@NestSession() session: AnySession): object {
    return seen('inherited', session)
  }
}

@Controller('inheriting')
class InheritingController extends OpenController {}

let service: SessionService | undefined

@Injectable()
class Resolver {
  @SkipCsrf()
  open(_root: unknown, _args: unknown, { req }: { req: { session: AnySession } }): object {
    return seen('open', req.session)
  }

  closed(_root: unknown, _args: unknown, { req }: { req: { session: AnySession } }): object {
    return seen('closed', req.session)
  }

  @OnStoreDown('anonymous')
  anyhow(_root: unknown, _args: unknown, { req }: { req: { session: AnySession } }): object {
    return seen('anyhow', req.session)
  }

  failing(): never {
    throw new SessionError('SESSION_GONE', 'It is over.')
  }

  message(): string {
    return 'taken'
  }
}

/** A guard as applications write them: who has no user gets 403. */
@Injectable()
class HandWrittenGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    if (context.getHandler().name === 'login') return true
    const { session } = context.switchToHttp().getRequest<{ session: AnySession }>()
    ran.push(`guard: ${String(session['userId'])}`)
    return session['userId'] !== undefined
  }
}

const running: NestApp[] = []

beforeEach(() => void ran.splice(0))

afterEach(async () => {
  for (const app of running.splice(0)) await app.close()
})

const FOREIGN = { headers: { 'sec-fetch-site': 'cross-site', origin: 'https://evil.example' } }

interface Scene {
  readonly app: NestApp
  readonly browser: CookieAgent
  readonly store: FailingStore
  readonly events: readonly SessionEvent[]
}

interface More {
  readonly controllers?: readonly Type[]
  readonly providers?: NonNullable<Parameters<typeof Module>[0]['providers']>
  readonly middleware?: (request: { session: AnySession }, response: unknown, next: () => void) => void
  readonly prepare?: (app: NestApp) => void
}

describe.each(factories)('made by $name', ({ make }) => {
  describe.each(adapters)('on $name', (adapter) => {
    async function start(options: Partial<SessionModuleOptions> = {}, more: More = {}): Promise<Scene> {
      const store = new FailingStore(new MemoryStore())
      const events: SessionEvent[] = []
      const onEvent = (event: SessionEvent): void => void events.push(event)
      const all = [PlainController, HooksController, NewsController, MoreNewsController]
      @Module({
        imports: [SessionModule.forRoot({ secret, store, log: false, onEvent, ...options })],
        controllers: [...(more.controllers ?? all)],
        providers: [...(more.providers ?? [])],
      })
      class AppModule implements NestModule {
        configure(consumer: MiddlewareConsumer): void {
          if (more.middleware) consumer.apply(more.middleware).forRoutes('{*splat}')
        }
      }
      const app = await make(AppModule as Type, adapter)
      running.push(app)
      more.prepare?.(app)
      await app.listen(0, '127.0.0.1')
      service = app.get(SessionService)
      const browser = new CookieAgent(await app.getUrl())
      await browser.get('/plain/login')
      return { app, browser, store, events }
    }

    async function isRefused(response: Response): Promise<void> {
      expect(response.status).toBe(403)
      expect(response.headers.getSetCookie()).toEqual([])
      expect(await response.json()).toMatchObject({ statusCode: 403, code: 'CROSS_SITE_REQUEST', error: 'Forbidden' })
    }

    async function isUnavailable(response: Response): Promise<void> {
      expect(response.status).toBe(503)
      expect(response.headers.get('retry-after')).toBe('1')
      expect(response.headers.getSetCookie()).toEqual([])
      expect(await response.json()).toMatchObject({ statusCode: 503, code: 'STORE_UNAVAILABLE' })
    }

    /** A handler of the platform itself, which no decorator can reach. */
    function answering(app: NestApp, path: string, handler: (request: never) => unknown): void {
      const { httpAdapter } = app.get<HttpAdapterHost>(HttpAdapterHost)
      const instance = httpAdapter.getInstance<{ all(path: string, handler: unknown): void }>()
      const express = async (request: never, response: { json(body: unknown): void }): Promise<void> =>
        response.json(await handler(request))
      instance.all(path, adapter.name === 'express' ? express : async (request: never) => handler(request))
    }

    function raw(app: NestApp): void {
      answering(app, '/raw', ({ session }: { session: AnySession }) => {
        void session.save().catch(({ code }: { code: string }) => ran.push(code))
        return seen('raw', session)
      })
    }

    /** Answers what became of each field that the query asks for. */
    function graphql(app: NestApp): void {
      const creator = app.get<ExternalContextCreator>(ExternalContextCreator)
      const resolver = app.get<Resolver>(Resolver)
      const run = async (req: object, name: keyof Resolver): Promise<unknown> => {
        const options = { guards: true, filters: true, interceptors: true }
        const field = creator.create(
          resolver,
          resolver[name] as (...args: unknown[]) => unknown,
          name,
          '',
          undefined,
          undefined,
          undefined,
          options,
          'graphql',
        )
        const result: unknown = await field({}, {}, { req }, {}).catch((error: unknown) => error)
        return result instanceof HttpException ? result.getResponse() : result
      }
      const handler = async (request: { query: { fields: string; turns?: string } }): Promise<unknown[]> => {
        const results: Promise<unknown>[] = []
        for (const name of request.query.fields.split(' ')) {
          const result = run(request, name as keyof Resolver)
          if (request.query.turns !== undefined) await result
          results.push(result)
        }
        return Promise.all(results)
      }
      answering(app, '/graphql', handler)
    }

    describe('a request of another site', () => {
      test('is refused before anything runs where no handler takes such requests', async () => {
        const { browser, store } = await start(
          {},
          {
            controllers: [PlainController],
            middleware: (_request, _response, next) => (ran.push('middleware'), next()),
          },
        )
        ran.splice(0)
        const { load } = store.calls
        await isRefused(await browser.post('/plain/write', undefined, FOREIGN))
        expect(ran).toEqual([])
        expect(store.calls.load).toBe(load)
      })

      test('is refused where another handler takes them; the session is not even loaded', async () => {
        const { browser, store, events } = await start()
        const { load } = store.calls
        await isRefused(await browser.post('/plain/write', undefined, FOREIGN))
        expect(ran).toEqual([])
        expect(store.calls.load).toBe(load)
        expect(events.filter(({ type }) => type === 'cross-site-refused')).toHaveLength(1)
        expect(events.some(({ type }) => type === 'commit-failed')).toBe(false)
      })

      test('reaches a handler with @SkipCsrf(), which has the session and can write to it', async () => {
        const { browser, events } = await start()
        const response = await browser.post('/hooks', undefined, FOREIGN)
        expect(response.status).toBe(201)
        expect(await response.json()).toEqual({ user: 42, isAvailable: true })
        expect((await browser.post('/hooks/write', undefined, FOREIGN)).status).toBe(201)
        expect(events.some(({ type }) => type === 'cross-site-refused')).toBe(false)
        expect(await (await browser.get('/plain/who')).json()).toMatchObject({ user: 42 })
      })

      test('meets nobody signed in where no decorator reaches, and gets no answer from there', async () => {
        const { browser } = await start({}, { prepare: raw })
        await isRefused(await browser.post('/raw', undefined, FOREIGN))
        expect(ran).toEqual(['raw', 'CROSS_SITE_REQUEST'])
        expect(await (await browser.post('/raw')).json()).toEqual({ user: 42, isAvailable: true })
      })

      test('meets nobody signed in in middleware, and what that writes is not carried over', async () => {
        const users: unknown[] = []
        const { browser } = await start(
          {},
          {
            middleware: (request, _response, next) => {
              users.push(request.session?.['userId'])
              if (users.length === 3) request.session['visited'] = true
              next()
            },
          },
        )
        expect((await browser.post('/hooks', undefined, FOREIGN)).status).toBe(201)
        await isRefused(await browser.post('/hooks', undefined, FOREIGN))
        expect(users).toEqual([undefined, undefined, undefined])
        expect(ran).toEqual(['hook'])
      })

      test('is refused with 403 by our guards and before those of the application', async () => {
        const { browser } = await start({}, { providers: [{ provide: APP_GUARD, useClass: HandWrittenGuard }] })
        ran.splice(0)
        await isRefused(await browser.post('/plain/write', undefined, FOREIGN))
        expect(ran).toEqual([])
      })

      test('and the store is down: 503, unless the handler runs without a session', async () => {
        const { browser, store } = await start()
        store.failWith(new Error('connection refused'))
        await isUnavailable(await browser.post('/hooks', undefined, FOREIGN))
        expect(await (await browser.post('/hooks/any', undefined, FOREIGN)).json()).toEqual({
          user: null,
          isAvailable: false,
        })
        expect(ran).toEqual(['any'])
      })

      test("a path that is nobody's is refused as well", async () => {
        const { browser } = await start()
        await isRefused(await browser.post('/nowhere', undefined, FOREIGN))
      })
    })

    describe('the store is down', () => {
      test('and no handler chooses: 503 before anything runs', async () => {
        const { browser, store } = await start(
          {},
          {
            controllers: [PlainController],
            middleware: (_request, _response, next) => (ran.push('middleware'), next()),
          },
        )
        ran.splice(0)
        store.failWith(new Error('connection refused'))
        await isUnavailable(await browser.get('/plain/who'))
        expect(ran).toEqual([])
      })

      test.each(['/news', '/more-news'])('%s runs without a session, by its controller', async (path) => {
        const { browser, store } = await start()
        const token = browser.cookie('sessionId')
        store.failWith(new Error('connection refused'))
        const response = await browser.get(path)
        expect(response.status).toBe(200)
        expect(response.headers.getSetCookie()).toEqual([])
        expect(await response.json()).toEqual({ user: null, isAvailable: false })
        expect(browser.cookie('sessionId')).toBe(token)
        store.heal()
        expect(await (await browser.get(path)).json()).toEqual({ user: 42, isAvailable: true })
      })

      test('the handler goes over its controller, and both over the option', async () => {
        const { browser, store } = await start({ onStoreDown: 'anonymous' })
        store.failWith(new Error('connection refused'))
        for (const path of ['/news/account', '/more-news/account']) await isUnavailable(await browser.get(path))
        expect(ran).toEqual([])
        expect((await browser.get('/plain/who')).status).toBe(200)
        expect(ran).toEqual(['plain'])
      })

      test('all others are refused, and do not run', async () => {
        const { browser, store, events } = await start({}, { prepare: raw })
        store.failWith(new Error('connection refused'))
        await isUnavailable(await browser.get('/plain/who'))
        expect(ran).toEqual([])
        await isUnavailable(await browser.get('/raw'))
        expect(ran).toEqual(['raw', 'STORE_UNAVAILABLE'])
        await isUnavailable(await browser.get('/nowhere'))
        expect(events.some(({ type }) => type === 'commit-failed' || type === 'late-write-dropped')).toBe(false)
      })

      test('a write of a handler that runs without a session is answered with 503', async () => {
        const { browser, store } = await start()
        store.failWith(new Error('connection refused'))
        await isUnavailable(await browser.get('/news/write'))
        await isUnavailable(await browser.get('/news/others'))
      })

      test.each(['guarded', 'recent'])(
        'our guards never say of somebody that nobody is signed in: %s',
        async (path) => {
          for (const options of [{}, { onStoreDown: 'anonymous' }] as const) {
            const { browser, store } = await start(options)
            store.failWith(new Error('connection refused'))
            await isUnavailable(await browser.get(`/plain/${path}`))
            await isUnavailable(await browser.get(`/news/${path}`))
            expect(ran).toEqual([])
            browser.forget()
            expect((await browser.get(`/plain/${path}`)).status).toBe(401)
          }
        },
      )

      test('what is @Public() runs without a session where the policy says so', async () => {
        for (const [onStoreDown, status] of [
          ['anonymous', 200],
          ['refuse', 503],
        ] as const) {
          const { browser, store } = await start({ onStoreDown })
          store.failWith(new Error('connection refused'))
          expect((await browser.get('/plain/public')).status).toBe(status)
        }
      })

      test("a guard of the application does not come first, and its answer is not the client's", async () => {
        const { browser, store } = await start({}, { providers: [{ provide: APP_GUARD, useClass: HandWrittenGuard }] })
        ran.splice(0)
        store.failWith(new Error('connection refused'))
        await isUnavailable(await browser.get('/plain/who'))
        expect(ran).toEqual([])
      })
    })

    describe('one request that runs several handlers, as GraphQL has it', () => {
      const SIGNED_IN = { user: 42, isAvailable: true }
      const REFUSED = expect.objectContaining({ statusCode: 403, code: 'CROSS_SITE_REQUEST' })
      const DOWN = expect.objectContaining({ statusCode: 503, code: 'STORE_UNAVAILABLE' })

      const more = { controllers: [PlainController], providers: [Resolver], prepare: graphql }

      test.each([
        ['open', [SIGNED_IN]],
        ['open closed', [SIGNED_IN, REFUSED]],
        ['closed open', [REFUSED, SIGNED_IN]],
        ['open open closed', [SIGNED_IN, SIGNED_IN, REFUSED]],
      ])('one that takes requests of other sites opens no door for another: %s', async (fields, results) => {
        const { browser } = await start({}, more)
        for (const order of ['', '&turns']) {
          const response = await browser.post(`/graphql?fields=${fields}${order}`, undefined, FOREIGN)
          expect(response.status).toBe(200)
          expect(await response.json()).toEqual(results)
        }
        expect(ran).not.toContain('closed')
      })

      test('where none does, the whole answer is the refusal', async () => {
        const { browser } = await start({}, more)
        await isRefused(await browser.post('/graphql?fields=closed', undefined, FOREIGN))
        expect(ran).toEqual([])
      })

      test.each([
        ['anyhow', [{ user: null, isAvailable: false }]],
        ['anyhow closed', [{ user: null, isAvailable: false }, DOWN]],
        ['closed anyhow', [DOWN, { user: null, isAvailable: false }]],
      ])('the store is down, and one that runs without a session does not make others: %s', async (fields, results) => {
        const { browser, store } = await start({}, more)
        store.failWith(new Error('connection refused'))
        for (const order of ['', '&turns']) {
          const response = await browser.get(`/graphql?fields=${fields}${order}`)
          expect(response.status).toBe(200)
          expect(await response.json()).toEqual(results)
        }
        expect(ran).toEqual(['anyhow', 'anyhow'])
      })
    })

    test('an error of ours that a resolver lets through keeps its status and its code', async () => {
      const { browser } = await start({}, { controllers: [PlainController], providers: [Resolver], prepare: graphql })
      expect(await (await browser.post('/graphql?fields=failing')).json()).toEqual([
        expect.objectContaining({ statusCode: 401, code: 'SESSION_GONE' }),
      ])
    })

    test('a handler that was inherited counts, where nothing else chooses', async () => {
      const { browser } = await start({}, { controllers: [PlainController, InheritingController] })
      expect((await browser.post('/inheriting', undefined, FOREIGN)).status).toBe(201)
      await isRefused(await browser.post('/plain/write', undefined, FOREIGN))
    })

    test('our guards, asked by hand before Nest asks, tell the same', async () => {
      const asked = (app: NestApp): void =>
        answering(app, '/asked', (request: never) => {
          const context = {
            getType: () => 'http',
            switchToHttp: () => ({ getRequest: () => request }),
            getHandler: () => PlainController.prototype.recent,
            getClass: () => PlainController,
          } as unknown as ExecutionContext
          for (const guard of [SessionAuthGuard, RecentLoginGuard]) {
            try {
              void app.get<CanActivate>(guard).canActivate(context)
              ran.push('let in')
            } catch (error) {
              ran.push(String((error as HttpException).getStatus()))
            }
          }
        })
      const { browser, store } = await start({}, { prepare: asked })
      await isRefused(await browser.post('/asked', undefined, FOREIGN))
      store.failWith(new Error('connection refused'))
      await isUnavailable(await browser.get('/asked'))
      store.heal()
      await browser.get('/asked')
      browser.forget()
      await browser.get('/asked')
      expect(ran).toEqual(['403', '403', '503', '503', 'let in', 'let in', '401', '401'])
    })

    test('a client that hangs up before anybody has lifted an objection has lost no write', async () => {
      const hanging = (app: NestApp): void =>
        answering(app, '/hanging', async (request: { raw?: IncomingMessage } & IncomingMessage) => {
          ran.push('reached')
          await once((request.raw ?? request).socket, 'close')
          ran.push('gone')
        })
      const { browser, events } = await start({}, { prepare: hanging })
      const client = new AbortController()
      const request = browser.post('/hanging', undefined, { ...FOREIGN, signal: client.signal })
      await expect.poll(() => ran).toEqual(['reached'])
      client.abort()
      await expect(request).rejects.toThrow()
      await expect.poll(() => ran).toEqual(['reached', 'gone'])
      expect(events.some(({ type }) => type === 'late-write-dropped')).toBe(false)
    })

    test('a handler that comes with no request of ours, such as one for messages, is none of its business', async () => {
      const { app } = await start({}, { providers: [Resolver], controllers: [] })
      const creator = app.get<ExternalContextCreator>(ExternalContextCreator)
      const resolver = app.get<Resolver>(Resolver)
      const options = { guards: true, filters: true, interceptors: true }
      for (const type of ['rpc', 'ws', 'graphql', 'http']) {
        const handler = creator.create(
          resolver,
          resolver.message,
          'message',
          '',
          undefined,
          undefined,
          undefined,
          options,
          type,
        )
        expect(await handler({ data: 1 }, {}, {}, {}), type).toBe('taken')
      }
    })
  })
})

test.each(['open', true, undefined])('@OnStoreDown(%o) is refused where it stands', (policy) => {
  expect(() => OnStoreDown(policy as 'refuse')).toThrow(
    expect.objectContaining({ code: 'OPTIONS_INVALID', message: expect.stringMatching(/@OnStoreDown\(\) is/) }),
  )
})
