import { after, isPromise } from './calls.js'
import type { Carrier, SessionContext } from './context.js'
import { defineData } from './codec.js'
import { changesOf, holdData, NO_CHANGES, NO_DATA, withChanges, type DataChanges, type EncodedData } from './data.js'
import type { Duration } from './duration.js'
import { SessionError } from './errors.js'
import { newHandle, newId } from './id.js'
import { Lifetime } from './lifetime.js'
import type { SessionRecord } from './record.js'
import { LiveSession, type Session, type SessionBearer, type SessionCookie, type SessionData } from './session.js'
import type { Awaitable, Outcome } from './store.js'
import { subjectText } from './subject.js'
import { retrying } from './retry.js'
import { createRecord, moveRecord, updateRecord, type WriteResult, type Written } from './writes.js'

/**
 * One session for one request, as the engine sees it: what is stored, what the handler holds, and what the client is to
 * be told of its token.
 */
export class OpenSession implements SessionBearer {
  /** What the answer says of the token: nothing, the one in use, or that it is over. */
  tokenChange: 'keep' | 'set' | 'clear' = 'keep'

  readonly #context: SessionContext
  readonly #carrier: Carrier
  readonly #lifetime: Lifetime
  #session = new LiveSession(this)
  /** What is stored; nothing for a session that is new or over. */
  #written: Written | undefined
  #isOver = false
  #id: string | undefined
  #handle: string | undefined
  /** Objects that `regenerate` put aside, each with what it held then. */
  #aside: readonly Aside[] = NOTHING_ASIDE
  #touching: Awaitable<boolean> | undefined
  #underWay: Promise<void> | undefined
  #failure: SessionError | undefined

  constructor(context: SessionContext, carrier: Carrier) {
    this.#context = context
    this.#carrier = carrier
    this.#lifetime = new Lifetime(context.options)
  }

  /** What the handler holds. Another object after `regenerate`. */
  get session(): Session {
    return this.#session
  }

