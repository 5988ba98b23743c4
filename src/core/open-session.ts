import { AsideObjects } from './aside.js'
import { after, isPromise, watched } from './calls.js'
import { defineData } from './codec.js'
import type { Carrier, SessionContext } from './context.js'
import { changesOf, holdData, NO_CHANGES, NO_DATA, withChanges, type DataChanges } from './data.js'
import type { Duration } from './duration.js'
import { SessionError } from './errors.js'
import type { Found, Missing } from './find.js'
import { gone, HeldRecord, type Fate, type MoveReason } from './held-record.js'
import { Lifetime } from './lifetime.js'
import type { CommitOutcome, SessionMetrics } from './metrics.js'
import type { SessionRecord } from './record.js'
import { retrying } from './retry.js'
import { LiveSession, type Session, type SessionBearer, type SessionCookie, type SessionData } from './session.js'
import { assertFits } from './size.js'
import { nobody, signInData, type SignInOptions } from './sign-in.js'
import type { Awaitable } from './store.js'
import { subjectText } from './subject.js'
import type { Written } from './writes.js'

/** What the tokens of a request led to. */
export type Finding = 'no-token' | 'token-malformed' | 'token-signature' | Missing | 'found'

/**
 * One session for one request, as the engine sees it: what the handler holds, and what is to become of it in the store.
 */
export class OpenSession implements SessionBearer {
  readonly #context: SessionContext
  readonly #lifetime: Lifetime
  readonly #record: HeldRecord
  /** Whether the request brought a cookie of another library that has had its day. */
  dropsForeign = false
  /** Whether it is stored although it has no data. */
  keepsEmpty = false
  #session = new LiveSession(this)
  #finding: Finding = 'no-token'
  #aside: AsideObjects | undefined
  #underWay: Promise<void> | undefined
  #failure: SessionError | undefined
  #lastError: SessionError | undefined
  /** The outcome that was told to the metrics last. */
  #counted: CommitOutcome | undefined

  constructor(context: SessionContext, carrier: Carrier) {
    this.#context = context
    this.#lifetime = new Lifetime(context.options)
    this.#record = new HeldRecord(context, carrier, this.#lifetime)
  }

  /** What the handler holds. Another object after `regenerate`. */
  get session(): Session {
    return this.#session
  }

  get id(): string {
    return this.#record.id
  }

  get handle(): string {
    return this.#record.handle
  }

  get authenticatedAt(): number | undefined {
    return this.#record.written?.record.authenticatedAt
  }

  get isAvailable(): boolean {
    return true
  }

  get cookie(): SessionCookie {
    return this.#lifetime.cookie
  }

  /** What the answer says of the token: nothing, the one in use, or that it is over. */
  get tokenChange(): 'keep' | 'set' | 'clear' {
    return this.#record.tokenChange
  }

  /** The token to send when {@link tokenChange} is `set`. */
  get signedToken(): string {
    return this.#context.sign(this.id)
  }

  /** How long the client is to keep the token, in milliseconds; `undefined`: until it closes. */
  get tokenMaxAge(): Duration | undefined {
    return this.#lifetime.persistent ? this.#lifetime.remaining : undefined
  }

  /** The error of the last verb; nothing if that went well. */
  get lastError(): SessionError | undefined {
    return this.#lastError
  }

  /** What the tokens of the request led to. Of several that led nowhere, the one that came farthest. */
  get finding(): Finding {
    return this.#finding
  }

  /** What became of the session so far. */
  get fate(): Fate {
    return this.#record.fate
  }

  /** What is stored of it, as far as this request knows. */
  get record(): SessionRecord | undefined {
    return this.#record.written?.record
  }

  /** Gives it deadlines of its own: what ends it without use, in milliseconds, and when it ends for good. */
  expire(idleTimeout: Duration, expiresAt: number, persistent: boolean): void {
    this.#lifetime.give({ idleTimeout, expiresAt }, persistent)
  }

  /** Whether there is a record of it, as far as this request knows. */
  get isStored(): boolean {
    return this.#record.written !== undefined
  }

  /** Whether the end of the request has something to do even if no handler looked at the session. */
  get isUnsettled(): boolean {
    return this.#record.isUnsettled
  }

