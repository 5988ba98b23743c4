import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { CookieAgent } from 'latchkey/testing'
import type ts from 'typescript'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { startRedis, type RedisServer } from '../support/redis-server.js'
import { complaints, programOf, strict } from './support/compile.js'
import { json, serve, type Server } from './support/program.js'
import { root } from './support/root.js'

const { nest12 } = inject('consumers')
const SOURCES = join(root, 'test/package/recipe')

/** What changes in the recipe's files: where four things come from, and the module whose `SessionData` is extended. */
const CHANGES: readonly (readonly [from: string, to: string])[] = [
  ["import session from 'express-session'", "import session from 'latchkey/express-session'"],
  ["import RedisStore from 'connect-redis'", "import { RedisStore } from 'latchkey/stores/redis'"],
  ["import { CACHE_MANAGER } from '@nestjs/cache-manager'", "import { CACHE_MANAGER } from 'latchkey'"],
  ["import { Cache } from 'cache-manager'", "import { Cache } from 'latchkey'"],
  ["declare module 'express-session' {", "declare module 'latchkey/express-session' {"],
]

/** The rest of the application: what the recipe leaves to its reader. */
const main = `
import 'reflect-metadata'
import { Controller, Get, Injectable, Module, Post, Query, Req, RequestMethod, Session } from '@nestjs/common'
import type { MiddlewareConsumer, NestModule } from '@nestjs/common'
import { ConfigModule, ConfigService } from '@nestjs/config'
import { NestFactory } from '@nestjs/core'
import { PassportModule, PassportStrategy } from '@nestjs/passport'
import { Cache, CACHE_MANAGER } from 'latchkey'
import { SessionEngine } from 'latchkey/core'
import { SessionStrategy } from 'latchkey/passport'
import { RedisStore } from 'latchkey/stores/redis'
import { AuthController } from './auth.controller'
import { AuthService } from './auth.service'
import { LocalStrategy } from './local.strategy'
import { ProfileController } from './profile.controller'
import { SessionMiddleware } from './session.middleware'
import { SessionService } from './session.service'

@Injectable()
class JwtStrategy extends PassportStrategy(SessionStrategy, 'jwt') {
  validate(session: Record<string, unknown>) {
    return { id: session.userId, email: session.email }
  }
}

@Controller('probe')
class ProbeController {
  constructor(private sessions: SessionService) {}

  @Get('id')
  id(@Req() request: { sessionID: string }) {
    return { id: request.sessionID }
  }

  @Get('data')
  data(@Session() session: object) {
    return { ...session, cookie: undefined }
  }

  @Get('set')
  set(@Session() session: object, @Query() query: object) {
    Object.assign(session, query)
  }

  @Get('service')
  read(@Query('id') id: string) {
    return this.sessions.getSession(id)
  }

  @Post('update')
  async update(@Query('id') id: string) {
    await Promise.all([this.sessions.updateSession(id, { a: 1 }), this.sessions.updateSession(id, { b: 2 })])
  }

  @Post('destroy')
  destroy(@Query('id') id: string) {
    return this.sessions.destroySession(id)
  }
}

@Module({
  imports: [ConfigModule.forRoot({ isGlobal: true, ignoreEnvFile: true }), PassportModule],
  controllers: [AuthController, ProfileController, ProbeController],
  providers: [
    AuthService,
    LocalStrategy,
    JwtStrategy,
    SessionService,
    {
      provide: CACHE_MANAGER,
      inject: [ConfigService],
      useFactory: (config: ConfigService) =>
        new Cache({
          engine: new SessionEngine({
            store: new RedisStore({ url: config.get('REDIS_URL') }),
            secret: config.get('SESSION_SECRET'),
            // On a machine that is busy its first connection takes its time.
            storeTimeout: 10_000,
          }),
        }),
    },
  ],
})
class AppModule implements NestModule {
  configure(consumer: MiddlewareConsumer) {
    consumer.apply(SessionMiddleware).forRoutes({ path: '*', method: RequestMethod.ALL })
  }
}

async function bootstrap() {
  const app = await NestFactory.create(AppModule, { logger: ['fatal'] })
  await app.listen(process.env.PORT ?? 3000, '127.0.0.1')
}
void bootstrap()
`

/** As `nest new` has made projects for years. */
const options: ts.CompilerOptions = {
  ...strict,
  strict: false,
  strictNullChecks: true,
  noUncheckedIndexedAccess: false,
  exactOptionalPropertyTypes: false,
  noImplicitOverride: false,
  noUnusedLocals: false,
  verbatimModuleSyntax: false,
  isolatedModules: false,
  esModuleInterop: true,
}

const changed = (text: string): string => CHANGES.reduce((done, [from, to]) => done.replace(from, to), text)

