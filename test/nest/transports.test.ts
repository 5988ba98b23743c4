import { Body, Controller, Inject, Post, Req } from '@nestjs/common'
import { SessionService, type LoginOptions, type Transport } from 'latchkey'
import type { CookieAgent } from 'latchkey/testing'
import { afterAll, describe, expect, test } from 'vitest'
import { closeAccounts, look, signIn, startAccount, type AccountRequest } from '../support/account.js'
import { adapters } from '../support/nest.js'

const ANN = { id: 7, email: 'ann@example.com', role: 'editor' }

/** A login that says how the answer is to carry the token. */
@Controller()
class TokenController {
  constructor(@Inject(SessionService) private readonly sessions: SessionService) {}

  @Post('sign-in')
  async signIn(@Req() request: AccountRequest, @Body() options: LoginOptions): Promise<object> {
    await this.sessions.login(request, ANN, options)
    return { token: await request.session.token() }
  }

  /** Swallows what keeps it from signing in. */
  @Post('attempt')
  async attempt(@Req() request: AccountRequest, @Body() options: LoginOptions): Promise<object> {
    const { code } = await this.sessions.login(request, ANN, options).then(
      () => ({ code: 'none' }),
      (error: { code?: string }) => error,
    )
    request.session['attempts'] = 1
    return { code }
  }
}

afterAll(closeAccounts)

describe.each(adapters)('on $name', (adapter) => {
  async function start(transports: readonly Transport[], cookie = {}) {
    const account = await startAccount(adapter, { transports, cookie }, [TokenController])
    const bearer = (token: string): CookieAgent => account.agent({ authorization: `Bearer ${token}` })
    return { ...account, bearer }
  }

  /** What an answer says of the token. */
  const told = ({ headers }: Response): object => ({
    cookies: headers.getSetCookie().length,
    token: headers.get('session-token'),
  })

  const tokenOf = async (response: Response): Promise<string> => ((await response.json()) as { token: string }).token

  test("a login with transport 'bearer' answers the token in a header, and sets no cookie", async () => {
    const { agent, bearer } = await start(['cookie', 'bearer'])
    const client = agent()
    const response = await client.post('/sign-in', { transport: 'bearer' })
    const token = await tokenOf(response.clone())
    expect(told(response)).toEqual({ cookies: 0, token })
    expect(response.headers.get('cache-control')).toContain('no-store')
    expect((await look(bearer(token))).data).toMatchObject({ userId: 7 })
    expect((await look(client)).data).toEqual({})
  })

  test('on a connection that can carry no Secure cookie it works all the same', async () => {
    const { agent, bearer } = await start(['cookie', 'bearer'], { secure: true })
    expect((await agent().post('/sign-in', {})).status).toBe(500)
    const token = await tokenOf(await agent().post('/sign-in', { transport: 'bearer' }))
    expect((await look(bearer(token))).data).toMatchObject({ userId: 7 })
  })

  test("on a session of a cookie it hands that over: the cookie is dead, and what the session held is the token's", async () => {
    const { agent, bearer } = await start(['cookie', 'bearer'])
    const client = agent()
    await client.get('/set?cart=1')
    const response = await client.post('/sign-in', { transport: 'bearer' })
    expect(response.headers.getSetCookie()).toEqual([])
    expect((await look(client)).data).toEqual({})
    expect((await look(bearer(await tokenOf(response)))).data).toMatchObject({ userId: 7, cart: '1' })
  })

  test("with transport 'cookie' a client that brings a token gets a cookie", async () => {
    const { agent, bearer } = await start(['cookie', 'bearer'])
    const client = bearer(await tokenOf(await agent().post('/sign-in', { transport: 'bearer' })))
    expect(told(await client.post('/sign-in', { transport: 'cookie' }))).toEqual({ cookies: 1, token: null })
  })

  test('without one the answer is as the request was', async () => {
    const { agent, bearer } = await start(['cookie', 'bearer'])
    const response = await agent().post('/sign-in', {})
    expect(told(response)).toEqual({ cookies: 1, token: null })
    const renewed = await bearer(await tokenOf(response)).post('/sign-in', {})
    expect(told(renewed.clone())).toEqual({ cookies: 0, token: await tokenOf(renewed) })
  })

  test.each<[readonly Transport[], string]>([
    [['cookie'], 'bearer'],
    [['bearer'], 'cookie'],
    [['cookie', 'bearer'], 'pigeon'],
  ])('with %j in use, %s is refused, and nobody is signed in', async (transports, transport) => {
    const { agent, service } = await start(transports)
    const response = await agent().post('/attempt', { transport })
    expect(await response.json()).toEqual({ code: 'OPTIONS_INVALID' })
    expect(await service.count(7)).toBe(0)
  })

  test('a login that fails leaves the answer as it would have been', async () => {
    const account = await startAccount(
      adapter,
      { transports: ['cookie', 'bearer'], maxSessions: 1, onLimit: 'refuse' },
      [TokenController],
    )
    await signIn(account.agent(), ANN)
    const response = await account.agent().post('/attempt', { transport: 'bearer' })
    expect(told(response)).toEqual({ cookies: 1, token: null })
  })
})
