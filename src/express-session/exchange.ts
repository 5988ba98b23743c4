import { AsideObjects } from '../core/aside.js'
import { after } from '../core/calls.js'
import type { Client } from '../core/context.js'
import { MAX_DURATION } from '../core/duration.js'
import { SessionError } from '../core/errors.js'
import type { OpenSession } from '../core/open-session.js'
import type { VerbCallback } from '../core/session.js'
import type { Awaitable } from '../core/store.js'
import { clientOf } from '../http/client.js'
import { failureOf, type Failure } from '../http/failure.js'
import { expressCookieValue, type CookieSecret } from '../http/foreign-cookie.js'
import type { HeadChanges } from '../http/head.js'
import { isHeadHeld, type HeadKeeper } from '../http/hold.js'
import type { Taker } from '../http/methods.js'
import { Cookie, cookieText, type CookieOptions } from './cookie.js'
import { changedAttributes, cookieOf, restoreAttributes } from './cookie-of-session.js'
import type { DropInRequest, SessionDoor } from './door.js'
import { COOKIE_KEY, showData, takeData } from './face-data.js'
import type { RequestCarrier } from './ids.js'
import { presentedCookies } from './presented-cookies.js'
import { keepSessionsOf, nameSession, Session, type SessionKeeper } from './session.js'

/** One request and its answer, with the session between them as express-session shows it. */
export class SessionExchange implements RequestCarrier, HeadKeeper, SessionKeeper {
  readonly request: DropInRequest
  taker: Taker | undefined
  readonly #door: SessionDoor
  readonly #secrets: readonly CookieSecret[]
  readonly #attributes: CookieOptions
  #open: OpenSession
  /** One that `generate` has put aside: what it has under way is waited for. */
  #earlier: OpenSession | undefined
  #aside: AsideObjects | undefined
  #face: Session | undefined
  /** The cookie that the session had last: a deletion has its attributes. */
  #cookie: Cookie | undefined
  /** Whether it has ended by `destroy`, so that a request without a session means nothing more. */
  #isDestroyed = false
  #setCookie: string | undefined
  #undeliverable: SessionError | undefined
  #isHeadGone = false
  presented = false

  constructor(door: SessionDoor, request: DropInRequest, secrets: readonly CookieSecret[], attributes: CookieOptions) {
    this.request = request
    this.#door = door
    this.#secrets = secrets
    this.#attributes = attributes
    this.#open = door.engine.begin(this)
  }