describe("the recipe's own files, with only their import lines changed", { timeout: 180_000 }, () => {
  const folder = join(nest12, 'recipe')
  const names = readdirSync(SOURCES)
  let redis: RedisServer
  let server: Server | undefined

  beforeAll(async () => {
    redis = await startRedis()
    mkdirSync(folder)
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ type: 'commonjs' }))
    for (const name of names) writeFileSync(join(folder, name), changed(readFileSync(join(SOURCES, name), 'utf8')))
    writeFileSync(join(folder, 'main.ts'), main)
  })

  afterAll(() => redis.stop())

  test('every change is one of them, and each is there to be made', () => {
    const lines = names.flatMap((name) => readFileSync(join(SOURCES, name), 'utf8').split('\n'))
    const different = lines.filter((line) => changed(line) !== line)
    expect(different.toSorted()).toEqual(CHANGES.map(([from]) => from).toSorted())
    for (const line of different) expect(line).toMatch(/^(import|declare module) /)
  })

  test('compile', () => {
    const program = programOf(nest12, [join(folder, 'main.ts')], options)
    expect(complaints(program, folder)).toEqual([])
    program.emit()
  })

  async function start(): Promise<CookieAgent> {
    const env = { REDIS_URL: redis.url, SESSION_SECRET: 'a secret of more than 32 characters' }
    server = await serve(folder, 'main.js', env)
    return new CookieAgent(server.base)
  }

  test('are safe: login, logout, guards, service, and a Redis that goes away', async () => {
    const credentials = { email: 'ann@example.com', password: 'correct horse' }
    const agent = await start()
    const status = async (path: string, client = agent): Promise<number> => (await client.get(path)).status
    const keys = async (): Promise<unknown> => redis.command('KEYS', 'latchkey:*:s:*')

    // A visit stores nothing, and whoever is not signed in is kept out.
    expect(await json(agent.get('/auth/me'))).toEqual({ authenticated: false })
    expect([await status('/profile'), await status('/auth/profile')]).toEqual([401, 401])
    expect([agent.cookies, await keys()]).toEqual([[], []])

    // A login gives a new id, and the one from before is dead.
    await agent.get('/probe/set?cart=full')
    const before = agent.copy()
    expect((await agent.post('/auth/login', { ...credentials, password: 'wrong' })).status).toBe(401)
    expect(await json(agent.post('/auth/login', credentials))).toEqual({
      message: 'Login successful',
      user: { id: 1, email: 'ann@example.com', name: 'Ann' },
    })
    expect(await json(agent.get('/profile'))).toEqual({ user: { id: 1, email: 'ann@example.com', role: 'user' } })
    expect(await json(agent.get('/auth/profile'))).toEqual({ user: { id: 1, email: 'ann@example.com' } })
    expect(await json(agent.get('/auth/me'))).toMatchObject({ authenticated: true, user: { name: 'Ann' } })
    expect(await status('/profile', before)).toBe(401)

    // Parallel requests that write different keys are all kept.
    await Promise.all(['a', 'b', 'c', 'd'].map((key) => agent.copy().get(`/probe/set?${key}=0`)))
    const held = { userId: 1, email: 'ann@example.com', role: 'user', cart: 'full' }
    expect(await json(agent.get('/probe/data'))).toEqual({ ...held, a: '0', b: '0', c: '0', d: '0' })

    // The service sees the very sessions of the requests, and loses none of its own parallel updates.
    const { id } = (await json(agent.get('/probe/id'))) as { id: string }
    expect(await json(agent.get(`/probe/service?id=${id}`))).toMatchObject(held)
    await agent.post(`/probe/update?id=${id}`)
    expect(await json(agent.get('/probe/data'))).toMatchObject({ ...held, a: 1, b: 2, c: '0' })

    // A logout ends the session, its cookie and every copy.
    const copy = agent.copy()
    expect(await json(agent.post('/auth/logout'))).toEqual({ message: 'Logout successful' })
    expect([agent.cookies, await status('/profile', copy)]).toEqual([[], 401])

    // What the service destroys is over.
    await agent.post('/auth/login', credentials)
    const { id: second } = (await json(agent.get('/probe/id'))) as { id: string }
    await agent.post(`/probe/destroy?id=${second}`)
    expect(await status('/profile')).toBe(401)

    // Without Redis the answer is quick and honest, and the process lives on.
    await agent.post('/auth/login', credentials)
    const { port } = redis
    await redis.stop()
    const begun = performance.now()
    expect([await status('/profile'), await status('/auth/me')]).toEqual([503, 503])
    expect(performance.now() - begun).toBeLessThan(4000)
    redis = await startRedis({ port })
    await expect.poll(() => status('/profile'), { timeout: 20_000, interval: 100 }).toBe(401)
    expect(server!.output()).not.toMatch(/Error:/)
  })
})
