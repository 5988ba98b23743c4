import {
  Controller,
  Get,
  Inject,
  Injectable,
  Module,
  Post,
  Req,
  Session as NestSession,
  UseGuards,
  type ExecutionContext,
  type MiddlewareConsumer,
  type NestModule,
} from '@nestjs/common'
import { JwtModule, JwtService } from '@nestjs/jwt'
import { AuthGuard, PassportModule, PassportStrategy } from '@nestjs/passport'
import { SessionModule, SkipCsrf, type Session, type SessionModuleOptions } from 'latchkey'
import { SessionStrategy, type StrategySession } from 'latchkey/passport'
import { MemoryStore } from 'latchkey/stores/memory'
import { CookieAgent, FailingStore } from 'latchkey/testing'
import passport from 'passport'
import { ExtractJwt, Strategy as JwtStrategy } from 'passport-jwt'
import { Strategy as LocalStrategy } from 'passport-local'
import { afterEach, describe, expect, test } from 'vitest'
import { json, secret } from '../acceptance/everywhere.js'
import { adapters, factories, type NestApp } from '../support/nest.js'
import { users, type User } from './users.js'

const [ann] = users as readonly [User]
const JWT_SECRET = 'another secret of more than 32 characters'

@Injectable()
class Local extends PassportStrategy(LocalStrategy) {
  constructor() {
    super({ usernameField: 'email' })
  }

  validate(email: string, password: string): User | false {
    return (password === 'right' && users.find((user) => user.email === email)) || false
  }
}

@Injectable()
class Jwt extends PassportStrategy(JwtStrategy) {
  constructor() {
    super({ jwtFromRequest: ExtractJwt.fromAuthHeaderAsBearerToken(), secretOrKey: JWT_SECRET })
  }

  validate({ sub }: { readonly sub: string }): object {
    return { id: Number(sub), by: 'jwt' }
  }
}

@Injectable()
class FromSession extends PassportStrategy(SessionStrategy) {
  validate(session: StrategySession): object {
    return { id: session['userId'], by: 'session' }
  }
}

/** As the pages of Nest write a login that lasts. */
@Injectable()
class LocalGuard extends AuthGuard('local') {
  override async canActivate(context: ExecutionContext): Promise<boolean> {
    await super.canActivate(context)
    await super.logIn(context.switchToHttp().getRequest())
    return true
  }
}

@Controller()
class AuthController {
  constructor(@Inject(JwtService) private readonly jwt: JwtService) {}

  @UseGuards(LocalGuard)
  @Post('login')
  login(@Req() { user }: { user: User }, @NestSession() session: Session<Record<string, unknown>>): object {
    session['greeting'] = `Hello ${user.email}`
    return { user }
  }

  /** As the recipe does it, after Passport has made a new session. */
  @UseGuards(LocalGuard)
  @Post('login-as-the-recipe')
  loginWithUserId(@Req() { user }: { user: User }, @NestSession() session: Session<Record<string, unknown>>): void {
    session['userId'] = user.id
  }

  @Get('cart')
  cart(@NestSession() session: Session<Record<string, unknown>>): void {
    session['cart'] = 'full'
  }

  @Get('data')
  data(@NestSession() session: Session<Record<string, unknown>>): object {
    return { ...session }
  }

  @Get('token')
  token(): object {
    return { token: this.jwt.sign({ sub: String(ann.id) }) }
  }

  @UseGuards(AuthGuard(['jwt', 'session']))
  @Get('profile')
  profile(@Req() { user }: { user: unknown }): unknown {
    return user
  }

  @SkipCsrf()
  @Post('hook')
  hook(): string {
    return 'taken'
  }
}

const running: NestApp[] = []

afterEach(async () => {
  for (const app of running.splice(0)) await app.close()
})

/** What the strategy says before a handler is known. */
const said: unknown[] = []

function ask(request: object, response: object, next: (error?: unknown) => void): void {
  const told = (error: { readonly code?: unknown } | null, user: unknown): void => {
    said.push(error?.code ?? user)
    next(error ?? undefined)
  }
  ;(passport.authenticate('session', { session: false }, told as never) as (...args: unknown[]) => void)(
    request,
    response,
    next,
  )
}

