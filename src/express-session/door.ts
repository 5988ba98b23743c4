import type { IncomingMessage, ServerResponse } from 'node:http'
import { isPromise } from '../core/calls.js'
import type { Duration } from '../core/duration.js'
import { SessionEngine } from '../core/engine.js'
import { SessionError } from '../core/errors.js'
import type { SessionStore } from '../core/store.js'
import { Countdown } from '../http/countdown.js'
import { failureOf } from '../http/failure.js'
import type { CookieSecret } from '../http/foreign-cookie.js'
import { holdHead } from '../http/hold.js'
import { LogLines } from '../http/log.js'
import { asTheirs } from '../stores/express/as-theirs.js'
import type { ExpressStore } from '../stores/express.js'
import type { CookieOptions } from './cookie.js'
import { SessionExchange } from './exchange.js'
import { THEIR_NAMES } from './face-data.js'
import { ownIds, plainIds } from './ids.js'
import { MemoryStore } from './memory-store.js'
import { resolveOptions, type ResolvedOptions, type SessionOptions } from './options.js'
import { keeperOf, type SessionRequest, type StoreOfRequest } from './session.js'
import { StoreView } from './store-view.js'

/** A request as express-session's middleware finds it and leaves it. */
export interface DropInRequest extends IncomingMessage, Omit<SessionRequest, 'sessionID'> {
  sessionID: string
  originalUrl?: string
  secret?: CookieSecret
  secure?: unknown
  ip?: unknown
  cookies?: Readonly<Record<string, unknown>>
  signedCookies?: Readonly<Record<string, unknown>>
}

/** How long closing waits for requests that are under way, in milliseconds. */
const CLOSE_WITHIN: Duration = 5000

/** Time for stores that look for a session several times, as one of files does. */
const PATIENCE: Duration = 3000

/** One `session(options)`: what all of its requests share. */
export class SessionDoor {
  readonly engine: SessionEngine
  readonly options: ResolvedOptions
  /** The store as `req.sessionStore` shows it. */
  readonly store: StoreOfRequest
  readonly #log: LogLines
  readonly #heads = new Countdown()
  /** A store of express-session may say that it has lost its server. */
  #isConnected = true
  #closing: Promise<void> | undefined

  constructor(given: SessionOptions) {
    const options = resolveOptions(given)
    this.options = options
    const { log } = given
    this.#log = new LogLines(log)
    const store = given.store ?? new MemoryStore()
    const isOurs = isLatchkeyStore(store)
    const { onEvent } = options.engine
    this.engine = new SessionEngine(
      {
        ...options.engine,
        store: isOurs ? store : asTheirs(store, attributesOf(options), THEIR_NAMES, options.engine.clock),
        storeTimeout: options.engine.storeTimeout ?? (isOurs ? undefined : PATIENCE),
        // It signs no cookie of this door.
        secret: ['unused: cookies are signed as express-session does it'],
        onEvent: (event) => {
          this.#log.report(event)
          return onEvent?.(event)
        },
      },
      isOurs ? ownIds(options.genid) : plainIds(options.genid),
    )
    this.store = isOurs ? new StoreView(this) : this.#listenTo(store)
    for (const warning of options.warnings) this.#warn(warning)
    if (process.env['NODE_ENV'] === 'production' && store instanceof MemoryStore) {
      this.#warn('MemoryStore is for development: it loses every session when its process ends. Give another store.')
    }
  }

