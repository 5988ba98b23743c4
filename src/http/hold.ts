import { EventEmitter } from 'node:events'
import type { ServerResponse } from 'node:http'
import { isPromise } from '../core/calls.js'
import type { Awaitable } from '../core/store.js'
import { answer, type Failure } from './failure.js'
import { changeHead, takeHeaders, type HeadChanges } from './head.js'
import {
  type Method,
  type Methods,
  type Taker,
  type TakenResponse,
  takeMethods,
  takerOf,
  type Visit,
} from './methods.js'
import { assertSendableChunk, assertSendableHead, assertSendableStatus } from './sendable.js'

/** Whose work must be done before the head of an answer leaves. */
export interface HeadKeeper extends Visit {
  /**
   * Does the work. May be asked again when the body ends, and when the client goes away.
   *
   * @param status - that of the head that is about to leave, the first time
   */
  settle(status?: number): Awaitable<void>
  /** What the head must say, once the work is done. */
  headChanges(): HeadChanges | undefined
  /** The answer to give instead, because the work failed. */
  refuse(error: unknown): Failure
  /** The head has left, or never will. May be told more than once. */
  headGone(): void
  /** The work failed after the head had left, or Node would not send the answer once it had waited. */
  failedLate(error: unknown): void
}

type Call = readonly [method: Method, args: readonly unknown[]]

/**
 * Holds the head of a response until the keeper's work is done: whatever would send it (`writeHead`, `write`, `end`,
 * `flushHeaders`) waits and is then done in order. To its callers the response looks sent meanwhile.
 *
 * Where a WebSocket server has given an object that is no response, there is no head to hold: nothing reaches the client.
 *
 * @param next - what goes on with the request. Where it has answered by the time it returns, nobody needs to be told when the
 *   client goes away.
 */
export function holdHead(response: ServerResponse, keeper: HeadKeeper, next: () => void = noop): void {
  // What is handed in for a request that becomes a WebSocket is often no response at all: it has no head to hold.
  if (typeof (response as Partial<ServerResponse>).on !== 'function') {
    keeper.headGone()
    return next()
  }
  const hold = takeMethods(response, keeper, (originals) => new Hold(response, keeper, originals))
  // A client that left while the session was loaded is gone already. In HTTP/2 only `closed` says so.
  if ((response.destroyed as boolean | undefined) ?? response.closed) {
    hold.clientGone()
    return next()
  }
  try {
    next()
  } finally {
    // Before the listeners of the handler: what they change can't reach the client any more.
    if (!hold.isDone) response.prependListener('close', () => hold.clientGone())
  }
}

/** Whether a token could still reach the client: the head has not left, and the client is there. */
export function isHeadHeld({ taker }: HeadKeeper): boolean {
  return taker instanceof Hold && taker.isReachable
}

/**
 * - `held`: nothing has happened yet;
 * - `waiting`: the work is under way, calls are queued;
 * - `open`: the head may leave, or has left;
 * - `ending`: the body has ended, and work that came after the head is under way;
 * - `over`: the answer is complete, or was replaced by a refusal; further calls do nothing.
 */
type State = 'held' | 'waiting' | 'open' | 'ending' | 'over'

class Hold implements Taker {
  readonly originals: Methods
  readonly response: TakenResponse
  readonly #keeper: HeadKeeper
  #state: State = 'held'
  #queue: Call[] = NO_CALLS
  #status: { readonly code: number; readonly message: string } | undefined
  #isEnded = false
  #isEndSettled = false
  #isClosed = false
  #isRefused = false
  /** Whether the head is changed only when Node asks for it. */
  #isChangeDue = false
  /** What somebody else had put in the place of a property that looks sent. */
  #replaced: PropertyDescriptorMap | undefined
  /** What it looks like while it waits. */
  #looks: PropertyDescriptorMap = LOOKS_SENT
  /** Who waited for "drain" before it did, where listeners are kept elsewhere; see {@link LISTENS}. */
  #listening: readonly unknown[] | undefined

  constructor(response: TakenResponse, keeper: HeadKeeper, originals: Methods) {
    this.response = response
    this.#keeper = keeper
    this.originals = originals
  }

  /** Whether the head has left and the body has ended, so that nothing is left to do. */
  get isDone(): boolean {
    return this.#isEnded && this.#state === 'open' && !this.#isChangeDue && this.response.writableEnded
  }

  get isReachable(): boolean {
    return !this.#isClosed && (this.#state === 'held' || this.#state === 'waiting')
  }

  /** Whether an `end` was called that is not carried out yet. */
  get hasEnd(): boolean {
    return this.#isEnded
  }

