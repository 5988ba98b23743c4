import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { days, minutes } from '../../src/core/duration.js'
import { CookieAgent } from '../../src/testing/cookie-agent.js'
import { ManualClock } from '../../src/testing/manual-clock.js'

/** Cookies an agent sends, by the path it asks for. */
function sent(agent: CookieAgent, path = '/'): Promise<string> {
  return agent.get(`/echo${path}`).then(async (response) => ((await response.json()) as Echo).cookie ?? '')
}

interface Echo {
  readonly method: string
  readonly cookie: string | undefined
  readonly type: string | undefined
  readonly asked: string | undefined
  readonly body: string
}

describe('a cookie agent', () => {
  let server: Server
  let base: string
  const clock = new ManualClock()

  beforeAll(async () => {
    server = createServer((request, response) => {
      const url = new URL(request.url ?? '/', 'http://localhost')
      if (url.pathname === '/redirect') {
        response.writeHead(302, { location: '/echo/', 'set-cookie': 'redirected=1; Path=/' }).end()
        return
      }
      const lines = url.searchParams.getAll('set')
      if (lines.length > 0) response.setHeader('set-cookie', lines)
      void bodyOf(request).then((body) => {
        const { cookie, 'content-type': type, 'x-asked': asked } = request.headers
        response.end(JSON.stringify({ method: request.method, cookie, type, asked, body }))
      })
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  })

  afterAll(() => new Promise((resolve) => server.close(resolve)))

  const fresh = (): CookieAgent => new CookieAgent(base, { clock: clock.now })

  test('keeps the cookies of an answer and sends them with the next request', async () => {
    const agent = fresh()
    await agent.get(`/echo/?set=${encodeURIComponent('a=1; Path=/; HttpOnly; SameSite=Lax')}&set=b=x=y`)
    expect(agent.cookie('a')).toBe('1')
    expect(agent.cookies.map(({ name, httpOnly, sameSite }) => [name, httpOnly, sameSite])).toEqual([
      ['a', true, 'Lax'],
      ['b', false, undefined],
    ])
    expect(await sent(agent)).toBe('b=x=y; a=1')
  })

  test('replaces a cookie of the same name and path', async () => {
    const agent = fresh()
    for (const line of ['a=1; Path=/', 'a=2; Path=/', 'a=3; Path=/echo']) agent.take(line)
    expect(await sent(agent)).toBe('a=3; a=2')
  })

  test.each(['a=; Path=/; Max-Age=0', 'a=; Path=/; Max-Age=-1', 'a=; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT'])(
    'lets a server delete by %s',
    async (line) => {
      const agent = fresh()
      agent.take('a=1; Path=/; Max-Age=60')
      expect(agent.take(line)).toBe(true)
      expect(agent.cookies).toEqual([])
      expect(await sent(agent)).toBe('')
    },
  )

  test('does not delete a cookie of another path', () => {
    const agent = fresh()
    agent.take('a=1; Path=/')
    agent.take('a=; Path=/echo; Max-Age=0')
    expect(agent.cookie('a')).toBe('1')
  })

  test('lets a cookie end, and believes Max-Age before Expires', () => {
    const agent = fresh()
    agent.take('a=1; Max-Age=60; Expires=Thu, 01 Jan 1970 00:00:00 GMT')
    agent.take(`b=1; Expires=${new Date(clock.now() + days(1)).toUTCString()}`)
    agent.take('c=1; Max-Age=soon')
    clock.advance(minutes(1) - 1)
    expect(agent.cookies.map(({ name }) => name)).toEqual(['a', 'b', 'c'])
    clock.advance(1)
    expect(agent.cookie('a')).toBeUndefined()
    clock.advance(days(1))
    expect(agent.cookies.map(({ name }) => name)).toEqual(['c'])
  })

  test('sends a cookie only below its path', async () => {
    const agent = fresh()
    agent.take('a=1; Path=/echo/one')
    agent.take('b=1; Path=nowhere', '/echo/two/page')
    expect(await sent(agent, '/one')).toBe('a=1')
    expect(await sent(agent, '/one/more')).toBe('a=1')
    expect(await sent(agent, '/oneself')).toBe('')
    expect(await sent(agent, '/two/other')).toBe('b=1')
    expect(await sent(agent, '/two')).toBe('b=1')
    expect(await sent(agent, '/twofold')).toBe('')
  })

  test.each([
    'a=1; Secure',
    '__Secure-a=1; Secure',
    '__Host-a=1; Secure; Path=/',
    'a=1; SameSite=None',
    'a=1; Domain=example.org',
    'a=1; Domain=0.0.1',
    '=',
  ])('refuses %s on a plain connection', (line) => {
    expect(fresh().take(line)).toBe(false)
  })

  test('takes Secure cookies on HTTPS, and from localhost where it is told to trust it', () => {
    for (const agent of [
      new CookieAgent('https://example.org'),
      new CookieAgent('http://localhost:3000', { trustLocalhost: true }),
      new CookieAgent('http://127.0.0.1:3000', { trustLocalhost: true }),
      new CookieAgent('http://[::1]:3000', { trustLocalhost: true }),
    ]) {
      expect(agent.take('a=1; Secure; SameSite=None')).toBe(true)
    }
    expect(new CookieAgent('http://localhost.example.org', { trustLocalhost: true }).take('a=1; Secure')).toBe(false)
  })

  test('sends no Secure cookie on a plain connection, and lets none replace it', async () => {
    const secure = new CookieAgent('https://127.0.0.1')
    secure.take('a=1; Secure')
    const agent = new CookieAgent(base, {}, secure.cookies)
    expect(await sent(agent)).toBe('')
    expect(agent.take('a=2')).toBe(false)
    expect(agent.cookie('a')).toBe('1')
  })

  test.each([
    ['__Host-a=1; Secure; Path=/', true],
    ['__Host-a=1; Path=/', false],
    ['__Host-a=1; Secure; Path=/app', false],
    ['__Host-a=1; Secure', true],
    ['__host-a=1; Secure; Path=/; Domain=example.org', false],
    ['__Secure-a=1; Secure; Domain=example.org', true],
    ['__Secure-a=1', false],
  ])('on HTTPS the prefix rules say of %s: %s', (line, isTaken) => {
    expect(new CookieAgent('https://www.example.org').take(line)).toBe(isTaken)
  })

  test('a cookie with a Domain goes to the hosts below it, one without does not', () => {
    const agent = new CookieAgent('http://example.org')
    agent.take('a=1; Domain=.example.org')
    agent.take('b=1')
    expect(agent.cookies.map(({ domain, subdomains }) => [domain, subdomains])).toEqual([
      ['example.org', true],
      ['example.org', false],
    ])
  })

  test('forgets cookies, and on a restart those that end with the browser', () => {
    const agent = fresh()
    for (const line of ['a=1', 'b=2; Max-Age=60', 'c=3']) agent.take(line)
    agent.forget('c')
    const copy = agent.copy()
    agent.restart()
    expect(agent.cookies.map(({ name }) => name)).toEqual(['b'])
    agent.forget()
    expect(agent.cookies).toEqual([])
    expect(copy.cookies.map(({ name }) => name)).toEqual(['a', 'b'])
  })

  test('does not follow a redirect and keeps its cookies', async () => {
    const agent = fresh()
    const response = await agent.get('/redirect')
    expect([response.status, response.headers.get('location')]).toEqual([302, '/echo/'])
    expect(agent.cookie('redirected')).toBe('1')
    expect((await agent.get('/redirect', { redirect: 'follow' })).status).toBe(200)
  })

  test('posts objects and lists as JSON and other bodies as they are', async () => {
    const agent = new CookieAgent(base, { headers: { 'x-asked': 'always' } })
    const echo = async (body?: unknown, init?: RequestInit) =>
      (await (await agent.post('/echo/', body, init)).json()) as Echo
    expect(await echo({ a: 1 })).toEqual({ method: 'POST', type: 'application/json', asked: 'always', body: '{"a":1}' })
    expect(await echo([1])).toMatchObject({ type: 'application/json', body: '[1]' })
    expect(await echo(new URLSearchParams({ a: 'b c' }))).toMatchObject({
      type: expect.stringContaining('application/x-www-form-urlencoded'),
      body: 'a=b+c',
    })
    expect(await echo('text')).toMatchObject({ type: 'text/plain;charset=UTF-8', body: 'text' })
    expect(await echo()).toEqual({ method: 'POST', asked: 'always', body: '' })
    const headers = { 'content-type': 'application/vnd.api+json', 'x-asked': 'once' }
    expect(await echo({ a: 1 }, { headers })).toMatchObject({ type: headers['content-type'], asked: 'once' })
  })

  test('sends a Cookie header of the request instead of the kept cookies', async () => {
    const agent = fresh()
    agent.take('a=1')
    const response = await agent.get('/echo/', { headers: { cookie: 'a=stolen' } })
    expect(((await response.json()) as Echo).cookie).toBe('a=stolen')
  })
})

async function bodyOf(request: IncomingMessage): Promise<string> {
  let body = ''
  for await (const chunk of request) body += String(chunk)
  return body
}
