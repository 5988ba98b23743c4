import { Authenticator } from '@fastify/passport'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { SessionStrategy } from 'latchkey/passport'
import { MemoryStore } from 'latchkey/stores/memory'
import { CookieAgent, FailingStore } from 'latchkey/testing'
import { Strategy as LocalStrategy } from 'passport-local'
import { describe, expect, test } from 'vitest'
import { ending, json, secret } from '../acceptance/everywhere.js'
import { platforms } from '../support/platforms.js'
import { users, type User } from './users.js'

type Data = Record<string, unknown>

const [, onFastify] = platforms

/** What the guide has its readers give `@fastify/passport`: it asks a session for `get` and `set`, and ours has properties. */
function keepIn(passport: InstanceType<typeof Authenticator>): void {
  Object.assign(passport.sessionManager, {
    async logIn(request: FastifyRequest, user: unknown, options?: { keepSessionInfo?: boolean }) {
      const kept = options?.keepSessionInfo ? { ...request.session } : {}
      await request.session.regenerate()
      Object.assign(request.session, kept, { passport: await passport.serializeUser(user, request) })
    },
    logOut: (request: FastifyRequest) => request.session.regenerate(),
    getUserFromSession: (request: FastifyRequest) => (request.session as object as Data)['passport'],
  })
}

async function start() {
  const passport = new Authenticator()
  keepIn(passport)
  passport.use(
    'local',
    new LocalStrategy({ usernameField: 'email' }, (email, password, done) => {
      done(null, users.find((user) => user.email === email && password === 'right') ?? false)
    }) as never,
  )
  passport.use('latchkey', new SessionStrategy() as never)
  passport.registerUserSerializer(async (user: User) => user.id)
  passport.registerUserDeserializer(async (id: number) => users.find((user) => user.id === id) ?? null)
  const after = async (app: FastifyInstance): Promise<void> => {
    await app.register(passport.initialize())
    await app.register(passport.secureSession())
    const user = (request: FastifyRequest): unknown => ({ user: (request as { user?: unknown }).user ?? null })
    const guarded = passport.authenticate('latchkey', { session: false, authInfo: false })
    app.get('/me', user)
    app.get('/profile', { preValidation: guarded }, user)
    app.post('/login', { preValidation: passport.authenticate('local', { authInfo: false }) }, user)
    app.post('/logout', async (request: FastifyRequest, reply: FastifyReply) => {
      await request.logOut()
      return reply.send({})
    })
  }
  const store = new FailingStore(new MemoryStore())
  const subject = (data: Readonly<Data>): unknown => data['passport']
  const routes = {
    'GET /set': ({ session, query }: { session: object; query: object }) => void Object.assign(session, query),
    'GET /data': ({ session }: { session: object }) => ({ ...session }),
  }
  const app = ending(await onFastify!.start({ secret, store, subject, log: false }, routes, { plugins: { after } }))
  return { store, browser: new CookieAgent(app.base) }
}

describe('@fastify/passport on Fastify, with a session manager of four lines', () => {
  const credentials = { email: users[0]!.email, password: 'right' }

  test('a login gives one new id and one cookie, and the old id is dead', async () => {
    const { browser, store } = await start()
    await browser.get('/set?cart=full')
    const before = browser.copy()
    const response = await browser.post('/login', credentials)
    expect(await response.json()).toEqual({ user: users[0] })
    expect(response.headers.getSetCookie()).toHaveLength(1)
    expect(store.calls).toMatchObject({ create: 2, delete: 1, rotate: 0, update: 0 })
    expect(await json(browser.get('/me'))).toEqual({ user: users[0] })
    expect(await json(browser.get('/data'))).toEqual({ passport: 1 })
    expect(await json(before.get('/data'))).toEqual({})
  })

  test('a logout ends the session, its copies and its cookie', async () => {
    const { browser } = await start()
    await browser.post('/login', credentials)
    const copy = browser.copy()
    await browser.post('/logout')
    expect(browser.cookies).toEqual([])
    for (const agent of [browser, copy]) expect(await json(agent.get('/me'))).toEqual({ user: null })
  })

  test('the strategy lets in whoever is signed in, refuses others with 401, and says 503 where the store is down', async () => {
    const { browser, store } = await start()
    expect((await browser.get('/profile')).status).toBe(401)
    await browser.post('/login', credentials)
    expect((await browser.get('/profile')).status).toBe(200)
    store.failWith(new Error('down'))
    expect((await browser.get('/profile')).status).toBe(503)
  })
})
