import { defineData, notStorable } from './codec.js'
import type { Duration } from './duration.js'

/**
 * The data of your sessions, typed once by declaration merging:
 *
 * ```ts fragment
 * declare module 'latchkey' {
 *   interface SessionData {
 *     userId: number
 *   }
 * }
 * ```
 *
 * Every property may be absent in a session, so `session.userId` is `number | undefined`.
 */
// eslint-disable-next-line @typescript-eslint/no-empty-object-type
export interface SessionData {}

/** Called once when a verb is done, with the error if it failed. For code written for express-session. */
export type VerbCallback = (error?: unknown) => void

/** How long the session lives and what its cookie says of it. */
export interface SessionCookie {
  /**
   * Milliseconds until the end of the session's lifetime; `null` where the browser is to forget the cookie when it
   * closes. Assigning a number ends this session's lifetime that long from now, here and in the cookie; a number longer
   * than the app's `lifetime` lifts the idle timeout to the same length, as "remember me" wants it. Assigning `null`
   * leaves the lifetime and makes the cookie one that goes with the browser.
   */
  maxAge: Duration | null
  /** The end of the lifetime as a date; `null` as for `maxAge`. Assigning works like assigning `maxAge`. */
  expires: Date | null
  /** The length of the lifetime as it was given, in milliseconds; `null` as for `maxAge`. */
  readonly originalMaxAge: Duration | null
}

/**
 * What a session can do. Each verb returns a promise and also takes express-session's callback; with a callback the
 * promise never rejects. Verbs on one session run one after the other, and the response waits for those under way.
 *
 * All throw `STORE_UNAVAILABLE` where the store fails or passes its deadline.
 */
export interface SessionVerbs {
  /** The secret in the cookie. Keep it out of logs and pages; for those there is {@link SessionVerbs.handle}. Changes when the session rotates. */
  readonly id: string
  /** Public name of this session: stays through rotation, gives no access. */
  readonly handle: string
  /** When its subject signed in, in epoch milliseconds; `undefined` for an anonymous session, and until a sign-in is stored. */
  readonly authenticatedAt: number | undefined
  /**
   * Whether the session could be loaded. `false` where the store is down and `onStoreDown` lets the handler run without:
   * then there are no data, whoever it is, and every verb rejects with `STORE_UNAVAILABLE`, as does the answer if something
   * was written. Ask it before telling somebody that they are not signed in.
   */
  readonly isAvailable: boolean
  readonly cookie: SessionCookie
  /**
   * Stores the changes now instead of at the end of the request. A new session without data stores nothing.
   *
   * @throws SessionError `SESSION_GONE` if the session was ended elsewhere, `VALUE_NOT_STORABLE` with the path of a value,
   *   `SESSION_TOO_LARGE` for more data than `maxBytes`, `COOKIE_UNDELIVERABLE` or `HEADERS_SENT` if a new session could
   *   not reach the client.
   */
  save(callback?: VerbCallback): Promise<void>
  /**
   * Reads the session again and drops what this request changed.
   *
   * @throws SessionError `SESSION_GONE` if there is nothing to read.
   */
  reload(callback?: VerbCallback): Promise<void>
  /**
   * Ends this session and puts a new, empty one on the request. What is later written to the old object goes to the new
   * session.
   */
  regenerate(callback?: VerbCallback): Promise<void>
  /** Ends this session: the record is deleted, its cookie too, and the object is emptied and takes no more data. Twice is not an error. */
  destroy(callback?: VerbCallback): Promise<void>
  /**
   * Counts this request as use of the session, whenever the last one was noted. Requests are counted anyway, once per
   * touch interval.
   */
  touch(callback?: VerbCallback): Promise<void>
  /**
   * Stores the changes and moves the session to a new id. The old one stays good until the new one has come back from the
   * client, and for `rotationGrace` after, so that requests on their way meet the same session. Parallel rotations
   * come to one new id. The end of the lifetime stays where it is. Setting or changing the subject moves the session
   * by itself, and then the old id is dead at once.
   *
   * @throws SessionError as `save` does.
   */
  rotate(callback?: VerbCallback): Promise<void>
  /**
   * Changes the session so that no other request's change is overwritten: `change` gets the newest data (with this
   * request's own changes) to modify in place, and is called again on fresh data when another writer came first. The
   * result is stored when the promise resolves. It may be called several times, so it must do nothing else.
   *
   * @throws SessionError `SESSION_GONE` if the session was ended elsewhere, `WRITE_CONFLICT` if other writers always came first.
   */
  update(change: (data: Partial<SessionData>) => void | Promise<void>): Promise<void>
  /**
   * Stores the session and answers the token that stands for it, for an app that hands it to its client itself, such as
   * `Authorization: Bearer`.
   *
   * @throws SessionError as `save` does, and `SESSION_GONE` if there is nothing to store.
   */
  token(): Promise<string>
}

