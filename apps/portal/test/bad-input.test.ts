import type { CookieAgent } from 'latchkey/testing'
import { rawRequest } from '../../../test/support/raw.js'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ada, adapters, answer, startPortal, type Portal } from './support/portal.js'

describe.each(adapters)('on %s', (adapter) => {
  let portal: Portal
  let browser: CookieAgent

  beforeAll(async () => {
    portal = await startPortal({ adapter })
    browser = portal.browser()
    await browser.post('/auth/register', ada)
    await browser.post('/auth/login', ada)
  })

  afterAll(async () => {
    // Whatever came in, whoever was signed in before still is.
    expect((await browser.get('/profile')).status).toBe(200)
    await portal.stop()
  })

  test('a taken address is a 409, whatever its capitals', async () => {
    const taken = {
      statusCode: 409,
      error: 'Conflict',
      message: 'There is an account with this e-mail address already',
    }
    for (const email of [ada.email, 'ADA@Example.com', ' ada@example.com ']) {
      const registration = answer(portal.browser().post('/auth/register', { ...ada, email }))
      expect(await registration, email).toEqual({ status: 409, body: taken })
    }
  })

  test.each([
    [{ email: undefined }, ['email must be an e-mail address']],
    [{ email: 'no address' }, ['email must be an e-mail address']],
    [{ email: ['bob@example.com'] }, ['email must be an e-mail address']],
    [{ email: `${'b'.repeat(60)}@${'c'.repeat(200)}.com` }, ['email must be an e-mail address']],
    [{ email: 'bob\0@example.com' }, ['email must be an e-mail address']],
    [{ password: undefined }, ['password must be a string']],
    [{ password: 'short' }, ['password must be longer than or equal to 8 characters']],
    [{ password: 'x'.repeat(129) }, ['password must be shorter than or equal to 128 characters']],
    [{ password: 12345678 }, ['password must be a string']],
    [{ name: undefined }, ['name must be a string']],
    [{ name: '   ' }, ['name must be longer than or equal to 1 characters']],
    [{ name: 'x'.repeat(101) }, ['name must be shorter than or equal to 100 characters']],
    [{ name: 'Bob\0' }, ['name must be a single line']],
    [{ name: 'Bob\nBob' }, ['name must be a single line']],
    [{ role: 'admin' }, ['property role should not exist']],
    [{ id: 1, email: 'x' }, ['property id should not exist', 'email must be an e-mail address']],
  ])('a registration with %j is refused with the reason', async (change, message) => {
    const registration = { ...ada, email: 'bob@example.com', ...change }
    expect(await answer(portal.browser().post('/auth/register', registration))).toEqual({
      status: 400,
      body: { statusCode: 400, error: 'Bad Request', message },
    })
  })

  test.each([undefined, {}, [], [ada], [[]], 'null', '"text"', '5', 'true', '{"__proto__":{"email":"a@b.cd"}}'])(
    'a registration that is %j as a whole is refused',
    async (body) => {
      const headers = { 'content-type': 'application/json' }
      expect((await portal.browser().post('/auth/register', body, { headers })).status).toBe(400)
    },
  )

  test.each(['{', '{"email":}', 'email=ada', '\0', '{"a":1}}'])('invalid JSON is a 400: %j', async (body) => {
    const headers = { 'content-type': 'application/json' }
    for (const path of ['/auth/register', '/auth/login']) {
      expect(await answer(browser.post(path, body, { headers })), path).toMatchObject({
        status: 400,
        body: { statusCode: 400, message: expect.stringMatching(/JSON/) as string },
      })
    }
  })

  test.each([
    ['by its length', 'Content-Length: 16385', 'x'.repeat(16385)],
    ['by what came', 'Transfer-Encoding: chunked', `4001\r\n${'x'.repeat(0x4001)}\r\n0\r\n\r\n`],
  ])('a body that is too long %s is a 413', async (_how, header, body) => {
    // By hand: Fastify closes the connection, and fetch would fail if it is still writing then.
    for (const path of ['/auth/register', '/auth/login']) {
      const head = [`POST ${path} HTTP/1.1`, 'Host: portal', 'Content-Type: application/json', header]
      const connection = rawRequest(Number(new URL(portal.base).port), head)
      connection.socket.write(body)
      expect(await connection.until(/\r\n\r\n.*}/), path).toMatch(/^HTTP\/1\.1 413 [^]*"statusCode":413/)
      connection.socket.destroy()
    }
  })

  test('a form of another site signs nobody in', async () => {
    const { email, password } = ada
    const bodies = [new URLSearchParams({ email, password }), JSON.stringify({ email, password })]
    for (const body of bodies) {
      const response = await portal.browser().post('/auth/login', body)
      expect([401, 415]).toContain(response.status)
      expect(response.headers.getSetCookie()).toEqual([])
    }
  })

  test.each(['sessionId=garbage', `sessionId=${'x'.repeat(7000)}`, 'sessionId=', '=;;=,%%', 'sessionId="a.b"'])(
    'a cookie that is not ours is nobody: %.30s',
    async (cookie) => {
      const response = portal.browser().get('/auth/me', { headers: { cookie } })
      expect(await answer(response)).toEqual({ status: 200, body: { authenticated: false } })
    },
  )

  test('a cookie that was tampered with is nobody, and its owner stays signed in', async () => {
    const token = browser.cookie('sessionId')!
    const flip = (at: number): string => `${token.slice(0, at)}${token[at] === 'A' ? 'B' : 'A'}${token.slice(at + 1)}`
    for (const at of [0, 10, token.length - 10]) {
      const response = portal.browser().get('/profile', { headers: { cookie: `sessionId=${flip(at)}` } })
      expect((await response).status, String(at)).toBe(401)
    }
    expect((await browser.get('/profile')).status).toBe(200)
  })

  test('an unknown path is a 404, and a wrong method too', async () => {
    expect(await answer(browser.get('/nowhere'))).toMatchObject({ status: 404, body: { statusCode: 404 } })
    expect((await browser.get('/auth/login')).status).toBe(404)
  })
})
