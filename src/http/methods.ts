import type { ServerResponse } from 'node:http'

/** What sends the head of a response. */
export type Method = 'writeHead' | 'write' | 'end' | 'flushHeaders'

/** These methods of a response, by their names. */
export type Methods = Readonly<Record<Method, (this: unknown, ...args: never[]) => unknown>>

/** Is called instead of the methods of a response. */
export interface Taker {
  readonly response: ServerResponse
  /** What the methods of its response were. */
  readonly originals: Methods
  call(method: Method, args: readonly unknown[]): unknown
}

/** Somebody who has come with a request; once the methods of its response are taken, with their taker. */
export interface Visit {
  /** What tells visits of one kind from others. */
  readonly kind?: symbol
  taker?: Taker | undefined
}

/** Where a request has its visit: the same for all copies of this library, which share the methods of a class. */
export const VISIT: unique symbol = Symbol.for('latchkey.visit.1')

/** A request that may have one. */
export interface VisitedRequest {
  [VISIT]?: Visit
}

/** Where a response with methods of its own has the last who took them. */
const TAKER: unique symbol = Symbol('latchkey.taker')

/** Where a response that was met in a wrapper has the one who took the methods of its class. */
const WRAPPED: unique symbol = Symbol('latchkey.wrapped')

/** A response whose methods may be taken. */
export interface TakenResponse extends ServerResponse {
  [TAKER]?: Taker
  [WRAPPED]?: Taker
}

/**
 * Has the taker of a response called instead of its methods.
 *
 * The methods are put on the class of the response, Node's as a rule, once: on every single response they would cost as
 * much as half of what a session costs. They find the taker by the request, because a property of the response costs as much
 * again. Responses without a taker do there what they did before. One with methods that somebody has put on it already,
 * as a middleware does that compresses, gets them itself, and so does one whose request has another visit, or which doesn't
 * know its request.
 *
 * Anything nearer to the response than its class is no place for them: an Express app gives every response that it
 * handles a prototype of its own, so one that goes from an app into another leaves the first one's behind.
 *
 * @param make - makes the taker out of what the methods were
 */
export function takeMethods<T extends Taker>(
  response: TakenResponse,
  visit: Visit,
  make: (originals: Methods) => T,
): T {
  const originals = claims(response, visit) && hasNone(response) ? sharedMethods(response) : undefined
  if (originals !== undefined) {
    const taker = make(originals)
    visit.taker = taker
    return taker
  }
  const taker = make(methodsOf(response))
  visit.taker = taker
  response[TAKER] = taker
  Object.assign(response, methodsFor(taker))
  return taker
}

/** The taker of a response: of several the last. */
export function takerOf(response: TakenResponse): Taker | undefined {
  return response[TAKER] ?? sharedTakerOf(response)
}

/** Makes a visit that of the request of a response. `false` where that has another one, or is not known. */
function claims(response: ServerResponse, visit: Visit): boolean {
  const request = response.req as VisitedRequest | undefined
  return typeof request === 'object' && request !== null && (request[VISIT] ??= visit) === visit
}

function sharedTakerOf(response: TakenResponse): Taker | undefined {
  const taker = (response.req as VisitedRequest | undefined)?.[VISIT]?.taker
  if (taker === undefined || taker.response === response) return taker
  // A request may have been given another response. One that is wrapped, in a proxy or by inheritance, has what is put on the
  // one inside of it.
  const inner = taker.response as TakenResponse
  inner[WRAPPED] = taker
  return response[WRAPPED] === taker ? taker : undefined
}

/** What the methods of its class were, which are ours now; `undefined` where that has no place for them. */
function sharedMethods(response: ServerResponse): Methods | undefined {
  // What a prototype has is soon looked up. A response of Express has a shape of its own, and nothing of it ever is.
  const prototype = Object.getPrototypeOf(response) as object
  const shared = (prototype as { [SHARED]?: Shared })[SHARED]
  if (shared !== undefined && hasMethods(prototype, shared.methods)) return shared.originals
  return shareMethods(prototype)
}

function hasNone(response: object): boolean {
  for (const name of METHODS) if (Object.hasOwn(response, name)) return false
  return true
}

/** The methods of a class, and what they were. */
interface Shared {
  readonly methods: Methods
  readonly originals: Methods
}

/** Where a class has them. */
const SHARED: unique symbol = Symbol.for('latchkey.methods.2')

const METHODS = ['writeHead', 'write', 'end', 'flushHeaders'] as const

function shareMethods(prototype: object): Methods | undefined {
  let base: object | null = prototype
  while (base !== null && !Object.hasOwn(base, 'writeHead')) base = Object.getPrototypeOf(base) as object | null
  if (base === null || !isClass(base) || !hasMethods(prototype, base as Methods)) return undefined
  const originals = methodsOf(base as Methods)
  const methods = methodsOver(originals)
  for (const name of METHODS) {
    Object.defineProperty(base, name, { configurable: true, writable: true, enumerable: true, value: methods[name] })
  }
  // Where somebody has put theirs over ours, these are over theirs.
  Object.defineProperty(base, SHARED, { configurable: true, value: { methods, originals } satisfies Shared })
  return originals
}

function isClass(prototype: object): boolean {
  const maker = Object.getOwnPropertyDescriptor(prototype, 'constructor')?.value as { prototype?: unknown } | undefined
  return maker?.prototype === prototype && Object.isExtensible(prototype)
}

function methodsOf({ writeHead, write, end, flushHeaders }: Methods): Methods {
  return { writeHead, write, end, flushHeaders }
}

function hasMethods(prototype: object, { writeHead, write, end, flushHeaders }: Methods): boolean {
  const has = prototype as Methods
  return has.end === end && has.writeHead === writeHead && has.write === write && has.flushHeaders === flushHeaders
}

/** @param originals - what they are put over: called of a response whose taker is another one, or which has none */
function methodsOver(originals: Methods): Methods {
  const takerHere = (response: TakenResponse): Taker | undefined => {
    const taker = sharedTakerOf(response)
    return taker?.originals === originals ? taker : undefined
  }
  return {
    writeHead(this: TakenResponse, ...args: never[]) {
      const taker = takerHere(this)
      return taker === undefined ? originals.writeHead.apply(this, args) : taker.call('writeHead', args)
    },
    write(this: TakenResponse, ...args: never[]) {
      const taker = takerHere(this)
      return taker === undefined ? originals.write.apply(this, args) : taker.call('write', args)
    },
    end(this: TakenResponse, ...args: never[]) {
      const taker = takerHere(this)
      return taker === undefined ? originals.end.apply(this, args) : taker.call('end', args)
    },
    flushHeaders(this: TakenResponse, ...args: never[]) {
      const taker = takerHere(this)
      return taker === undefined ? originals.flushHeaders.apply(this, args) : taker.call('flushHeaders', args)
    },
  } as Methods
}

/** Those that a response has itself. */
function methodsFor(taker: Taker): Methods {
  return {
    writeHead: (...args: never[]) => taker.call('writeHead', args),
    write: (...args: never[]) => taker.call('write', args),
    end: (...args: never[]) => taker.call('end', args),
    flushHeaders: (...args: never[]) => taker.call('flushHeaders', args),
  }
}