  /**
   * Takes over what was found, and starts what is due of it.
   *
   * @throws SessionError `RECORD_UNREADABLE` if its data can't be decoded; the session is then new and empty.
   */
  hold(found: Found): void {
    try {
      holdData(this.#session, found.record.data)
    } catch (error) {
      this.#session = new LiveSession(this)
      throw error
    }
    this.#finding = 'found'
    this.#record.hold(found)
  }

  /** One of the tokens led to no session. */
  missed(why: Finding): void {
    const isFirst = this.#finding === 'no-token'
    if (isFirst || (this.#finding.startsWith('token-') && !why.startsWith('token-'))) this.#finding = why
  }

  /** Sends the token with the answer, unless the client has a newer one. */
  sendToken(): void {
    this.#record.sendToken()
  }

  /** Stores what is left to store, before the headers leave. */
  commit(): Awaitable<void> {
    const { metrics } = this.#context
    return metrics ? this.#counting(metrics) : this.#commit()
  }

  #counting(metrics: SessionMetrics): Awaitable<void> {
    return watched(
      () => this.#commit(),
      (hasFailed) => {
        const outcome = hasFailed ? 'failed' : this.fate
        if (outcome !== this.#counted) metrics.committed((this.#counted = outcome))
      },
    )
  }

  #commit(): Awaitable<void> {
    if (this.#underWay) return this.#underWay.then(() => this.#commit())
    if (this.#failure) throw this.#failure
    const settled = this.#record.settle()
    const done = settled === true ? this.#persist() : after(settled, (isMet) => this.#persistOnceSettled(isMet))
    if (isPromise(done)) this.#occupy(done)
    return done
  }

  save(): Promise<void> {
    return this.#inTurn(() => this.#alive(this.#persist()))
  }

  reload(): Promise<void> {
    return this.#inTurn(() =>
      after(this.#record.read(), (written) => {
        const data = {}
        holdData(data, written.record.data)
        holdAll(this.#session, new Map(Object.entries(data)))
        this.#record.keep(written)
      }),
    )
  }

  /**
   * Reads the session again, past a near cache, before its handler runs: what was written to it so far in this request stays,
   * on top of what others have written. If it is over, it is new and empty.
   */
  refresh(): Promise<void> {
    return this.#inTurn(() => {
      const before = this.#record.written
      return before && after(this.#record.refresh(before), (now) => this.#goOnWith(before, now))
    })
  }

  regenerate(): Promise<void> {
    return this.#inTurn(() =>
      after(this.#record.delete('regenerated'), () => {
        ;(this.#aside ??= new AsideObjects()).put(this.#session)
        this.#session = new LiveSession(this)
        this.#record.startAnew()
      }),
    )
  }

  destroy(): Promise<void> {
    return this.#inTurn(() =>
      after(this.#record.delete('destroyed'), () => {
        this.#record.end()
        holdData(this.#session, NO_DATA)
        Object.preventExtensions(this.#session)
      }),
    )
  }

  touch(): Promise<void> {
    return this.#inTurn(() => after(this.#record.touch(), noop))
  }

  rotate(): Promise<void> {
    return this.#inTurn(() =>
      after(this.#record.mayRotate, (mayRotate) => {
        const { written } = this.#record
        const moves = mayRotate && written && !this.#isSubjectChanged(written)
        return this.#alive(moves ? this.#move(written, this.#changes() ?? NO_CHANGES, 'asked') : this.#persist())
      }),
    )
  }

  /**
   * Signs somebody in with these data: a new id, a new `authenticatedAt`, and the old id is dead, also for whom was signed
   * in before.
   *
   * @throws SessionError as `save` does, and `SUBJECT_INVALID` if the data name nobody. Then the session holds what it held
   *   before.
   */
  signIn(data: Readonly<Record<string, unknown>>, { remember, keep }: SignInOptions = {}): Promise<void> {
    return this.#inTurn(async () => {
      this.#record.assertNotOver()
      const { written } = this.#record
      const owner = written?.record.subject
      const isStranger = owner !== undefined && owner !== this.#subjectOf(data)
      const next = signInData(this.#session, data, keep ?? !isStranger)
      if (this.#subjectOf(Object.fromEntries(next)) === undefined) throw nobody()
      const before = new Map<string, unknown>(Object.entries(this.#session))
      const deadlines = this.#lifetime.state
      holdAll(this.#session, next)
      if (isStranger) this.#lifetime.known(undefined)
      if (remember !== undefined) this.#lifetime.change(remember)
      try {
        if (written && isStranger) await this.#takeOver(written)
        else
          await this.#alive(written ? this.#move(written, this.#changes() ?? NO_CHANGES, 'subject') : this.#persist())
      } catch (error) {
        // Otherwise the end of the request would sign in once more, whatever the handler answers.
        holdAll(this.#session, before)
        if (written && !this.#record.written) this.#record.end()
        else this.#lifetime.state = deadlines
        throw error
      }
    })
  }

  async update(change: (data: Partial<SessionData>) => void | Promise<void>): Promise<void> {
    await this.save()
    try {
      await this.#changeBy(change)
    } catch (error) {
      if (error instanceof SessionError) this.#lastError = error
      throw error
    }
  }

  token(): Promise<string> {
    return this.#inTurn(() =>
      after(this.#alive(this.#persist()), () => {
        if (!this.#record.written) throw gone('It has no data yet, so there is nothing to stand for.')
        if (this.#record.isFormer) throw gone('The client has a newer id of it, which this request does not know.')
        return this.signedToken
      }),
    )
  }

  #goOnWith({ record: before }: Written, now: Written | undefined): void {
    if (!now) {
      this.#finding = 'no-record'
      return holdData(this.#session, NO_DATA)
    }
    if (now.record.key === before.key && now.record.version === before.version) return
    const changes = changesOf(this.#session, before.data) ?? NO_CHANGES
    const [data, deadlines] = [{}, this.#lifetime.state]
    holdData(data, withChanges(now.record.data, changes))
    holdAll(this.#session, new Map(Object.entries(data)))
    this.#record.keep(now)
    this.#lifetime.state = { ...deadlines, record: now.record }
  }

  /** Retries on fresh data while other writers come first. */
  #changeBy(change: (data: Partial<SessionData>) => void | Promise<void>): Promise<void> {
    return retrying(
      async () => {
        const { written } = this.#record
        const stored = written?.record.data ?? NO_DATA
        const draft: Partial<SessionData> = {}
        holdData(draft, stored)
        await change(draft)
        const changes = changesOf(draft, stored)
        return changes === undefined || this.#inTurn(() => this.#replace(written, draft, changes))
      },
      (attempt) => {
        this.#context.emit({ type: 'write-conflict', handle: this.handle, attempt })
        return this.#inTurn(() => after(this.#record.read(), (now) => this.#adopt(now)))
      },
    )
  }

  /** Runs a verb after those under way; at once if there are none, so that a synchronous store is done on return. */
  #inTurn<T>(verb: () => Awaitable<T>): Promise<T> {
    const run = async (): Promise<T> => {
      try {
        const result = await verb()
        this.#failure = undefined
        this.#lastError = undefined
        return result
      } catch (error) {
        if (error instanceof SessionError) this.#failed(error)
        throw error
      }
    }
    const done = this.#underWay ? this.#underWay.then(run) : run()
    this.#occupy(done)
    return done
  }

  #failed(error: SessionError): void {
    this.#lastError = error
    if (error.code === 'STORE_UNAVAILABLE') this.#failure = error
  }

  /** Has the verbs that come, and the next commit, wait until this is done, well or not. */
  #occupy(done: PromiseLike<unknown>): void {
    const settled: Promise<void> = Promise.resolve(done.then(noop, noop)).then(() => {
      if (this.#underWay === settled) this.#underWay = undefined
    })
    this.#underWay = settled
  }

  /** @throws SessionError `SESSION_GONE` if the session is over once this is done. */
  #alive(done: Awaitable<void>): Awaitable<void> {
    return after(done, () => this.#record.assertNotOver())
  }

  /** What the handler changed against what is stored. */
  #changes(): DataChanges | undefined {
    this.#aside?.handOver(this.#session)
    return changesOf(this.#session, this.#record.written?.record.data ?? NO_DATA)
  }

  #persist(): Awaitable<void> {
    const record = this.#record
    if (record.isOver) return
    const changes = this.#changes()
    const { written } = record
    if (!written) {
      const isKept = changes !== undefined || this.keepsEmpty
      return isKept ? record.create(this.#subjectOf(this.#session), changes?.set ?? NO_DATA) : undefined
    }
    if (!changes && !this.#lifetime.isChanged && !record.isRotationDue) return
    if (this.#lifetime.isPast) return this.#expire()
    if (changes && this.#isSubjectChanged(written)) return this.#move(written, changes, 'subject')
    if (record.isRotationDue) return this.#move(written, changes ?? NO_CHANGES, 'due')
    return this.#update(written, changes ?? NO_CHANGES)
  }

  #persistOnceSettled(isMet: boolean): Awaitable<void> {
    return isMet ? this.#persist() : this.#persistUnmet()
  }

  /**
   * The touch met no record. Where there is something to write, the write tells more: whether the session is over or has
   * moved. And a sign-in goes on without the session that it began in.
   */
  #persistUnmet(): Awaitable<void> {
    const record = this.#record
    const isIdle = record.written && !this.#changes() && !this.#lifetime.isChanged && !record.isRotationDue
    return isIdle ? after(record.findAgain('unknown'), noop) : this.#persist()
  }

  #update(written: Written, changes: DataChanges): Awaitable<void> {
    const cookieChanges = this.#lifetime.isChanged
    return after(this.#record.update(written, changes), (result) => {
      if (typeof result === 'string') {
        return after(this.#record.findAgain(result), (isThere) => (isThere ? this.#persist() : undefined))
      }
      this.#record.keep(result)
      if (cookieChanges) this.#record.sendToken()
    })
  }

  #move(written: Written, changes: DataChanges, reason: MoveReason): Awaitable<void> {
    const record = this.#record
    const subject = this.#subjectOf(this.#session)
    return after(record.move(written, changes, subject, reason), (result) => {
      if (typeof result !== 'string') return record.keep(result)
      return after(record.findAgain(result, 'stay'), (isThere): Awaitable<void> => {
        // It has moved on meanwhile: of parallel rotations that one counts, but a sign-in still needs an id of its own.
        if (isThere) return reason === 'subject' ? this.#move(record.written!, changes, reason) : this.#persist()
        const isFirst = written.record.subject === undefined && subject !== undefined
        if (!isFirst) return record.endedElsewhere(result)
        return after(record.wasTakenAlong(written, result), (was) => this.#signInAnew(written, changes, was))
      })
    })
  }

  /**
   * Moves the record of somebody else, and tries again where it has changed: what was written for that one meanwhile, such
   * as a role by `updateAll`, must not go along.
   */
  #takeOver(known: Written): Promise<void> {
    const record = this.#record
    let written = known
    return retrying(
      async () => {
        const changes = changesOf(this.#session, written.record.data) ?? NO_CHANGES
        const { version } = written.record
        const result = await record.move(written, changes, this.#subjectOf(this.#session), 'subject', version)
        if (typeof result === 'string') await record.findAgain(result)
        else record.keep(result)
        record.assertNotOver()
        return typeof result !== 'string'
      },
      async () => {
        written = await record.read()
      },
    )
  }

  /**
   * The anonymous session is over, but the sign-in is not: it gets a session of its own. Where a parallel sign-in took the
   * record along, this one keeps what it saw; where it was ended, only what this request wrote.
   */
  #signInAnew(written: Written, changes: DataChanges, wasTakenAlong: boolean): Awaitable<void> {
    const data = wasTakenAlong ? withChanges(written.record.data, changes) : changes.set
    holdData(this.#session, data)
    this.#record.startAnew()
    return this.#record.create(this.#subjectOf(this.#session), data)
  }

  /** Stores a draft if `written` is still what is stored; `false` for a conflict. */
  #replace(written: Written | undefined, draft: object, changes: DataChanges): Awaitable<boolean> {
    const record = this.#record
    if (!written) {
      assertFits(this.#context, withChanges(NO_DATA, changes), undefined)
      this.#adopt(undefined, changes)
      return after(this.#persist(), () => true)
    }
    const { version } = written.record
    const result = this.#isSubjectChanged(written, draft)
      ? record.move(written, changes, this.#subjectOf(draft), 'subject', version)
      : record.update(written, changes, version)
    return after(result, (outcome) => {
      if (outcome === 'conflict') return false
      if (typeof outcome !== 'string') {
        this.#adopt(outcome)
        return true
      }
      return after(record.findAgain(outcome), () => {
        record.assertNotOver()
        return false
      })
    })
  }

  /** Takes over what is stored now and keeps on top of it what this request has not stored yet. */
  #adopt(written: Written | undefined, more: DataChanges = NO_CHANGES): void {
    const unsaved = this.#changes() ?? NO_CHANGES
    const stored = withChanges(written?.record.data ?? NO_DATA, more)
    holdData(this.#session, withChanges(stored, unsaved))
    if (written) this.#record.keep(written)
  }

  /** A handler has put the end of the lifetime into the past. */
  #expire(): Awaitable<void> {
    return after(this.#record.delete('lifetime'), () => this.#record.end())
  }

  #isSubjectChanged(written: Written, data: object = this.#session): boolean {
    return this.#subjectOf(data) !== written.record.subject
  }

  #subjectOf(data: object): string | undefined {
    return subjectText(this.#context.options.subject(data as Record<string, unknown>))
  }
}

/** Makes the own properties of `target` those of `data`. */
function holdAll(target: object, data: ReadonlyMap<string, unknown>): void {
  for (const key of Object.keys(target)) {
    if (!data.has(key)) delete (target as Record<string, unknown>)[key]
  }
  for (const [key, value] of data) defineData(target, key, value)
}

function noop(): void {}
