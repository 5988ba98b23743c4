import { adoptedRecord, foreignSubject } from './adopted-record.js'
import type { Carrier, Client, SessionContext } from './context.js'
import { changesOf, NO_DATA, withChanges, type DataChanges, type EncodedData } from './data.js'
import { SessionError, type SessionErrorCode } from './errors.js'
import { endRecord, findAgain, findRecord, loadReadable, type Found, type Missing } from './find.js'
import { changesSince, openTrace, sealTrace, type ForeignTrace } from './foreign-trace.js'
import { sealWholeId, standInFor } from './former.js'
import { keyOf } from './id.js'
import { isFormerKey, type SessionRecord } from './record.js'
import { Sealer } from './sealer.js'
import { LATE_FOR, type Adopting, type ForeignCookies, type ForeignSession } from './store.js'
import { moveRecord, tellEvictions, updateRecord } from './writes.js'

/** How often something else may come first. */
const MAX_ATTEMPTS = 100

/** The session that a request goes on with, and whether the cookie of the other library has had its day. */
export interface Adopted {
  readonly found: Found | Missing
  readonly isTheirsOver: boolean
  /** Whether it was taken over just now, so that nobody can have written to theirs since. */
  readonly isNew: boolean
}

/**
 * Takes over the sessions of another library, each at its first request, and what old instances of the application still
 * write into them. Why nothing is lost and nothing revived: `docs/decisions/0008-adoption.md`.
 */
export class Adoption {
  /** How their cookies are told. */
  readonly cookies: ForeignCookies
  readonly #context: SessionContext
  readonly #rolling: boolean
  readonly #sealer: Sealer

  constructor(context: SessionContext, { cookies, rolling }: Adopting) {
    this.cookies = cookies
    this.#context = context
    this.#rolling = rolling
    this.#sealer = new Sealer(context.options.secrets)
  }

