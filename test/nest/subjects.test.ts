import { Controller, Inject, Post, Req } from '@nestjs/common'
import { ExpressAdapter } from '@nestjs/platform-express'
import { FastifyAdapter } from '@nestjs/platform-fastify'
import { minutes, seconds, SessionService, type SessionInfo } from 'latchkey'
import { keyOf, type SessionEvent } from 'latchkey/core'
import { MemoryStore } from 'latchkey/stores/memory'
import type { CookieAgent } from 'latchkey/testing'
import { afterAll, describe, expect, test } from 'vitest'
import { closeAccounts, look, sharedAccount, signIn, startAccount, type AccountRequest } from '../support/account.js'
import { bare } from '../support/engine.js'
import { adapters, factories, type Adapter } from '../support/nest.js'

const ANN = { id: 7, email: 'ann@example.com', role: 'editor' }
const BOB = { id: 8 }

const FIREFOX = { 'user-agent': 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0' }
const SAFARI = {
  'user-agent':
    'Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1',
}

@Controller()
class OwnSessionsController {
  constructor(@Inject(SessionService) private readonly sessions: SessionService) {}

  @Post('revoke-others')
  async revokeOthers(@Req() { session }: AccountRequest): Promise<unknown> {
    return { ended: await this.sessions.revokeOthers(session) }
  }
}

const devices = async (agent: CookieAgent): Promise<readonly SessionInfo[]> =>
  (await (await agent.get('/devices')).json()) as readonly SessionInfo[]

const user = async (agent: CookieAgent): Promise<unknown> => (await look(agent)).data['userId']

/** What in the cookie of a client leads to its session. */
function secretsOf(agent: CookieAgent): readonly string[] {
  const token = agent.cookie('sessionId')!
  const [id, signature] = token.split('.') as [string, string]
  return [id.slice(0, 8), id.slice(8), keyOf(id).slice(8), signature]
}

afterAll(closeAccounts)

describe.each(adapters)('on $name', (adapter) => {
  const start = (options?: Parameters<typeof startAccount>[1]) =>
    options ? startAccount(adapter, options, [OwnSessionsController]) : sharedAccount(adapter, [OwnSessionsController])

  describe('list', () => {
    test('shows the sessions of a user, the first signed in first, and which is the present one', async () => {
      const { agent, clock } = await start()
      const [laptop, phone] = [agent(FIREFOX), agent(SAFARI)]
      await laptop.get('/set?cart=1')
      const createdAt = clock.now()
      clock.advance(minutes(2))
      const first = await signIn(laptop, ANN)
      clock.advance(minutes(3))
      const second = await signIn(phone, ANN, { remember: true })
      await signIn(agent(), BOB)
      await agent().get('/set?cart=2')
      const now = clock.now()
      const shown = [
        {
          handle: first.handle,
          createdAt,
          authenticatedAt: now - minutes(3),
          lastSeenAt: now,
          expiresAt: now - minutes(3) + minutes(24 * 60),
          device: 'Firefox on Linux',
          ip: '127.0.0.1',
          current: true,
        },
        {
          handle: second.handle,
          createdAt: now,
          authenticatedAt: now,
          lastSeenAt: now,
          expiresAt: now + minutes(30 * 24 * 60),
          device: 'Safari on iOS',
          ip: '127.0.0.1',
          current: false,
        },
      ]
      // Its own request is noted as use of the first.
      expect(await devices(laptop)).toStrictEqual(shown)
      expect((await devices(phone)).map(({ current }) => current)).toEqual([false, true])
    })

    test('puts a user who signs in again last, under the same handle', async () => {
      const { agent, clock } = await start()
      const [laptop, phone] = [agent(FIREFOX), agent(SAFARI)]
      const first = await signIn(laptop, ANN)
      clock.advance(1)
      const second = await signIn(phone, ANN)
      clock.advance(1)
      await signIn(laptop, ANN)
      expect((await devices(laptop)).map(({ handle }) => handle)).toEqual([second.handle, first.handle])
    })

    test('follows a session through rotations, and drops it when it ends', async () => {
      const { agent, service, clock } = await start()
      const [laptop, phone] = [agent(FIREFOX), agent(SAFARI)]
      const { handle } = await signIn(laptop, ANN)
      await signIn(phone, ANN)
      for (let round = 0; round < 3; round++) await laptop.get('/rotate')
      expect((await service.list(7)).map(({ handle }) => handle)).toContain(handle)
      expect(await service.count(7)).toBe(2)
      await phone.post('/logout')
      expect(await service.list(7)).toEqual([expect.objectContaining({ handle, current: false })])
      clock.advance(minutes(30))
      expect(await service.list(7)).toEqual([])
      expect(await service.count(7)).toBe(0)
    })

    test('and the events and log lines around it hold nothing that leads to a session', async () => {
      const lines: string[] = []
      const events: SessionEvent[] = []
      const { agent, clock, service, store } = await start({
        log: (line) => lines.push(line),
        onEvent: (event) => events.push(event),
        maxSessions: 2,
        onReuse: 'revoke',
      })
      const [laptop, phone, tablet] = [agent(FIREFOX), agent(SAFARI), agent()]
      const secrets: string[] = []
      for (const browser of [laptop, phone, tablet]) {
        await browser.get('/set?cart=1')
        secrets.push(...secretsOf(browser))
        clock.advance(1)
        await signIn(browser, ANN)
        secrets.push(...secretsOf(browser))
      }
      const former = phone.copy()
      await phone.get('/rotate')
      secrets.push(...secretsOf(phone))
      let shown = JSON.stringify(await devices(phone))
      expect(shown).toContain('Safari')
      clock.advance(seconds(10))
      await former.get('/session')
      expect(await user(phone)).toBeUndefined()
      await service.revokeAll(7)
      store.failWith(new Error('down'))
      shown += await (await tablet.get('/devices')).text()
      store.heal()
      const types = new Set(events.map(({ type }) => type))
      for (const type of ['created', 'rotated', 'evicted', 'reuse-detected', 'revoked', 'store-failed'] as const) {
        expect(types).toContain(type)
      }
      expect(lines).not.toEqual([])
      const text = shown + JSON.stringify(events) + lines.join('\n')
      for (const secret of secrets) expect(text).not.toContain(secret)
    })

    test('takes a user as number, as string or as bigint', async () => {
      const { agent, service } = await start()
      await signIn(agent(), ANN)
      await signIn(agent(), { id: '7' })
      for (const subject of [7, '7', 7n]) {
        expect(await service.list(subject)).toHaveLength(2)
        expect(await service.count(subject)).toBe(2)
      }
      const ended = [await service.revoke('7', (await service.list(7n))[0]!.handle), await service.revokeAll(7n)]
      expect(ended).toEqual([true, 1])
    })

    test('and the others refuse who is nobody', async () => {
      const { service } = await start()
      for (const subject of [undefined, null, '', Number.NaN, {}, true]) {
        for (const call of [
          () => service.list(subject),
          () => service.count(subject),
          () => service.revoke(subject, 'handle'),
          () => service.revokeAll(subject),
          () => service.updateAll<Record<string, unknown>>(subject, { role: 'admin' }),
        ]) {
          await expect(call()).rejects.toMatchObject({ code: 'SUBJECT_INVALID' })
        }
      }
    })

    test.each(['list', 'count', 'revoke', 'revokeAll', 'updateAll'] as const)(
      'and the others are 503 where the store fails to %s',
      async (verb) => {
        const { agent, service, store } = await start()
        const ann = agent()
        await signIn(ann, ANN)
        store.failWith(new Error('down'), [verb])
        const calls = {
          list: () => service.list(7),
          count: () => service.count(7),
          revoke: () => service.revoke(7, 'handle'),
          revokeAll: () => service.revokeAll(7),
          updateAll: () => service.updateAll<Record<string, unknown>>(7, { role: 'admin' }),
        }
        await expect(calls[verb]()).rejects.toMatchObject({ status: 503, response: { code: 'STORE_UNAVAILABLE' } })
        if (verb === 'list') expect((await ann.get('/devices')).status).toBe(503)
        store.heal()
        expect((await look(ann)).data).toMatchObject({ userId: 7, role: 'editor' })
      },
    )
  })

  describe.each(factories)('with $name', (factory) => {
    const behindProxy: Adapter = {
      ...adapter,
      make: () => {
        if (adapter.name === 'fastify') return new FastifyAdapter({ trustProxy: true })
        const express = new ExpressAdapter()
        express.set('trust proxy', 1)
        return express
      },
    }

    test.each([
      ['behind a trusted proxy the address is that of the client', behindProxy, '203.0.113.9', '203.0.113.9'],
      ['what can be no address is left out', behindProxy, 'x'.repeat(65), undefined],
      ['what a client says of its address is not believed otherwise', adapter, '203.0.113.9', '127.0.0.1'],
    ])('%s', async (_, trusting, forwarded, ip) => {
      const { agent, service } = await startAccount(trusting, {}, [], factory)
      await signIn(agent({ 'x-forwarded-for': forwarded }), ANN)
      expect(await service.list(7)).toEqual([expect.objectContaining({ ip })])
    })
  })

  test('find gives the session of that handle, until it ends, and none of somebody else', async () => {
    const { agent, service } = await start()
    const phone = agent(SAFARI)
    const { handle } = await signIn(phone, ANN)
    await signIn(agent(), ANN)
    const { handle: other } = await signIn(agent(), BOB)
    const { data: _data, id: _id, ...known } = await look(phone)
    expect(await service.find(ANN.id, handle)).toMatchObject({ ...known, device: 'Safari on iOS', current: false })
    expect(await service.find(ANN.id, handle, known)).toMatchObject({ handle, current: true })
    expect(await service.find(ANN.id, other)).toBeUndefined()
    await service.revoke(ANN.id, handle)
    expect(await service.find(ANN.id, handle)).toBeUndefined()
  })

  describe('revoke', () => {
    test('ends the session of that handle, at its next request', async () => {
      const { agent, service, events } = await start()
      const [laptop, phone] = [agent(), agent()]
      await signIn(laptop, ANN)
      const { handle } = await signIn(phone, ANN)
      expect(await service.revoke(7, handle)).toBe(true)
      expect(events.at(-1)).toEqual({ type: 'revoked', handle, reason: 'service' })
      expect([await user(laptop), await user(phone)]).toEqual([7, undefined])
      expect(await service.revoke(7, handle)).toBe(false)
      expect(events.filter(({ type }) => type === 'revoked')).toHaveLength(1)
    })

    test("does nothing for the handle of somebody else's session, or one that there never was", async () => {
      const { agent, service, events } = await start()
      const [ann, bob] = [agent(), agent()]
      await signIn(ann, ANN)
      const { handle } = await signIn(bob, BOB)
      for (const wrong of [handle, 'unknown', '', undefined, 7, {}] as string[]) {
        expect(await service.revoke(7, wrong)).toBe(false)
      }
      expect([await user(ann), await user(bob)]).toEqual([7, 8])
      expect(events.map(({ type }) => type)).not.toContain('revoked')
    })
  })

  describe('revokeOthers', () => {
    test('ends all but the session of the request, and says how many', async () => {
      const { agent, service } = await start()
      const [laptop, phone, tablet, bob] = [agent(), agent(), agent(), agent()]
      for (const browser of [laptop, phone, tablet]) await signIn(browser, ANN)
      await signIn(bob, BOB)
      await phone.get('/rotate')
      expect(await (await phone.post('/revoke-others')).json()).toEqual({ ended: 2 })
      const users = []
      for (const browser of [laptop, phone, tablet, bob]) users.push(await user(browser))
      expect(users).toEqual([undefined, 7, undefined, 8])
      expect(await (await phone.post('/revoke-others')).json()).toEqual({ ended: 0 })
      expect(await service.count(7)).toBe(1)
    })

    test('of a session that belongs to nobody is refused', async () => {
      const { agent, service } = await start()
      const ann = agent()
      await signIn(agent(), ANN)
      await ann.get('/set?cart=1')
      expect((await ann.post('/revoke-others')).status).toBe(500)
      expect(await service.count(7)).toBe(1)
    })
  })

  test('revokeAll ends all sessions of a user, remembered ones too, and says how many', async () => {
    const { agent, service, clock, events } = await start()
    const [laptop, phone, bob, nobody] = [agent(), agent(), agent(), agent()]
    const handles = [(await signIn(laptop, ANN)).handle]
    clock.advance(1)
    handles.push((await signIn(phone, ANN, { remember: true })).handle)
    await signIn(bob, BOB)
    await nobody.get('/set?cart=1')
    expect(await service.revokeAll(7)).toBe(2)
    expect(events.slice(-2)).toEqual(handles.map((handle) => ({ type: 'revoked', handle, reason: 'service' })))
    expect([await user(laptop), await user(phone), await user(bob)]).toEqual([undefined, undefined, 8])
    expect((await look(nobody)).data).toEqual({ cart: '1' })
    expect(await service.revokeAll(7)).toBe(0)
    await signIn(laptop, ANN)
    expect(await user(laptop)).toBe(7)
  })

  describe('updateAll', () => {
    test('writes into all sessions of a user, and each device sees it at its next request', async () => {
      const { agent, service, clock } = await start()
      const [laptop, phone, bob] = [agent(), agent(), agent()]
      await signIn(laptop, ANN)
      await laptop.get('/set?cart=1')
      await signIn(phone, ANN)
      await signIn(bob, { ...BOB, role: 'editor' })
      clock.advance(minutes(20))
      expect(await service.updateAll<Record<string, unknown>>(7, { role: 'admin', email: undefined })).toBe(2)
      expect((await look(laptop)).data).toEqual({ userId: 7, role: 'admin', cart: '1' })
      expect((await look(bob)).data).toMatchObject({ role: 'editor' })
      // It is no use of a session, so the deadlines stay.
      clock.advance(minutes(10))
      expect((await look(phone)).data).toEqual({})
    })

    test('of a user without sessions writes nothing', async () => {
      const { service } = await start()
      expect(await service.updateAll<Record<string, unknown>>(7, { role: 'admin' })).toBe(0)
    })

    test.each([{ userId: 8 }, { userId: undefined }, { role: 'admin', userId: '' }])(
      'is refused where %j would give a session to somebody else',
      async (partial) => {
        const { agent, service } = await start()
        const ann = agent()
        await signIn(ann, ANN)
        const refused = { code: 'SUBJECT_CHANGE_REFUSED' }
        await expect(service.updateAll<Record<string, unknown>>(7, partial)).rejects.toMatchObject(refused)
        expect((await look(ann)).data).toEqual({ userId: 7, email: ANN.email, role: 'editor' })
        expect([await service.count(7), await service.count(8)]).toEqual([1, 0])
      },
    )

    test('takes the same subject once more, and refuses what can not be stored with its path', async () => {
      const { agent, service } = await start()
      await signIn(agent(), ANN)
      expect(await service.updateAll<Record<string, unknown>>(7, { userId: '7', role: 'admin' })).toBe(1)
      const bad = service.updateAll<Record<string, unknown>>(7, { a: { b: () => {} } })
      await expect(bad).rejects.toThrow(/a\.b/)
    })
  })

  describe('with a store that does not know which sessions a user has', () => {
    test('they say what is missing; login and logout work', async () => {
      const { agent, service } = await start({ store: bare(new MemoryStore()) })
      const ann = agent()
      await signIn(ann, ANN)
      expect(await user(ann)).toBe(7)
      const missing = {
        code: 'ABILITY_MISSING',
        message: expect.stringContaining('memory, sqlite and redis') as string,
      }
      for (const call of [
        () => service.list(7),
        () => service.count(7),
        () => service.revoke(7, 'handle'),
        () => service.revokeAll(7),
        () => service.updateAll<Record<string, unknown>>(7, { role: 'admin' }),
      ]) {
        await expect(call()).rejects.toMatchObject(missing)
      }
      expect((await ann.post('/revoke-others')).status).toBe(500)
      await ann.post('/logout')
      expect(await user(ann)).toBeUndefined()
    })
  })
})
