import {
  Controller,
  Get,
  Header,
  HttpException,
  Injectable,
  Module,
  Query,
  Req,
  RequestMethod,
  Res,
  Session as NestSession,
  Sse,
  StreamableFile,
  type MessageEvent,
  type MiddlewareConsumer,
  type NestMiddleware,
  type NestModule,
  type Type,
} from '@nestjs/common'
import { ConfigModule, ConfigService } from '@nestjs/config'
import { SessionMiddleware, SessionModule, type Session, type SessionModuleOptions } from 'latchkey'
import { MemoryStore } from 'latchkey/stores/memory'
import { CookieAgent, FailingStore } from 'latchkey/testing'
import type { Observable } from 'rxjs'
import { of } from 'rxjs'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { adapters, factories, type NestApp } from '../support/nest.js'
import { rawRequest } from '../support/raw.js'

const secret = 'a secret of more than 32 characters'

type AnySession = Session<Record<string, unknown>>

@Controller()
class DataController {
  @Get('data')
  data(@NestSession() session: AnySession): object {
    return { ...session }
  }

  @Get('set')
  set(@NestSession() session: AnySession, @Query() query: Record<string, string>): string {
    Object.assign(session, query)
    return 'done'
  }

  @Get('login')
  login(@NestSession() session: AnySession): string {
    session['userId'] = 42
    return 'done'
  }

  @Get('logout')
  logout(@NestSession() session: AnySession): Promise<unknown> {
    return new Promise((resolve, reject) => {
      void session.destroy((error) => (error ? reject(error) : resolve({ message: 'Logout successful' })))
    })
  }

  @Get('fail')
  fail(@NestSession() session: AnySession): never {
    session['before'] = 'failing'
    throw new HttpException('teapot', 418)
  }

  @Get('crash')
  crash(@NestSession() session: AnySession): never {
    session['before'] = 'crashing'
    throw new Error('crash')
  }

  @Get('raw')
  raw(@NestSession() session: AnySession, @Res() response: { raw?: RawResponse } & RawResponse): void {
    session['raw'] = true
    const raw = response.raw ?? response
    raw.writeHead(200, { 'content-type': 'text/plain' })
    raw.end('raw')
  }

  @Get('file')
  @Header('content-type', 'text/plain')
  file(@NestSession() session: AnySession): StreamableFile {
    session['file'] = true
    return new StreamableFile(Buffer.from('content'))
  }

  @Sse('events')
  events(@NestSession() session: AnySession): Observable<MessageEvent> {
    session['events'] = true
    return of({ data: 'one' }, { data: 'two' })
  }

  @Get('seen')
  seen(@Req() request: { seen?: unknown; raw?: { seen?: unknown } }): unknown {
    return { seen: request.seen ?? request.raw?.seen ?? null }
  }
}

interface RawResponse {
  writeHead(status: number, headers: object): void
  end(body: string): void
}

/** A Nest middleware that reads the session and writes to it. */
@Injectable()
class Witness implements NestMiddleware {
  use(request: { session?: AnySession; seen?: unknown }, _response: unknown, next: () => void): void {
    request.seen = request.session ? { ...request.session } : 'no session'
    if (request.session?.['count'] !== undefined) request.session['count'] = Number(request.session['count']) + 1
    next()
  }
}

const running: NestApp[] = []

afterEach(async () => {
  vi.unstubAllEnvs()
  for (const app of running.splice(0)) await app.close()
})

