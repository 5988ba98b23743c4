import { Body, Controller, Get, Inject, Post, Req, UseGuards } from '@nestjs/common'
import {
  days,
  hours,
  minutes,
  RecentLoginGuard,
  RequireRecentLogin,
  type SessionError,
  SessionService,
  type LoginOptions,
} from 'latchkey'
import { afterAll, describe, expect, test } from 'vitest'
import {
  closeAccounts,
  look,
  seen,
  sharedAccount,
  signIn,
  startAccount,
  type AccountRequest,
  type Seen,
} from '../support/account.js'
import { adapters } from '../support/nest.js'

const ANN = { id: 7, email: 'ann@example.com', role: 'editor', name: 'Ann', password: 'a hash' }
const ANNS_DATA = { userId: 7, email: 'ann@example.com', role: 'editor' }

/** Handlers that do more than one thing in a request. */
@Controller()
class OddController {
  constructor(@Inject(SessionService) private readonly sessions: SessionService) {}

  @Post('try')
  async try(@Req() request: AccountRequest, @Body() { user, ...options }: LoginOptions & { user: object }) {
    try {
      await this.sessions.login(request, user, options)
      return { code: 'none' }
    } catch (error) {
      const { code, message } = error as SessionError
      return { code, message, session: seen(request.session) }
    }
  }

  @Post('stored')
  async stored(@Req() request: AccountRequest): Promise<unknown> {
    await this.sessions.login(request, ANN)
    return this.sessions.getUserFromSession(request.session.id)
  }

  @Post('raw')
  async raw(@Req() request: AccountRequest): Promise<Seen> {
    await this.sessions.login(request.raw ?? request, ANN)
    return seen(request.session)
  }

  @Post('foreign')
  async foreign(): Promise<unknown> {
    const failures = []
    for (const request of [{}, { raw: {} }, { raw: 'a body' }, undefined, null] as object[]) {
      for (const call of [this.sessions.login(request, ANN), this.sessions.logout(request)]) {
        failures.push(await call.catch((error: unknown) => (error as SessionError).code))
      }
    }
    return failures
  }

  @Post('logout-twice')
  async logoutTwice(@Req() request: AccountRequest): Promise<string> {
    await this.sessions.logout(request)
    await this.sessions.logout(request)
    return 'done'
  }
}

@Controller('vault')
@RequireRecentLogin(minutes(5))
class VaultController {
  @Get()
  open(): string {
    return 'open'
  }

  @Get('inner')
  @RequireRecentLogin(minutes(1))
  inner(): string {
    return 'inner'
  }
}

@Controller('door')
class DoorController {
  @Get('guarded')
  @RequireRecentLogin(minutes(5))
  guarded(): string {
    return 'guarded'
  }

  @Get('free')
  @UseGuards(RecentLoginGuard)
  free(): string {
    return 'free'
  }
}

afterAll(closeAccounts)

