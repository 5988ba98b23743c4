import { json as parsed, type RequestHandler } from 'express'
import type { BySubject, SessionStore } from 'latchkey/core'
import type { SessionOptions } from 'latchkey/express'
import { MemoryStore } from 'latchkey/stores/memory'
import { CookieAgent, FailingStore } from 'latchkey/testing'
import { Strategy as LocalStrategy } from 'passport-local'
import { afterAll, describe, expect, test } from 'vitest'
import { ending, json, secret } from '../acceptance/everywhere.js'
import { platforms, type Handler } from '../support/platforms.js'
import { stores } from '../support/stores.js'
import { flash, type Flashing } from './flash.js'
import { users, type User } from './users.js'
import { versions, type Authenticator } from './versions.js'

const [express] = platforms

/** What Passport puts on a request of Express. */
interface PassportRequest extends Flashing {
  readonly user?: User
  isAuthenticated(): boolean
  logIn(user: User, options: object, done: (error?: unknown) => void): void
  logOut(options: object, done: (error?: unknown) => void): void
}

const ofPassport = (request: unknown): PassportRequest => request as PassportRequest

function settled(call: (done: (error?: unknown) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    call((error) => (error ? reject(error as Error) : resolve()))
  })
}

/** Subjects as an application has them that keeps its user nowhere but with Passport. */
const subject = (data: Readonly<Record<string, unknown>>): unknown =>
  (data['passport'] as { user?: unknown } | undefined)?.user

const routes: Readonly<Record<string, Handler>> = {
  'GET /me': ({ request }) => ({
    user: ofPassport(request).user ?? null,
    isAuthenticated: ofPassport(request).isAuthenticated(),
  }),
  'GET /data': ({ session }) => ({ ...session }),
  'GET /set': ({ session, query }) => void Object.assign(session, query),
  'POST /by-hand': async ({ request, query }) => {
    const options = { keepSessionInfo: query['keep'] !== undefined }
    await settled((done) => ofPassport(request).logIn(users[0]!, options, done))
    return { ...request.session }
  },
  'POST /logout': async ({ request, query }) => {
    const options = { keepSessionInfo: query['keep'] !== undefined }
    await settled((done) => ofPassport(request).logOut(options, done))
    return { user: ofPassport(request).user }
  },
  'POST /as-the-recipe': async ({ request }) => {
    await settled((done) => ofPassport(request).logIn(users[0]!, {}, done))
    request.session['userId'] = users[0]!.id
  },
  'GET /messages': ({ request }) => ofPassport(request).flash('error'),
}

/** An application as Passport's own pages write it, but with sessions of ours. */
async function start(
  passport: Authenticator,
  inner: SessionStore = new MemoryStore(),
  more: Partial<SessionOptions> = { subject },
): Promise<{ readonly store: FailingStore; readonly browser: CookieAgent }> {
  passport.use(
    new LocalStrategy({ usernameField: 'email' }, (email, password, done) => {
      const user = users.find((each) => each.email === email && password === 'right')
      done(null, user ?? false, { message: 'Wrong address or password' })
    }),
  )
  passport.serializeUser((user, done) => done(null, (user as User).id))
  passport.deserializeUser((id, done) => done(null, users.find((user) => user.id === id) ?? false))
  const login: RequestHandler = (request, response, next) => {
    if (request.path !== '/login' && request.path !== '/login-on-page') return next()
    const onPage = { successRedirect: '/me', failureRedirect: '/messages', failureFlash: true }
    const options = request.path === '/login' ? {} : onPage
    const run = passport.authenticate('local', options) as RequestHandler
    return run(request, response, (error?: unknown) => (error ? next(error) : response.json({ user: request.user })))
  }
  const store = new FailingStore(inner)
  const after = [parsed(), flash, passport.initialize(), passport.session(), login] as RequestHandler[]
  const options: SessionOptions = { secret, store, storeTimeout: 10_000, log: false, ...more }
  const app = ending(await express!.start(options, routes, { after }))
  return { store, browser: new CookieAgent(app.base) }
}

const credentials = { email: users[0]!.email, password: 'right' }
const nobody = { user: null, isAuthenticated: false }

afterAll(async () => {
  for (const store of stores) await store.stop()
})