describe.each(factories)('made by $name', ({ make }) => {
  describe.each(adapters)('on $name', (adapter) => {
    async function start(
      imports: NonNullable<Parameters<typeof Module>[0]['imports']>,
      configure: (consumer: MiddlewareConsumer) => void = (consumer) =>
        void consumer.apply(Witness).forRoutes('{*splat}'),
      prepare: (app: NestApp) => void = () => {},
    ): Promise<CookieAgent> {
      @Module({ imports, controllers: [DataController] })
      class AppModule implements NestModule {
        configure(consumer: MiddlewareConsumer): void {
          configure(consumer)
        }
      }
      const app = await make(AppModule as Type, adapter)
      running.push(app)
      prepare(app)
      await app.listen(0, '127.0.0.1')
      return new CookieAgent(await app.getUrl())
    }

    const forRoot = (options: Partial<SessionModuleOptions> = {}): ReturnType<typeof SessionModule.forRoot> =>
      SessionModule.forRoot({ secret, store: new MemoryStore(), log: false, ...options })

    const json = async (response: Promise<Response>): Promise<unknown> => (await response).json()

    test('@Session() is the session, and Nest middleware sees and changes it', async () => {
      const agent = await start([forRoot()])
      await agent.get('/set?count=1')
      expect(await json(agent.get('/seen'))).toEqual({ seen: { count: '1' } })
      expect(await json(agent.get('/data'))).toEqual({ count: 3 })
    })

    test('app.use() middleware sees it as well', async () => {
      const seen: unknown[] = []
      const agent = await start([forRoot()], undefined, (app) =>
        app.use((request: { session?: AnySession }, _response: unknown, next: () => void) => {
          seen.push(request.session && { ...request.session })
          next()
        }),
      )
      await agent.get('/set?a=1')
      await agent.get('/data')
      expect(seen).toEqual([{}, { a: '1' }])
    })

    test("the recipe's mount by hand beside it changes nothing", async () => {
      const store = new FailingStore(new MemoryStore())
      const agent = await start([forRoot({ store })], (consumer) => {
        consumer.apply(SessionMiddleware).forRoutes({ path: '*', method: RequestMethod.ALL })
        consumer.apply(Witness).forRoutes('{*splat}')
      })
      await agent.get('/set?a=1')
      expect(await json(agent.get('/seen'))).toEqual({ seen: { a: '1' } })
      expect(store.calls).toMatchObject({ create: 1, load: 1 })
    })

    test.each(['/data/', '//data', '/data;x=1', '/%64ata', '/DATA', '/data?x=//', '/nowhere'])(
      'no spelling of a path gets around it: %s',
      async (path) => {
        const seen: unknown[] = []
        await start([forRoot()], undefined, (app) =>
          app.use((request: { session?: unknown }, _response: unknown, next: () => void) => {
            seen.push(typeof request.session)
            next()
          }),
        )
        const port = Number(new URL(await running[0]!.getUrl()).port)
        await rawRequest(port, [`GET ${path} HTTP/1.1`, 'Host: a', 'Connection: close']).closed
        expect(seen).toEqual(['object'])
      },
    )

    test('a global prefix does not hide it', async () => {
      const agent = await start([forRoot()], undefined, (app) => app.setGlobalPrefix('api'))
      await agent.get('/api/set?a=1')
      expect(await json(agent.get('/api/data'))).toEqual({ a: '1' })
    })

    test.each([
      ['fail', 418, { before: 'failing' }],
      ['crash', 500, { before: 'crashing' }],
      ['raw', 200, { raw: true }],
      ['file', 200, { file: true }],
      ['events', 200, { events: true }],
    ])('%s: the head waits for the commit', async (path, status, data) => {
      const store = new FailingStore(new MemoryStore())
      const agent = await start([forRoot({ store })])
      const gate = store.hold('create')
      let answered = false
      const response = agent.get(`/${path}`).then((answer) => ((answered = true), answer))
      await gate.reached
      for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate)
      expect(answered).toBe(false)
      gate.open()
      expect((await response).status).toBe(status)
      expect((await response).headers.getSetCookie()).toHaveLength(1)
      const text = await (await response).text()
      if (path === 'events') expect(text).toContain('data: two')
      expect(await json(agent.get('/data'))).toEqual(data)
    })

    test('a save that fails is a 503, also behind a filter', async () => {
      const store = new FailingStore(new MemoryStore())
      const agent = await start([forRoot({ store })])
      store.failWith(new Error('down'), ['create'])
      for (const path of ['/set?a=1', '/fail', '/raw', '/file']) {
        const response = await agent.get(path)
        expect(response.status, path).toBe(503)
        expect(await response.json()).toMatchObject({ statusCode: 503, code: 'STORE_UNAVAILABLE' })
      }
    })

    test("a destroy that fails inside of the recipe's promise is a 503, and the user stays signed in", async () => {
      const store = new FailingStore(new MemoryStore())
      const agent = await start([forRoot({ store })])
      await agent.get('/login')
      store.failWith(new Error('down'), ['delete'])
      expect((await agent.get('/logout')).status).toBe(503)
      store.heal()
      expect(await json(agent.get('/data'))).toEqual({ userId: 42 })
    })

    test('forRootAsync takes its options from ConfigService', async () => {
      vi.stubEnv('SESSION_SECRET', `${secret},${secret} of before`)
      const agent = await start([
        ConfigModule.forRoot({ isGlobal: true, ignoreEnvFile: true }),
        SessionModule.forRootAsync({
          inject: [ConfigService],
          useFactory: (config: ConfigService) => ({
            secret: config.getOrThrow<string>('SESSION_SECRET'),
            store: new MemoryStore(),
          }),
        }),
      ])
      await agent.get('/set?a=1')
      expect(await json(agent.get('/data'))).toEqual({ a: '1' })
    })

    test('options that can not work stop the start with their mend', async () => {
      await expect(start([forRoot({ secret: '' })])).rejects.toThrow(/SESSION_SECRET/)
      await expect(start([forRoot({ resave: false } as never)])).rejects.toThrow(/Unknown option "resave"/)
    })

    test('the message for an undeliverable cookie names the setting of this platform in Nest', async () => {
      const lines: string[] = []
      const agent = await start([forRoot({ cookie: { secure: true }, log: (line) => void lines.push(line) })])
      expect((await agent.get('/set?a=1')).status).toBe(500)
      expect(lines).toEqual([expect.stringContaining(adapter.trustProxy)])
    })

    test('closing the application closes the store, after requests under way are done', async () => {
      const store = new FailingStore(new MemoryStore())
      let isClosed = false
      const close = store.close.bind(store)
      store.close = () => {
        isClosed = true
        return close()
      }
      const agent = await start([forRoot({ store })])
      const gate = store.hold('create')
      const response = agent.get('/set?a=1', { headers: { connection: 'close' } })
      await gate.reached
      const closing = running.pop()!.close()
      for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate)
      expect(isClosed).toBe(false)
      gate.open()
      expect((await response).status).toBe(200)
      await closing
      expect(isClosed).toBe(true)
    })

    test('two hundred requests at once keep their sessions apart', async () => {
      await start([forRoot()])
      const base = await running[0]!.getUrl()
      const agents = Array.from({ length: 200 }, () => new CookieAgent(base))
      await Promise.all(agents.map((each, index) => each.get(`/set?mine=${index}`)))
      const answers = await Promise.all(agents.map((each) => json(each.get('/data'))))
      expect(answers).toEqual(agents.map((_, index) => ({ mine: String(index) })))
    })
  })
})