describe.each(adapters)('in Nest on $name', (adapter) => {
  async function start({
    keepSessionInfo = false,
    asked,
    ...more
  }: Partial<SessionModuleOptions> & { readonly keepSessionInfo?: boolean; readonly asked?: string } = {}) {
    const store = new FailingStore(new MemoryStore())
    @Module({
      imports: [
        SessionModule.forRoot({ secret, store, log: false, ...more }),
        PassportModule.register({ session: true, keepSessionInfo }),
        JwtModule.register({ secret: JWT_SECRET, signOptions: { expiresIn: 300 } }),
      ],
      controllers: [AuthController],
      providers: [Local, Jwt, FromSession],
    })
    class AppModule implements NestModule {
      configure(consumer: MiddlewareConsumer): void {
        if (asked) consumer.apply(ask).forRoutes(asked)
      }
    }
    passport.serializeUser((user, done) => done(null, (user as User).id))
    const app = await factories[0]!.make(AppModule, adapter)
    running.push(app)
    await app.listen(0, '127.0.0.1')
    const base = await app.getUrl()
    return { store, browser: new CookieAgent(base), base }
  }

  const credentials = { email: ann.email, password: 'right' }

  test("AuthGuard('local') with session: true gives one new id and one cookie, and the old id is dead", async () => {
    const { browser, store } = await start()
    await browser.get('/cart')
    const before = browser.copy()
    const response = await browser.post('/login', credentials)
    expect(await response.json()).toEqual({ user: ann })
    expect(response.headers.getSetCookie()).toHaveLength(1)
    expect(store.calls).toMatchObject({ create: 2, delete: 1, rotate: 0 })
    expect(await json(browser.get('/data'))).toEqual({ passport: { user: 1 }, greeting: 'Hello ann@example.com' })
    expect(await json(before.get('/data'))).toEqual({})
  })

  test('keepSessionInfo of PassportModule takes along what the session held', async () => {
    const { browser } = await start({ keepSessionInfo: true })
    await browser.get('/cart')
    await browser.post('/login', credentials)
    expect(await json(browser.get('/data'))).toMatchObject({ cart: 'full', passport: { user: 1 } })
  })

  test("AuthGuard(['jwt', 'session']) lets in a browser and a client with a JWT, and nobody else", async () => {
    const { browser, base } = await start()
    expect((await browser.get('/profile')).status).toBe(401)
    await browser.get('/cart')
    expect((await browser.get('/profile')).status).toBe(401)
    await browser.post('/login-as-the-recipe', credentials)
    expect(await json(browser.get('/profile'))).toEqual({ id: 1, by: 'session' })
    const { token } = (await json(browser.get('/token'))) as { token: string }
    const client = new CookieAgent(base, { headers: { authorization: `Bearer ${token}` } })
    expect(await json(client.get('/profile'))).toEqual({ id: 1, by: 'jwt' })
    const other = new CookieAgent(base, { headers: { authorization: `Bearer ${token}x` } })
    expect((await other.get('/profile')).status).toBe(401)
  })

  test.each(['refuse', 'anonymous'] as const)(
    'a store that is down is a 503 for the browser, and nothing to the JWT, with onStoreDown %s',
    async (onStoreDown) => {
      const { browser, store, base } = await start({ onStoreDown })
      await browser.post('/login-as-the-recipe', credentials)
      const { token } = (await json(browser.get('/token'))) as { token: string }
      store.failWith(new Error('down'))
      const response = await browser.get('/profile')
      expect([response.status, response.headers.get('retry-after')]).toEqual([503, '1'])
      expect(await response.json()).toMatchObject({ code: 'STORE_UNAVAILABLE' })
      const client = new CookieAgent(base, { headers: { authorization: `Bearer ${token}` } })
      expect((await client.get('/profile')).status).toBe(200)
    },
  )

  test('as middleware before the handler is known it says 403 to a page of another site, and not 401', async () => {
    const { browser } = await start({ asked: 'hook' })
    await browser.post('/login-as-the-recipe', credentials)
    expect((await browser.post('/hook')).status).toBe(201)
    const headers = { 'sec-fetch-site': 'cross-site', origin: 'https://elsewhere.example' }
    expect((await browser.request('/hook', { method: 'POST', headers })).status).toBe(403)
    expect(said.splice(0)).toEqual([{ id: 1, by: 'session' }, 'CROSS_SITE_REQUEST'])
  })
})
