import { after, isPromise, StoreCalls } from './calls.js'
import type { Carrier, SessionContext } from './context.js'
import { changesOf, holdData, NO_DATA } from './data.js'
import type { Duration } from './duration.js'
import { SessionError } from './errors.js'
import type { SessionEvent } from './events.js'
import { isExpired } from './expiry.js'
import { ID_LENGTH, keyOf } from './id.js'
import { OpenSession } from './open-session.js'
import { resolveEngineOptions, type EngineOptions } from './options.js'
import type { SessionRecord } from './record.js'
import type { Awaitable, Closing } from './store.js'
import { subjectText } from './subject.js'
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

  /** @throws SessionError `OPTIONS_INVALID` */
  constructor(options: EngineOptions) {
    const resolved = resolveEngineOptions(options)
    const signer = new TokenSigner(resolved.secrets)
    const emit = (event: SessionEvent): void => {
      try {
        resolved.onEvent?.(event)
      } catch {
        // An observer can't break a request.
      }
    }
    const calls = new StoreCalls(resolved.store, resolved.storeTimeout, (verb, error) => {
      emit({ type: 'store-failed', verb, error })
    })
    this.#signer = signer
    this.#context = {
      options: resolved,
      calls,
      rotates: resolved.store.abilities.has('rotating'),
      sign: (id) => signer.sign(id),
      emit,
    }
    this.#sweeper = new Sweeper(resolved.store, this.#context)
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
    return (await this.#loadData(id))?.data
  }

  /**
   * Writes data into the session with this id, from outside of its own request; a key whose value is `undefined` is
   * removed. With `lifetime` the session ends that long from now, otherwise its deadlines stay. `false` if there is no such
   * session: none is created or revived.
   *
   * @param mode - `merge` leaves the other keys, `replace` removes them.
   * @throws SessionError `STORE_UNAVAILABLE`, `VALUE_NOT_STORABLE`, or `SUBJECT_CHANGE_REFUSED` where the data would give
   *   the session another subject: its id must change then, which only its own request can do.
   */
  async write(
    id: string,
    data: Readonly<Record<string, unknown>>,
    mode: 'merge' | 'replace',
    lifetime?: Duration,
  ): Promise<boolean> {
    const found = await this.#loadData(id)
    if (!found) return false
    const { record } = found
    const set = changesOf(data, NO_DATA)?.set ?? NO_DATA
    const absent = mode === 'replace' ? [...record.data.keys()] : Object.keys(data)
    const remove = absent.filter((key) => !set.has(key))
    this.#assertSameSubject(record, mode === 'replace' ? data : { ...found.data, ...data })
    const now = this.#context.options.clock()
    const times =
      lifetime === undefined
        ? undefined
        : {
            lastSeenAt: record.lastSeenAt,
            idleTimeout: record.idleTimeout,
            expiresAt: now + lifetime,
            persistent: record.persistent,
          }
    return (await this.#context.calls.update(record.key, { set, remove, times })) === 'updated'
  }

  /**
   * Ends the session with this id; `false` if there was none.
   *
   * @throws SessionError `STORE_UNAVAILABLE`
   */
  async revoke(id: string): Promise<boolean> {
    const record = await this.#load(id)
    if (!record) return false
    const existed = await this.#context.calls.delete(record.key)
    if (existed) this.emit({ type: 'revoked', handle: record.handle, reason: 'service' })
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
      const found = this.#loadReadable(keyOf(id))
      if (isPromise(found)) {
        return found.then((record) =>
          record && this.#hold(open, id, secret, record) ? open : this.#find(open, tokens, index + 1),
        )
      }
      if (found && this.#hold(open, id, secret, found)) return open
    }
    return open
  }

  #hold(open: OpenSession, id: string, secret: number, record: SessionRecord): boolean {
    if (isExpired(record, this.#context.options.clock())) return false
    try {
      open.hold(id, record)
    } catch (error) {
      this.#unreadable(error)
      return false
    }
    // A token signed by an older secret is signed anew on the way out.
    if (secret > 0) open.tokenChange = 'set'
    return true
  }

  #load(id: string): Awaitable<SessionRecord | undefined> {
    if (typeof id !== 'string' || id.length !== ID_LENGTH) return undefined
    return after(this.#loadReadable(keyOf(id)), (record) =>
      record && !isExpired(record, this.#context.options.clock()) ? record : undefined,
    )
  }

  async #loadData(id: string): Promise<{ record: SessionRecord; data: Record<string, unknown> } | undefined> {
    const record = await this.#load(id)
    if (!record) return undefined
    const data: Record<string, unknown> = {}
    try {
      holdData(data, record.data)
    } catch (error) {
      return this.#unreadable(error)
    }
    return { record, data }
  }

  /** A record that can't be read counts as absent. */
  #loadReadable(key: string): Awaitable<SessionRecord | undefined> {
    try {
      const found = this.#context.calls.load(key)
      return isPromise(found) ? found.then(undefined, (error: unknown) => this.#unreadable(error)) : found
    } catch (error) {
      return this.#unreadable(error)
    }
  }

  #unreadable(error: unknown): undefined {
    if (!(error instanceof SessionError) || error.code !== 'RECORD_UNREADABLE') throw error
    this.emit({ type: 'record-unreadable', error })
  }

  #assertSameSubject(record: SessionRecord, data: Readonly<Record<string, unknown>>): void {
    if (this.subjectOf(data) === record.subject) return
    throw new SessionError(
      'SUBJECT_CHANGE_REFUSED',
      "The data would give the session another subject, and with it must come a new id, which only the session's own request can send. " +
        'Set the subject in a handler, or end the session.',
    )
  }
}
