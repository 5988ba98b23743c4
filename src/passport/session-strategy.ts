import { SessionError } from '../core/errors.js'
import type { Session } from '../core/session.js'
import type { Awaitable } from '../core/store.js'
import { subjectText } from '../core/subject.js'
import type { Exchange } from '../http/exchange.js'
import { failureOf } from '../http/failure.js'
import { exchangeBehind } from '../http/shown-session.js'
import { recipeUser } from '../http/user.js'

/** The session that a {@link SessionStrategy} asks about its user. */
export type StrategySession = Session<Record<string, unknown>>

/** Options of {@link SessionStrategy}. */
export interface SessionStrategyOptions {
  /**
   * What Passport puts on `request.user` for a session that belongs to somebody, or a promise of it; nothing (`undefined`,
   * `null`, `false`) refuses the request. Default: `{ id: userId, email, role }` from the session, as `SessionAuthGuard` has
   * it.
   */
  readonly user?: ((session: StrategySession) => unknown) | undefined
}

/** The user of a session, as strategies of Passport are told of one: `PassportStrategy` of `@nestjs/passport` makes one of `validate`. */
export type SessionVerify = (
  session: StrategySession,
  done: (error: unknown, user?: unknown, info?: unknown) => void,
) => void

/** What Passport gives a strategy for each request. Each of them ends its work. */
export interface StrategyActions {
  success(user: unknown, info?: unknown): void
  fail(challenge: unknown, status?: number): void
  error(error: unknown): void
}

/**
 * A strategy of Passport with the name `session`: lets in whoever is signed in, that is, whose session has a subject. With
 * it `AuthGuard(['jwt', 'session'])` protects a route for browsers and API clients alike.
 *
 * Without a subject it fails, so that the next strategy is asked. Where the store is down nobody knows, so it is an error
 * with the status 503; for a request of another site it is one with 403. It works with Passport 0.6 and 0.7 and with
 * `@fastify/passport`, and loads none of them.
 *
 * It takes the place of Passport's own strategy of that name, which `passport.session()` runs: an application that uses
 * `passport.session()` gives this one another name, `passport.use('latchkey', new SessionStrategy())`. With
 * `passport.authenticate()` give it `{ session: false }`: who has a session needs no new one. On `latchkey/express-session`
 * it goes by `session.userId`.
 */
export class SessionStrategy {
  readonly name: string = 'session'
  /** Called by Passport, on an object that has this one as its prototype. */
  readonly authenticate: (this: StrategyActions, request: object) => void

  constructor(verify?: SessionVerify)
  constructor(options: SessionStrategyOptions, verify?: SessionVerify)
  constructor(given: SessionStrategyOptions | SessionVerify = {}, verify?: SessionVerify) {
    const asked = verify ?? (typeof given === 'function' ? given : verifying(given.user ?? recipeUser))
    this.authenticate = function (request) {
      authenticate(this, request, asked)
    }
  }
}

function authenticate(actions: StrategyActions, request: object, verify: SessionVerify): void {
  let session: StrategySession | undefined
  try {
    const exchange = exchangeBehind(request)
    session = exchange ? signedIn(exchange) : signedInByDropIn(request)
  } catch (error) {
    return actions.error(error)
  }
  if (!session) return actions.fail(NOBODY, 401)
  verify(session, (error, user, info) => {
    if (error) actions.error(error)
    else if (user) actions.success(user, info)
    else actions.fail(info ?? NOBODY, 401)
  })
}

const NOBODY = { message: 'Session not found' }

/**
 * The session of a request, if somebody is signed in with it.
 *
 * @throws SessionError `REQUEST_WITHOUT_SESSION`, and what speaks against the request's having a session
 */
function signedIn(exchange: Exchange): StrategySession | undefined {
  const { session, objections } = exchange
  if (!session) throw withoutSession()
  if (objections?.standing) throw answerable(objections.standing)
  if (exchange.door.engine.subjectOf(session) !== undefined) return session
  if (!session.isAvailable && objections?.storeDown) throw answerable(objections.storeDown)
  return undefined
}

/**
 * The same for a request of `latchkey/express-session`, by `session.userId`. One whose session could not be loaded does not
 * come here.
 *
 * @throws SessionError `REQUEST_WITHOUT_SESSION` for what is none, and `SUBJECT_INVALID`
 */
function signedInByDropIn(request: object): StrategySession | undefined {
  const { session, sessionID } = request as { readonly session?: StrategySession; readonly sessionID?: unknown }
  if (typeof sessionID !== 'string') throw withoutSession()
  return session && subjectText(session['userId']) !== undefined ? session : undefined
}

function withoutSession(): SessionError {
  return new SessionError(
    'REQUEST_WITHOUT_SESSION',
    'This request never got a session. Mount the sessions of Latchkey before Passport.',
  )
}

/** With its status: Express and Fastify look for it on the error. In Nest a filter of ours knows it by the code. */
function answerable(error: SessionError): SessionError {
  const { statusCode, retryAfter } = failureOf(error)
  const headers = retryAfter === undefined ? {} : { 'Retry-After': String(retryAfter) }
  const { code, message } = error
  return Object.assign(new SessionError(code, message, { cause: error }), { statusCode, status: statusCode, headers })
}

function verifying(userOf: (session: StrategySession) => Awaitable<unknown>): SessionVerify {
  return (session, done) => {
    const user = Promise.resolve(session).then(userOf)
    // As with every callback of Node, what it throws is the caller's to catch, not a rejection of ours.
    user.then(
      (user) => process.nextTick(done, null, user),
      (error: unknown) => process.nextTick(done, error),
    )
  }
}
