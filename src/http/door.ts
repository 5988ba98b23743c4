import type { IncomingMessage, ServerResponse } from 'node:http'
import { isPromise } from '../core/calls.js'
import { SessionEngine } from '../core/engine.js'
import { SessionError } from '../core/errors.js'
import { callable, refuseUnknown } from '../core/options.js'
import { Countdown } from './countdown.js'
import { siteSaid, type CrossSiteCheck } from './cross-site.js'
import { Exchange, type ConnectionFacts } from './exchange.js'
import { answer, failureOf, type Failure } from './failure.js'
import { ForeignCookieReader } from './foreign-cookie-reader.js'
import { holdHead } from './hold.js'
import { LogLines, text } from './log.js'
import type { Objections, RouteChoices, StoreDownPolicy } from './objections.js'
import {
  assertStoreDownPolicy,
  resolveCookieOptions,
  resolveCrossSite,
  resolveStoreDown,
  resolveTransports,
  SESSION_OPTIONS,
  type ResolvedCookieOptions,
  type SessionOptions,
  type Transport,
} from './options.js'
import { exchangeOf, showSession } from './shown-session.js'

/** How each platform is told that the proxy in front of it can be trusted. */
export const TRUST_PROXY = {
  express: "app.set('trust proxy', 1)",
  fastify: 'Fastify({ trustProxy: true })',
  nestFastify: 'new FastifyAdapter({ trustProxy: true })',
} as const

/** What is used of Fastify's reply, which keeps the headers until it is sent. */
export interface KeptHeaders {
  getHeaders(): Readonly<Record<string, number | string | string[] | undefined>>
}

/** What is the same on every platform: it opens the session of a raw request and holds the head of its answer. */
export class Door {
  readonly engine: SessionEngine
  readonly cookie: ResolvedCookieOptions
  readonly transports: ReadonlySet<Transport>
  /** What refuses requests of other sites; nothing where that is turned off. */
  readonly crossSite: CrossSiteCheck | undefined
  /** What tells the cookies of a library whose sessions are taken over; nothing where none are. */
  readonly foreign: ForeignCookieReader | undefined
  readonly #onStoreDown: NonNullable<SessionOptions['onStoreDown']>
  readonly #fresh: SessionOptions['fresh']
  readonly #routes: RouteChoices
  readonly #log: LogLines
  readonly #trustProxy: () => string
  readonly #heads = new Countdown()
  #wasPassedOver = false
  #closing: Promise<void> | undefined

  /**
   * @param trustProxy - how this platform is told that a proxy in front of it speaks HTTPS
   * @param routes - what the routes of the application decide for themselves
   * @throws SessionError `OPTIONS_INVALID`
   */
  constructor(options: SessionOptions, trustProxy: () => string, routes: RouteChoices = NO_CHOICES) {
    refuseUnknown(options, SESSION_OPTIONS)
    const { cookie, transports, onStoreDown, fresh, csrf, trustedOrigins, log, onEvent, ...engineOptions } = options
    callable('onEvent', onEvent)
    if (log !== false) callable('log', log)
    this.cookie = resolveCookieOptions(cookie)
    this.transports = resolveTransports(transports)
    this.crossSite = resolveCrossSite({ csrf, trustedOrigins })
    this.#onStoreDown = resolveStoreDown(onStoreDown)
    this.#fresh = callable('fresh', fresh)
    this.#routes = routes
    this.#log = new LogLines(log)
    this.#trustProxy = trustProxy
    this.engine = new SessionEngine({
      ...engineOptions,
      onEvent: (event) => {
        this.#log.report(event)
        return onEvent?.(event)
      },
    })
    const { foreignCookies, secrets } = this.engine
    this.foreign = foreignCookies && new ForeignCookieReader(foreignCookies, secrets)
  }

  /**
   * Opens the session of a request, then calls `next`. A request that has a session already keeps it. If the store
   * fails, the request is answered and `next` is not called.
   *
   * @param connection - who knows whether the client came over HTTPS
   * @param kept - where the platform keeps the headers of the answer, if not on the response
   */
  enter(
    request: IncomingMessage,
    response: ServerResponse,
    connection: ConnectionFacts,
    next: () => void,
    kept?: KeptHeaders,
  ): void {
    const earlier = exchangeOf(request)
    if (earlier) {
      if (earlier.door !== this) this.#passedOver()
      return next()
    }
    const exchange = new Exchange(this, request, connection)
    this.#heads.begin()
    showSession(request, exchange)
    let opened
    try {
      opened = exchange.open()
    } catch (error) {
      return this.#notOpened(exchange, response, error, kept)
    }
    if (!isPromise(opened)) return this.#letIn(exchange, response, next, kept)
    opened.then(
      () => this.#letIn(exchange, response, next, kept),
      (error: unknown) => this.#notOpened(exchange, response, error, kept),
    )
  }

  /** How this platform is told of a proxy. */
  get trustProxy(): string {
    return this.#trustProxy()
  }

  /** The head of an answer has left, or never will. */
  headLeft(): void {
    this.#heads.end()
  }

