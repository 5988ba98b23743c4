import { createServer } from 'node:http'
import type { SessionStore } from 'latchkey/core'
import session, { type Store } from 'latchkey/express-session'
import { FailingStore } from 'latchkey/testing'
import { afterAll, describe, expect, test } from 'vitest'
import { HandlerGate } from '../acceptance/everywhere.js'
import { stores } from '../support/stores.js'
import { body, done, listening, secret, site, type SiteHandler } from './support.js'

/** What an application on express-session says of its store. */
interface Ground {
  readonly name: string
  open(): Promise<SessionStore | Store>
  stop(): Promise<void>
}

const grounds: readonly Ground[] = [
  ...stores,
  {
    name: 'a store for express-session',
    open: () => Promise.resolve(new session.MemoryStore()),
    stop: () => Promise.resolve(),
  },
]

afterAll(async () => {
  for (const ground of grounds) await ground.stop()
})

/** The controllers of the recipe, as they are. */
const recipe: SiteHandler = async (request, response) => {
  const { session: held, url } = request
  const path = new URL(url!, 'http://a').pathname
  if (path === '/login') {
    held['userId'] = 1
    return response.writeHead(302, { Location: '/me' }).end()
  }
  if (path === '/logout') {
    await done((callback) => held.destroy(callback))
    return response.end('Logout successful')
  }
  if (path.startsWith('/set/')) held[path.slice(5)] = path
  const { cookie: _, ...data } = held
  response.end(JSON.stringify(data))
}

describe.each(grounds)('on $name', ({ open }) => {
  test('a session that was ended stays ended, whatever is in flight', async () => {
    const gate = new HandlerGate()
    const { browser } = await site({ store: await open() }, async (request, response) => {
      if (request.url === '/set/slow') await gate.pass()
      await recipe(request, response)
    })
    await browser.get('/login')
    const thief = browser.copy()
    const slow = thief.get('/set/slow')
    await gate.reached
    expect(await body(browser.get('/logout'))).toBe('Logout successful')
    gate.open()
    await slow
    expect(browser.cookies).toEqual([])
    expect(await body(thief.get('/me'))).toBe('{}')
  })

  test('parallel writes to different keys are all kept', async () => {
    const gates = ['a', 'b'].map(() => new HandlerGate())
    const { browser } = await site({ store: await open() }, async (request, response) => {
      const index = ['/set/a', '/set/b'].indexOf(request.url!)
      if (index >= 0) await gates[index]!.pass()
      await recipe(request, response)
    })
    await browser.get('/set/first')
    const both = [browser.get('/set/a'), browser.get('/set/b')]
    for (const gate of gates) await gate.reached
    for (const gate of gates) gate.open()
    await Promise.all(both)
    expect(JSON.parse(await body(browser.get('/me')))).toEqual({ first: '/set/first', a: '/set/a', b: '/set/b' })
  })

  test('the id from before a sign-in is dead after it, without a regenerate in the application', async () => {
    const { browser } = await site({ store: await open() }, recipe)
    await browser.get('/set/cart')
    const thief = browser.copy()
    await browser.get('/login')
    expect(browser.cookie('connect.sid')).not.toBe(thief.cookie('connect.sid'))
    expect(JSON.parse(await body(browser.get('/me')))).toEqual({ cart: '/set/cart', userId: 1 })
    expect(await body(thief.get('/me'))).toBe('{}')
  })

  test('with a regenerate, as Passport does it, the id changes once', async () => {
    const { browser, setCookies } = await site({ store: await open() }, async (request, response) => {
      if (request.url !== '/login') return recipe(request, response)
      await done((callback) => request.session.regenerate(callback))
      request.session['passport'] = { user: 7 }
      await done((callback) => request.session.save(callback))
      response.end(request.sessionID)
    })
    await browser.get('/set/cart')
    expect(await setCookies('/login')).toHaveLength(1)
    expect(JSON.parse(await body(browser.get('/me')))).toEqual({ passport: { user: 7 } })
  })

  test('of two cookies of one name the one that leads to a session counts', async () => {
    const { browser, base, another } = await site({ store: await open() }, recipe)
    await browser.get('/set/a')
    const stale = another()
    await stale.get('/set/b')
    const old = stale.cookie('connect.sid')
    await stale.get('/logout')
    const cookie = `connect.sid=${old}; connect.sid=${browser.cookie('connect.sid')}`
    expect(await body(fetch(`${base}/me`, { headers: { cookie } }))).toBe('{"a":"/set/a"}')
  })

  test('a redirect leaves when the session is saved and not before', async () => {
    const { browser, base } = await site({ store: await open() }, recipe)
    const { status } = await browser.get('/login')
    const cookie = `connect.sid=${browser.cookie('connect.sid')}`
    expect([status, await body(fetch(`${base}/me`, { headers: { cookie } }))]).toEqual([302, '{"userId":1}'])
  })
})

describe.each(stores)('on $name', ({ open, kept, name }) => {
  test('nothing in the store lets its reader sign in', async () => {
    const { browser } = await site({ store: await open() }, recipe)
    await browser.get('/login')
    const value = decodeURIComponent(browser.cookie('connect.sid')!)
    const sid = value.slice(2, value.lastIndexOf('.'))
    const text = JSON.stringify(await kept())
    expect(text.length).toBeGreaterThan(50)
    expect(text).not.toContain(sid)
    expect(text, name).not.toContain(sid.slice(8))
  })

  test('a store that hangs is answered for within its deadline, and nobody is signed out', async () => {
    const store = new FailingStore(await open())
    // A machine that is busy must not look like a store that hangs.
    const { browser } = await site({ store, storeTimeout: 10_000 }, recipe)
    await browser.get('/login')
    const { base } = await site({ store, storeTimeout: 50 }, recipe)
    store.hang()
    const cookie = `connect.sid=${browser.cookie('connect.sid')}`
    const response = await fetch(`${base}/me`, { headers: { cookie } })
    expect([response.status, response.headers.getSetCookie()]).toEqual([503, []])
    store.heal()
    expect(await body(browser.get('/me'))).toBe('{"userId":1}')
  })
})

test('headers wait for the save, and a save that fails is no success', async () => {
  const store = new session.MemoryStore()
  let finish: ((error?: unknown) => void) | undefined
  store.set = (_sid, _session, callback) => void (finish = callback)
  const middleware = session({ secret, store, resave: false, saveUninitialized: false, log: false })
  let answered = false
  const base = await listening((request, response) => {
    middleware(request, response, () => {
      ;(request as unknown as { session: Record<string, unknown> }).session['a'] = 1
      response.write('part')
      response.end('whole')
    })
  }, createServer())
  const response = fetch(base).then((answer) => {
    answered = true
    return answer
  })
  while (!finish) await new Promise((resolve) => setTimeout(resolve, 5))
  await new Promise((resolve) => setTimeout(resolve, 20))
  expect(answered).toBe(false)
  finish(new Error('disk full'))
  expect((await response).status).toBe(503)
})

test('on an own store one sign-in more than maxSessions ends the oldest', async () => {
  const { MemoryStore } = await import('latchkey/stores/memory')
  const { browser, another } = await site({ store: new MemoryStore(), maxSessions: 1 }, recipe)
  await browser.get('/login')
  await another().get('/login')
  expect(await body(browser.get('/me'))).toBe('{}')
})
