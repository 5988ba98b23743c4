import { Body, Controller, Inject, Post, Req } from '@nestjs/common'
import { SessionLimitException, SessionService, type SessionModuleOptions } from 'latchkey'
import { MemoryStore } from 'latchkey/stores/memory'
import type { CookieAgent } from 'latchkey/testing'
import { afterAll, describe, expect, test } from 'vitest'
import { closeAccounts, look, signIn, startAccount, type AccountRequest } from '../support/account.js'
import { bare } from '../support/engine.js'
import { adapters } from '../support/nest.js'

const ANN = { id: 7, email: 'ann@example.com', role: 'editor' }
const BOB = { id: 8 }

const FIREFOX = { 'user-agent': 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0' }

const FULL: Partial<SessionModuleOptions> = { maxSessions: 1, onLimit: 'refuse' }

@Controller()
class PoliteController {
  constructor(@Inject(SessionService) private readonly sessions: SessionService) {}

  /** Answers a reached limit with a page of its own. */
  @Post('polite-login')
  async politeLogin(@Req() request: AccountRequest, @Body() { user }: { user: { id: unknown } }): Promise<unknown> {
    try {
      await this.sessions.login(request, user)
      return 'done'
    } catch (error) {
      if (!(error instanceof SessionLimitException)) throw error
      request.session['refused'] = true
      return this.sessions.list(user.id)
    }
  }
}

const user = async (agent: CookieAgent): Promise<unknown> => (await look(agent)).data['userId']

afterAll(closeAccounts)

describe.each(adapters)('maxSessions, on $name', (adapter) => {
  test("with 'evict-oldest' ends the session that signed in first, at its next request", async () => {
    const { agent, service, clock, events } = await startAccount(adapter, { maxSessions: 2 })
    const [laptop, phone, tablet, bob, nobody] = [agent(), agent(), agent(), agent(), agent()]
    await signIn(bob, BOB)
    await nobody.get('/set?cart=1')
    await signIn(laptop, ANN)
    clock.advance(1)
    const { handle } = await signIn(phone, ANN)
    clock.advance(1)
    // Not a new session, and from now on not the oldest.
    await signIn(laptop, ANN)
    expect(events.map(({ type }) => type)).not.toContain('evicted')
    clock.advance(1)
    await signIn(tablet, ANN)
    expect(events.filter(({ type }) => type === 'evicted')).toEqual([{ type: 'evicted', handle }])
    const users = []
    for (const browser of [laptop, phone, tablet, bob]) users.push(await user(browser))
    expect(users).toEqual([7, undefined, 7, 8])
    expect((await look(nobody)).data).toEqual({ cart: '1' })
    expect(await service.count(7)).toBe(2)
  })

  test('holds under parallel logins', async () => {
    const { agent, service } = await startAccount(adapter, { maxSessions: 3 })
    const browsers = Array.from({ length: 12 }, () => agent())
    await Promise.all(browsers.map((browser) => signIn(browser, ANN)))
    const users = await Promise.all(browsers.map(user))
    expect(users.filter((id) => id === 7)).toHaveLength(3)
    expect(await service.count(7)).toBe(3)
  })

  test("with 'refuse' answers the login with 409 and a code, and the anonymous session stays", async () => {
    const { agent, service, events } = await startAccount(adapter, FULL)
    const [laptop, phone, tablet] = [agent(), agent(), agent()]
    await signIn(laptop, ANN)
    await phone.get('/set?cart=1')
    const before = await look(phone)
    for (const browser of [phone, tablet]) {
      const response = await browser.post('/login', { user: ANN })
      expect(response.status).toBe(409)
      expect(response.headers.getSetCookie()).toEqual([])
      expect(await response.json()).toEqual({
        statusCode: 409,
        code: 'SESSION_LIMIT_REACHED',
        error: 'Conflict',
        message: 'You are signed in on as many devices as you may be. Sign out on one of them first.',
      })
    }
    expect(await look(phone)).toEqual(before)
    expect(tablet.cookies).toEqual([])
    expect(events.map(({ type }) => type)).toEqual(['created', 'created'])
    // The same user on the same session is no session more, and a logout makes room.
    await signIn(laptop, ANN)
    await laptop.post('/logout')
    expect((await signIn(phone, ANN)).data).toMatchObject({ cart: '1', userId: 7 })
    expect(await service.count(7)).toBe(1)
  })

  test("with 'refuse' answers 409 to a sign-in by `session.userId =` as well", async () => {
    const { agent, service } = await startAccount(adapter, FULL)
    const [laptop, phone, tablet] = [agent(), agent(), agent()]
    await laptop.get('/set?userId=7')
    await phone.get('/set?cart=1')
    const before = await look(phone)
    for (const browser of [phone, tablet]) {
      const response = await browser.get('/set?userId=7')
      expect(response.status).toBe(409)
      expect(response.headers.getSetCookie()).toEqual([])
      expect(await response.json()).toMatchObject({ code: 'SESSION_LIMIT_REACHED' })
    }
    expect(await look(phone)).toEqual(before)
    expect(tablet.cookies).toEqual([])
    expect(await service.count(7)).toBe(1)
  })

  test('a handler may answer it in its own way, and what it then writes is kept', async () => {
    const { agent, service } = await startAccount(adapter, FULL, [PoliteController])
    const [laptop, phone] = [agent(FIREFOX), agent()]
    const { handle } = await signIn(laptop, ANN)
    await phone.get('/set?cart=1')
    const response = await phone.post('/polite-login', { user: ANN })
    expect(response.status).toBe(201)
    expect(await response.json()).toEqual([expect.objectContaining({ handle, device: 'Firefox on Linux' })])
    expect((await look(phone)).data).toEqual({ cart: '1', refused: true })
    expect(await service.count(7)).toBe(1)
  })

  test('as a function is asked for each user, and may wait for its answer', async () => {
    const asked: string[] = []
    const { agent, service } = await startAccount(adapter, {
      maxSessions: (subject) => {
        asked.push(subject)
        return subject === '7' ? 1 : subject === '8' ? Promise.resolve(2) : undefined
      },
    })
    for (const id of [7, 8, 9]) for (let round = 0; round < 3; round++) await signIn(agent(), { id })
    const counts = [await service.count(7), await service.count(8), await service.count(9)]
    expect(counts).toEqual([1, 2, 3])
    expect(asked).toEqual(['7', '7', '7', '8', '8', '8', '9', '9', '9'])
  })

  test('as a function that answers what can not be meant signs nobody in, and says what is wrong', async () => {
    let answer: unknown
    const lines: string[] = []
    const { agent, service } = await startAccount(adapter, {
      maxSessions: () => answer as number,
      log: (line) => lines.push(line),
    })
    const ann = agent()
    for (answer of [0, 1.5, -1, '3', Number.NaN, null, {}, Promise.resolve(0)]) {
      expect((await ann.post('/login', { user: ANN })).status).toBe(500)
      const response = await ann.get('/set?userId=7')
      expect(response.status).toBe(500)
      expect(response.headers.getSetCookie()).toEqual([])
      expect(lines.splice(0)).toEqual([expect.stringMatching(/maxSessions is .*Give a whole number/)])
    }
    expect(await service.count(7)).toBe(0)
  })

  test('as a function that fails signs nobody in, and is told of', async () => {
    let isAsync = false
    const lines: string[] = []
    const { agent, service } = await startAccount(adapter, {
      maxSessions: () => {
        if (isAsync) return Promise.reject(new Error('no tariff'))
        throw new Error('no tariff')
      },
      log: (line) => lines.push(line),
    })
    const ann = agent()
    await ann.get('/set?cart=1')
    for (isAsync of [false, true]) {
      expect((await ann.post('/login', { user: ANN })).status).toBe(500)
      const response = await ann.get('/set?userId=7')
      expect(response.status).toBe(500)
      expect(await response.text()).not.toContain('tariff')
      expect(lines.splice(0)).toEqual([expect.stringContaining('no tariff')])
    }
    expect((await look(ann)).data).toEqual({ cart: '1' })
    expect(await service.count(7)).toBe(0)
  })

  test('is refused at start-up with a store that does not know which sessions a user has', async () => {
    const starting = startAccount(adapter, { store: bare(new MemoryStore()), maxSessions: 3 })
    await expect(starting).rejects.toMatchObject({
      code: 'OPTIONS_INVALID',
      message: expect.stringMatching(/maxSessions needs a store with the ability by-subject.*"bare"/) as string,
    })
  })
})
