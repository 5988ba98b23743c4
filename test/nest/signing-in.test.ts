import { Body, Controller, Inject, Post, Req } from '@nestjs/common'
import { minutes, SessionService, type LoginOptions, type SessionError } from 'latchkey'
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
      for (const call of [() => this.sessions.login(request, ANN), () => this.sessions.logout(request)]) {
        failures.push(await call().catch((error: unknown) => (error as SessionError).code))
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

afterAll(closeAccounts)

describe.each(adapters)('on $name', (adapter) => {
  const controllers = [OddController]
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

    test.each([null, {}, { id: null }, { id: '' }, { email: 'ann@example.com' }])(
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

    test('once more, in two requests at once, leaves one session, and the later is 401', async () => {
      const { agent, store, service } = await start()
      const ann = agent()
      await signIn(ann, ANN)
      const gate = store.hold('rotate')
      const slow = ann.copy().post('/login', { user: ANN })
      await gate.reached
      await signIn(ann, ANN)
      gate.open()
      const response = await slow
      expect(response.status).toBe(401)
      expect(await response.json()).toMatchObject({ statusCode: 401, code: 'SESSION_GONE' })
      expect((await look(ann)).data).toEqual(ANNS_DATA)
      expect(await service.count(ANN.id)).toBe(1)
    })

    test('of what is no request of ours is refused, and so is logout', async () => {
      const { agent } = await start()
      const failures = (await (await agent().post('/foreign')).json()) as string[]
      expect(failures).toHaveLength(10)
      expect(new Set(failures)).toEqual(new Set(['REQUEST_WITHOUT_SESSION']))
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
})
