import { Cookie } from 'latchkey/express-session'
import { describe, expect, test } from 'vitest'
import { body, kinds, site } from './support.js'

const hour = 3_600_000

test('new Cookie(): path /, httpOnly, no length', () => {
  const cookie = new Cookie()
  expect([cookie.path, cookie.httpOnly, cookie.maxAge, cookie.expires, cookie.originalMaxAge]).toEqual([
    '/',
    true,
    null,
    null,
    null,
  ])
})

test('new Cookie(options) takes the last of expires and maxAge', () => {
  const expires = new Date(Date.now() + hour)
  expect(new Cookie({ expires }).expires).toBe(expires)
  expect(new Cookie({ expires, maxAge: 5000 }).originalMaxAge).toBe(5000)
  expect(new Cookie({ maxAge: 5000, expires }).expires).toBe(expires)
  expect(() => new Cookie('a' as never)).toThrow(TypeError)
})

test('Cookie.serialize(name, value) is the text of a Set-Cookie header', () => {
  const cookie = new Cookie({ httpOnly: false, path: '/a', secure: true, priority: 'high' })
  expect(cookie.serialize('name', 'a b')).toBe('name=a%20b; Path=/a; Secure; Priority=High')
  expect(() => cookie.serialize('na me', 'a')).toThrow('option name is invalid')
})

test('Cookie.toJSON is what a store keeps', () => {
  expect(JSON.parse(JSON.stringify(new Cookie({ sameSite: 'lax' })))).toEqual({
    originalMaxAge: null,
    expires: null,
    httpOnly: true,
    path: '/',
    sameSite: 'lax',
  })
})

describe.each(kinds)('on $kind', ({ make }) => {
  test('Cookie.maxAge is what is left, and assigning it gives this session another length for good', async () => {
    const { browser } = await site({ store: make(), cookie: { maxAge: 60_000 } }, ({ session, url }, response) => {
      session['a'] ??= 1
      if (url === '/hour') session.cookie.maxAge = hour
      response.end(`${session.cookie.originalMaxAge} ${session.cookie.maxAge! > hour - 60_000}`)
    })
    expect(await body(browser.get('/'))).toBe('60000 false')
    const response = await browser.get('/hour')
    const [line] = response.headers.getSetCookie()
    const sent = Date.parse(/Expires=([^;]+)/.exec(line!)![1]!) - Date.parse(response.headers.get('date')!)
    expect(Math.abs(sent - hour)).toBeLessThanOrEqual(1000)
    expect(await body(browser.get('/'))).toBe(`${hour} true`)
  })

  test('a cookie that no header can say is refused before anything is stored', async () => {
    const { browser } = await site({ store: make() }, ({ session, url }, response) => {
      const seen = String(session['a'])
      if (url !== '/') session['a'] = url
      if (url === '/nan') session.cookie.maxAge = NaN
      if (url === '/for-ever') session.cookie.maxAge = Infinity
      if (url === '/domain') session.cookie.domain = 'a b;'
      response.end(seen)
    })
    expect((await browser.get('/first')).status).toBe(200)
    for (const path of ['/nan', '/for-ever', '/domain']) {
      expect((await browser.get(path)).status, path).toBe(500)
      expect(await body(browser.get('/')), path).toBe('/first')
    }
  })

  test('a cookie may be replaced by a plain object', async () => {
    const { browser } = await site({ store: make() }, ({ session, url }, response) => {
      session['a'] ??= 1
      if (url === '/hour') session.cookie = { maxAge: hour } as Cookie
      response.end(String(session.cookie.originalMaxAge))
    })
    expect((await browser.get('/hour')).headers.getSetCookie()[0]).toContain('Expires=')
    expect(await body(browser.get('/'))).toBe(String(hour))
  })

  test('save() after destroy() says that the session is gone', async () => {
    const { browser } = await site({ store: make() }, ({ session, url }, response) => {
      session['a'] ??= 1
      if (url === '/') return response.end()
      session.destroy(() => session.save((error) => response.end(String((error as { code?: unknown }).code))))
    })
    await browser.get('/')
    expect(await body(browser.get('/end'))).toBe('SESSION_GONE')
  })

  test('Cookie.originalMaxAge is the same in all requests', async () => {
    const { browser } = await site({ store: make(), cookie: { maxAge: 2000 } }, ({ session }, response) => {
      session['a'] ??= 1
      response.end(String(session.cookie.originalMaxAge))
    })
    for (let index = 0; index < 3; index++) expect(await body(browser.get('/'))).toBe('2000')
  })

  test('Cookie.expires with a date is the same as maxAge, and one in the past ends the session', async () => {
    const { browser } = await site({ store: make(), cookie: { maxAge: 60_000 } }, ({ session, url }, response) => {
      session['views'] = Number(session['views'] ?? 0) + 1
      if (url === '/hour') session.cookie.expires = new Date(Date.now() + hour)
      if (url === '/past') session.cookie.expires = new Date(0)
      response.end(`${String(session['views'])} ${Math.round(session.cookie.originalMaxAge! / hour)}`)
    })
    await browser.get('/hour')
    expect(await body(browser.get('/'))).toBe('2 1')
    const thief = browser.copy()
    await browser.get('/past')
    expect(browser.cookies).toEqual([])
    expect(await body(thief.get('/'))).toBe('1 0')
  })

  test('Cookie.expires false makes it a cookie that goes with the browser', async () => {
    const { browser } = await site({ store: make(), cookie: { maxAge: 60_000 } }, ({ session, url }, response) => {
      session['a'] ??= 1
      if (url === '/forget') session.cookie.expires = false
      response.end(String(session.cookie.maxAge))
    })
    await browser.get('/')
    await browser.get('/forget')
    expect(browser.cookies).toMatchObject([{ expiresAt: undefined }])
    expect(await body(browser.get('/'))).toBe('null')
  })

  test('the attributes of one session may be changed, and stay so', async () => {
    const { browser, setCookies } = await site(
      { store: make(), rolling: true, cookie: { maxAge: hour } },
      ({ session, url }, response) => {
        session['a'] = 1
        if (url === '/change') Object.assign(session.cookie, { httpOnly: false, sameSite: 'strict', priority: 'low' })
        response.end(JSON.stringify(session.cookie))
      },
    )
    await browser.get('/')
    expect((await setCookies('/'))[0]).toMatch(/; HttpOnly$/)
    await browser.get('/change')
    expect((await setCookies('/'))[0]).toMatch(/GMT; Priority=Low; SameSite=Strict$/)
    expect(JSON.parse(await body(browser.get('/')))).toMatchObject({ httpOnly: false, sameSite: 'strict' })
  })

  test('a cookie set by the handler stays, also in writeHead', async () => {
    const { setCookies } = await site({ store: make() }, ({ session, url }, response) => {
      session['a'] = 1
      if (url === '/head') response.writeHead(200, { 'Set-Cookie': 'mine=1' })
      else response.setHeader('Set-Cookie', 'mine=1')
      response.end()
    })
    expect(await setCookies('/')).toEqual(['mine=1', expect.stringMatching(/^connect\.sid=/)])
    expect((await setCookies('/head'))[0]).toBe('mine=1')
  })
})
