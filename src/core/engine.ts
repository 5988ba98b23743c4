import { after, StoreCalls, watched } from './calls.js'
import type { Carrier, SessionContext } from './context.js'
import { changesOf, holdData, NO_DATA, withChanges } from './data.js'
import type { Duration } from './duration.js'
import type { SessionError } from './errors.js'
import type { SessionEvent } from './events.js'
import { endRecord, findRecord, unreadable, type Found } from './find.js'
import { Finder } from './finder.js'
import { OWN_IDS, type IdScheme } from './ids.js'
import { GuardedMetrics, type SessionMetrics } from './metrics.js'
import { OpenSession } from './open-session.js'
import { assertMaxSessions, resolveEngineOptions, type EngineOptions, type ResolvedEngineOptions } from './options.js'
import type { RecordTimes, SubjectLimit } from './record.js'
import type { Awaitable, Closing, ForeignCookies, LoadOptions } from './store.js'
import { assertFits } from './size.js'
import { start } from './start.js'
import { subjectText } from './subject.js'
import { assertSameSubject, SubjectSessions } from './subject-sessions.js'
import { Sweeper } from './sweeper.js'
import { TokenSigner } from './token.js'
import { UnavailableSession } from './unavailable-session.js'

/**
 * The middle of the house: opens a session at the start of a request and commits it before the headers leave. Knows
 * nothing of HTTP. While the store answers synchronously, so does the engine.
 */
export class SessionEngine {
  readonly #context: SessionContext
  readonly #finder: Finder
  readonly #sweeper: Sweeper
  #start: Promise<void> | undefined
  #closing: Promise<void> | undefined
  /** The sessions of a subject. */
  readonly subjects: SubjectSessions

  /**
   * @param ids - how ids are made; for who keeps sessions under ids of somebody else
   * @throws SessionError `OPTIONS_INVALID`
   */
  constructor(options: EngineOptions, ids: IdScheme = OWN_IDS) {
    const resolved = resolveEngineOptions(options)
    const signer = new TokenSigner(resolved.secrets)
    const metrics = resolved.metrics && new GuardedMetrics(resolved.metrics)
    const emit = (event: SessionEvent): void => {
      metrics?.happened(event)
      // An observer can't break a request, nor end the process by a promise that nobody waits for.
      try {
        const done: unknown = resolved.onEvent?.(event)
        if (done instanceof Promise) done.catch(() => {})
      } catch {}
    }
    const calls = new StoreCalls(
      resolved.store,
      resolved.storeTimeout,
      {
        failed: (verb, error) => emit({ type: 'store-failed', verb, error }),
        down: (error) => emit({ type: 'store-down', error }),
        up: (downFor) => emit({ type: 'store-up', downFor }),
      },
      metrics,
    )
    this.#context = {
      options: resolved,
      calls,
      ids,
      metrics,
      rotates: resolved.store.abilities.has('rotating'),
      limitOf: (subject) => limitOf(resolved, calls, subject),
      sign: (id) => signer.sign(id),
      emit,
    }
    this.#finder = new Finder(this.#context, signer)
    this.#sweeper = new Sweeper(resolved.store, this.#context)
    this.subjects = new SubjectSessions(this.#context)
  }

  /**
   * The session of a request: that of the first token which is ours and has a record, or a new, empty one. A token with a
   * wrong signature costs no store call.
   *
   * @param isFresh - whether it must be read from the store now, past a near cache
   * @param sids - ids from cookies of another library, whose signatures are good: see {@link foreignCookies}
   * @throws SessionError `STORE_UNAVAILABLE`
   */
  open(
    tokens: readonly string[],
    carrier: Carrier,
    isFresh = false,
    sids: readonly string[] = NO_SIDS,
  ): Awaitable<OpenSession> {
    const open = new OpenSession(this.#context, carrier)
    const { metrics } = this.#context
    if (metrics) return this.#counting(metrics, open, tokens, carrier, isFresh, sids)
    if (tokens.length + sids.length === 0) return open
    return this.#finder.find(open, tokens, carrier, isFresh, sids)
  }

  #counting(
    metrics: SessionMetrics,
    open: OpenSession,
    tokens: readonly string[],
    carrier: Carrier,
    isFresh: boolean,
    sids: readonly string[],
  ): Awaitable<OpenSession> {
    const find = (): Awaitable<OpenSession> => this.#finder.find(open, tokens, carrier, isFresh, sids)
    return watched(find, (hasFailed) => metrics.opened(hasFailed ? 'unavailable' : open.finding))
  }

