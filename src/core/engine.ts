import { after, isPromise, StoreCalls } from './calls.js'
import type { Carrier, SessionContext } from './context.js'
import { changesOf, holdData, NO_DATA, withChanges } from './data.js'
import type { Duration } from './duration.js'
import type { SessionEvent } from './events.js'
import { endRecord, findRecord, unreadable, type Found } from './find.js'
import { ID_LENGTH } from './id.js'
import { OpenSession } from './open-session.js'
import { assertMaxSessions, resolveEngineOptions, type EngineOptions, type ResolvedEngineOptions } from './options.js'
import type { RecordTimes, SubjectLimit } from './record.js'
import type { Awaitable, Closing } from './store.js'
import { assertFits } from './size.js'
import { subjectText } from './subject.js'
import { assertSameSubject, SubjectSessions } from './subject-sessions.js'
import { Sweeper } from './sweeper.js'
import { idOf, TokenSigner } from './token.js'

/**
 * The middle of the house: opens a session at the start of a request and commits it before the headers leave. Knows
 * nothing of HTTP. While the store answers synchronously, so does the engine.
 */
export class SessionEngine {
  readonly #context: SessionContext
  readonly #signer: TokenSigner
  readonly #sweeper: Sweeper
  /** The sessions of a subject. */
  readonly subjects: SubjectSessions

  /** @throws SessionError `OPTIONS_INVALID` */
  constructor(options: EngineOptions) {
    const resolved = resolveEngineOptions(options)
    const signer = new TokenSigner(resolved.secrets)
    const emit = (event: SessionEvent): void => {
      // An observer can't break a request, nor end the process by a promise that nobody waits for.
      try {
        const done: unknown = resolved.onEvent?.(event)
        if (done instanceof Promise) done.catch(() => {})
      } catch {}
    }
    const calls = new StoreCalls(resolved.store, resolved.storeTimeout, (verb, error) => {
      emit({ type: 'store-failed', verb, error })
    })
    this.#signer = signer
    this.#context = {
      options: resolved,
      calls,
      rotates: resolved.store.abilities.has('rotating'),
      limitOf: (subject) => limitOf(resolved, subject),
      sign: (id) => signer.sign(id),
      emit,
    }
    this.#sweeper = new Sweeper(resolved.store, this.#context)
    this.subjects = new SubjectSessions(this.#context)
  }