  call(method: Method, args: readonly unknown[]): unknown {
    if (method === 'write' || method === 'end') this.#refuseChunk(method, args[0])
    switch (this.#state) {
      case 'held':
        return method === 'flushHeaders' ? this.#flushFirst(args) : this.#firstCall(method, args)
      case 'open':
        if (this.#isChangeDue && method === 'writeHead') return this.#original(method, this.#changeHead(method, args))
        if (method !== 'end' || this.#isEnded) return this.#original(method, args)
        this.#isEnded = true
        return this.#endAfterHead(args)
      case 'waiting':
        return this.#enqueue(method, args)
      default:
        return this.#ignore(method, args)
    }
  }

  /** The connection closed. What the handler has changed by now is still saved. */
  clientGone(): void {
    this.#isClosed = true
    if (!this.#isEnded && !this.#isRefused) this.#settleUnseen()
    this.#keeper.headGone()
  }

  /** As Node does it, so that a `writeHead` that somebody has put on the response later is asked before the body comes. */
  #flushFirst(args: readonly unknown[]): unknown {
    if (Object.hasOwn(this.response, 'writeHead')) this.response.writeHead(this.response.statusCode)
    return this.#state === 'held' ? this.#firstCall('flushHeaders', args) : this.call('flushHeaders', args)
  }

  #firstCall(method: Method, args: readonly unknown[]): unknown {
    const status = method === 'writeHead' ? args[0] : this.response.statusCode
    if (method === 'writeHead') assertSendableHead(args)
    else assertSendableStatus(status)
    let settled: Awaitable<void>
    try {
      settled = this.#keeper.settle(status as number)
    } catch (error) {
      this.#refuse(error, [method, args])
      return this.#ignore(method, args)
    }
    if (!isPromise(settled)) {
      this.#state = 'open'
      if (method === 'end') this.#isEnded = true
      return this.#original(method, this.#changeHead(method, args))
    }
    this.#state = 'waiting'
    // In HTTP/2 there is no message, and asking for one gives a warning: there it is no property of the response itself.
    const message = Object.hasOwn(this.response, 'statusMessage') ? this.response.statusMessage : ''
    this.#status = { code: this.response.statusCode, message }
    if (Object.hasOwn(this.response, 'on')) {
      this.#looks = LISTENS
      this.#listening = this.response.rawListeners('drain')
    }
    this.#replaced = ownPropertiesOf(this.response, this.#looks)
    Object.defineProperties(this.response, this.#looks)
    this.#await(settled)
    return this.#enqueue(method, args)
  }

  #await(settled: PromiseLike<void>): void {
    settled.then(
      () => this.#settled(),
      (error: unknown) => this.#refuse(error),
    )
  }

  /** If the body has ended while its head waited, what its handler changed by then is saved before both leave. */
  #settled(): void {
    if (this.#isEndSettled || !this.#isEnded || this.#queue.length === 1) return this.#release()
    this.#isEndSettled = true
    try {
      const settled = this.#keeper.settle()
      if (isPromise(settled)) this.#await(settled)
      else this.#release()
    } catch (error) {
      this.#refuse(error)
    }
  }

  #changeHead(method: Method, args: readonly unknown[]): readonly unknown[] {
    // Who has put a `writeHead` on the response may still set headers in it, which Node calls for the first byte.
    this.#isChangeDue = method !== 'writeHead' && Object.hasOwn(this.response, 'writeHead')
    if (this.#isChangeDue) return args
    this.#keeper.headGone()
    const changes = this.#keeper.headChanges()
    if (!changes) return args
    if (method !== 'writeHead') {
      changeHead(this.response, changes, [])
      return args
    }
    return [args[0], ...changeHead(this.response, changes, args.slice(1))]
  }

  #enqueue(method: Method, args: readonly unknown[]): unknown {
    if (this.#isEnded) return this.#ignore(method, args)
    if (method === 'end') this.#isEnded = true
    if (this.#queue === NO_CALLS) this.#queue = []
    this.#queue.push([method, args])
    return method === 'write' ? false : this.response
  }

  #release(): void {
    this.#looksAsItIs()
    this.#state = 'open'
    const queue = this.#queue
    this.#queue = NO_CALLS
    let flows = false
    try {
      queue.forEach(([method, args], index) => {
        const result = this.#original(method, index === 0 ? this.#changeHead(method, args) : args)
        if (method === 'write') flows = result === true
      })
    } catch (error) {
      return this.#cutOff(error)
    }
    // `write` answered false while it waited, so somebody may wait for this.
    if ((flows || this.#listening) && !this.#isEnded) this.response.emit('drain')
    this.#listenElsewhere()
  }

  /** Who began to wait meanwhile waits from now on where it would have. */
  #listenElsewhere(): void {
    if (!this.#listening) return
    for (const listener of this.response.rawListeners('drain') as (() => void)[]) {
      if (this.#listening.includes(listener)) continue
      this.response.removeListener('drain', listener)
      this.response.on('drain', listener)
    }
  }

  /** @param head - the call that would have sent the head: headers that it brings may matter to the refusal, too */
  #refuse(error: unknown, head = this.#queue[0]): void {
    this.#looksAsItIs()
    const failure = this.#keeper.refuse(error)
    const queue = this.#queue
    this.#queue = NO_CALLS
    if (head?.[0] === 'writeHead') takeHeaders(this.response, head[1])
    this.#isRefused = true
    this.#keeper.headGone()
    this.#state = 'open'
    if (!this.#isClosed) answer(this.response, failure, this.originals)
    this.#state = 'over'
    for (const [, args] of queue) callBack(args)
    // Whoever pipes into the response goes on to its end, into nothing.
    if (!this.#isEnded && queue.some(([method]) => method === 'write')) this.response.emit('drain')
  }

  /** A stream has ended: what its handler changed since the head left is saved before the client sees the end. */
  #endAfterHead(args: readonly unknown[]): unknown {
    this.#state = 'ending'
    try {
      const settled = this.#keeper.settle()
      if (!isPromise(settled)) this.#end(args)
      else
        settled.then(
          () => this.#end(args),
          (error: unknown) => this.#notEnded(error),
        )
    } catch (error) {
      this.#notEnded(error)
    }
    return this.response
  }

  #end(args: readonly unknown[]): void {
    this.#state = 'open'
    try {
      this.#original('end', args)
    } catch (error) {
      this.#cutOff(error)
    }
  }

  #notEnded(error: unknown): void {
    this.#failedLate(error)
    this.response.destroy()
  }

  /** The client is gone, so nobody is told of it but the keeper. */
  #settleUnseen(): void {
    try {
      const settled = this.#keeper.settle()
      if (isPromise(settled)) settled.then(undefined, (error: unknown) => this.#failedLate(error))
    } catch (error) {
      this.#failedLate(error)
    }
  }

  /** What was refused was told of already. */
  #failedLate(error: unknown): void {
    if (!this.#isRefused) this.#keeper.failedLate(error)
  }

  /** Node would not send what it was given, and the handler that would have been told has long returned. */
  #cutOff(error: unknown): void {
    this.#state = 'over'
    this.#keeper.failedLate(error)
    this.response.destroy()
  }

  #refuseChunk(method: 'write' | 'end', chunk: unknown): void {
    if (this.#state !== 'over' && this.#state !== 'ending') assertSendableChunk(method, chunk)
  }

  #looksAsItIs(): void {
    if (!this.#status) return
    const response = this.response as unknown as Record<string, unknown>
    for (const name of Object.keys(this.#looks)) delete response[name]
    if (this.#replaced) Object.defineProperties(this.response, this.#replaced)
    this.response.statusCode = this.#status.code
    if (this.#status.message) this.response.statusMessage = this.#status.message
    this.#status = undefined
  }

  #original(method: Method, args: readonly unknown[]): unknown {
    return this.originals[method].apply(this.response, args as never[])
  }

  #ignore(method: Method, args: readonly unknown[]): unknown {
    callBack(args)
    return method === 'write' ? true : this.response
  }
}

/** Nothing waits: as nothing does at most responses. Never changed. */
const NO_CALLS: Call[] = []

/** What a response says of itself while its head is held. */
const LOOKS_SENT: PropertyDescriptorMap = {
  headersSent: { configurable: true, enumerable: true, get: () => true },
  writableEnded: {
    configurable: true,
    enumerable: true,
    get(this: TakenResponse) {
      const taker = takerOf(this)
      return taker instanceof Hold && taker.hasEnd
    },
  },
  // What is said of the head now would still be sent, with a body that it may not fit.
  setHeader: refusing('set'),
  appendHeader: refusing('append'),
  setHeaders: refusing('set'),
  removeHeader: refusing('remove'),
  // Who finds no head yet asks for one by this, as older middleware does that compresses. It is on its way.
  _implicitHeader: { configurable: true, value: noop },
}

/**
 * The same of a response whose `on` somebody has put there: one that is compressed keeps who waits for "drain" for the stream
 * that it writes to, which knows nothing of what waits here.
 */
const LISTENS: PropertyDescriptorMap = {
  ...LOOKS_SENT,
  on: { configurable: true, writable: true, value: EventEmitter.prototype.on },
}

function noop(): void {}

/** A method that fails as Node's does once the head has left. */
function refusing(verb: string): PropertyDescriptor {
  return {
    configurable: true,
    value: (): never => {
      const error = new Error(`Cannot ${verb} headers after they are sent to the client`)
      throw Object.assign(error, { code: 'ERR_HTTP_HEADERS_SENT' })
    },
  }
}

/** The properties of these names that an object has for itself; `undefined` for none. */
function ownPropertiesOf(object: object, names: object): PropertyDescriptorMap | undefined {
  let found: PropertyDescriptorMap | undefined
  for (const name of Object.keys(names)) {
    const own = Object.getOwnPropertyDescriptor(object, name)
    if (own) (found ??= {})[name] = own
  }
  return found
}

/** The last argument of `write` and `end` may be a callback: somebody may wait for it. */
function callBack(args: readonly unknown[]): void {
  const callback = args.at(-1)
  if (typeof callback === 'function') process.nextTick(callback)
}