  /**
   * The session of a request whose ids somebody else has found good: that of the first which has a record, or a new, empty
   * one.
   *
   * @throws SessionError `STORE_UNAVAILABLE`
   */
  openIds(ids: readonly string[], carrier: Carrier): Awaitable<OpenSession> {
    const open = new OpenSession(this.#context, carrier)
    const find = (): Awaitable<OpenSession> => this.#finder.findIds(open, ids)
    const { metrics } = this.#context
    if (!metrics) return find()
    return watched(find, (hasFailed) => metrics.opened(hasFailed ? 'unavailable' : open.finding))
  }

  /** A new, empty session for a request, without asking for one that it may have. */
  begin(carrier: Carrier): OpenSession {
    return new OpenSession(this.#context, carrier)
  }

  /** The session of a request that can't have its own: without data, and `error` is the answer to every verb. */
  unavailable(error: SessionError): UnavailableSession {
    return new UnavailableSession(this.#context, error)
  }

  /** How the cookies of the library are told whose sessions the store takes over; `undefined` for a store that takes over none. */
  get foreignCookies(): ForeignCookies | undefined {
    return this.#finder.foreignCookies
  }

  /** The secrets of the options, the one in use first. */
  get secrets(): readonly string[] {
    return this.#context.options.secrets
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
   * @param options - `fresh`: whether it must be read from the store now, past a near cache
   * @throws SessionError `STORE_UNAVAILABLE`
   */
  async read(id: string, { fresh = false }: LoadOptions = {}): Promise<Record<string, unknown> | undefined> {
    const found = await this.#found(id, fresh)
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
      const found = await this.#found(id, true)
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
    const found = await this.#found(id, true)
    if (!found) return false
    const existed = await endRecord(this.#context, found.record.key)
    if (existed) this.emit({ type: 'revoked', handle: found.record.handle, reason: 'service' })
    return existed
  }

  /**
   * Waits until the store can be used, for `startTimeout` at most, and has it prove itself where it can. The doors of Nest
   * and of Fastify do so before they take the first request. Asked again it answers the same.
   *
   * @throws SessionError `STORE_UNAVAILABLE` if the store is still away then, unless the application starts without it
   *   (`startWithoutStore`); `STORE_UNFIT` if it doesn't keep what it is given.
   */
  ready(): Promise<void> {
    return (this.#start ??= start(this.#context.calls, this.#context.options))
  }

  /**
   * Asks the store for a record that can't be there, to see whether it answers; also while it is down. A failure is told as
   * `store-failed`, and is none of those after which the store is down.
   *
   * @throws SessionError `STORE_UNAVAILABLE`, after `storeTimeout` at the latest
   */
  async check(): Promise<void> {
    try {
      await this.#context.calls.check()
    } catch (error) {
      this.emit({ type: 'store-failed', verb: 'load', error: error as SessionError })
      throw error
    }
  }

  /** For how long the store has been down and is not asked, in milliseconds; `undefined` while it is asked. */
  get storeDownFor(): Duration | undefined {
    return this.#context.calls.downFor
  }

  /**
   * Stops what runs in the background, waits for the store calls that are under way, `storeTimeout` at most, and closes
   * what the store opened. Twice is not an error.
   */
  close(): Promise<void> {
    return (this.#closing ??= this.#close())
  }

  async #close(): Promise<void> {
    this.#sweeper.stop()
    await this.#context.calls.close()
    const { store } = this.#context.options
    if (store.abilities.has('closing')) await (store as typeof store & Closing).close()
  }

  #found(id: string, isFresh: boolean): Awaitable<Found | undefined> {
    if (!this.#context.ids.mayBeId(id)) return undefined
    return after(findRecord(this.#context, id, isFresh), (found) => (typeof found === 'string' ? undefined : found))
  }
}

const NO_SIDS: readonly string[] = []

function timesOf({ lastSeenAt, idleTimeout, expiresAt, persistent }: RecordTimes): RecordTimes {
  return { lastSeenAt, idleTimeout, expiresAt, persistent }
}

/** @throws SessionError `OPTIONS_INVALID` if the application's function answers no number that can be meant. */
function limitOf(
  { maxSessions, onLimit }: ResolvedEngineOptions,
  calls: StoreCalls,
  subject: string,
): Awaitable<SubjectLimit | undefined> {
  if (maxSessions === undefined) return undefined
  const max = typeof maxSessions === 'number' ? maxSessions : calls.inTime('maxSessions', maxSessions(subject))
  return after(max, (max) => {
    if (max === undefined) return undefined
    assertMaxSessions(max)
    return { max, onLimit }
  })
}
