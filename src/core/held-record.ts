import { Background, isTouchDue } from './background.js'
import { after } from './calls.js'
import { UNKNOWN_CLIENT, type Carrier, type SessionContext } from './context.js'
import type { DataChanges, EncodedData } from './data.js'
import { SessionError } from './errors.js'
import { passedDeadline } from './expiry.js'
import { endRecord, findAgain, findRecord, loadReadable, type Found } from './find.js'
import { newHandle } from './id.js'
import type { Lifetime } from './lifetime.js'
import type { Awaitable, Outcome } from './store.js'
import { createRecord, moveRecord, updateRecord, type Written, type WriteResult } from './writes.js'

/** What became of a session in one request. */
export type Fate = 'unchanged' | 'created' | 'updated' | 'rotated' | 'destroyed' | 'expired' | 'dropped'

/** Why a session moves to a new id: see the event `rotated`. */
export type MoveReason = 'subject' | 'asked' | 'due'

/**
 * The record of one session during one request: what is known of it, where it is, and what the client is to be told of
 * its id. Knows nothing of what the handler holds.
 */
export class HeldRecord {
  /** What the answer says of the token: nothing, the one in use, or that it is over. */
  tokenChange: 'keep' | 'set' | 'clear' = 'keep'
  /** Whether it ended during this request: nothing is written any more. */
  isOver = false
  /** What became of it in this request so far. */
  fate: Fate = 'unchanged'

  readonly #context: SessionContext
  readonly #carrier: Carrier
  readonly #lifetime: Lifetime
  #background: Background | undefined
  #written: Written | undefined
  #id: string | undefined
  #handle: string | undefined
  /**
   * How the client stands to the id: it has `shown` it, it has `notYet`, or it has a newer one and `noLonger` needs it.
   * Only the first may be rotated; the last is not sent again.
   */
  #standing: 'shown' | 'notYet' | 'noLonger' = 'notYet'
  #isRotationDue = false

  constructor(context: SessionContext, carrier: Carrier, lifetime: Lifetime) {
    this.#context = context
    this.#carrier = carrier
    this.#lifetime = lifetime
  }

  /** What is stored, as far as this request knows; nothing for a session that is new or over. */
  get written(): Written | undefined {
    return this.#written
  }