  /**
   * Lets go of everything: waits for the requests that are under way to be committed, {@link CLOSE_WITHIN} at most, and then
   * for what the engine has under way. Twice is not an error.
   */
  close(): Promise<void> {
    return (this.#closing ??= this.#heads.isOver(CLOSE_WITHIN).then(() => this.engine.close()))
  }

  /** As {@link SessionEngine.ready}; where that fails, nothing is left behind that would keep the process alive. */
  async ready(): Promise<void> {
    try {
      await this.engine.ready()
    } catch (error) {
      await this.engine.close().catch(() => {})
      throw error
    }
  }

  /** What the application's options say of a request whose session can't be loaded. */
  storeDownPolicy(request: ConnectionFacts): StoreDownPolicy {
    if (typeof this.#onStoreDown !== 'function') return this.#onStoreDown
    try {
      const policy: unknown = this.#onStoreDown(request as never)
      // What it would answer later is too late, and must not end the process.
      if (policy instanceof Promise) policy.catch(() => {})
      assertStoreDownPolicy('What onStoreDown answered', policy)
      return policy
    } catch (error) {
      this.#optionFailed(
        `A request was refused while the store is down, because onStoreDown failed. Cause: ${text(error)}`,
      )
      return 'refuse'
    }
  }

  /** Whether the session of a request is to be read from the store now, past a near cache. */
  isFresh(request: ConnectionFacts): boolean {
    if (this.#fresh === undefined) return false
    try {
      const isFresh: unknown = this.#fresh(request as never)
      // What it would answer later is too late, and must not end the process.
      if (isFresh instanceof Promise) isFresh.catch(() => {})
      return Boolean(isFresh)
    } catch (error) {
      this.#optionFailed(`A session was read past the near cache, because fresh failed. Cause: ${text(error)}`)
      return true
    }
  }

  /** Tells of a request of another site that is answered with a refusal. */
  refusedCrossSite(request: IncomingMessage): void {
    this.engine.emit({ type: 'cross-site-refused', method: request.method ?? '', site: siteSaid(request) })
  }

  /** A request with an objection that no route may lift is answered here. */
  #letIn(exchange: Exchange, response: ServerResponse, next: () => void, kept: KeptHeaders | undefined): void {
    if (exchange.objections?.standing && !this.#mayBeLifted(exchange.objections)) {
      return this.#refuse(exchange, response, exchange.refuse(exchange.objections.standing), kept)
    }
    holdHead(response, exchange, next)
  }

  #mayBeLifted(objections: Objections): boolean {
    return objections.standing === objections.crossSite ? this.#routes.crossSite : this.#routes.storeDown
  }

  /** The error for a cookie that this connection can't deliver; told as an event, and in the log the first time. */
  undeliverable(request: IncomingMessage): SessionError {
    const { trustProxy } = this
    const isBehindProxy = request.headers['x-forwarded-proto'] !== undefined || request.headers.forwarded !== undefined
    const mend = isBehindProxy
      ? `A proxy in front of this app says that it speaks HTTPS, but the app is not told to trust it: ${trustProxy}.`
      : `Serve the app over HTTPS; if a proxy in front of it does that, make it send X-Forwarded-Proto and trust it: ${trustProxy}. ` +
        'For plain HTTP in development leave `cookie.secure` at `auto` and NODE_ENV other than production.'
    const error = new SessionError(
      'COOKIE_UNDELIVERABLE',
      `The session cookie is Secure, this connection is not, so no browser would send it back; nothing was stored. ${mend}`,
    )
    this.engine.emit({ type: 'cookie-undeliverable', error })
    return error
  }

  /** Another door has opened the session of a request that comes here. */
  #passedOver(): void {
    if (this.#wasPassedOver) return
    this.#wasPassedOver = true
    const line =
      'A request has its session from another sessions() already, so this one is passed over and its options do nothing for ' +
      'it. Mount one alone, or each on paths of its own.'
    this.#log.write(line, { level: 'warn', type: 'second-door' })
  }

  /** Tells the log of an answer that could not be sent, whose handler was no longer there to be told. */
  answerLost(error: unknown): void {
    this.#log.answerLost(error)
  }

  /** Tells the log of an error that is none of ours, such as one of the option `subject`, for which a request was refused. */
  refused(error: unknown): void {
    this.#log.refused(error)
  }

  /** Nothing is lost by it, and it may come with every request. */
  #optionFailed(line: string): void {
    this.#log.seldom(line, { level: 'error', type: 'option-failed' })
  }

  /** No store that fails leads here, but what the clock throws, or a record without the fields of one. */
  #notOpened(exchange: Exchange, response: ServerResponse, error: unknown, kept: KeptHeaders | undefined): void {
    this.#optionFailed(`A session was not opened, and the client was told so. Cause: ${text(error)}`)
    this.#refuse(exchange, response, failureOf(error), kept)
  }

  /** A page of an origin that is trusted may read why: it would see no more than a failed fetch otherwise. */
  #refuse(exchange: Exchange, response: ServerResponse, failure: Failure, kept: KeptHeaders | undefined): void {
    exchange.headGone()
    // Somebody before the sessions, such as a time-out, may have answered while the store was asked.
    if (response.headersSent) return
    for (const [name, value] of Object.entries(kept?.getHeaders() ?? {})) {
      if (value !== undefined && !response.hasHeader(name)) response.setHeader(name, value)
    }
    const origin = this.crossSite?.trustedOrigin(exchange.request)
    if (origin !== undefined && !response.hasHeader('Access-Control-Allow-Origin')) {
      response.setHeader('Access-Control-Allow-Origin', origin)
      response.setHeader('Access-Control-Allow-Credentials', 'true')
      response.appendHeader('Vary', 'Origin')
    }
    answer(response, failure)
  }
}

const NO_CHOICES: RouteChoices = { storeDown: false, crossSite: false, fresh: false }

/** How long closing waits for requests that are under way, in milliseconds. */
const CLOSE_WITHIN = 5000
