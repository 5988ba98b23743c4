import {
  ConsoleLogger,
  Controller,
  Get,
  Inject,
  Injectable,
  Logger,
  Module,
  Req,
  Session as NestSession,
} from '@nestjs/common'
import {
  explain,
  SessionEvents,
  SessionModule,
  type Session,
  type SessionEvent,
  type SessionModuleOptions,
} from 'latchkey'
import { MemoryStore } from 'latchkey/stores/memory'
import { CookieAgent, FailingStore } from 'latchkey/testing'
import { filter, map, type Subscription } from 'rxjs'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { adapters, factories, type NestApp } from '../support/nest.js'

const secret = 'a secret of more than 32 characters'

@Injectable()
class Watcher {
  readonly seen: SessionEvent[] = []
  isComplete = false

  constructor(@Inject(SessionEvents) readonly events: SessionEvents) {
    events.subscribe({ next: (event) => this.seen.push(event), complete: () => (this.isComplete = true) })
  }
}

@Controller()
class LoginController {
  @Get('login')
  login(@NestSession() session: Session<Record<string, unknown>>): string {
    session['userId'] = 42
    return 'done'
  }

  @Get('why')
  why(@Req() request: object): object {
    return explain(request)
  }
}

const running: NestApp[] = []

afterEach(async () => {
  for (const app of running.splice(0)) await app.close()
  vi.restoreAllMocks()
})

describe.each(adapters)('in Nest on $name', (adapter) => {
  async function start(options: Partial<SessionModuleOptions> = {}) {
    const store = new FailingStore(new MemoryStore())
    @Module({
      imports: [SessionModule.forRoot({ secret, store, ...options })],
      controllers: [LoginController],
      providers: [Watcher],
    })
    class AppModule {}
    const app = await factories[0]!.make(AppModule, adapter)
    running.push(app)
    await app.listen(0, '127.0.0.1')
    const watcher = app.get<Watcher>(Watcher)
    return { app, store, watcher, browser: new CookieAgent(await app.getUrl()) }
  }

  test('the stream tells all that onEvent is told, in the same order', async () => {
    const told: SessionEvent[] = []
    const { browser, watcher } = await start({ onEvent: (event) => void told.push(event) })
    await browser.get('/login')
    await browser.get('/login', { headers: { cookie: 'sessionId=garbage' } })
    expect(told.map(({ type }) => type)).toEqual(['created', 'token-rejected', 'created'])
    expect(watcher.seen).toEqual(told)
  })

  test('it completes when the application has closed', async () => {
    const { watcher, browser } = await start()
    await browser.get('/login')
    expect(watcher.isComplete).toBe(false)
    await running.pop()!.close()
    expect(watcher.isComplete).toBe(true)
  })

  test('it completes also where the store does not close', async () => {
    const { watcher, store } = await start()
    store.close = () => Promise.reject(new Error('It is stuck.'))
    await Promise.allSettled([running.pop()!.close()])
    expect(watcher.isComplete).toBe(true)
  })

  describe('a subscriber that fails disturbs nobody', () => {
    const failing: readonly [string, (events: SessionEvents) => Subscription][] = [
      ['throws', (events) => events.subscribe(() => fail())],
      ['throws as an object', (events) => events.subscribe({ next: () => fail() })],
      ['rejects', (events) => events.subscribe(() => Promise.reject(new Error('subscriber')) as never)],
      [
        'throws behind operators',
        (events) =>
          events
            .pipe(
              filter(() => true),
              map(({ type }) => type),
            )
            .subscribe(() => fail()),
      ],
      ['throws in an operator', (events) => events.pipe(map(() => fail())).subscribe()],
      ['throws in its error handler', (events) => events.pipe(map(() => fail())).subscribe({ error: () => fail() })],
    ]

    test.each(failing)('one that %s', async (_how, subscribe) => {
      const uncaught: unknown[] = []
      const listener = (error: unknown): void => void uncaught.push(error)
      process.on('uncaughtException', listener)
      process.on('unhandledRejection', listener)
      const errors = vi.spyOn(Logger.prototype, 'error').mockImplementation(() => {})
      const { browser, watcher } = await start()
      const subscription = subscribe(watcher.events)
      expect((await browser.get('/login')).status).toBe(200)
      await new Promise((resolve) => setTimeout(resolve, 5))
      process.off('uncaughtException', listener)
      process.off('unhandledRejection', listener)
      expect(uncaught).toEqual([])
      expect(errors.mock.calls.map(([line]) => line as unknown)).toEqual([expect.stringContaining('Cause: subscriber')])
      expect(watcher.seen.map(({ type }) => type)).toEqual(['created'])
      subscription.unsubscribe()
    })

    test('but an error handler of its own is told of what an operator throws', async () => {
      const handled: unknown[] = []
      const { browser, watcher } = await start()
      watcher.events.pipe(map(() => fail())).subscribe({ error: (error: unknown) => handled.push(error) })
      await browser.get('/login')
      expect(handled).toEqual([new Error('subscriber')])
    })
  })

  test('who has unsubscribed is told no more, also behind operators', async () => {
    const { browser, watcher } = await start()
    const types: string[] = []
    const subscription = watcher.events.pipe(map(({ type }) => type)).subscribe((type) => types.push(type))
    await browser.get('/login')
    subscription.unsubscribe()
    browser.forget()
    await browser.get('/login')
    expect(types).toEqual(['created'])
    expect(watcher.seen).toHaveLength(2)
  })

  test("lines go to Nest's logger by their level, with their fields", async () => {
    const warn = vi.spyOn(Logger.prototype, 'warn').mockImplementation(() => {})
    const error = vi.spyOn(Logger.prototype, 'error').mockImplementation(() => {})
    const { browser } = await start({ cookie: { secure: true } })
    await browser.get('/login')
    expect(error.mock.calls).toEqual([
      [expect.stringContaining('Secure'), { type: 'cookie-undeliverable', code: 'COOKIE_UNDELIVERABLE' }],
    ])
    const plain = await start()
    await plain.browser.get('/login')
    plain.store.failWith(new Error('down'), ['load'])
    expect((await plain.browser.get('/login')).status).toBe(503)
    expect(warn.mock.calls).toEqual([
      [expect.stringContaining('down'), { type: 'store-failed', verb: 'load', code: 'STORE_UNAVAILABLE' }],
    ])
  })

  test("Nest's own logger writes them as JSON", async () => {
    const { browser, store } = await start()
    await browser.get('/login')
    store.failWith(new Error('down'), ['load'])
    const written: string[] = []
    vi.spyOn(process.stdout, 'write').mockImplementation((text) => written.push(String(text)) > 0)
    Logger.overrideLogger(new ConsoleLogger({ json: true, colors: false }))
    await browser.get('/login')
    Logger.overrideLogger(false)
    vi.restoreAllMocks()
    const records = written.map((text) => JSON.parse(text) as Record<string, unknown>)
    const fields = { type: 'store-failed', verb: 'load', code: 'STORE_UNAVAILABLE' }
    const [line, more] = [
      { level: 'warn', context: 'SessionModule', message: expect.stringContaining('down') as string },
      fields,
    ]
    // Nest 12 keeps what comes after a message as its parameters; to Nest 11 it is a message of its own.
    expect(records).toMatchObject(
      process.env['NEST_MAJOR'] === '11' ? [line, { ...line, message: more }] : [{ ...line, params: more }],
    )
  })

  test('explain takes the request of the platform', async () => {
    const { browser } = await start()
    expect(await (await browser.get('/why')).json()).toMatchObject({ reason: 'no-cookie' })
  })
})

function fail(): never {
  throw new Error('subscriber')
}