  /** Opens the session of a request, then calls `next`; with an error where that fails. */
  enter(request: DropInRequest, response: ServerResponse, next: (error?: unknown) => void): void {
    if (request.session || !this.#isConnected) return next()
    const attributes = this.cookieOptions(request)
    if (!pathOf(request).startsWith(attributes.path || '/')) return next()
    const secrets = this.options.secrets ?? (request.secret ? [request.secret] : undefined)
    if (!secrets) return next(new Error('secret option required for sessions'))
    const exchange = new SessionExchange(this, request, secrets, attributes)
    this.#heads.begin()
    let opened
    try {
      opened = exchange.open()
    } catch (error) {
      return this.#notOpened(exchange, error, next)
    }
    if (!isPromise(opened)) return this.#letIn(exchange, response, next)
    opened.then(
      () => this.#letIn(exchange, response, next),
      (error: unknown) => this.#notOpened(exchange, error, next),
    )
  }

  /** The attributes of the cookie for a request. */
  cookieOptions(request: IncomingMessage): CookieOptions {
    const { cookie } = this.options
    return typeof cookie === 'function' ? cookie(request) : cookie
  }

  /** Whether the client came over HTTPS, as far as it can be believed. */
  isSecure({ socket, headers, secure }: DropInRequest): boolean {
    if ((socket as { encrypted?: unknown }).encrypted === true) return true
    const { proxy } = this.options
    if (proxy !== true) return proxy === undefined && secure === true
    const [said = ''] = String(headers['x-forwarded-proto'] ?? '').split(',', 1)
    return said.trim().toLowerCase() === 'https'
  }

  /** The error for a cookie that this connection can't deliver. */
  undeliverable(): SessionError {
    const error = new SessionError(
      'COOKIE_UNDELIVERABLE',
      'The session cookie is Secure, this connection is not, so no browser would send it back; nothing was stored. Serve the ' +
        "app over HTTPS. If a proxy in front of it does that, make it send X-Forwarded-Proto and trust it: app.set('trust proxy', 1). " +
        "For plain HTTP in development give cookie.secure 'auto'.",
    )
    this.engine.emit({ type: 'cookie-undeliverable', error })
    return error
  }

  /** The head of an answer has left, or never will. */
  headLeft(): void {
    this.#heads.end()
  }

  /** Tells the log of an answer that could not be sent, whose handler was no longer there to be told. */
  answerLost(error: unknown): void {
    this.#log.answerLost(error)
  }

  /** Tells the log of an error that is none of ours, such as one of the option `genid`, for which a request was refused. */
  refused(error: unknown): void {
    this.#log.refused(error)
  }

  close(): Promise<void> {
    return (this.#closing ??= this.#heads.isOver(CLOSE_WITHIN).then(() => this.engine.close()))
  }

  /** As express-session has it: what makes sessions is on the store, and the store says whether it has its server. */
  #listenTo(given: ExpressStore): StoreOfRequest {
    const store = given as StoreOfRequest & {
      generate?: (request: SessionRequest) => void
      on?: (event: string, listener: () => void) => unknown
    }
    // Another middleware on the same store has requests of its own.
    const before = store.generate
    store.generate = (request) => (before && !keeperOf(request) ? before(request) : this.generate(request))
    store.on?.('disconnect', () => (this.#isConnected = false))
    store.on?.('connect', () => (this.#isConnected = true))
    return store
  }

  /** Puts a new session on a request, whatever it had. */
  generate(request: SessionRequest): void {
    const exchange = keeperOf(request)
    if (exchange instanceof SessionExchange) return exchange.generate()
    throw new SessionError(
      'REQUEST_WITHOUT_SESSION',
      'A new session was asked for a request that has not come through session(). Mount the middleware before it.',
    )
  }

  #letIn(exchange: SessionExchange, response: ServerResponse, next: () => void): void {
    holdHead(response, exchange, next)
  }

  /** As express-session has it, the application's own error handler answers; what is known of the fault is on the error. */
  #notOpened(exchange: SessionExchange, error: unknown, next: (error?: unknown) => void): void {
    exchange.headGone()
    next(error instanceof SessionError ? withStatus(error) : error)
  }

  #warn(line: string): void {
    this.#log.write(line, { level: 'warn', type: 'option-doubtful' })
  }
}

/** Whether a store is one of Latchkey's. Those of express-session may have a method `load`, too. */
function isLatchkeyStore(store: object): store is SessionStore {
  return (store as Partial<SessionStore>).abilities instanceof Set
}

/** What error handlers of Express and of Nest look at. */
function withStatus(error: SessionError): SessionError {
  const { statusCode, retryAfter } = failureOf(error)
  return Object.assign(error, {
    status: statusCode,
    statusCode,
    // By this Nest knows an error that has a status.
    expose: false,
    headers: retryAfter === undefined ? {} : { 'Retry-After': String(retryAfter), 'Cache-Control': 'no-store' },
  })
}

function attributesOf({ cookie }: ResolvedOptions): Readonly<Record<string, unknown>> {
  if (typeof cookie === 'function') return { path: '/', httpOnly: true }
  const { maxAge: _, expires: __, encode: ___, ...attributes } = cookie
  return { path: '/', httpOnly: true, ...attributes }
}

/** The path that was asked for, wherever the middleware is mounted. */
function pathOf({ originalUrl, url }: DropInRequest): string {
  const asked = originalUrl ?? url ?? ''
  if (asked.startsWith('/')) return asked.split(/[?#]/, 1)[0]!
  return URL.canParse(asked) ? new URL(asked).pathname : '/'
}
