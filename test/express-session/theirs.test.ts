import { createRequire } from 'node:module'
import type { RequestListener } from 'node:http'
import session, { type SessionOptions } from 'latchkey/express-session'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { body, listening, secret, site, type SiteHandler, type SiteRequest } from './support.js'

// Not its types: they would give req.session a second one.
const theirs = createRequire(import.meta.url)('express-session') as (options: object) => RequestListener & {
  (request: unknown, response: unknown, next: () => void): void
}

const options = { resave: false, saveUninitialized: false, cookie: { maxAge: 60_000 } } satisfies SessionOptions

const visit: SiteHandler = ({ session }, response) => {
  session['views'] = Number(session['views'] ?? 0) + 1
  response.end(`${String(session['views'])} ${session.cookie.originalMaxAge}`)
}

/** An application on express-session itself. */
function theirSite(given: object, handler = visit): Promise<string> {
  const middleware = theirs({ secret, ...options, ...given })
  return listening((request, response) =>
    middleware(request, response, () => void handler(request as SiteRequest, response)),
  )
}

async function ask(
  base: string,
  cookie: string | undefined,
  path = '/',
): Promise<{ text: string; cookie: string | undefined }> {
  const response = await fetch(base + path, cookie === undefined ? {} : { headers: { cookie } })
  const [line] = response.headers.getSetCookie()
  return { text: await response.text(), cookie: line?.split(';')[0] ?? cookie }
}

afterEach(() => {
  vi.useRealTimers()
})

describe('express-session and the drop-in on one store', () => {
  test('each goes on with the sessions of the other: cookie, data and length', async () => {
    const store = new session.MemoryStore()
    const old = await theirSite({ store })
    const { base } = await site({ store, ...options }, visit)
    let { cookie } = await ask(old, undefined)
    for (const [from, views] of [
      [base, 2],
      [old, 3],
      [base, 4],
      [base, 5],
      [old, 6],
    ] as const) {
      const answered = await ask(from, cookie)
      expect(answered.text).toBe(`${views} 60000`)
      cookie = answered.cookie
    }
    const begun = await ask(base, undefined)
    expect((await ask(old, begun.cookie)).text).toBe('2 60000')
  })

  test('a session whose cookie goes with the browser stays one', async () => {
    const store = new session.MemoryStore()
    const old = await theirSite({ store, cookie: {} })
    const { base } = await site({ store, ...options, cookie: {} }, visit)
    const { cookie } = await ask(old, undefined)
    expect((await ask(base, cookie)).text).toBe('2 null')
    expect((await ask(old, cookie)).text).toBe('3 null')
  })

  test('a name that Latchkey has for itself elsewhere is the same value for both', async () => {
    const store = new session.MemoryStore()
    const handler: SiteHandler = ({ session, url }, response) => {
      if (url === '/drop') delete session['token']
      else if (url !== '/') session['token'] = url
      response.end(String(session['token']))
    }
    const old = await theirSite({ store }, handler)
    const { base } = await site({ store, ...options }, handler)
    const { cookie } = await ask(base, undefined, '/first')
    for (const [writer, reader, path, text] of [
      [base, old, '/first', '/first'],
      [old, base, '/second', '/second'],
      [base, old, '/third', '/third'],
      [old, base, '/drop', 'undefined'],
    ] as const) {
      await ask(writer, cookie, path)
      expect((await ask(reader, cookie)).text).toBe(text)
    }
  })

  test('a length that express-session gives to a session of the drop-in counts', async () => {
    const store = new session.MemoryStore()
    const handler: SiteHandler = ({ session, url }, response) => {
      if (url === '/long') session.cookie.maxAge = 90_000
      if (url === '/browser') session.cookie.maxAge = null
      session['seen'] = url
      response.end(String(session.cookie.originalMaxAge))
    }
    const old = await theirSite({ store }, handler)
    const { base } = await site({ store, ...options }, handler)
    const { cookie } = await ask(base, undefined)
    await ask(old, cookie, '/long')
    expect((await ask(base, cookie)).text).toBe('90000')
    expect((await ask(old, cookie)).text).toBe('90000')
    await ask(old, cookie, '/browser')
    expect((await ask(base, cookie)).text).toBe('null')
    expect((await ask(old, cookie)).text).toBe('null')
  })

  test('a session of express-session that is used lives on, also past the end that it had', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    const store = new session.MemoryStore()
    const old = await theirSite({ store })
    const { base } = await site({ store, ...options, rolling: true }, visit)
    const { cookie } = await ask(old, undefined)
    for (let views = 2; views <= 5; views++) {
      vi.setSystemTime(Date.now() + 40_000)
      expect((await ask(base, cookie)).text).toBe(`${views} 60000`)
    }
  })

  test('what either ends is dead for both', async () => {
    const store = new session.MemoryStore()
    const leave: SiteHandler = (request, response) =>
      request.url === '/out' ? request.session.destroy(() => response.end('out')) : visit(request, response)
    const old = await theirSite({ store }, leave)
    const { base } = await site({ store, ...options }, leave)
    for (const [one, other] of [
      [old, base],
      [base, old],
    ] as const) {
      const { cookie } = await ask(one, undefined)
      expect((await ask(other, cookie, '/out')).text).toBe('out')
      expect((await ask(one, cookie)).text).toBe('1 60000')
    }
  })

  test("a session of express-session's that can't be read counts as absent, and is told of", async () => {
    const store = new session.MemoryStore()
    const { browser, events } = await site({ store, ...options }, visit)
    await browser.get('/')
    const { sessions } = store as unknown as { sessions: Record<string, string> }
    for (const sid of Object.keys(sessions)) sessions[sid] = '{"views":7}'
    expect(await body(browser.get('/'))).toBe('1 60000')
    expect(events.map(({ type }) => type)).toContain('record-unreadable')
  })
})
