import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import express, { type RequestHandler } from 'express'
import fastify, { type FastifyInstance, type FastifyServerOptions } from 'fastify'
import { sessions as expressSessions, type Session, type SessionOptions } from 'latchkey/express'
import { sessions as fastifySessions } from 'latchkey/fastify'
import { watched } from './told.js'

/** What a test's handler gets, the same on both platforms. */
export interface Context {
  readonly session: Session<Record<string, unknown>>
  readonly request: { session: Session<Record<string, unknown>> }
  /** Node's own request and response. */
  readonly raw: { readonly req: IncomingMessage; readonly res: ServerResponse }
  readonly query: Readonly<Record<string, string>>
  /** What the platform, or the body parser that a test has mounted, has read. */
  readonly body: unknown
  status(code: number): void
  header(name: string, value: string): void
  redirect(url: string): void
}

/** Answers JSON; a handler that has answered by itself returns {@link ANSWERED}. */
export type Handler = (context: Context) => unknown

export const ANSWERED = Symbol('answered')

export interface TestApp {
  readonly base: string
  readonly port: number
  close(): Promise<void>
}

export interface PlatformOptions {
  /** Express middleware mounted before or after the sessions; on Fastify they are left out. */
  readonly before?: readonly RequestHandler[]
  readonly after?: readonly RequestHandler[]
  /** On Fastify: plugins to register before or after. */
  readonly plugins?: {
    before?: (app: FastifyInstance) => Promise<void>
    after?: (app: FastifyInstance) => Promise<void>
  }
  readonly trustProxy?: boolean
  readonly fastify?: FastifyServerOptions
}

export interface Platform {
  readonly name: 'express' | 'fastify'
  start(options: SessionOptions, routes: Readonly<Record<string, Handler>>, more?: PlatformOptions): Promise<TestApp>
}

/** Both platforms. Routes are named `GET /path`. */
export const platforms: readonly Platform[] = [
  { name: 'express', start: startExpress },
  { name: 'fastify', start: startFastify },
]

async function startExpress(
  options: SessionOptions,
  routes: Readonly<Record<string, Handler>>,
  more: PlatformOptions = {},
): Promise<TestApp> {
  const app = express()
  if (more.trustProxy) app.set('trust proxy', 1)
  const middleware = expressSessions(watched(options))
  for (const handler of more.before ?? []) app.use(handler)
  app.use(middleware)
  for (const handler of more.after ?? []) app.use(handler)
  for (const [route, handler] of Object.entries(routes)) {
    const [method, path] = route.split(' ') as ['GET', string]
    app[method.toLowerCase() as 'get'](path, async (req, res) => {
      const result = await handler({
        get session() {
          return req.session as Session<Record<string, unknown>>
        },
        request: req as never,
        raw: { req, res },
        query: req.query as Record<string, string>,
        body: req.body as unknown,
        status: (code) => void res.status(code),
        header: (name, value) => void res.setHeader(name, value),
        redirect: (url) => res.redirect(url),
      })
      if (result !== ANSWERED) res.json(result ?? null)
    })
  }
  const server = await new Promise<Server>((resolve) => {
    const listening: Server = app.listen(0, '127.0.0.1', () => resolve(listening))
  })
  const { port } = server.address() as AddressInfo
  return {
    base: `http://127.0.0.1:${port}`,
    port,
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
      await middleware.close()
    },
  }
}

async function startFastify(
  options: SessionOptions,
  routes: Readonly<Record<string, Handler>>,
  more: PlatformOptions = {},
): Promise<TestApp> {
  const app = fastify({ forceCloseConnections: true, trustProxy: more.trustProxy ?? false, ...more.fastify })
  await more.plugins?.before?.(app)
  await app.register(fastifySessions, watched(options))
  await more.plugins?.after?.(app)
  for (const [route, handler] of Object.entries(routes)) {
    const [method, url] = route.split(' ') as ['GET', string]
    app.route({
      method,
      url,
      async handler(request, reply) {
        const result = await handler({
          get session() {
            return request.session as Session<Record<string, unknown>>
          },
          request: request,
          raw: { req: request.raw, res: reply.raw },
          query: request.query as Record<string, string>,
          body: request.body,
          status: (code) => void reply.code(code),
          header: (name, value) => void reply.header(name, value),
          redirect: (url) => void reply.redirect(url),
        })
        if (result === ANSWERED) return reply
        return reply.type('application/json').send(JSON.stringify(result ?? null))
      },
    })
  }
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as AddressInfo
  return { base: `http://127.0.0.1:${port}`, port, close: () => app.close() }
}