describe.each(versions)('$name on Express', ({ make }) => {
  test('a login gives one new id and one cookie, and the old id is dead', async () => {
    const { browser, store } = await start(make())
    await browser.get('/set?cart=full')
    const before = browser.copy()
    const response = await browser.post('/login', credentials)
    expect(await response.json()).toEqual({ user: users[0] })
    expect(response.headers.getSetCookie()).toHaveLength(1)
    expect(store.calls).toMatchObject({ create: 2, delete: 1, update: 0, rotate: 0 })
    expect(await json(browser.get('/me'))).toEqual({ user: users[0], isAuthenticated: true })
    expect(await json(browser.get('/data'))).toEqual({ passport: { user: 1 } })
    expect(await json(before.get('/me'))).toEqual(nobody)
    expect(await json(before.get('/data'))).toEqual({})
  })

  test('a login without a session before it writes once', async () => {
    const { browser, store } = await start(make())
    expect((await browser.post('/login', credentials)).headers.getSetCookie()).toHaveLength(1)
    expect(store.calls).toMatchObject({ load: 0, create: 1, delete: 0, update: 0, rotate: 0 })
  })

  test('a login that fails leaves the session as it was', async () => {
    const { browser } = await start(make())
    await browser.get('/set?cart=full')
    const response = await browser.post('/login', { ...credentials, password: 'wrong' })
    expect(response.status).toBe(401)
    expect(response.headers.getSetCookie()).toEqual([])
    expect(await json(browser.get('/data'))).toEqual({ cart: 'full' })
  })

  test('keepSessionInfo takes along what the session held, and nothing else does', async () => {
    const { browser } = await start(make())
    await browser.get('/set?cart=full')
    expect(await json(browser.post('/by-hand?keep'))).toEqual({ cart: 'full', passport: { user: 1 } })
    expect(await json(browser.get('/data'))).toEqual({ cart: 'full', passport: { user: 1 } })
    expect(await json(browser.post('/by-hand'))).toEqual({ passport: { user: 1 } })
    expect(await json(browser.get('/data'))).toEqual({ passport: { user: 1 } })
  })

  test('a logout ends the session, its copies and its cookie', async () => {
    const { browser } = await start(make())
    await browser.post('/login', credentials)
    await browser.get('/set?cart=full')
    const copy = browser.copy()
    expect(await json(browser.post('/logout'))).toEqual({ user: null })
    expect(browser.cookies).toEqual([])
    for (const agent of [browser, copy]) {
      expect(await json(agent.get('/me'))).toEqual(nobody)
      expect(await json(agent.get('/data'))).toEqual({})
    }
  })

  test('a logout with keepSessionInfo keeps the rest under a new id', async () => {
    const { browser } = await start(make())
    await browser.post('/login', credentials)
    await browser.get('/set?cart=full')
    const copy = browser.copy()
    const response = await browser.post('/logout?keep')
    expect(response.headers.getSetCookie()).toHaveLength(1)
    expect(await json(browser.get('/me'))).toEqual(nobody)
    expect(await json(browser.get('/data'))).toMatchObject({ cart: 'full' })
    expect(await json(copy.get('/data'))).toEqual({})
  })

  test('a login on a page redirects after it was saved, and one that fails leaves its message', async () => {
    const { browser, store } = await start(make())
    const failed = await browser.post('/login-on-page', { ...credentials, password: 'wrong' })
    expect([failed.status, failed.headers.get('location')]).toEqual([302, '/messages'])
    expect(await json(browser.get('/messages'))).toEqual(['Wrong address or password'])
    expect(await json(browser.get('/messages'))).toEqual([])
    const creation = store.hold('create')
    const response = browser.post('/login-on-page', credentials)
    await creation.reached
    creation.open()
    expect((await response).headers.get('location')).toBe('/me')
    expect(await json(browser.get('/me'))).toMatchObject({ isAuthenticated: true })
  })

  test('a store that fails at the login is a 503, and signs nobody in', async () => {
    const { browser, store } = await start(make())
    store.failWith(new Error('down'), ['create'])
    const response = await browser.post('/login', credentials)
    expect([response.status, response.headers.get('retry-after')]).toEqual([503, '1'])
    expect(response.headers.getSetCookie()).toEqual([])
    store.heal()
    expect(await json(browser.get('/me'))).toEqual(nobody)
  })

  test('a login that also sets session.userId, as the recipe does, sends one cookie too', async () => {
    const { browser } = await start(make(), new MemoryStore(), {})
    await browser.get('/set?cart=full')
    const before = browser.copy()
    expect((await browser.post('/as-the-recipe')).headers.getSetCookie()).toHaveLength(1)
    expect(await json(browser.get('/data'))).toEqual({ passport: { user: 1 }, userId: 1 })
    expect(await json(browser.get('/me'))).toMatchObject({ isAuthenticated: true })
    expect(await json(before.get('/data'))).toEqual({})
  })
})

test.each(stores)('signing in and out with Passport, on $name', async ({ open }) => {
  const store = await open()
  const { browser } = await start(versions.at(-1)!.make(), store)
  await browser.get('/set?cart=full')
  const before = browser.copy()
  await browser.post('/login', credentials)
  const copy = browser.copy()
  expect(await json(browser.get('/me'))).toEqual({ user: users[0], isAuthenticated: true })
  const own = await (store as SessionStore & BySubject).list('1')
  expect(own.map(({ subject }) => subject)).toEqual(['1'])
  await browser.post('/logout')
  for (const agent of [before, copy, browser]) expect(await json(agent.get('/data'))).toEqual({})
  expect(await (store as SessionStore & BySubject).count('1')).toBe(0)
})