  /**
   * The session of a request: that of the first token which is ours and has a record, or a new, empty one. A token with a
   * wrong signature costs no store call.
   *
   * @throws SessionError `STORE_UNAVAILABLE`
   */
  open(tokens: readonly string[], carrier: Carrier): Awaitable<OpenSession> {
    const open = new OpenSession(this.#context, carrier)
    return tokens.length === 0 ? open : this.#find(open, tokens, 0)
  }

  /** The present moment by the clock of the options, in epoch milliseconds. */
  get now(): number {
    return this.#context.options.clock()
  }

  /** The option `rememberFor`, in milliseconds. */
  get rememberFor(): Duration {
    return this.#context.options.rememberFor
  }

  /**
   * Whom data belong to, by the option `subject`; `undefined` for nobody.
   *
   * @throws SessionError `SUBJECT_INVALID`
   */
  subjectOf(data: object): string | undefined {
    return subjectText(this.#context.options.subject(data as Record<string, unknown>))
  }

  /** Tells the observer of something that happened around a session. */
  emit(event: SessionEvent): void {
    this.#context.emit(event)
  }

  /**
   * A copy of the data of the session with this id, from the store; `undefined` if there is none.
   *
   * @throws SessionError `STORE_UNAVAILABLE`
   */
  async read(id: string): Promise<Record<string, unknown> | undefined> {
    const found = await this.#found(id)
    if (!found) return undefined
    const data: Record<string, unknown> = {}
    try {
      holdData(data, found.record.data)
    } catch (error) {
      return unreadable(this.#context, error)
    }
    return data
  }

  /**
   * Writes data into the session with this id, from outside of its own request; a key whose value is `undefined` is
   * removed. With `lifetime` the session ends that long from now, otherwise its deadlines stay. `false` if there is no such
   * session: none is created or revived.
   *
   * @param mode - `merge` leaves the other keys, `replace` removes them.
   * @throws SessionError `STORE_UNAVAILABLE`, `VALUE_NOT_STORABLE`, `SESSION_TOO_LARGE`, or `SUBJECT_CHANGE_REFUSED` where the data would give
   *   the session another subject: its id must change then, which only its own request can do.
   */
  async write(
    id: string,
    data: Readonly<Record<string, unknown>>,
    mode: 'merge' | 'replace',
    lifetime?: Duration,
  ): Promise<boolean> {
    const set = changesOf(data, NO_DATA)?.set ?? NO_DATA
    const now = this.#context.options.clock()
    // Another try where the session moves to a new id in between.
    for (;;) {
      const found = await this.#found(id)
      if (!found) return false
      const { record } = found
      try {
        assertSameSubject(this.#context, record, data, mode)
      } catch (error) {
        unreadable(this.#context, error)
        return false
      }
      const absent = mode === 'replace' ? [...record.data.keys()] : Object.keys(data)
      const remove = absent.filter((key) => !set.has(key))
      assertFits(this.#context, withChanges(record.data, { set, remove }), record.data)
      const times = lifetime === undefined ? undefined : { ...timesOf(record), expiresAt: now + lifetime }
      const outcome = await this.#context.calls.update(record.key, { set, remove, times })
      if (outcome !== 'rotated') return outcome === 'updated'
    }
  }

  /**
   * Ends the session with this id; `false` if there was none.
   *
   * @throws SessionError `STORE_UNAVAILABLE`
   */
  async revoke(id: string): Promise<boolean> {
    const found = await this.#found(id)
    if (!found) return false
    const existed = await endRecord(this.#context, found.record.key)
    if (existed) this.emit({ type: 'revoked', handle: found.record.handle, reason: 'service' })
    return existed
  }

  /** Stops sweeping and closes the store, where it has something to close. Twice is not an error. */
  async close(): Promise<void> {
    this.#sweeper.stop()
    const { store } = this.#context.options
    if (store.abilities.has('closing')) await (store as typeof store & Closing).close()
  }

  #find(open: OpenSession, tokens: readonly string[], from: number): Awaitable<OpenSession> {
    for (let index = from; index < tokens.length; index++) {
      const token = tokens[index]!
      const secret = this.#signer.check(token)
      if (secret < 0) {
        this.emit({ type: 'token-rejected' })
        continue
      }
      const id = idOf(token)
      const found = findRecord(this.#context, id)
      if (isPromise(found)) {
        return found.then((there) =>
          there && this.#hold(open, secret, there) ? open : this.#find(open, tokens, index + 1),
        )
      }
      if (found && this.#hold(open, secret, found)) return open
    }
    return open
  }

  #hold(open: OpenSession, secret: number, found: Found): boolean {
    try {
      open.hold(found)
    } catch (error) {
      unreadable(this.#context, error)
      return false
    }
    // A token signed by an older secret is signed anew on the way out; a client that has a newer id is sent none.
    if (secret > 0) open.sendToken()
    return true
  }

  #found(id: string): Awaitable<Found | undefined> {
    return typeof id === 'string' && id.length === ID_LENGTH ? findRecord(this.#context, id) : undefined
  }
}

function timesOf({ lastSeenAt, idleTimeout, expiresAt, persistent }: RecordTimes): RecordTimes {
  return { lastSeenAt, idleTimeout, expiresAt, persistent }
}

/** @throws SessionError `OPTIONS_INVALID` if the application's function answers no number that can be meant. */
function limitOf(
  { maxSessions, onLimit }: ResolvedEngineOptions,
  subject: string,
): Awaitable<SubjectLimit | undefined> {
  if (maxSessions === undefined) return undefined
  return after(typeof maxSessions === 'number' ? maxSessions : maxSessions(subject), (max) => {
    if (max === undefined) return undefined
    assertMaxSessions(max)
    return { max, onLimit }
  })
}