  /** Finds the cookie and loads the session. */
  open(): Awaitable<void> {
    const { request } = this
    const door = this.#door
    request.sessionStore = door.store
    const { sids, isOld } = presentedCookies(request, door.options.name, this.#secrets, door.engine)
    this.presented = sids.length > 0
    keepSessionsOf(request, this)
    if (sids.length === 0) return this.#show()
    return after(door.engine.openIds(sids, this), (open) => {
      this.#open = open
      // One that is signed by an older secret is signed anew.
      if (isOld && open.isStored) open.sendToken()
      this.#show()
    })
  }

  get isReachable(): boolean {
    return isHeadHeld(this) && this.#isDeliverable
  }

  get client(): Client {
    return clientOf(this.request, this.request)
  }

  assertReachable(): void {
    if (!isHeadHeld(this)) {
      throw new SessionError(
        'HEADERS_SENT',
        'A new session, or a new id, needs a header, and the headers have left already or the client has gone. ' +
          'Change the session before the first byte of the body.',
      )
    }
    if (!this.#isDeliverable) throw (this.#undeliverable ??= this.#door.undeliverable())
  }

  settle(): Awaitable<void> {
    const earlier = this.#earlier
    if (!earlier) return this.#settle()
    this.#earlier = undefined
    return after(earlier.commit(), () => this.#settle())
  }

  headChanges(): HeadChanges | undefined {
    return {
      cookieName: this.#door.options.name,
      setCookie: this.#setCookie,
      token: undefined,
      vary: 'Cookie',
      isStopgap: false,
    }
  }

  refuse(error: unknown): Failure {
    if (error instanceof SessionError) this.#door.engine.emit({ type: 'commit-failed', error })
    else this.#door.refused(error)
    return failureOf(error)
  }

  headGone(): void {
    if (this.#isHeadGone) return
    this.#isHeadGone = true
    this.#door.headLeft()
  }

  failedLate(error: unknown): void {
    if (error instanceof SessionError) this.#door.engine.emit({ type: 'late-write-dropped', error })
    else this.#door.answerLost(error)
  }

  save(session: Session, callback?: VerbCallback): void {
    this.#do(() => {
      if (session === this.#face && !this.#isDestroyed) this.#take(session)
      // Who saves an empty session wants it to be there.
      if (this.isReachable) this.#open.keepsEmpty = true
      return this.#open.save()
    }, callback)
  }

  reload(session: Session, callback?: VerbCallback): void {
    this.#do(
      () => this.#open.reload().catch(asTheySayIt),
      callback,
      () => this.#show(),
    )
  }

  regenerate(session: Session, callback?: VerbCallback): void {
    this.#do(
      () => this.#open.regenerate(),
      callback,
      () => {
        if (this.#face) (this.#aside ??= new AsideObjects()).put(this.#face)
        this.#open.keepsEmpty = false
        this.#isDestroyed = false
        this.#show()
      },
    )
  }

  destroy(session: Session, callback?: VerbCallback): void {
    this.#isDestroyed = true
    this.#do(() => this.#open.destroy(), callback)
  }

  touch(): void {
    if (this.#open.isStored) this.#open.touch().catch(() => {})
  }

  /** Puts a new session on the request and leaves the one that it had as it is. */
  generate(): void {
    const earlier = this.#earlier
    const open = this.#open
    this.#earlier = open
    // Two of them wait one for the other.
    if (earlier) void Promise.resolve(earlier.commit()).catch(() => {})
    this.#open = this.#door.engine.begin(this)
    this.#isDestroyed = false
    this.#show()
  }

  /** Runs a verb, then does what comes of it, then calls back. What is thrown at once is told in the same way. */
  #do(verb: () => Promise<void>, callback: VerbCallback | undefined, done: () => void = () => this.#nameFace()): void {
    const tell = (error?: unknown): void => {
      if (callback) process.nextTick(callback, error)
    }
    const run = async (): Promise<void> => {
      await verb()
      done()
    }
    run().then(() => tell(), tell)
  }

  #settle(): Awaitable<void> {
    const { request } = this
    // Whoever has put something else in its place wants nothing saved.
    if (typeof request.sessionID !== 'string') return
    const { session } = request
    if (!session) return this.#settleUnset()
    if (!(session instanceof Session) || session.req !== request) throw replaced()
    this.#face = session
    this.#take(session)
    if (this.#door.options.saveUninitialized && this.isReachable) this.#open.keepsEmpty = true
    return after(this.#open.commit(), () => {
      this.#nameFace()
      this.#setCookie = this.#cookieText(session.cookie)
    })
  }

  #settleUnset(): Awaitable<void> {
    if (!this.#isDestroyed && this.#door.options.unset === 'keep') return
    const open = this.#open
    const ended = this.#isDestroyed ? open.commit() : after(open.destroy(), () => open.commit())
    this.#isDestroyed = true
    return after(ended, () => {
      if (open.tokenChange === 'clear') this.#setCookie = this.#deletionText()
    })
  }

  /** Puts the session on the request as an object of its own, with what the engine holds. */
  #show(): void {
    const { request } = this
    const open = this.#open
    request.sessionID = open.id
    const session = new Session(request)
    const attributes = open.isStored ? this.#attributes : this.#door.cookieOptions(request)
    session.cookie = cookieOf(attributes, open.record, this.#isSecureConnection)
    restoreAttributes(session.cookie, (open.session as object as Record<string, unknown>)[COOKIE_KEY])
    showData(session, open.session)
    request.session = session
    this.#face = session
    this.#cookie = session.cookie
  }

  /** Has the engine hold what the session has. */
  #take(session: Session): void {
    const { options } = this.#door
    this.#aside?.handOver(session)
    // An application may put an object of its own there.
    if (!(session.cookie instanceof Cookie)) session.cookie = new Cookie(session.cookie)
    this.#cookie = session.cookie
    const fixed = typeof options.cookie === 'function' ? undefined : options.cookie
    const changed = changedAttributes(session.cookie, fixed)
    // What no header can say is refused before anything is stored.
    if (changed !== undefined) cookieText(options.name, '', session.cookie)
    takeData(this.#open.session, session, changed)
    this.#takeDeadlines(session.cookie)
  }

  #takeDeadlines({ originalMaxAge }: Cookie): void {
    const open = this.#open
    const { record } = open
    const { now } = this.#door.engine
    if (originalMaxAge !== null && !Number.isFinite(originalMaxAge)) {
      throw new TypeError(`session.cookie.maxAge is ${originalMaxAge}. Give it milliseconds, or null.`)
    }
    const length = originalMaxAge === null ? null : Math.min(Math.round(originalMaxAge), MAX_DURATION)
    if (length !== null && length < 1) return open.expire(1, now + length, true)
    const idle = length ?? record?.idleTimeout ?? this.#door.options.idleTimeout
    const end = now + Math.max(idle, this.#door.options.engine.lifetime ?? MAX_DURATION)
    const isSame = record && length === (record.persistent ? record.idleTimeout : null)
    // One that somebody else has written may know of no lifetime.
    if (!isSame || record.expiresAt > end) {
      open.expire(idle, record ? Math.min(Math.max(record.expiresAt, now + idle), end) : end, length !== null)
    }
  }

  /** A sign-in gives another id. */
  #nameFace(): void {
    const { id } = this.#open
    if (this.request.sessionID === id || !this.#open.isStored) return
    this.request.sessionID = id
    if (this.#face) nameSession(this.#face, id)
  }

  #cookieText(cookie: Cookie): string | undefined {
    const open = this.#open
    if (open.tokenChange === 'clear') return this.#deletionText()
    if (!open.isStored || !this.#isDeliverable) return undefined
    const isChanged = open.tokenChange === 'set' || open.fate !== 'unchanged'
    const isDue =
      open.tokenChange === 'set' || this.#door.options.rolling || (isChanged && cookie.originalMaxAge !== null)
    if (!isDue) return undefined
    cookie.reset()
    return cookieText(this.#door.options.name, expressCookieValue(open.id, this.#secrets[0]!), cookie)
  }

  #deletionText(): string | undefined {
    if (!this.#cookie || !this.#isDeliverable) return undefined
    const cookie = new Cookie(this.#cookie.data)
    cookie.expires = new Date(0)
    return cookieText(this.#door.options.name, '', cookie)
  }

  get #isDeliverable(): boolean {
    return !this.#cookie?.secure || this.#isSecureConnection
  }

  get #isSecureConnection(): boolean {
    return this.#door.isSecure(this.request)
  }
}

/** In the words that applications look for. */
function asTheySayIt(error: unknown): never {
  if (error instanceof SessionError && error.code === 'SESSION_GONE') {
    throw new SessionError('SESSION_GONE', 'failed to load session', { cause: error })
  }
  throw error
}

function replaced(): SessionError {
  return new SessionError(
    'VALUE_NOT_STORABLE',
    'The session of a request was replaced by another object, which would not be saved. Assign to its properties instead.',
  )
}