  get id(): string {
    return (this.#id ??= newId(undefined))
  }

  get handle(): string {
    return (this.#handle ??= newHandle())
  }

  get cookie(): SessionCookie {
    return this.#lifetime.cookie
  }

  /** The token to send when {@link tokenChange} is `set`. */
  get signedToken(): string {
    return this.#context.sign(this.id)
  }

  /** How long the client is to keep the token, in milliseconds; `undefined`: until it closes. */
  get tokenMaxAge(): Duration | undefined {
    return this.#lifetime.persistent ? this.#lifetime.remaining : undefined
  }

  /** Whether the end of the request has something to do even if no handler looked at the session. */
  get isUnsettled(): boolean {
    return this.#touching !== undefined || this.tokenChange !== 'keep'
  }

  /**
   * Takes over the record that was found under `id`, and starts a touch if one is due.
   *
   * @throws SessionError `RECORD_UNREADABLE` if its data can't be decoded; the session is then new and empty.
   */
  hold(id: string, record: SessionRecord): void {
    try {
      holdData(this.#session, record.data)
    } catch (error) {
      this.#session = new LiveSession(this)
      throw error
    }
    this.#keep({ id, record })
    const due = Math.min(this.#context.options.touchInterval, record.idleTimeout / 4)
    if (this.#lifetime.now - record.lastSeenAt >= due) this.#startTouch(record.key)
  }

  /** Stores what is left to store, before the headers leave. */
  commit(): Awaitable<void> {
    if (this.#underWay) return this.#underWay.then(() => this.commit())
    if (this.#failure) throw this.#failure
    const touching = this.#touching
    this.#touching = undefined
    return isPromise(touching) ? touching.then((alive) => this.#settle(alive)) : this.#settle(touching)
  }

  save(): Promise<void> {
    return this.#inTurn(() => after(this.#persist(), () => this.#assertNotOver()))
  }

  reload(): Promise<void> {
    return this.#inTurn(() =>
      after(this.#read(), (record) => {
        holdData(this.#session, NO_DATA)
        holdData(this.#session, record.data)
        this.#keep({ id: this.id, record })
      }),
    )
  }

  regenerate(): Promise<void> {
    return this.#inTurn(() =>
      after(this.#delete('regenerated'), () => {
        this.#aside = [
          ...this.#aside,
          { session: this.#session, held: Object.fromEntries(Object.entries(this.#session)) },
        ]
        this.#session = new LiveSession(this)
        this.#startAnew()
      }),
    )
  }

  destroy(): Promise<void> {
    return this.#inTurn(() =>
      after(this.#delete('destroyed'), () => {
        this.#startAnew()
        this.#isOver = true
        holdData(this.#session, NO_DATA)
        Object.preventExtensions(this.#session)
      }),
    )
  }

  touch(): Promise<void> {
    return this.#inTurn(() => {
      if (!this.#written) return
      const touched = this.#context.calls.touch(this.#written.record.key, this.#lifetime.now)
      return after(touched, (alive) => (alive ? undefined : this.#endedElsewhere('unknown')))
    })
  }

  rotate(): Promise<void> {
    return this.#inTurn(() => {
      const changes = this.#changes() ?? NO_CHANGES
      const done = this.#written ? this.#move(this.#written, changes, 'asked') : this.#persist()
      return after(done, () => this.#assertNotOver())
    })
  }

  async update(change: (data: Partial<SessionData>) => void | Promise<void>): Promise<void> {
    await this.save()
    await retrying(
      async () => {
        const written = this.#written
        const stored = written?.record.data ?? NO_DATA
        const draft: Partial<SessionData> = {}
        holdData(draft, stored)
        await change(draft)
        const changes = changesOf(draft, stored)
        return changes === undefined || this.#inTurn(() => this.#replace(written, draft, changes))
      },
      (attempt) => {
        this.#context.emit({ type: 'write-conflict', handle: this.handle, attempt })
        return this.#inTurn(() => after(this.#read(), (record) => this.#adopt({ id: this.id, record })))
      },
    )
  }

  token(): Promise<string> {
    return this.#inTurn(() =>
      after(this.#persist(), () => {
        this.#assertNotOver()
        if (!this.#written) throw gone('It has no data yet, so there is nothing to stand for.')
        return this.signedToken
      }),
    )
  }

  /** Runs a verb after those under way; at once if there are none, so that a synchronous store is done on return. */
  #inTurn<T>(verb: () => Awaitable<T>): Promise<T> {
    const run = async (): Promise<T> => {
      try {
        const result = await verb()
        this.#failure = undefined
        return result
      } catch (error) {
        if (error instanceof SessionError && error.code === 'STORE_UNAVAILABLE') this.#failure = error
        throw error
      }
    }
    const done = this.#underWay ? this.#underWay.then(run) : run()
    const settled: Promise<void> = done.then(noop, noop).then(() => {
      if (this.#underWay === settled) this.#underWay = undefined
    })
    this.#underWay = settled
    return done
  }

  #settle(alive: boolean | undefined): Awaitable<void> {
    // Where there is something to write, the write tells more: whether the session is over or has moved. And a sign-in
    // goes on without the session that it began in.
    if (alive === false && this.#written && !this.#changes() && !this.#lifetime.isChanged) {
      this.#endedElsewhere('unknown')
    }
    return this.#persist()
  }

  /** What the handler changed against what is stored. */
  #changes(): DataChanges | undefined {
    if (this.#aside !== NOTHING_ASIDE) takeOver(this.#session, this.#aside)
    return changesOf(this.#session, this.#written?.record.data ?? NO_DATA)
  }

  #persist(): Awaitable<void> {
    if (this.#isOver) return
    const changes = this.#changes()
    const written = this.#written
    if (!written) return changes && this.#create(changes.set)
    if (!changes && !this.#lifetime.isChanged) return
    if (this.#lifetime.remaining <= 0) return this.#expire()
    if (changes && this.#subjectOf(this.#session) !== written.record.subject)
      return this.#move(written, changes, 'subject')
    const cookieChanges = this.#lifetime.isChanged
    const updated = updateRecord(this.#context, written, changes ?? NO_CHANGES, this.#lifetime.times)
    return after(updated, (result) => {
      if (typeof result === 'string') return this.#endedElsewhere(result)
      this.#keep(result)
      if (cookieChanges) this.tokenChange = 'set'
    })
  }

  #create(data: EncodedData): Awaitable<void> {
    this.#carrier.assertReachable()
    const subject = this.#subjectOf(this.#session)
    // A session that begins signed in gets the tag of its subject, whatever id the handler may have seen before.
    const id = subject === undefined ? this.id : newId(subject)
    return after(createRecord(this.#context, id, this.handle, subject, this.#lifetime.times, data), (written) => {
      this.#keep(written)
      this.tokenChange = 'set'
      this.#context.emit({ type: 'created', handle: this.handle })
    })
  }

  #move(written: Written, changes: DataChanges, reason: 'subject' | 'asked'): Awaitable<void> {
    return after(this.#moveIf(written, changes, this.#session, reason), (result) => {
      if (typeof result !== 'string') return this.#keep(result)
      if (written.record.subject !== undefined || this.#subjectOf(this.#session) === undefined) {
        return this.#endedElsewhere(result)
      }
      // The anonymous session is over, but the sign-in is not: it gets a session of its own. Where a parallel sign-in
      // took the record along, this one keeps what it saw; where it was ended, only what this request wrote.
      const data = result === 'rotated' ? withChanges(written.record.data, changes) : changes.set
      holdData(this.#session, data)
      this.#startAnew()
      return this.#create(data)
    })
  }

  #moveIf(
    written: Written,
    changes: DataChanges,
    data: object,
    reason: 'subject' | 'asked',
    ifVersion?: number,
  ): Awaitable<WriteResult> {
    this.#carrier.assertReachable()
    const subject = this.#subjectOf(data)
    const isSignIn = subject !== undefined && subject !== written.record.subject
    const times = isSignIn ? this.#lifetime.timesAfterSignIn : this.#lifetime.times
    return after(moveRecord(this.#context, written, changes, subject, times, ifVersion), (result) => {
      if (typeof result !== 'string') {
        this.tokenChange = 'set'
        this.#context.emit({ type: 'rotated', handle: this.handle, reason })
      }
      return result
    })
  }

  /** Stores a draft if `written` is still what is stored; `false` for a conflict. */
  #replace(written: Written | undefined, draft: object, changes: DataChanges): Awaitable<boolean> {
    if (!written) {
      this.#adopt(undefined, changes)
      return after(this.#persist(), () => true)
    }
    const version = written.record.version
    const result =
      this.#subjectOf(draft) === written.record.subject
        ? updateRecord(this.#context, written, changes, this.#lifetime.times, version)
        : this.#moveIf(written, changes, draft, 'subject', version)
    return after(result, (outcome) => {
      if (outcome === 'conflict') return false
      if (typeof outcome === 'string') this.#endedElsewhere(outcome)
      else this.#adopt(outcome)
      this.#assertNotOver()
      return true
    })
  }

  /** The stored record, read again. */
  #read(): Awaitable<SessionRecord> {
    const record = this.#written ? this.#context.calls.load(this.#written.record.key) : undefined
    return after(record, (found) => {
      if (found) return found
      if (this.#written) this.#endedElsewhere('unknown')
      throw gone('There is nothing to read.')
    })
  }

  /** Takes over what is stored now and keeps on top of it what this request has not stored yet. */
  #adopt(written: Written | undefined, more: DataChanges = NO_CHANGES): void {
    const unsaved = this.#changes() ?? NO_CHANGES
    const stored = withChanges(written?.record.data ?? NO_DATA, more)
    holdData(this.#session, withChanges(stored, unsaved))
    if (written) this.#keep(written)
  }

  #delete(reason: 'destroyed' | 'regenerated'): Awaitable<void> {
    const written = this.#written
    if (!written) {
      if (this.#carrier.presented) this.tokenChange = 'clear'
      return
    }
    return after(this.#context.calls.delete(written.record.key), (existed) => {
      this.tokenChange = 'clear'
      if (existed) this.#context.emit({ type: 'revoked', handle: this.handle, reason })
    })
  }

  /** A handler has put the end of the lifetime into the past. */
  #expire(): Awaitable<void> {
    return after(this.#delete('destroyed'), () => {
      this.#startAnew()
      this.#isOver = true
    })
  }

  #startTouch(key: string): void {
    try {
      const touching = this.#context.calls.touch(key, this.#lifetime.now)
      // A touch that fails costs at most one interval of idle time: the event tells of it, the request goes on.
      this.#touching = isPromise(touching) ? touching.then(undefined, () => true) : touching
    } catch {
      this.#touching = undefined
    }
  }

  #endedElsewhere(outcome: Exclude<Outcome, 'updated'> | 'unknown'): void {
    const reason = outcome === 'rotated' ? 'rotated' : 'gone'
    this.#context.emit({ type: 'revoked-during-request', handle: this.handle, reason })
    this.#startAnew()
    this.#isOver = true
    // After a rotation the browser may hold the new cookie already: deleting it would sign the user out.
    this.tokenChange = outcome === 'gone' ? 'clear' : 'keep'
  }

  #assertNotOver(): void {
    if (this.#isOver) throw gone('It was destroyed, revoked or rotated meanwhile, or it has expired.')
  }

  #keep(written: Written): void {
    this.#written = written
    this.#id = written.id
    this.#handle = written.record.handle
    this.#lifetime.known(written.record)
  }

  #startAnew(): void {
    this.#isOver = false
    this.#written = undefined
    this.#id = undefined
    this.#handle = undefined
    this.#lifetime.known(undefined)
  }

  #subjectOf(data: object): string | undefined {
    return subjectText(this.#context.options.subject(data as Record<string, unknown>))
  }
}

interface Aside {
  readonly session: LiveSession
  readonly held: Record<string, unknown>
}

const NOTHING_ASIDE: readonly Aside[] = []

/** What was written to an object put aside goes to the session that took its place, unless that has a value of its own. */
function takeOver(session: LiveSession, aside: readonly Aside[]): void {
  for (const former of aside) {
    for (const [key, value] of Object.entries(former.session)) {
      if (Object.is(value, former.held[key]) || Object.hasOwn(session, key)) continue
      former.held[key] = value
      defineData(session, key, value)
    }
  }
}

function gone(why: string): SessionError {
  return new SessionError(
    'SESSION_GONE',
    `The session is not there any more. ${why} Sign in again, or begin a new one with regenerate().`,
  )
}

function noop(): void {}
