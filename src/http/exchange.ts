import type { IncomingMessage } from 'node:http'
import { isPromise } from '../core/calls.js'
import type { Carrier, Client } from '../core/context.js'
import { SessionError } from '../core/errors.js'
import { OpenSession } from '../core/open-session.js'
import type { Session } from '../core/session.js'
import { invalid, shown } from '../core/options.js'
import type { SignInOptions } from '../core/sign-in.js'
import type { Awaitable } from '../core/store.js'
import { isTokenShaped } from '../core/token.js'
import { UnavailableSession } from '../core/unavailable-session.js'
import { clientOf } from './client.js'
import { cookieName, cookieValues, MAX_COOKIES, setCookieText } from './cookie-text.js'
import { isHttps, isStateChanging } from './cross-site.js'
import type { Door } from './door.js'
import type { ExchangeView } from './explain.js'
import { failureOf, isAnswered, type Failure } from './failure.js'
import type { HeadChanges } from './head.js'
import { isHeadHeld, type HeadKeeper } from './hold.js'
import type { Taker } from './methods.js'
import { Objections } from './objections.js'
import type { Transport } from './options.js'
import { EXCHANGE } from './shown-session.js'

/** Where a request says whether it came over HTTPS: Express's and Fastify's requests know of proxies. */
export interface ConnectionFacts {
  readonly protocol?: unknown
  readonly ip?: unknown
  readonly socket?: unknown
  readonly host?: unknown
  readonly hostname?: unknown
}

/** One request and its answer, with the session between them. */
export class Exchange implements Carrier, HeadKeeper {
  readonly door: Door
  taker: Taker | undefined
  readonly #request: IncomingMessage
  readonly #connection: ConnectionFacts
  #open: OpenSession | UnavailableSession | undefined
  #tokens: readonly string[] = NO_TOKENS
  /** Ids of another library, whose sessions are taken over. */
  #sids: readonly string[] = NO_TOKENS
  /** The method for which it was looked at: one that overrides it may come later. */
  #method: string | undefined
  #objections: Objections | undefined
  #admission: Promise<void> | undefined
  #isBearer = false
  #isRead = false
  #undeliverable: SessionError | undefined
  #isHeadGone = false

  constructor(door: Door, request: IncomingMessage, connection: ConnectionFacts) {
    this.door = door
    this.#request = request
    this.#connection = connection
  }

  get kind(): symbol {
    return EXCHANGE
  }

  get presented(): boolean {
    return this.#tokens.length + this.#sids.length > 0
  }

