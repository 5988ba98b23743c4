import type { IncomingMessage } from 'node:http'
import { SessionError } from '../core/errors.js'
import type { Exchange } from './exchange.js'
import { VISIT, type VisitedRequest } from './methods.js'

/**
 * What tells the exchanges of this copy of the library from other visits; and where a request has its exchange whose visit is
 * somebody else's, such as that of another copy.
 */
export const EXCHANGE: unique symbol = Symbol('latchkey.exchange')

/** A request that may have come through a door. */
interface Visited extends VisitedRequest {
  [EXCHANGE]?: Exchange
}

/**
 * Gives a request its `session`, which is that of the exchange. Where the platform has put a prototype between the request
 * and Node's class, as Express does, it is put on the class, once, for the reason that methods.ts names. Other requests of
 * that class have none, and take whatever somebody else puts there.
 */
export function showSession(request: IncomingMessage, exchange: Exchange): void {
  const visited = request as Visited
  if (visited[VISIT] === undefined) visited[VISIT] = exchange
  else visited[EXCHANGE] = exchange
  const prototype = Object.getPrototypeOf(request) as object
  if (Object.hasOwn(prototype, 'constructor') || Object.hasOwn(request, 'session') || !isShared(prototype)) {
    Object.defineProperty(request, 'session', SESSION_PROPERTY)
  }
}

/** The exchange of a raw request, if it came through a door. */
export function exchangeOf(request: object): Exchange | undefined {
  const visit = (request as Visited)[VISIT]
  if (visit === undefined) return undefined
  return visit.kind === EXCHANGE ? (visit as Exchange) : (request as Visited)[EXCHANGE]
}

/** The exchange of a request as its platform gives it: Fastify's has Node's own inside. */
export function exchangeBehind(request: unknown): Exchange | undefined {
  if (typeof request !== 'object' || request === null) return undefined
  const { raw } = request as { readonly raw?: unknown }
  return exchangeOf(request) ?? (typeof raw === 'object' && raw !== null ? exchangeOf(raw) : undefined)
}

/**
 * Ends the session, as code that knows cookie-session expects of `req.session = null`. It is done when the answer leaves.
 *
 * @throws SessionError `VALUE_NOT_STORABLE` for anything but `null` and `undefined`: another object could not be saved.
 */
export function assignSession(exchange: Exchange | undefined, value: unknown): void {
  if (value !== null && value !== undefined) {
    throw new SessionError(
      'VALUE_NOT_STORABLE',
      'The session of a request was replaced by another object, which would not be saved. Assign to its properties instead.',
    )
  }
  void exchange?.session?.destroy()
}

/** Whether requests with this prototype have `session` from their class, from now on at the latest. */
function isShared(prototype: object): boolean {
  const known = SHARED.get(prototype)
  if (known !== undefined) return known
  let owner: object | null = prototype
  while (owner !== null && !Object.hasOwn(owner, 'session') && !Object.hasOwn(owner, 'constructor')) {
    owner = Object.getPrototypeOf(owner) as object | null
  }
  if (owner === null) return false
  if (!('session' in owner) && Object.isExtensible(owner)) {
    Object.defineProperty(owner, 'session', SESSION_PROPERTY)
    SHARING.add(owner)
  }
  const isOurs = SHARING.has(owner)
  SHARED.set(prototype, isOurs)
  return isOurs
}

/** The classes that have it. */
const SHARING = new WeakSet<object>()

/** What is known of the prototypes of platforms. */
const SHARED = new WeakMap<object, boolean>()

/** One descriptor for all requests: the session is looked up, so that `regenerate` can put another one in its place. */
const SESSION_PROPERTY: PropertyDescriptor & ThisType<Visited> = {
  configurable: true,
  enumerable: true,
  get() {
    return exchangeOf(this)?.session
  },
  set(value: unknown) {
    const exchange = exchangeOf(this)
    if (exchange) assignSession(exchange, value)
    else Object.defineProperty(this, 'session', { configurable: true, enumerable: true, writable: true, value })
  },
}
