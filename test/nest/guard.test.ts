import {
  Controller,
  Get,
  Injectable,
  Module,
  Req,
  Session as NestSession,
  UseGuards,
  type ExecutionContext,
  type Type,
} from '@nestjs/common'
import { APP_GUARD } from '@nestjs/core'
import { CurrentUser, Public, Roles, SessionAuthGuard, SessionModule, type Session } from 'latchkey'
import { MemoryStore } from 'latchkey/stores/memory'
import { CookieAgent } from 'latchkey/testing'
import { afterEach, describe, expect, test } from 'vitest'
import { requestOf } from '../../src/nest/session.request.js'
import { adapters, factories, type NestApp } from '../support/nest.js'

const secret = 'a secret of more than 32 characters'

@Controller('auth')
class AuthController {
  @Public()
  @Get('login')
  login(@NestSession() session: Record<string, unknown>): string {
    Object.assign(session, { userId: 7, email: 'ann@example.com', role: 'editor' })
    return 'done'
  }

  @Public()
  @Get('anonymous')
  anonymous(@NestSession() session: Record<string, unknown>): string {
    session['cart'] = 1
    return 'done'
  }
}

@Controller('profile')
@UseGuards(SessionAuthGuard)
class ProfileController {
  @Get()
  profile(@Req() request: { user: unknown }): object {
    return { user: request.user }
  }

  @Get('email')
  email(@CurrentUser('email') email: string): object {
    return { email }
  }

  @Get('whole')
  whole(@CurrentUser() user: unknown): object {
    return { user }
  }

  @Public()
  @Get('open')
  open(@CurrentUser() user: unknown): object {
    return { user: user ?? null }
  }

  @Roles('admin')
  @Get('admin')
  admin(): string {
    return 'admin'
  }

  @Roles('admin', 'editor')
  @Get('edit')
  edit(): string {
    return 'edit'
  }
}

const running: NestApp[] = []

afterEach(async () => {
  for (const app of running.splice(0)) await app.close()
})

describe.each(adapters)('on $name', (adapter) => {
  async function start(
    options: Partial<Parameters<typeof SessionModule.forRoot>[0]> = {},
    providers: NonNullable<Parameters<typeof Module>[0]['providers']> = [],
    controllers: readonly Type[] = [],
  ): Promise<CookieAgent> {
    @Module({
      imports: [SessionModule.forRoot({ secret, store: new MemoryStore(), log: false, ...options })],
      controllers: [AuthController, ProfileController, ...controllers],
      providers,
    })
    class AppModule {}
    const app = await factories[0]!.make(AppModule as Type, adapter)
    running.push(app)
    await app.listen(0, '127.0.0.1')
    return new CookieAgent(await app.getUrl())
  }

  const json = async (response: Promise<Response>): Promise<unknown> => (await response).json()

  test('without a session it answers 401 Session not found', async () => {
    const agent = await start()
    const response = await agent.get('/profile')
    expect(response.status).toBe(401)
    expect(await response.json()).toMatchObject({ statusCode: 401, message: 'Session not found' })
  })

  test('a session that belongs to nobody is not enough', async () => {
    const agent = await start()
    await agent.get('/auth/anonymous')
    expect((await agent.get('/profile')).status).toBe(401)
  })

  test('with one it puts id, email and role on request.user', async () => {
    const agent = await start()
    await agent.get('/auth/login')
    const user = { id: 7, email: 'ann@example.com', role: 'editor' }
    expect(await json(agent.get('/profile'))).toEqual({ user })
    expect(await json(agent.get('/profile/whole'))).toEqual({ user })
    expect(await json(agent.get('/profile/email'))).toEqual({ email: 'ann@example.com' })
  })

  test('the option `user` replaces what it puts there', async () => {
    const agent = await start({
      user: (session) => ({ email: String(session['email']).toUpperCase(), roles: ['admin'] }),
    })
    await agent.get('/auth/login')
    expect(await json(agent.get('/profile'))).toEqual({ user: { email: 'ANN@EXAMPLE.COM', roles: ['admin'] } })
    expect((await agent.get('/profile/admin')).status).toBe(200)
  })

  test('a guard that extends it may do the same', async () => {
    @Injectable()
    class OwnGuard extends SessionAuthGuard {
      protected override userOf(session: Session<Record<string, unknown>>): unknown {
        return { name: session['email'] }
      }
    }
    @Controller('own')
    @UseGuards(OwnGuard)
    class OwnController {
      @Get()
      own(@CurrentUser() user: unknown): object {
        return { user }
      }
    }
    const agent = await start({}, [], [OwnController])
    expect((await agent.get('/own')).status).toBe(401)
    await agent.get('/auth/login')
    expect(await json(agent.get('/own'))).toEqual({ user: { name: 'ann@example.com' } })
  })

  test('@Roles() answers 403 to other roles', async () => {
    const agent = await start()
    expect((await agent.get('/profile/admin')).status).toBe(401)
    await agent.get('/auth/login')
    expect((await agent.get('/profile/admin')).status).toBe(403)
    expect((await agent.get('/profile/edit')).status).toBe(200)
  })

  test('as a global guard it lets everybody into what is @Public(), and knows the user there', async () => {
    const agent = await start({}, [{ provide: APP_GUARD, useClass: SessionAuthGuard }])
    expect(await json(agent.get('/profile/open'))).toEqual({ user: null })
    expect((await agent.get('/profile')).status).toBe(401)
    await agent.get('/auth/login')
    expect(await json(agent.get('/profile/open'))).toMatchObject({ user: { id: 7 } })
  })

  test('another subject decides who is signed in', async () => {
    const agent = await start({ subject: (data) => data['cart'] })
    await agent.get('/auth/anonymous')
    expect((await agent.get('/profile')).status).toBe(200)
  })
})

describe('the request behind a context', () => {
  const context = (type: string, args: unknown[]): ExecutionContext =>
    ({
      getType: () => type,
      getArgByIndex: (index: number) => args[index],
      switchToHttp: () => ({ getRequest: () => args[0] }),
    }) as unknown as ExecutionContext

  test('is that of HTTP, or `req` of a GraphQL context', () => {
    const request = { session: undefined }
    expect(requestOf(context('http', [request]))).toBe(request)
    expect(requestOf(context('graphql', [{}, {}, { req: request }, {}]))).toBe(request)
  })

  test.each([
    ['graphql', [{}, {}, {}], /no `req`/],
    ['rpc', [], /rpc context has no HTTP request/],
    ['ws', [], /ws context has no HTTP request/],
  ])('without one (%s) the error says what to do', (type, args, message) => {
    expect(() => requestOf(context(type, args))).toThrow(
      expect.objectContaining({ code: 'REQUEST_WITHOUT_SESSION', message: expect.stringMatching(message) }),
    )
  })
})