  /** The session, loaded. From now on the answer depends on it. */
  get session(): Session | undefined {
    this.#isRead = true
    if (this.#request.method !== this.#method) this.#lookAgain()
    return this.#open?.session
  }

  /** What speaks against its having a session; `undefined` for nothing. */
  get objections(): Objections | undefined {
    if (this.#request.method !== this.#method) this.#lookAgain()
    return this.#objections
  }

  /** What `explain` looks at. Does not count as a look at the session. */
  get view(): ExchangeView {
    return {
      door: this.door,
      request: this.#request,
      open: this.#open instanceof UnavailableSession ? undefined : this.#open,
      cookieName: cookieName(this.door.cookie, this.#isSecureCookie),
      isDeliverable: this.#isDeliverable,
      isForeign: this.#objections?.standing?.code === 'CROSS_SITE_REQUEST',
    }
  }

  /** Finds the token and loads the session, unless the request may not have it. */
  open(): Awaitable<void> {
    this.#tokens = this.#findTokens()
    this.#method = this.#request.method
    if (!this.#isForeign()) return this.#load()
    this.#object()
  }

  /**
   * Lifts the objection to a request of another site: only now is its session loaded.
   *
   * @throws SessionError `CROSS_SITE_REQUEST` if somebody has written to the session before: what it was meant for is not
   *   known.
   */
  admit(): Promise<void> {
    return (this.#admission ??= this.#admit())
  }

  /**
   * Reads the session from the store again, past a near cache. If it is over by now, the request goes on as if it had none; if
   * the store fails, as if it had failed before.
   */
  async refresh(): Promise<void> {
    if (this.#open === undefined || this.#open instanceof UnavailableSession) return
    try {
      await this.#open.refresh()
    } catch (error) {
      this.#notLoaded(error)
    }
  }

  get isReachable(): boolean {
    return isHeadHeld(this) && this.#isDeliverable
  }

  get client(): Client {
    return clientOf(this.#request, this.#connection)
  }

  /**
   * Signs somebody in, see `SessionService.login`.
   *
   * @param transport - how the answer carries the token; as the request brought its own, if nothing is said
   * @throws SessionError `REQUEST_WITHOUT_SESSION` if the session was never opened, `OPTIONS_INVALID` for a transport that is
   *   not in use.
   */
  async signIn(
    data: Readonly<Record<string, unknown>>,
    options: SignInOptions,
    transport: Transport | undefined = this.#isBearer ? 'bearer' : 'cookie',
  ): Promise<void> {
    this.#isRead = true
    if (!this.#open) {
      throw new SessionError(
        'REQUEST_WITHOUT_SESSION',
        'The session of this request is not open yet. Sign in from a handler.',
      )
    }
    if (!this.door.transports.has(transport)) throw notInUse(transport)
    const before = this.#isBearer
    this.#isBearer = transport === 'bearer'
    try {
      await this.#open.signIn(data, options)
    } catch (error) {
      this.#isBearer = before
      throw error
    }
  }

  assertReachable(): void {
    if (!isHeadHeld(this)) {
      throw new SessionError(
        'HEADERS_SENT',
        'A new session, or a new id, needs a header, and the headers have left already or the client has gone. ' +
          'Change the session before the first byte of the body, or call `await session.save()` before it.',
      )
    }
    // Told once, however often a handler tries to save.
    if (!this.#isDeliverable) throw (this.#undeliverable ??= this.door.undeliverable(this.#request))
  }

  settle(status?: number): Awaitable<void> {
    const objection = this.#objections?.standing
    if (objection) throw objection
    const open = this.#open
    if (!open || (!this.#isRead && !open.isUnsettled)) return
    // What a platform answers when its handler fails. Why it failed, we know better.
    if (status === 500 && open.lastError && isAnswered(open.lastError)) throw open.lastError
    return open.commit()
  }

  /** Node's own request. */
  get request(): IncomingMessage {
    return this.#request
  }

  headGone(): void {
    if (this.#isHeadGone) return
    this.#isHeadGone = true
    this.door.headLeft()
  }

  headChanges(): HeadChanges | undefined {
    const open = this.#open
    const dropsForeign = open instanceof OpenSession && open.dropsForeign
    if (!open || (!this.#isRead && open.tokenChange === 'keep' && !dropsForeign)) return undefined
    const vary = this.#isBearer ? VARY_AUTHORIZATION : VARY_COOKIE
    if (open.tokenChange === 'keep' && !dropsForeign && open.isAvailable) return vary
    return {
      ...vary,
      cookieName: cookieName(this.door.cookie, this.#isSecureCookie),
      setCookie: this.#isBearer ? undefined : this.#setCookie(open),
      foreignCookie: dropsForeign ? this.#foreignDeletion : undefined,
      token: this.#isBearer && open.tokenChange === 'set' ? open.signedToken : undefined,
      isStopgap: !open.isAvailable,
    }
  }

  refuse(error: unknown): Failure {
    if (error === this.#objections?.standing) this.#tellRefusal()
    else if (error instanceof SessionError) this.door.engine.emit({ type: 'commit-failed', error })
    else this.door.refused(error)
    return failureOf(error)
  }

  failedLate(error: unknown): void {
    // Nothing was written: it could not be.
    if (error === this.#objections?.standing) return
    if (error instanceof SessionError) this.door.engine.emit({ type: 'late-write-dropped', error })
    else this.door.answerLost(error)
  }

  #setCookie(open: OpenSession | UnavailableSession): string | undefined {
    const { cookie } = this.door
    switch (open.tokenChange) {
      case 'set':
        return setCookieText(cookie, this.#isSecureCookie, open.signedToken, open.tokenMaxAge)
      case 'clear':
        return setCookieText(cookie, this.#isSecureCookie, '', 0)
      default:
        return undefined
    }
  }

  #load(): Awaitable<void> {
    let opened
    try {
      opened = this.door.engine.open(this.#tokens, this, this.door.isFresh(this.#connection), this.#sids)
    } catch (error) {
      return this.#notLoaded(error)
    }
    if (isPromise(opened)) {
      return opened.then(
        (open) => void (this.#open = open),
        (error: unknown) => this.#notLoaded(error),
      )
    }
    this.#open = opened
  }

  #notLoaded(error: unknown): void {
    if (!(error instanceof SessionError) || error.code !== 'STORE_UNAVAILABLE') throw error
    this.#open = this.door.engine.unavailable(error)
    this.#objections ??= new Objections()
    this.#objections.down(error, this.door.storeDownPolicy(this.#connection))
  }

  /** A page can't make a browser send a token in `Authorization`, so a request with one needs no look at where it is from. */
  #isForeign(): boolean {
    if (!this.presented || this.#isBearer || !isStateChanging(this.#method)) return false
    return this.door.crossSite?.isForeign(this.#request, this.#connection) ?? false
  }

  #object(): void {
    const error = new SessionError(
      'CROSS_SITE_REQUEST',
      'A page of another site has sent this request, so it does not get its session. If the page is yours, name its origin ' +
        'in the option trustedOrigins; a handler of Nest that is meant for all sites gets @SkipCsrf().',
    )
    this.#open = this.door.engine.unavailable(error)
    this.#objections ??= new Objections()
    this.#objections.foreign(error)
  }

  /** Another method has taken the place of the one that the request came with, as middleware for old forms does it. */
  #lookAgain(): void {
    this.#method = this.#request.method
    if (!this.#objections?.crossSite && this.#isForeign()) this.#object()
  }

  async #admit(): Promise<void> {
    const objection = this.objections?.crossSite
    if (!objection) return
    if (this.#open instanceof UnavailableSession && this.#open.isUsed) throw objection
    await this.#load()
    this.#objections?.admit()
  }

  #tellRefusal(): void {
    if (this.#objections?.crossSite === this.#objections?.standing) this.door.refusedCrossSite(this.#request)
  }

  #findTokens(): readonly string[] {
    const { transports, cookie } = this.door
    if (transports.has('bearer')) {
      const token = bearerToken(this.#request.headers.authorization)
      this.#isBearer = token !== undefined || !transports.has('cookie')
      if (this.#isBearer) return token === undefined ? NO_TOKENS : [token]
    }
    const header = this.#request.headers.cookie
    if (header === undefined) return NO_TOKENS
    const name = cookieName(cookie, this.#isSecureCookie)
    const { foreign } = this.door
    if (foreign === undefined) return cookieValues(header, name, MAX_COOKIES)
    const { ours, sids } = foreign.tell(header, name, MAX_COOKIES)
    // Ours would take the place of theirs: not where it would never get back to us.
    if (sids.length > 0 && !this.#isDeliverable) this.#undeliverable ??= this.door.undeliverable(this.#request)
    else this.#sids = sids
    return ours
  }

  get #foreignDeletion(): string | undefined {
    return this.door.foreign?.deletion(cookieName(this.door.cookie, this.#isSecureCookie), this.#isSecureConnection)
  }

  get #isDeliverable(): boolean {
    return this.#isBearer || !this.#isSecureCookie || this.#isSecureConnection
  }

  get #isSecureCookie(): boolean {
    const { secure } = this.door.cookie
    return secure === 'auto' ? this.#isSecureConnection : secure
  }

  get #isSecureConnection(): boolean {
    return isHttps(this.#connection)
  }
}

const NO_TOKENS: readonly string[] = []

/** What most answers say: that they were made for a session, and nothing of it. */
const VARY_COOKIE: HeadChanges = {
  cookieName: '',
  setCookie: undefined,
  token: undefined,
  vary: 'Cookie',
  isStopgap: false,
}
const VARY_AUTHORIZATION: HeadChanges = { ...VARY_COOKIE, vary: 'Authorization' }

function notInUse(transport: unknown): SessionError {
  const name = shown(transport)
  return invalid(`A login asked for the transport ${name}, which is not in use. Add it to the option \`transports\`.`)
}

/** The token of an Authorization header, if it has the form of ours; a JWT or another scheme is somebody else's. */
function bearerToken(header: string | undefined): string | undefined {
  if (header === undefined || header.slice(0, 7).toLowerCase() !== 'bearer ') return undefined
  const token = header.slice(7).trim()
  return isTokenShaped(token) ? token : undefined
}
