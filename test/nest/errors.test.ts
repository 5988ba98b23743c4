import {
  Catch,
  Controller,
  Get,
  Inject,
  Injectable,
  Module,
  Query,
  Session as NestSession,
  UseGuards,
  type ArgumentsHost,
  type CanActivate,
  type ExceptionFilter,
  type ExecutionContext,
  type Type,
} from '@nestjs/common'
import { APP_FILTER, HttpAdapterHost } from '@nestjs/core'
import {
  SessionError,
  SessionModule,
  SessionService,
  SessionStoreUnavailableException,
  type Session,
  type SessionModuleOptions,
} from 'latchkey'
import { MemoryStore } from 'latchkey/stores/memory'
import { CookieAgent, FailingStore } from 'latchkey/testing'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { adapters, factories, type NestApp } from '../support/nest.js'

const secret = 'a secret of more than 32 characters'

type AnySession = Session<Record<string, unknown>>

/** What a handler does before it uses the session: such as ending it from elsewhere. */
let meanwhile: () => Promise<unknown>

@Injectable()
class SavingGuard implements CanActivate {
  async canActivate(context: ExecutionContext): Promise<boolean> {
    await meanwhile()
    const { session } = context.switchToHttp().getRequest<{ session: AnySession }>()
    session['guarded'] = true
    await session.save()
    return true
  }
}

@Controller()
class AppController {
  readonly #service: SessionService

  constructor(@Inject(SessionService) service: SessionService) {
    this.#service = service
  }

  @Get('data')
  data(@NestSession() session: AnySession): object {
    return { ...session }
  }

  @Get('login')
  async login(@NestSession() session: AnySession, @Query('user') user: string): Promise<string> {
    session['userId'] = user
    await session.save()
    return 'done'
  }

  @Get('logout')
  logout(@NestSession() session: AnySession): Promise<void> {
    return session.destroy()
  }

  @Get('save')
  async save(@NestSession() session: AnySession): Promise<string> {
    await meanwhile()
    session['a'] = 1
    await session.save()
    return 'done'
  }

  @UseGuards(SavingGuard)
  @Get('guarded')
  guarded(): string {
    return 'done'
  }

  @Get('list')
  list(): Promise<unknown> {
    return this.#service.list(42)
  }

  @Get('broken')
  broken(): never {
    throw new RangeError('an error of the application')
  }
}

const running: NestApp[] = []

beforeEach(() => {
  meanwhile = () => Promise.resolve()
})

afterEach(async () => {
  for (const app of running.splice(0)) await app.close()
})

describe.each(adapters)('on $name', (adapter) => {
  interface Scene {
    readonly app: NestApp
    readonly browser: CookieAgent
    readonly store: FailingStore
  }

  async function start(filters: readonly Type[] = [], options: Partial<SessionModuleOptions> = {}): Promise<Scene> {
    const store = new FailingStore(new MemoryStore())
    @Module({
      imports: [SessionModule.forRoot({ secret, store, log: false, ...options })],
      controllers: [AppController],
      providers: filters.map((useClass) => ({ provide: APP_FILTER, useClass })),
    })
    class AppModule {}
    const app = await factories[0]!.make(AppModule as Type, adapter)
    running.push(app)
    await app.listen(0, '127.0.0.1')
    const browser = new CookieAgent(await app.getUrl())
    await browser.get('/login?user=42')
    return { app, browser, store }
  }

  /** Has the session ended from elsewhere as soon as a handler runs. */
  function ending({ browser }: Scene): void {
    const elsewhere = browser.copy()
    meanwhile = () => elsewhere.get('/logout')
  }

  async function isAnswer(response: Response, statusCode: number, code: string): Promise<void> {
    expect(response.status).toBe(statusCode)
    expect(await response.json()).toEqual({
      statusCode,
      code,
      error: expect.any(String),
      message: expect.stringMatching(/^You/),
    })
  }

  async function answers(scene: Scene): Promise<void> {
    const { browser, store } = scene
    store.failWith(new Error('no space left'), ['update', 'list'])
    const response = await browser.get('/save')
    expect(response.headers.get('retry-after')).toBe('1')
    await isAnswer(response, 503, 'STORE_UNAVAILABLE')
    store.heal()
    ending(scene)
    await isAnswer(await browser.get('/save'), 401, 'SESSION_GONE')
  }

  test('an error of a verb that a handler lets through has its status, its code and a general sentence', async () => {
    await answers(await start())
  })

  test('the same from a guard', async () => {
    const scene = await start()
    ending(scene)
    await isAnswer(await scene.browser.get('/guarded'), 401, 'SESSION_GONE')
  })

  test('a sign-in beyond the limit: 409', async () => {
    const { app } = await start([], { maxSessions: 1, onLimit: 'refuse' })
    const other = new CookieAgent(await app.getUrl())
    await isAnswer(await other.get('/login?user=42'), 409, 'SESSION_LIMIT_REACHED')
    expect(other.cookies).toEqual([])
  })

  test('SessionService, asked while the store is down, sends Retry-After too', async () => {
    const { browser, store } = await start()
    store.failWith(new Error('connection refused'), ['list'])
    const response = await browser.get('/list')
    expect(response.headers.get('retry-after')).toBe('1')
    await isAnswer(response, 503, 'STORE_UNAVAILABLE')
  })

  describe('with a filter of the application for all exceptions', () => {
    const caught: unknown[] = []
    let status = 500

    @Catch()
    class EveryFilter implements ExceptionFilter {
      readonly #host: HttpAdapterHost

      constructor(@Inject(HttpAdapterHost) host: HttpAdapterHost) {
        this.#host = host
      }

      catch(error: unknown, host: ArgumentsHost): void {
        caught.push(error)
        this.#host.httpAdapter.reply(host.switchToHttp().getResponse(), { mine: true }, status)
      }
    }

    beforeEach(() => void caught.splice(0))

    test('it sees our errors, and a 500 that it answers them with is not all that a client hears', async () => {
      status = 500
      await answers(await start([EveryFilter]))
      expect(caught).toEqual([expect.any(SessionError), expect.any(SessionError)])
    })

    test('any other answer of it stands', async () => {
      status = 418
      const scene = await start([EveryFilter])
      ending(scene)
      const response = await scene.browser.get('/save')
      expect([response.status, await response.json()]).toEqual([418, { mine: true }])
    })

    test('what is no error of ours is its own', async () => {
      status = 500
      const { browser, store } = await start([EveryFilter])
      const response = await browser.get('/broken')
      expect([response.status, await response.json()]).toEqual([500, { mine: true }])
      store.failWith(new Error('connection refused'), ['list'])
      expect(await (await browser.get('/list')).json()).toEqual({ mine: true })
      expect(caught).toEqual([expect.any(RangeError), expect.any(SessionStoreUnavailableException)])
      expect((caught[1] as SessionStoreUnavailableException).retryAfter).toBe(1)
    })
  })

  test('SessionModule twice in one application is refused at start-up', async () => {
    const again = (): ReturnType<typeof SessionModule.forRoot> =>
      SessionModule.forRoot({ secret, store: new MemoryStore(), log: false })
    @Module({ imports: [again()] })
    class UsersModule {}
    @Module({ imports: [again(), UsersModule] })
    class AppModule {}
    for (const { make } of factories) {
      await expect(make(AppModule as Type, adapter)).rejects.toMatchObject({
        code: 'OPTIONS_INVALID',
        message: expect.stringMatching(/set up twice.*forRoot once, in the root module/),
      })
    }
  })
})
