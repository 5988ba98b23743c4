import type { Server } from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import express, { type Request, type RequestHandler } from 'express'
import fastify, { type FastifyInstance } from 'fastify'
import { createClient } from 'redis'
import type { AdoptedLibrary } from 'latchkey/stores/redis'

/*
 * Applications as they were before: real express-session and @fastify/session, each on connect-redis. Their types would change
 * those of requests for the whole project, so they are loaded without.
 */

const load = createRequire(import.meta.url)

/** What a handler of an old application holds. */
export interface OldSession {
  [key: string]: unknown
  cookie: { maxAge: number | null; expires: Date | null }
  regenerate(callback: (error?: unknown) => void): void
  destroy(callback: (error?: unknown) => void): void
}

export interface OldOptions {
  readonly url: string
  readonly secret: string | readonly string[]
  /** Options of express-session or @fastify/session besides. */
  readonly session?: Readonly<Record<string, unknown>>
  readonly maxAge?: number | null
  readonly cookieName?: string
}

/** An answer of an old application. A handler may wait as long as its test wants it. */
export type OldHandler = (context: {
  readonly session: OldSession
  readonly query: Readonly<Record<string, string>>
}) => unknown

export interface OldApp {
  readonly base: string
  close(): Promise<void>
}

export interface OldLibrary {
  readonly from: AdoptedLibrary
  /** The name that its cookie has by default. */
  readonly cookieName: string
  start(options: OldOptions, routes?: Readonly<Record<string, OldHandler>>): Promise<OldApp>
}

/** The libraries whose sessions are taken over. */
export const libraries: readonly OldLibrary[] = [
  { from: 'connect-redis', cookieName: 'connect.sid', start: startExpress },
  { from: '@fastify/session', cookieName: 'sessionId', start: startFastify },
]

const ROUTES: Readonly<Record<string, OldHandler>> = {
  '/login': ({ session, query }) => void Object.assign(session, { userId: query['user'], ...DATA }),
  '/set': ({ session, query }) => void Object.assign(session, query),
  '/data': ({ session }) => dataOf(session),
  '/logout': ({ session }) => new Promise((resolve) => session.destroy(resolve)),
}

/** What a login puts into a session besides the user. */
export const DATA = {
  cart: { items: [{ id: 7, price: 12.5 }], note: '' },
  empty: [],
  flash: {},
  big: 1e21,
  nothing: null,
}

/** The middleware of express-session over connect-redis, for an application that is built elsewhere. */
export async function expressSession(options: OldOptions): Promise<{ handler: RequestHandler; end(): Promise<void> }> {
  const session = load('express-session') as (options: object) => RequestHandler
  const { client, store } = await connectRedis(options.url)
  const { secret, maxAge, cookieName } = options
  const handler = session({
    store,
    secret,
    resave: false,
    saveUninitialized: false,
    ...(cookieName === undefined ? {} : { name: cookieName }),
    cookie: { maxAge: maxAge === undefined ? 3_600_000 : maxAge, httpOnly: true, sameSite: 'lax' },
    ...options.session,
  })
  return { handler, end: () => client.close() }
}

/** @fastify/session over connect-redis, on an instance that is made elsewhere. Ends with it. */
export async function fastifySession(app: FastifyInstance, options: OldOptions): Promise<void> {
  const { client, store } = await connectRedis(options.url)
  const { secret, maxAge, cookieName } = options
  await app.register(load('@fastify/cookie') as never)
  await app.register(load('@fastify/session') as never, {
    store,
    secret,
    saveUninitialized: false,
    ...(cookieName === undefined ? {} : { cookieName }),
    cookie: { secure: false, ...(maxAge === null ? {} : { maxAge: maxAge ?? 3_600_000 }) },
    ...options.session,
  })
  app.addHook('onClose', () => client.close())
}

async function startExpress(options: OldOptions, routes: Readonly<Record<string, OldHandler>> = {}): Promise<OldApp> {
  const app = express()
  const { handler, end } = await expressSession(options)
  app.use(handler)
  for (const [path, handle] of Object.entries({ ...ROUTES, ...routes })) {
    app.get(path, async (request: Request, response) => {
      const { session } = request as unknown as { session: OldSession }
      response.json((await handle({ session, query: request.query as Record<string, string> })) ?? null)
    })
  }
  const server = await new Promise<Server>((resolve) => {
    const listening: Server = app.listen(0, '127.0.0.1', () => resolve(listening))
  })
  return {
    base: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
      await end()
    },
  }
}

async function startFastify(options: OldOptions, routes: Readonly<Record<string, OldHandler>> = {}): Promise<OldApp> {
  const app = fastify({ forceCloseConnections: true })
  await fastifySession(app, options)
  for (const [path, handle] of Object.entries({ ...ROUTES, ...routes })) {
    app.get(path, async (request, reply) => {
      const { session } = request as unknown as { session: OldSession }
      const answer = await handle({ session, query: request.query as Record<string, string> })
      return reply.type('application/json').send(JSON.stringify(answer ?? null))
    })
  }
  await app.listen({ port: 0, host: '127.0.0.1' })
  return { base: `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`, close: () => app.close() }
}

async function connectRedis(url: string) {
  const { RedisStore } = load('connect-redis') as { RedisStore: new (options: object) => object }
  const client = await createClient({ url })
    .on('error', () => {})
    .connect()
  return { client, store: new RedisStore({ client }) }
}

function dataOf(session: OldSession): object {
  return Object.fromEntries(Object.entries(session).filter(([key]) => key !== 'cookie'))
}
