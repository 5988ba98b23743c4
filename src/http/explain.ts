import type { IncomingMessage } from 'node:http'
import type { Finding, OpenSession } from '../core/open-session.js'
import { isTokenShaped } from '../core/token.js'
import type { Door } from './door.js'
import { exchangeBehind } from './shown-session.js'

/**
 * Why a request has a session, or none.
 *
 * - `no-door`: it never came through `sessions()` or `SessionModule`;
 * - `store-down`: the store did not answer, or has not yet;
 * - `cross-site`: a page of another site has sent it, and no route has let it in so far;
 * - `no-cookie`, `no-bearer`: it brought no token;
 * - `cookie-name-differs`: it brought a cookie of another name that was probably meant;
 * - `cookie-undeliverable`: it brought none, and on this connection no browser would keep one;
 * - `bearer-not-enabled`, `bearer-not-ours`: a token in `Authorization` was passed over;
 * - `token-malformed`, `token-signature`: its token is none of ours;
 * - `no-record`, `expired`, `id-left-behind`, `record-unreadable`: its token is ours, and leads to no session;
 * - `new`: the session began in this request;
 * - `found`: the session was there, and still is;
 * - `destroyed`, `ended-elsewhere`: it was there, and has ended in this request, or in another one meanwhile.
 */
export type ExplanationReason =
  | 'no-door'
  | 'store-down'
  | 'cross-site'
  | 'no-cookie'
  | 'no-bearer'
  | 'cookie-name-differs'
  | 'cookie-undeliverable'
  | 'bearer-not-enabled'
  | 'bearer-not-ours'
  | Exclude<Finding, 'no-token'>
  | 'new'
  | 'destroyed'
  | 'ended-elsewhere'

/** What {@link explain} answers. Nothing in it gives access. */
export interface Explanation {
  readonly reason: ExplanationReason
  /** What was seen, and what to do, in a sentence or two. */
  readonly text: string
  /** Whether the session belongs to somebody at this moment, which is what a guard asks. */
  readonly isSignedIn: boolean
}

/** What an exchange knows of its session. */
export interface ExchangeView {
  readonly door: Door
  readonly request: IncomingMessage
  /** The session, or nothing if it could not be opened. */
  readonly open: OpenSession | undefined
  /** The name of the cookie on this connection. */
  readonly cookieName: string
  /** Whether it may not have its session, because a page of another site has sent it. */
  readonly isForeign: boolean
  /** Whether a browser would take our cookie on this connection. */
  readonly isDeliverable: boolean
}

/**
 * Says why a request has no session, or why it has one: `explain(request)`, for development. Works in a handler, in what
 * comes before it, and after the answer; changes nothing, and costs only who asks.
 *
 * Keep it out of answers in production: it tells a stranger how sessions are set up.
 *
 * @param request - the request of Express or of Fastify, or Node's own
 */
export function explain(request: object): Explanation {
  const view = exchangeBehind(request)?.view
  if (!view) return { reason: 'no-door', text: NO_DOOR, isSignedIn: false }
  const reason = reasonOf(view)
  return { reason, text: textOf(reason, view), isSignedIn: isSignedIn(view) }
}

type SeenReason = Exclude<ExplanationReason, 'no-door'>

function reasonOf(view: ExchangeView): SeenReason {
  const { open } = view
  if (view.isForeign) return 'cross-site'
  if (!open) return 'store-down'
  if (open.isStored) return open.fate === 'created' ? 'new' : 'found'
  if (Object.keys(open.session).length > 0 && !isOver(open)) return 'new'
  switch (open.fate) {
    case 'dropped':
      return 'ended-elsewhere'
    case 'destroyed':
    case 'expired':
      return open.fate
    default:
      return open.finding === 'no-token' ? withoutToken(view) : open.finding
  }
}

function isOver({ fate }: OpenSession): boolean {
  return fate === 'dropped' || fate === 'expired'
}

function withoutToken({ door, request, cookieName, isDeliverable }: ExchangeView): SeenReason {
  const bearer = bearerIn(request)
  const isBearerOn = door.transports.has('bearer')
  if (bearer !== undefined && !isBearerOn && isTokenShaped(bearer)) return 'bearer-not-enabled'
  if (!door.transports.has('cookie')) return bearer === undefined ? 'no-bearer' : 'bearer-not-ours'
  if (nameMeant(request, cookieName) !== undefined) return 'cookie-name-differs'
  if (!isDeliverable) return 'cookie-undeliverable'
  return bearer !== undefined && isBearerOn ? 'bearer-not-ours' : 'no-cookie'
}

function bearerIn({ headers: { authorization } }: IncomingMessage): string | undefined {
  return authorization?.slice(0, 7).toLowerCase() === 'bearer ' ? authorization.slice(7).trim() : undefined
}

/** The name of a cookie that is ours but for its prefix or its case, or that of another library. */
function nameMeant({ headers }: IncomingMessage, cookieName: string): string | undefined {
  const names = (headers.cookie ?? '').split(';').map((pair) => pair.split('=', 1)[0]!.trim())
  const plain = withoutPrefix(cookieName)
  return (
    names.find((name) => withoutPrefix(name) === plain) ??
    names.find((name) => name === 'connect.sid' || name === 'sessionId')
  )
}

