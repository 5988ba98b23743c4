import { Body, Controller, Get, Inject, Module, Post, Query, Req, type Type } from '@nestjs/common'
import { SessionModule, SessionService, type LoginOptions, type Session, type SessionModuleOptions } from 'latchkey'
import type { SessionEvent } from 'latchkey/core'
import { MemoryStore } from 'latchkey/stores/memory'
import { CookieAgent, FailingStore, ManualClock } from 'latchkey/testing'
import { factories, type Adapter, type NestApp } from './nest.js'

type Data = Record<string, unknown>

/** A request as a controller of these tests gets it, on both platforms. */
export interface AccountRequest {
  readonly session: Session<Data>
  readonly raw?: object
}

/** What a client may see of its session. */
export interface Seen {
  readonly id: string
  readonly handle: string
  readonly authenticatedAt?: number
  readonly data: Data
}

/** An application in which users sign in, and what is around it. */
export interface Account {
  readonly service: SessionService
  readonly store: FailingStore
  readonly clock: ManualClock
  readonly events: SessionEvent[]
  /** A new browser. */
  agent(headers?: Readonly<Record<string, string>>): CookieAgent
}

@Controller()
class AccountController {
  constructor(@Inject(SessionService) private readonly sessions: SessionService) {}

  @Post('login')
  async login(
    @Req() request: AccountRequest,
    @Body() { user, ...options }: LoginOptions & { readonly user: Data },
  ): Promise<Seen> {
    await this.sessions.login(request, user, options)
    return seen(request.session)
  }

  @Post('logout')
  async logout(@Req() request: AccountRequest): Promise<Seen> {
    await this.sessions.logout(request)
    return seen(request.session)
  }

  @Get('set')
  set(@Req() { session }: AccountRequest, @Query() query: Record<string, string>): string {
    Object.assign(session, query)
    return 'done'
  }

  @Get('rotate')
  async rotate(@Req() { session }: AccountRequest): Promise<string> {
    await session.rotate()
    return 'done'
  }

  @Get('session')
  session(@Req() { session }: AccountRequest): Seen {
    return seen(session)
  }

  @Get('devices')
  devices(@Req() { session }: AccountRequest): unknown {
    return this.sessions.list(session['userId'], session)
  }
}

export function seen(session: Session<Data>): Seen {
  const { id, handle, authenticatedAt } = session
  return { id, handle, ...(authenticatedAt === undefined ? {} : { authenticatedAt }), data: { ...session } }
}

/** What one test has for itself of an application that several share. */
interface Surroundings {
  readonly store: FailingStore
  readonly clock: ManualClock
  readonly events: SessionEvent[]
}

interface Running {
  readonly app: NestApp
  readonly url: string
  now: Surroundings
}

const running: Running[] = []
const shared = new Map<string, Running>()

/** Starts an application with these options; {@link closeAccounts} ends it. */
export async function startAccount(
  adapter: Adapter,
  options: Partial<SessionModuleOptions> = {},
  controllers: readonly Type[] = [],
  factory = factories[0]!,
): Promise<Account> {
  const one = { now: surroundings() }
  @Module({
    imports: [
      SessionModule.forRoot({
        secret: 'a secret of more than 32 characters',
        store: presentStore(one),
        clock: () => one.now.clock.now(),
        log: false,
        onEvent: (event) => one.now.events.push(event),
        ...options,
      }),
    ],
    controllers: [AccountController, ...controllers],
  })
  class AccountModule {}
  const app = await factory.make(AccountModule as Type, adapter)
  await app.listen(0, '127.0.0.1')
  const started = Object.assign(one, { app, url: await app.getUrl() })
  running.push(started)
  return accountOf(started)
}

/** The application with default options, started once per adapter. Its store, its clock and its events are new each time. */
export async function sharedAccount(adapter: Adapter, controllers: readonly Type[] = []): Promise<Account> {
  const known = shared.get(adapter.name)
  if (!known) {
    const account = await startAccount(adapter, {}, controllers)
    shared.set(adapter.name, running.at(-1)!)
    return account
  }
  known.now = surroundings()
  return accountOf(known)
}

export async function closeAccounts(): Promise<void> {
  shared.clear()
  for (const { app } of running.splice(0)) await app.close()
}

function surroundings(): Surroundings {
  const clock = new ManualClock()
  return { clock, store: new FailingStore(new MemoryStore({ clock: clock.now })), events: [] }
}

/** Whatever store there is at the moment. */
function presentStore(one: { readonly now: Surroundings }): FailingStore {
  return new Proxy(one.now.store, {
    get(_, name) {
      const { store } = one.now
      const value: unknown = Reflect.get(store, name, store)
      return typeof value === 'function' ? (value as () => unknown).bind(store) : value
    },
  })
}

function accountOf({ app, url, now }: Running): Account {
  return {
    ...now,
    service: app.get<SessionService>(SessionService),
    agent: (headers) => new CookieAgent(url, { clock: now.clock.now, headers }),
  }
}

/** What the session of a client is now. */
export async function look(agent: CookieAgent): Promise<Seen> {
  return (await (await agent.get('/session')).json()) as Seen
}

/** Signs a user in, and what the session is then. */
export async function signIn(agent: CookieAgent, user: Data, options: LoginOptions = {}): Promise<Seen> {
  const response = await agent.post('/login', { user, ...options })
  if (response.status !== 201) throw new Error(`The login was answered with ${response.status}.`)
  return (await response.json()) as Seen
}
