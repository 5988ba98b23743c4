import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { SessionEvent, SessionStore } from 'latchkey/core'
import session, { type Session, type SessionData, type SessionOptions, type Store } from 'latchkey/express-session'
import { MemoryStore } from 'latchkey/stores/memory'
import { CookieAgent } from 'latchkey/testing'
import { afterEach } from 'vitest'

/** A request as a handler finds it behind the middleware, with whatever data. */
export interface SiteRequest extends IncomingMessage {
  session: Session & Partial<SessionData> & Record<string, unknown>
  sessionID: string
  sessionStore: Store
  secret?: string
  secure?: boolean
  originalUrl?: string
}

export type SiteHandler = (request: SiteRequest, response: ServerResponse) => unknown

/** An application on the drop-in, and a browser. */
export interface Site {
  readonly base: string
  readonly browser: CookieAgent
  readonly lines: readonly string[]
  readonly events: readonly SessionEvent[]
  /** A browser of somebody else. */
  another(): CookieAgent
  /** The Set-Cookie lines of an answer to a GET. */
  setCookies(path?: string, headers?: Record<string, string>): Promise<readonly string[]>
}

export const secret = 'keyboard cat'

const closing: (() => Promise<unknown>)[] = []

afterEach(async () => {
  for (const close of closing.splice(0)) await close()
})

/** Starts an application whose every request comes to `handler`. What fails is answered with its status and message. */
export async function site(
  options: SessionOptions,
  handler: SiteHandler = (_, response) => response.end(),
  before: SiteHandler = () => {},
): Promise<Site> {
  const lines: string[] = []
  const events: SessionEvent[] = []
  const middleware = session({
    secret,
    resave: false,
    saveUninitialized: false,
    log: (line) => void lines.push(line),
    onEvent: (event) => void events.push(event),
    ...options,
  })
  const base = await listening((request, response) => {
    const failed = (error: unknown): void => {
      const { status, message } = error as { readonly status?: number; readonly message: string }
      response.statusCode = status ?? 500
      response.end(message)
    }
    before(request as SiteRequest, response)
    middleware(request, response, (error) => {
      if (error) return failed(error)
      void (async () => handler(request as SiteRequest, response))().catch(failed)
    })
  })
  closing.push(() => middleware.close())
  const browser = new CookieAgent(base)
  return {
    base,
    browser,
    lines,
    events,
    another: () => new CookieAgent(base),
    setCookies: async (path = '/', headers = {}) => (await browser.get(path, { headers })).headers.getSetCookie(),
  }
}

/** Starts a server that ends after the test, and answers where it is. */
export async function listening(listener: RequestListener, server: Server = createServer()): Promise<string> {
  server.on('request', listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  closing.push(() => {
    server.closeAllConnections()
    return new Promise((resolve) => server.close(resolve))
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** A store of each kind: one for express-session, and one of Latchkey. */
export const kinds: readonly { readonly kind: string; readonly make: () => SessionStore | Store }[] = [
  { kind: 'a store for express-session', make: () => new session.MemoryStore() },
  { kind: 'a store of Latchkey', make: () => new MemoryStore() },
]

/** The body of an answer. */
export async function body(response: Promise<Response>): Promise<string> {
  return (await response).text()
}

/** A verb with a callback as a promise, called as its user would call it. */
export function done(call: (callback: (error?: unknown) => void) => unknown): Promise<void> {
  return new Promise((resolve, reject) => call((error) => (error ? reject(error as Error) : resolve())))
}

/** The id in a cookie of express-session. */
export function sidIn(line: string | undefined): string {
  const value = decodeURIComponent(/=([^;]*)/.exec(line ?? '')?.[1] ?? '')
  return value.slice(2, value.lastIndexOf('.'))
}