  /**
   * The session that an id of the other library leads to: its own, taken over now or before.
   *
   * @param own - the session that our cookie leads to. It stands, unless somebody has signed in with the other library since.
   * @returns `undefined` where the id leads to nothing, or `own` stands
   * @throws SessionError `STORE_UNAVAILABLE`
   */
  async find(sid: string, own: Found | undefined, client: Client | undefined): Promise<Adopted | undefined> {
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      const foreign = await this.#foreign(sid)
      if (foreign === 'refused') return own ? undefined : UNREADABLE
      if (!foreign) return this.#follow(sid, own, false)
      const result = await this.#guarded(() => this.#takeOver(sid, foreign, own, client))
      if (result === 'taken') return this.#follow(sid, own, true)
      if (result === 'refused') return own ? undefined : UNREADABLE
      if (result !== 'changed') return result && { found: result, isTheirsOver: true, isNew: true }
    }
    return undefined
  }

  /** Whether {@link catchUp} has something to look for. */
  isDue(found: Found | Missing): found is Found {
    return typeof found === 'object' && found.record.adopted !== undefined
  }

  /**
   * Takes over what an old instance has written into a session since it was adopted, and leaves no copy of it.
   *
   * @throws SessionError `STORE_UNAVAILABLE`
   */
  async catchUp(found: Found, carrier: Carrier): Promise<Found | Missing> {
    const { record } = found
    const isLast = this.#context.options.clock() >= record.createdAt + LATE_FOR
    const trace = openTrace(this.#sealer, record.adopted!)
    const now = trace ? await this.#merged(found, trace, carrier) : found
    if (isLast && typeof now === 'object') {
      await this.#context.calls.adopting('settle', (store) => store.settle(now.record.key))
    }
    return now
  }

  async #merged(found: Found, trace: ForeignTrace, carrier: Carrier): Promise<Found | Missing> {
    let now: Found | Missing = found
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      const foreign = await this.#foreign(trace.sid)
      if (!foreign || foreign === 'refused') return now
      const merged = await this.#guarded(() => this.#merge(now as Found, trace, foreign, carrier))
      if (merged === 'refused') return now
      if (merged === 'again') continue
      now = merged
      if (typeof now === 'string') {
        await this.#forget(trace.sid)
        return now
      }
      if (await this.#forget(trace.sid, foreign)) return now
    }
    return now
  }

  async #merge(
    found: Found,
    trace: ForeignTrace,
    foreign: ForeignSession,
    carrier: Carrier,
  ): Promise<Found | Missing | 'again'> {
    const changes = changesSince(trace, encodedIn(foreign))
    return changes ? this.#write(found, changes, carrier) : found
  }

  /** What was written by an old instance, as if it were a request of ours: also a sign-in. */
  async #write(found: Found, changes: DataChanges, carrier: Carrier): Promise<Found | Missing | 'again'> {
    const { record } = found
    const { clock } = this.#context.options
    const { idleTimeout, expiresAt, persistent, device, ip } = record
    const times = { lastSeenAt: clock(), idleTimeout, expiresAt, persistent }
    const subject = foreignSubject(this.#context, withChanges(record.data, changes))
    const isSame = subject === record.subject
    const signIn = isSame || subject === undefined ? undefined : { authenticatedAt: times.lastSeenAt, device, ip }
    const written = await (isSame
      ? updateRecord(this.#context, found, changes, times)
      : moveRecord(this.#context, found, { changes, times, subject, signIn, ifVersion: undefined, carrier }))
    if (typeof written === 'object') {
      if (isSame) return { ...found, record: written.record }
      this.#context.emit({ type: 'rotated', handle: record.handle, reason: 'subject' })
      return { ...written, sight: 'unseen' }
    }
    if (written === 'gone') return 'no-record'
    const elsewhere = await findAgain(this.#context, found.id, record.key)
    if (!elsewhere) return 'no-record'
    return this.#write(elsewhere, changes, carrier)
  }

  /** Puts one of ours in the place of theirs; `undefined` if that one holds nothing, or `own` stands. */
  async #takeOver(
    sid: string,
    foreign: ForeignSession,
    own: Found | undefined,
    client: Client | undefined,
  ): Promise<Found | 'changed' | 'taken' | undefined> {
    const context = this.#context
    const encoded = encodedIn(foreign)
    if (encoded.size === 0) return undefined
    const kept = own && ownKept(own.record, foreignSubject(context, encoded))
    if (kept === 'stands') return (await this.#isTaken(sid)) ? 'taken' : undefined
    const trace = sealTrace(this.#sealer, sid, encoded)
    const from = { rolling: this.#rolling, own: kept, client, trace }
    const { id, record, knownUntil } = adoptedRecord(context, sid, foreign, encoded, from)
    const limit = record.subject === undefined ? undefined : await context.limitOf(record.subject)
    const former = { sealedId: sealWholeId(id, standInFor(sid)), knownUntil }
    const done = await context.calls.adopting('adopt', (store) => store.adopt(sid, foreign, record, former, limit))
    if (typeof done === 'string') return done
    tellEvictions(context, done)
    context.emit({ type: 'adopted', handle: record.handle })
    if (own && (await endRecord(context, own.record.key)) && !kept) {
      context.emit({ type: 'revoked', handle: own.record.handle, reason: 'replaced' })
    }
    return { id, record, sight: 'unseen' }
  }

  /** The session that theirs has become, if it has become one. */
  async #follow(sid: string, own: Found | undefined, hasCopy: boolean): Promise<Adopted | undefined> {
    // What ours still has to know of a copy, it finds by itself.
    if (own) {
      if (hasCopy && own.record.adopted === undefined) await this.#forget(sid)
      return { found: own, isTheirsOver: hasCopy || (await this.#isTaken(sid)), isNew: false }
    }
    const found = await findRecord(this.#context, standInFor(sid), true)
    if (typeof found === 'string') {
      // It has ended: what an old instance has written since must not bring it back.
      if (hasCopy && found !== 'id-left-behind') await this.#forget(sid)
      return { found, isTheirsOver: false, isNew: false }
    }
    return { found, isTheirsOver: true, isNew: false }
  }

  async #isTaken(sid: string): Promise<boolean> {
    const found = await loadReadable(this.#context, keyOf(standInFor(sid)), true)
    return typeof found === 'object' && isFormerKey(found)
  }

  async #foreign(sid: string): Promise<ForeignSession | 'refused' | undefined> {
    const { calls, options } = this.#context
    return this.#guarded(async () => calls.adopting('foreign', (store) => store.foreign(sid, options.maxBytes)))
  }

  async #forget(sid: string, seen?: ForeignSession): Promise<boolean> {
    return this.#context.calls.adopting('forget', (store) => store.forget(sid, seen))
  }

  /** What can't be taken over is told of, and left where it is. Only a store that fails stops the request. */
  async #guarded<T>(work: () => Promise<T>): Promise<T | 'refused'> {
    try {
      return await work()
    } catch (cause) {
      if (cause instanceof SessionError && FAILURES.has(cause.code)) throw cause
      const error = cause instanceof SessionError ? cause : notConverted(cause)
      this.#context.emit({ type: 'adoption-failed', error })
      return 'refused'
    }
  }
}

const UNREADABLE: Adopted = { found: 'record-unreadable', isTheirsOver: false, isNew: false }

const FAILURES: ReadonlySet<SessionErrorCode> = new Set<SessionErrorCode>(['STORE_UNAVAILABLE', 'STORE_CLOSED'])

/**
 * What of ours goes into one that was begun with the other library later: the record of the same subject, or of nobody.
 * Nothing of somebody else's. It stands where nobody has signed in there.
 */
function ownKept(own: SessionRecord, subject: string | undefined): SessionRecord | 'stands' | undefined {
  if (own.subject !== undefined && subject === undefined) return 'stands'
  return own.subject === undefined || own.subject === subject ? own : undefined
}

/** @throws SessionError `VALUE_NOT_STORABLE` for a name that a session of ours uses itself */
function encodedIn({ data }: ForeignSession): EncodedData {
  return changesOf(data, NO_DATA)?.set ?? NO_DATA
}

function notConverted(cause: unknown): SessionError {
  return new SessionError(
    'RECORD_UNREADABLE',
    'A session of another library could not be read as one of ours. See the cause: it comes from the option `subject`.',
    { cause },
  )
}