  get id(): string {
    return (this.#id ??= this.#context.ids.newId(undefined, this.#carrier))
  }

  get handle(): string {
    return (this.#handle ??= newHandle())
  }

  /** Whether its id is older than `rotateEvery`, the one before is on its way out, and the client could be told of a new one. */
  get isRotationDue(): boolean {
    return this.#isRotationDue && this.#isConfirmed === true && this.#carrier.isReachable !== false
  }

  /** Whether the client has a newer id, which this request does not know. */
  get isFormer(): boolean {
    return this.#standing === 'noLonger'
  }

  /** Whether something is left for the end of the request, even if no handler looked at the session. */
  get isUnsettled(): boolean {
    return this.#background?.isUnderWay || this.#isRotationDue || this.tokenChange !== 'keep'
  }

  /** Takes over what was found, and starts what is due of it. */
  hold(found: Found): void {
    const { record, sight } = found
    this.keep(found)
    const { options } = this.#context
    const { now } = this.#lifetime
    if (isTouchDue(options, record, now)) this.#inBackground.touch(this.#context, record, now)
    if (sight !== 'current') return this.#goOn(sight)
    this.#standing = 'shown'
    if (record.formerKey !== undefined) this.#inBackground.confirm(this.#context, record, record.formerKey, now)
    const { rotateEvery } = options
    this.#isRotationDue = rotateEvery !== undefined && now - record.rotatedAt >= rotateEvery
  }

  /** Sends the token with the answer, unless the client has a newer one. */
  sendToken(): void {
    if (this.#standing !== 'noLonger') this.tokenChange = 'set'
  }

  /** Waits for what was started at the beginning of the request. `false` if no record was met by it. */
  settle(): Awaitable<boolean> {
    return this.#background?.isUnderWay ? this.#background.settle() : true
  }

  /** Whether another id may take the place of this one: one that the client has not shown yet needs none. */
  get mayRotate(): Awaitable<boolean> {
    return this.#standing === 'shown' && this.#isConfirmed
  }

  create(subject: string | undefined, data: EncodedData): Awaitable<void> {
    this.#carrier.assertReachable()
    const { ids } = this.#context
    // A session that begins signed in gets the tag of its subject, whatever id the handler may have seen before.
    const id = subject !== undefined && ids.tellsSubject ? ids.newId(subject, this.#carrier) : this.id
    const client = this.#carrier.client ?? UNKNOWN_CLIENT
    const created = createRecord(this.#context, id, this.handle, subject, this.#lifetime.times, client, data)
    return after(created, (written) => {
      this.keep(written)
      this.#isNew()
      this.fate = 'created'
      this.#context.emit({ type: 'created', handle: this.handle })
    })
  }

  /** Applies changes; what is stored then is the caller's to {@link keep}. */
  update(written: Written, changes: DataChanges, ifVersion?: number): Awaitable<WriteResult> {
    return after(updateRecord(this.#context, written, changes, this.#lifetime.times, ifVersion), (result) => {
      if (typeof result !== 'string' && this.fate === 'unchanged') this.fate = 'updated'
      return result
    })
  }

  /** Moves to a new id with the changes; what is stored then is the caller's to {@link keep}. */
  move(
    written: Written,
    changes: DataChanges,
    subject: string | undefined,
    reason: MoveReason,
    ifVersion?: number,
  ): Awaitable<WriteResult> {
    this.#carrier.assertReachable()
    const isSignIn = subject !== undefined && reason === 'subject'
    const times = isSignIn ? this.#lifetime.timesAfterSignIn : this.#lifetime.times
    const signIn = isSignIn
      ? { authenticatedAt: times.lastSeenAt, ...(this.#carrier.client ?? UNKNOWN_CLIENT) }
      : undefined
    return after(
      moveRecord(this.#context, written, { carrier: this.#carrier, changes, times, subject, signIn, ifVersion }),
      (result) => {
        if (typeof result !== 'string') {
          this.#isNew()
          if (this.fate !== 'created') this.fate = 'rotated'
          this.#context.emit({ type: 'rotated', handle: this.handle, reason })
        }
        return result
      },
    )
  }

  /** Notes that the session is used. */
  touch(): Awaitable<unknown> {
    if (!this.#written) return undefined
    const { now } = this.#lifetime
    return after(this.#context.calls.touch(this.#written.record.key, now), (alive) => {
      if (!alive) return this.findAgain('unknown')
      this.#inBackground.touchedAt = now
      return true
    })
  }

  /** @param reason - `lifetime`: the handler has put its end into the past */
  delete(reason: 'destroyed' | 'regenerated' | 'lifetime'): Awaitable<void> {
    const written = this.#written
    this.fate = reason === 'lifetime' ? 'expired' : 'destroyed'
    if (!written) {
      if (this.#carrier.presented) this.tokenChange = 'clear'
      return
    }
    return after(endRecord(this.#context, written.record.key), (existed) => {
      this.tokenChange = 'clear'
      if (!existed) return
      const { handle } = this
      this.#context.emit(
        reason === 'lifetime' ? { type: 'expired', handle, reason } : { type: 'revoked', handle, reason },
      )
    })
  }

  /**
   * The stored record, read again, wherever it is now.
   *
   * @throws SessionError `SESSION_GONE` if it is nowhere.
   */
  read(): Awaitable<Written> {
    return after(this.#whereNow(), (found) => {
      if (found) {
        if (found.sight !== 'current') this.#goOn(found.sight)
        return found
      }
      if (this.#written) this.endedElsewhere('unknown')
      throw gone('There is nothing to read.')
    })
  }

  /** The stored record, read again as at the beginning of a request. `undefined` if it is over: then there is none from now on. */
  refresh({ id }: Written): Awaitable<Written | undefined> {
    return after(findRecord(this.#context, id, true), (found) => {
      if (typeof found === 'string') {
        this.startAnew()
        this.tokenChange = 'keep'
        return undefined
      }
      if (found.sight !== 'current') this.#goOn(found.sight)
      return found
    })
  }

  /**
   * Looks where the record is that a write did not meet, and takes over its new key, but not its data: they stay as this
   * request knows them, so that only what it changed is written. `false` if it is nowhere; then the session is over,
   * unless it is to `stay`.
   */
  findAgain(outcome: Exclude<Outcome, 'updated'> | 'unknown', otherwise: 'end' | 'stay' = 'end'): Awaitable<boolean> {
    const mayBeThere = outcome !== 'gone' && this.#context.rotates
    return after(mayBeThere ? this.#whereNow() : undefined, (found) => {
      if (found && this.#written) {
        const { data, version } = this.#written.record
        this.#written = { id: found.id, record: { ...found.record, data, version } }
        this.#id = found.id
        if (found.sight !== 'current') this.#goOn(found.sight)
        return true
      }
      if (otherwise === 'end') this.endedElsewhere(outcome)
      return false
    })
  }

  /**
   * Whether a record that is nowhere was taken along by a sign-in. Where its key still leads on, it was rotated before, and
   * may have been ended after that: then what it held must not come back.
   */
  wasTakenAlong({ record }: Written, outcome: Exclude<Outcome, 'updated'>): Awaitable<boolean> {
    if (outcome !== 'rotated') return false
    return after(loadReadable(this.#context, record.key, true), (found) => typeof found !== 'object')
  }

  /** It was ended by somebody else, or by its deadline, and stays so. */
  endedElsewhere(outcome: Exclude<Outcome, 'updated'> | 'unknown'): void {
    const { handle } = this
    const deadline = outcome === 'rotated' ? undefined : this.#passedDeadline
    this.fate = deadline === undefined ? 'dropped' : 'expired'
    if (deadline !== undefined) this.#context.emit({ type: 'expired', handle, reason: deadline })
    else {
      const reason = outcome === 'rotated' ? 'rotated' : 'gone'
      this.#context.emit({ type: 'revoked-during-request', handle, reason })
    }
    this.end()
    // After a rotation the browser may hold the new cookie already: deleting it would sign the user out.
    this.tokenChange = outcome === 'gone' ? 'clear' : 'keep'
  }

  /** Takes what is stored as the truth. */
  keep(written: Written): void {
    this.#written = written
    this.#id = written.id
    this.#handle = written.record.handle
    this.#lifetime.known(written.record)
  }

  /** From now on there is no record, and none will be. */
  end(): void {
    this.startAnew()
    this.isOver = true
    // A session that was stored by this request, and refused its sign-in after its end, has no id to send.
    if (this.tokenChange === 'set') this.tokenChange = 'clear'
  }

  /** From now on there is no record, but there may be one under another id. */
  startAnew(): void {
    this.isOver = false
    this.#written = undefined
    this.#id = undefined
    this.#handle = undefined
    this.#standing = 'notYet'
    this.#isRotationDue = false
    this.#lifetime.known(undefined)
  }

  /** @throws SessionError `SESSION_GONE` */
  assertNotOver(): void {
    if (this.isOver) throw gone('It was destroyed, revoked or rotated meanwhile, or it has expired.')
  }

  /** The deadline that the session has passed, as far as this request knows of its use. */
  get #passedDeadline(): 'idle' | 'lifetime' | undefined {
    if (!this.#written) return undefined
    const { lastSeenAt, idleTimeout, expiresAt } = this.#written.record
    const lastUse = Math.max(lastSeenAt, this.#background?.touchedAt ?? 0)
    return passedDeadline({ lastSeenAt: lastUse, idleTimeout, expiresAt }, this.#lifetime.now)
  }

  /** Whether the id before is known to be on its way out. */
  get #isConfirmed(): Awaitable<boolean> {
    return this.#background?.confirmed ?? true
  }

  /** Most requests have nothing to note. */
  get #inBackground(): Background {
    return (this.#background ??= new Background())
  }

  #whereNow(): Awaitable<Found | undefined> {
    return this.#written && findAgain(this.#context, this.#written.id, this.#written.record.key)
  }

  /** The record has a new id already. */
  #goOn(sight: 'unseen' | 'former'): void {
    this.#isRotationDue = false
    this.#standing = sight === 'former' ? 'noLonger' : 'notYet'
    // The answer that brought the new id may have been lost: it goes out with this one too. An older one goes out no more.
    if (sight === 'unseen') this.tokenChange = 'set'
    else if (this.tokenChange === 'set') this.tokenChange = 'keep'
  }

  #isNew(): void {
    this.tokenChange = 'set'
    this.#standing = 'notYet'
    this.#isRotationDue = false
  }
}

/** The error for a session that a verb needs and that is not there. */
export function gone(why: string): SessionError {
  return new SessionError(
    'SESSION_GONE',
    `The session is not there any more. ${why} Sign in again, or begin a new one with regenerate().`,
  )
}