describe.each(adapters)('on $name', (adapter) => {
  const controllers = [OddController, VaultController, DoorController]
  const start = (options?: Parameters<typeof startAccount>[1]) =>
    options ? startAccount(adapter, options, controllers) : sharedAccount(adapter, controllers)

  describe('login', () => {
    test('gives the session of the request a new id and the data of the user; the id from before is dead', async () => {
      const { agent, clock, store, events } = await start()
      const ann = agent()
      await ann.get('/set?cart=1')
      const thief = ann.copy()
      const before = await look(ann)
      clock.advance(minutes(1))
      const after = await signIn(ann, ANN)
      expect(after).toEqual({
        id: expect.not.stringMatching(before.id) as string,
        handle: before.handle,
        authenticatedAt: clock.now(),
        data: { cart: '1', ...ANNS_DATA },
      })
      expect(await look(ann)).toEqual(after)
      expect((await look(thief)).data).toEqual({})
      expect(store.calls).toMatchObject({ create: 1, rotate: 1, update: 0, delete: 0 })
      expect(events.map(({ type }) => type)).toEqual(['created', 'rotated'])
    })

    test('without a session from before begins one', async () => {
      const { agent, clock, store } = await start()
      const ann = agent()
      const session = await signIn(ann, ANN)
      expect(session).toMatchObject({ authenticatedAt: clock.now(), data: ANNS_DATA })
      expect(await look(ann)).toEqual(session)
      expect(store.calls).toMatchObject({ create: 1, rotate: 0 })
    })

    test('is stored when its promise resolves', async () => {
      const { agent } = await start()
      expect(await (await agent().post('/stored')).json()).toEqual({ id: 7, email: 'ann@example.com', role: 'editor' })
    })

    test("takes Fastify's raw request, and Express's own, as well", async () => {
      const { agent } = await start()
      const ann = agent()
      await ann.post('/raw')
      expect((await look(ann)).data).toEqual(ANNS_DATA)
    })

    test('keeps of a user only what there is', async () => {
      const { agent } = await start()
      const ann = agent()
      await signIn(ann, { id: 'ann', name: 'Ann' })
      expect((await look(ann)).data).toEqual({ userId: 'ann' })
    })

    test('keeps what the option `signIn` makes of the user', async () => {
      const { agent, service } = await start({
        subject: (data) => data['account'],
        signIn: (user) => ({ account: `${String(user['tenant'])}/${String(user['id'])}`, since: 1 }),
      })
      const ann = agent()
      await signIn(ann, { id: 7, tenant: 'acme' })
      expect((await look(ann)).data).toEqual({ account: 'acme/7', since: 1 })
      expect(await service.count('acme/7')).toBe(1)
    })

    test.each([
      [undefined, { cart: '1', theme: 'dark' }],
      [true, { cart: '1', theme: 'dark' }],
      [false, {}],
      [[], {}],
      [['theme', 'unknown'], { theme: 'dark' }],
    ])('with keep: %j keeps of the anonymous session so much', async (keep, kept) => {
      const { agent } = await start()
      const ann = agent()
      await ann.get('/set?cart=1&theme=dark')
      await signIn(ann, ANN, { keep })
      expect((await look(ann)).data).toEqual({ ...kept, ...ANNS_DATA })
    })

    test.each([
      [undefined, {}],
      [false, {}],
      [['theme'], { theme: 'dark' }],
      [true, { theme: 'dark', cart: '1' }],
    ])("with keep: %j keeps of somebody else's session so much", async (keep, kept) => {
      const { agent, service } = await start()
      const browser = agent()
      await signIn(browser, ANN)
      await browser.get('/set?cart=1&theme=dark')
      const before = browser.copy()
      await signIn(browser, { id: 8 }, { keep })
      expect((await look(browser)).data).toEqual({ ...kept, userId: 8 })
      expect((await look(before)).data).toEqual({})
      expect([await service.count(7), await service.count(8)]).toEqual([0, 1])
    })

    test('of the same user once more gives a new id and a new authenticatedAt, and keeps the session', async () => {
      const { agent, clock, service } = await start()
      const ann = agent()
      const first = await signIn(ann, ANN)
      await ann.get('/set?cart=1')
      const before = ann.copy()
      clock.advance(minutes(10))
      const second = await signIn(ann, { ...ANN, role: 'admin' })
      expect(second.id).not.toBe(first.id)
      expect(second).toMatchObject({ handle: first.handle, authenticatedAt: clock.now() })
      expect(await look(ann)).toMatchObject({ data: { ...ANNS_DATA, role: 'admin', cart: '1' } })
      expect((await look(before)).data).toEqual({})
      expect(await service.count(7)).toBe(1)
    })

    test('of a user who has lost a role takes it away', async () => {
      const { agent } = await start()
      const ann = agent()
      await signIn(ann, ANN)
      await signIn(ann, { id: 7, email: ANN.email })
      expect((await look(ann)).data).toEqual({ userId: 7, email: ANN.email })
    })

    test.each([{}, { id: null }, { id: '' }, { email: 'ann@example.com' }])(
      'of a user without an id (%j) is refused, and nobody is signed in',
      async (user) => {
        const { agent, store } = await start()
        const ann = agent()
        await ann.get('/set?cart=1')
        const before = await look(ann)
        const response = await ann.post('/try', { user })
        expect(response.headers.getSetCookie()).toEqual([])
        expect(await response.json()).toMatchObject({
          code: 'SUBJECT_INVALID',
          message: expect.stringMatching(/Nobody would be signed in.*Give the user an id/) as string,
          session: { data: { cart: '1' } },
        })
        expect(await look(ann)).toEqual(before)
        expect(store.calls).toMatchObject({ rotate: 0, update: 0 })
      },
    )

    test('of a user whose id names nobody is refused', async () => {
      const { agent } = await start()
      const ann = agent()
      expect(await (await ann.post('/try', { user: { id: {} } })).json()).toMatchObject({ code: 'SUBJECT_INVALID' })
      expect((await look(ann)).data).toEqual({})
    })

    test('with data that can not be stored is refused, and the session stays as it was', async () => {
      const { agent } = await start({ signIn: ({ id }) => ({ userId: id, logger: () => {} }) })
      const ann = agent()
      await ann.get('/set?cart=1')
      const response = await ann.post('/try', { user: ANN, remember: true })
      expect(response.status).toBe(201)
      expect(response.headers.getSetCookie()).toEqual([])
      expect(await response.json()).toMatchObject({ code: 'VALUE_NOT_STORABLE', session: { data: { cart: '1' } } })
      expect((await look(ann)).data).toEqual({ cart: '1' })
    })

    test.each(['create', 'rotate'] as const)(
      'is 503 where the store fails to %s, and nobody is signed in',
      async (verb) => {
        const { agent, store } = await start()
        const ann = agent()
        if (verb === 'rotate') await ann.get('/set?cart=1')
        store.failWith(new Error('redis://secret@host is down'), [verb])
        const response = await ann.post('/login', { user: ANN })
        expect(response.status).toBe(503)
        expect(response.headers.get('retry-after')).toBe('1')
        expect(response.headers.getSetCookie()).toEqual([])
        const body = await response.text()
        expect(JSON.parse(body)).toMatchObject({ statusCode: 503, code: 'STORE_UNAVAILABLE' })
        expect(body).not.toContain('redis')
        // Not even a handler that passes over it can call it a success.
        expect((await ann.post('/try', { user: ANN })).status).toBe(503)
        store.heal()
        expect((await look(ann)).data).toEqual(verb === 'rotate' ? { cart: '1' } : {})
      },
    )

    test('of what is no request of ours is refused, and so is logout', async () => {
      const { agent } = await start()
      const failures = (await (await agent().post('/foreign')).json()) as string[]
      expect(failures).toHaveLength(10)
      expect(new Set(failures)).toEqual(new Set(['REQUEST_WITHOUT_SESSION']))
    })
  })

  describe('login with remember', () => {
    const maxAge = (response: Response): string | undefined =>
      /Max-Age=(\d+)/.exec(response.headers.getSetCookie()[0] ?? '')?.[1]

    test.each([
      ['true', true, undefined, days(30), days(30)],
      ['true, by the option `rememberFor`', true, days(90), days(90), days(90)],
      ['a duration', days(7), days(90), days(7), days(7)],
      ['a duration shorter than others live, used in between', hours(2), undefined, hours(2), minutes(20)],
    ])('%s: the session and its cookie live so long', async (_, remember, rememberFor, lives, pause) => {
      const { agent, clock } = await start(rememberFor === undefined ? undefined : { rememberFor })
      const ann = agent()
      await ann.get('/set?cart=1')
      expect(maxAge(await ann.post('/login', { user: ANN, remember }))).toBe(String(lives / 1000))
      ann.restart()
      for (let used = pause; used < lives; used += pause) {
        clock.advance(pause)
        expect((await look(ann)).data).toMatchObject(ANNS_DATA)
      }
      const headers = { cookie: `sessionId=${ann.cookie('sessionId')}` }
      clock.advance(pause - 1)
      expect((await look(ann)).data).toMatchObject(ANNS_DATA)
      clock.advance(1)
      expect((await look(agent(headers))).data).toEqual({})
    })

    test.each([undefined, false])('%s: they live as any other', async (remember) => {
      const { agent, clock } = await start()
      const ann = agent()
      expect(maxAge(await ann.post('/login', { user: ANN, remember }))).toBe(String(days(1) / 1000))
      clock.advance(minutes(30))
      expect((await look(ann)).data).toEqual({})
    })

    test.each([0, -1, '7d', null])('%j is refused', async (remember) => {
      const { agent } = await start()
      const ann = agent()
      const answer = await (await ann.post('/try', { user: ANN, remember })).json()
      expect(answer).toMatchObject({
        code: 'OPTIONS_INVALID',
        message: expect.stringContaining('remember is') as string,
      })
      expect((await look(ann)).data).toEqual({})
    })

    test('a user who signs in again without it stays remembered', async () => {
      const { agent, clock } = await start()
      const ann = agent()
      await signIn(ann, ANN, { remember: true })
      clock.advance(days(10))
      expect(maxAge(await ann.post('/login', { user: ANN }))).toBe(String(days(20) / 1000))
      clock.advance(days(19))
      expect((await look(ann)).data).toEqual(ANNS_DATA)
    })

    test('somebody else who signs in on the session is not', async () => {
      const { agent, clock } = await start()
      const browser = agent()
      await signIn(browser, ANN, { remember: true })
      expect(maxAge(await browser.post('/login', { user: { id: 8 } }))).toBe(String(days(1) / 1000))
      clock.advance(minutes(30))
      expect((await look(browser)).data).toEqual({})
    })
  })

  describe('logout', () => {
    test('ends the session and deletes its cookie', async () => {
      const { agent, service, events } = await start()
      const ann = agent()
      const { handle } = await signIn(ann, ANN)
      const before = ann.copy()
      const response = await ann.post('/logout')
      expect(response.headers.getSetCookie()).toEqual([expect.stringMatching(/^sessionId=; .*Max-Age=0/)])
      expect((await response.json()) as Seen).not.toHaveProperty('authenticatedAt')
      expect((await look(before)).data).toEqual({})
      expect(await service.count(7)).toBe(0)
      expect(events.at(-1)).toEqual({ type: 'revoked', handle, reason: 'destroyed' })
    })

    test('twice is not an error, in one request or in two', async () => {
      const { agent } = await start()
      const ann = agent()
      await signIn(ann, ANN)
      const before = ann.copy()
      expect((await ann.post('/logout-twice')).status).toBe(201)
      const response = await before.post('/logout')
      expect(response.status).toBe(201)
      expect(response.headers.getSetCookie()).toEqual([expect.stringContaining('Max-Age=0')])
    })

    test('without a session is not an error, and sets no cookie', async () => {
      const { agent, store } = await start()
      const response = await agent().post('/logout')
      expect(response.status).toBe(201)
      expect(response.headers.getSetCookie()).toEqual([])
      expect(store.calls).toMatchObject({ load: 0, delete: 0 })
    })

    test('is 503 where the store fails, and the cookie stays', async () => {
      const { agent, store } = await start()
      const ann = agent()
      await signIn(ann, ANN)
      store.failWith(new Error('down'), ['delete'])
      const response = await ann.post('/logout')
      expect(response.status).toBe(503)
      expect(await response.json()).toMatchObject({ code: 'STORE_UNAVAILABLE' })
      store.heal()
      expect((await look(ann)).data).toEqual(ANNS_DATA)
    })
  })

  describe('session.authenticatedAt', () => {
    test('is when the subject signed in, through all that comes after', async () => {
      const { agent, clock } = await start()
      const ann = agent()
      await ann.get('/set?cart=1')
      expect(await look(ann)).not.toHaveProperty('authenticatedAt')
      clock.advance(minutes(3))
      const authenticatedAt = clock.now()
      await signIn(ann, ANN)
      for (const path of ['/session', '/set?cart=2', '/rotate', '/set?userId=7', '/session']) {
        clock.advance(minutes(3))
        await ann.get(path)
        expect((await look(ann)).authenticatedAt).toBe(authenticatedAt)
      }
    })

    test('is there for a sign-in by assigning the subject too', async () => {
      const { agent, clock } = await start()
      const ann = agent()
      await ann.get('/set?userId=7')
      expect((await look(ann)).authenticatedAt).toBe(clock.now())
    })
  })

  describe('@RequireRecentLogin', () => {
    test('answers 401 to who is not signed in', async () => {
      const { agent } = await start()
      const ann = agent()
      for (const _ of ['without a session', 'with an anonymous one']) {
        const response = await ann.get('/vault')
        expect(response.status).toBe(401)
        expect(await response.json()).toMatchObject({ statusCode: 401, message: 'Session not found' })
        await ann.get('/set?cart=1')
      }
    })

    test('answers 403, with a code to act on, to who signed in longer ago, until the next login', async () => {
      const { agent, clock } = await start()
      const ann = agent()
      await signIn(ann, ANN)
      clock.advance(minutes(5) - 1)
      expect(await (await ann.get('/vault')).text()).toBe('open')
      clock.advance(1)
      const response = await ann.get('/vault')
      expect(response.status).toBe(403)
      expect(await response.json()).toEqual({
        statusCode: 403,
        code: 'RECENT_LOGIN_REQUIRED',
        error: 'Forbidden',
        message: 'You signed in too long ago for this. Sign in again.',
      })
      // Neither use nor a new id nor the same subject once more is a login.
      for (const path of ['/session', '/rotate', '/set?userId=7']) await ann.get(path)
      expect((await ann.get('/vault')).status).toBe(403)
      await signIn(ann, ANN)
      expect((await ann.get('/vault')).status).toBe(200)
    })

    test('on a method goes before that on its class, and holds alone', async () => {
      const { agent, clock } = await start()
      const ann = agent()
      expect((await ann.get('/door/guarded')).status).toBe(401)
      expect((await ann.get('/door/free')).status).toBe(200)
      await signIn(ann, ANN)
      expect((await ann.get('/vault/inner')).status).toBe(200)
      clock.advance(minutes(1))
      const statuses: number[] = []
      for (const path of ['/vault/inner', '/vault', '/door/guarded']) statuses.push((await ann.get(path)).status)
      expect(statuses).toEqual([403, 200, 200])
      clock.advance(minutes(4))
      expect((await ann.get('/door/guarded')).status).toBe(403)
      expect((await ann.get('/door/free')).status).toBe(200)
    })
  })
})

test.each([0, -1, Number.NaN, Infinity, '5m', undefined])('@RequireRecentLogin(%s) is refused', (within) => {
  expect(() => RequireRecentLogin(within as number)).toThrow(
    expect.objectContaining({ code: 'OPTIONS_INVALID', message: expect.stringContaining('such as minutes(5)') }),
  )
})
