import express, { type Express, type RequestHandler } from 'express'
import { sessions, type SessionOptions } from 'latchkey/express'
import dropIn from 'latchkey/express-session'
import { SessionStrategy, type SessionStrategyOptions } from 'latchkey/passport'
import { MemoryStore } from 'latchkey/stores/memory'
import { CookieAgent, FailingStore } from 'latchkey/testing'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, test } from 'vitest'
import { ending, json, secret } from '../acceptance/everywhere.js'
import { versions, type Authenticator } from './versions.js'

const ann = { userId: 42, email: 'ann@example.com', role: 'editor' }

interface Scene {
  readonly browser: CookieAgent
  readonly store: FailingStore
}

/** An application with a route that asks a strategy of ours, and whatever `more` puts before it. */
async function start(
  passport: Authenticator,
  strategies: string | string[],
  more: (app: Express) => void = () => {},
  options: Partial<SessionOptions> = {},
  mounted?: ReturnType<typeof dropIn>,
): Promise<Scene> {
  const store = new FailingStore(new MemoryStore())
  const app = express()
  const middleware = mounted ?? sessions({ secret, store, log: false, ...options })
  app.use(middleware)
  app.get('/login', (request, response) => {
    Object.assign(request.session, ann, request.query)
    response.end()
  })
  app.get('/logout', (request, response) => {
    void request.session.destroy(() => response.end())
  })
  more(app)
  const guard = passport.authenticate(strategies, { session: false }) as RequestHandler
  app.get('/profile', guard, (request, response) => void response.json(request.user ?? null))
  const server = await new Promise<Server>((resolve) => {
    const listening: Server = app.listen(0, '127.0.0.1', () => resolve(listening))
  })
  const { port } = server.address() as AddressInfo
  const base = `http://127.0.0.1:${port}`
  const close = async (): Promise<void> => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
    await middleware.close()
  }
  ending({ base, port, close })
  return { browser: new CookieAgent(base), store }
}

function withStrategy(make: () => Authenticator, options?: SessionStrategyOptions): Authenticator {
  return make().use(options ? new SessionStrategy(options) : new SessionStrategy())
}

describe.each(versions)('the strategy `session`, with $name', ({ make }) => {
  test('lets in whoever is signed in, by one call of the store, and no cookie is set', async () => {
    const { browser, store } = await start(withStrategy(make), 'session')
    await browser.get('/login')
    const response = await browser.get('/profile')
    expect(await response.json()).toEqual({ id: 42, email: 'ann@example.com', role: 'editor' })
    expect(response.headers.getSetCookie()).toEqual([])
    expect(store.calls).toMatchObject({ load: 1, create: 1, update: 0, rotate: 0, delete: 0 })
  })

  test('refuses with 401 who is not, also one whose session has data', async () => {
    const { browser } = await start(withStrategy(make), 'session')
    expect((await browser.get('/profile')).status).toBe(401)
    await browser.get('/login?userId=')
    expect((await browser.get('/profile')).status).toBe(401)
  })

  test.each<[string, SessionStrategyOptions['user'], unknown]>([
    ['what `user` makes of the session', (session) => ({ name: session['email'] }), { name: 'ann@example.com' }],
    ['what it promises', (session) => Promise.resolve({ id: session['userId'] }), { id: 42 }],
  ])('puts on the request %s', async (_, user, expected) => {
    const { browser } = await start(withStrategy(make, { user }), 'session')
    await browser.get('/login')
    expect(await json(browser.get('/profile'))).toEqual(expected)
  })

  test.each([undefined, null, false])('refuses with 401 for whom `user` answers %s', async (user) => {
    const { browser } = await start(withStrategy(make, { user: () => user }), 'session')
    await browser.get('/login')
    expect((await browser.get('/profile')).status).toBe(401)
  })

  test.each<[string, SessionStrategyOptions['user']]>([
    [
      'throws',
      () => {
        throw new Error('no database')
      },
    ],
    ['rejects with', () => Promise.reject(new Error('no database'))],
  ])('hands on what `user` %s, and lets nobody in', async (_, user) => {
    const { browser } = await start(withStrategy(make, { user }), 'session')
    await browser.get('/login')
    expect((await browser.get('/profile')).status).toBe(500)
  })

  test('is asked after others have failed, and answers 401 where all do', async () => {
    const never = { name: 'never', authenticate: (): void => {} }
    const failing = {
      ...never,
      authenticate(this: { fail(): void }) {
        this.fail()
      },
    }
    const passport = withStrategy(make)
    passport.use('never', failing as never)
    const { browser } = await start(passport, ['never', 'session'])
    expect((await browser.get('/profile')).status).toBe(401)
    await browser.get('/login')
    expect(await json(browser.get('/profile'))).toMatchObject({ id: 42 })
  })

  test.each(['refuse', 'anonymous'] as const)(
    'says 503 and not 401 where the store is down, with onStoreDown %s',
    async (onStoreDown) => {
      const { browser, store } = await start(withStrategy(make), 'session', undefined, { onStoreDown })
      await browser.get('/login')
      store.failWith(new Error('down'))
      const response = await browser.get('/profile')
      expect([response.status, response.headers.get('retry-after')]).toEqual([503, '1'])
      expect(response.headers.getSetCookie()).toEqual([])
      store.heal()
      expect((await browser.get('/profile')).status).toBe(200)
    },
  )

  test('under another name it goes with passport.session(), which lets everybody through', async () => {
    const passport = make().use('latchkey', new SessionStrategy())
    const { browser } = await start(passport, 'latchkey', (app) => {
      app.use(passport.initialize(), passport.session())
      app.get('/open', (_request, response) => void response.json('open'))
    })
    expect(await json(browser.get('/open'))).toBe('open')
    expect((await browser.get('/profile')).status).toBe(401)
    await browser.get('/login')
    expect(await json(browser.get('/profile'))).toMatchObject({ id: 42 })
  })

  test('on the drop-in for express-session it goes by session.userId', async () => {
    const passport = withStrategy(make)
    const store = new MemoryStore()
    const { browser } = await start(passport, 'session', undefined, undefined, dropIn({ secret, store, log: false }))
    expect((await browser.get('/profile')).status).toBe(401)
    await browser.get('/login?userId=')
    expect((await browser.get('/profile')).status).toBe(401)
    await browser.get('/login')
    expect(await json(browser.get('/profile'))).toMatchObject({ id: 42 })
    await browser.get('/logout')
    expect((await browser.get('/profile')).status).toBe(401)
  })

  test('a request that never came to the sessions is an error, and nobody is let in', async () => {
    const passport = withStrategy(make)
    const errors: unknown[] = []
    const run = passport.authenticate('session', { session: false }) as (...args: unknown[]) => void
    run({ headers: {} }, {}, (error: unknown) => errors.push(error))
    expect(errors).toEqual([expect.objectContaining({ code: 'REQUEST_WITHOUT_SESSION' })])
  })
})