/**
 * What a handler holds for one request: data as plain properties, and verbs.
 *
 * `Data` types the properties for a single use; by default they are those of {@link SessionData}.
 */
export type Session<Data extends object = SessionData> = SessionVerbs & Partial<Data>

/** What the verbs of a session do, told apart from the object that a handler holds. */
export interface SessionBearer {
  readonly id: string
  readonly handle: string
  readonly authenticatedAt: number | undefined
  readonly isAvailable: boolean
  readonly cookie: SessionCookie
  save(): Promise<void>
  reload(): Promise<void>
  regenerate(): Promise<void>
  destroy(): Promise<void>
  touch(): Promise<void>
  rotate(): Promise<void>
  update(change: (data: Partial<SessionData>) => void | Promise<void>): Promise<void>
  token(): Promise<string>
}

/** The object behind {@link Session}: own properties are the data, everything else is on the prototype. */
export class LiveSession implements SessionVerbs {
  readonly #bearer: SessionBearer

  constructor(bearer: SessionBearer) {
    this.#bearer = bearer
  }

  get id(): string {
    return this.#bearer.id
  }

  set id(_value: unknown) {
    throw reserved('id')
  }

  get handle(): string {
    return this.#bearer.handle
  }

  set handle(_value: unknown) {
    throw reserved('handle')
  }

  get authenticatedAt(): number | undefined {
    return this.#bearer.authenticatedAt
  }

  set authenticatedAt(_value: unknown) {
    throw reserved('authenticatedAt')
  }

  get isAvailable(): boolean {
    return this.#bearer.isAvailable
  }

  set isAvailable(_value: unknown) {
    throw reserved('isAvailable')
  }

  get cookie(): SessionCookie {
    return this.#bearer.cookie
  }

  set cookie(_value: unknown) {
    throw reserved('cookie')
  }

  save(callback?: VerbCallback): Promise<void> {
    return answer(this.#bearer.save(), callback)
  }

  reload(callback?: VerbCallback): Promise<void> {
    return answer(this.#bearer.reload(), callback)
  }

  regenerate(callback?: VerbCallback): Promise<void> {
    return answer(this.#bearer.regenerate(), callback)
  }

  destroy(callback?: VerbCallback): Promise<void> {
    return answer(this.#bearer.destroy(), callback)
  }

  touch(callback?: VerbCallback): Promise<void> {
    return answer(this.#bearer.touch(), callback)
  }

  rotate(callback?: VerbCallback): Promise<void> {
    return answer(this.#bearer.rotate(), callback)
  }

  update(change: (data: Partial<SessionData>) => void | Promise<void>): Promise<void> {
    return answer(this.#bearer.update(change))
  }

  token(): Promise<string> {
    return answer(this.#bearer.token())
  }
}

// Without this, `session['__proto__'] = …` would replace the verbs instead of keeping a value.
Object.defineProperty(LiveSession.prototype, '__proto__', {
  configurable: true,
  get(this: object): unknown {
    return Object.getPrototypeOf(this)
  },
  set(this: object, value: unknown): void {
    defineData(this, '__proto__', value)
  },
})

/** Names that data can't have, because the session itself uses them. */
const RESERVED: ReadonlySet<string> = new Set(
  Object.getOwnPropertyNames(LiveSession.prototype).filter((name) => name !== 'constructor' && name !== '__proto__'),
)

/**
 * Refuses a name that data can't have.
 *
 * @throws SessionError `VALUE_NOT_STORABLE` for a name that the session uses itself, or one with half a surrogate pair.
 */
export function assertDataKey(name: string): void {
  if (RESERVED.has(name)) throw reserved(name)
  if (!name.isWellFormed()) throw notStorable(JSON.stringify(name), 'a key with half a surrogate pair')
}

function reserved(name: string): Error {
  return notStorable(`a value named "${name}"`, 'a name that the session uses itself, so choose another')
}

/**
 * A verb's promise as its caller wants it. Nobody has to wait for a verb, because the response does; so a failure that
 * nobody waits for must not end the process.
 */
function answer<T>(done: Promise<T>, callback?: VerbCallback): Promise<T> {
  if (callback === undefined) {
    done.catch(() => {})
    return done
  }
  // As with every callback of Node, what it throws is the caller's to catch, not a rejection of ours.
  const settle = (error?: unknown): void => process.nextTick(callback, error)
  return done.then(
    (value) => {
      settle()
      return value
    },
    (error: unknown) => {
      settle(error)
      return undefined as T
    },
  )
}