function withoutPrefix(name: string): string {
  return name.toLowerCase().replace(/^__(?:host|secure)-/, '')
}

function isSignedIn({ door, open }: ExchangeView): boolean {
  try {
    return open !== undefined && door.engine.subjectOf(open.session) !== undefined
  } catch {
    return false
  }
}

const NO_DOOR =
  'This request never came through the sessions. Mount them before what asks for the session (`SessionModule`, or `sessions()` of ' +
  'latchkey/express or latchkey/fastify), and hand in the request itself.'

function textOf(reason: SeenReason, view: ExchangeView): string {
  const { cookieName, door, request } = view
  switch (reason) {
    case 'store-down':
      return `The session could not be loaded: ${downFor(door)}. See the events \`store-failed\` and \`store-down\` for the cause.`
    case 'cross-site':
      return 'A page of another site has sent the request, so it does not get its session. If the page is yours, name its origin in the option trustedOrigins; a handler of Nest that is meant for all sites gets @SkipCsrf().'
    case 'no-cookie':
      return `The request has no cookie ${cookieName}. ${whyNoCookie(request, door)}`
    case 'no-bearer':
      return 'The request has no `Authorization: Bearer`, and no other transport is enabled. Send the token that came in `Session-Token`.'
    case 'cookie-name-differs':
      return differingName(nameMeant(request, cookieName)!, cookieName, door)
    case 'cookie-undeliverable':
      return `The request has no cookie ${cookieName}, and no browser would keep one here: it is Secure, and this connection is not, as far as the app knows. Serve the app over HTTPS; behind a proxy that does, ${door.trustProxy}.`
    case 'bearer-not-enabled':
      return "The request has a token of ours in `Authorization`, which is not looked at. Set the option transports to ['cookie', 'bearer']."
    case 'bearer-not-ours':
      return 'The request has an `Authorization: Bearer` of another form, such as a JWT, which was passed over. Send the token that came in `Session-Token`.'
    case 'token-malformed':
      return `The request has a token, but it has not the form of one of ours: cut off, encoded once more, or written by another library under the name ${cookieName}. Delete it, or choose another cookie.name.`
    case 'token-signature':
      return 'The request has a token whose signature none of the secrets made: another SESSION_SECRET, an app beside this one with the same cookie.name, or a forgery. Where the secret was changed, keep the old one in the list behind it.'
    case 'no-record':
      return 'The token is ours, but the store has no session for it: it was signed out, revoked or evicted, it has expired, the store was emptied, or it is another store or another prefix than the one it began in. Sign in again.'
    case 'expired':
      return 'The session was there, but has passed its idleTimeout or its lifetime. Sign in again.'
    case 'id-left-behind':
      return 'The token is ours, but its id was rotated away longer ago than rotationGrace: an old copy of the cookie, or a stolen one. Sign in again.'
    case 'record-unreadable':
      return 'The session was there, but its record can not be read: written by a newer release, or changed by something else. See the event `record-unreadable` for the cause.'
    case 'new':
      return 'The session began in this request. It is stored, and its cookie sent, with the answer or by save().'
    case 'destroyed':
      return 'The session was there, and this request ended it by destroy() or regenerate().'
    case 'ended-elsewhere':
      return 'The session was there, and another request or SessionService ended it while this one ran.'
    case 'found':
      return isSignedIn(view)
        ? 'The session was found, and belongs to somebody.'
        : 'The session was found, but it belongs to nobody: the option `subject`, by default session.userId, answers undefined for its data. Sign in, or mend `subject`.'
  }
}

function downFor({ engine }: Door): string {
  const milliseconds = engine.storeDownFor
  return milliseconds === undefined
    ? 'the store has not answered'
    : `the store has been down for ${(milliseconds / 1000).toFixed(1)} s`
}

function whyNoCookie({ headers }: IncomingMessage, { cookie }: Door): string {
  if (headers['sec-fetch-site'] === 'cross-site' && cookie.sameSite !== 'none') {
    return `It comes from another site, and the cookie is SameSite=${cookie.sameSite}, so the browser did not send it.`
  }
  const path = cookie.path === '/' ? '' : ` or its path is not under ${cookie.path},`
  return `The browser has none, it has expired there,${path} or fetch was called without \`credentials: 'include'\`. Sign in first.`
}

function differingName(name: string, expected: string, door: Door): string {
  const seen = `The request has a cookie ${name}, but on this connection the session's cookie is ${expected}.`
  if (withoutPrefix(name) !== withoutPrefix(expected)) {
    return `${seen} It is another library's, or cookie.name has changed. Sign in again.`
  }
  if (!expected.startsWith('__') && name.startsWith('__')) {
    return `${seen} The app does not know that the browser came over HTTPS: ${door.trustProxy}.`
  }
  return `${seen} Prefix and case count: it was set over plain HTTP, or by the client. Sign in again over this connection.`
}
