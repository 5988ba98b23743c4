import type { SessionContext } from './context.js'
import { defineData } from './codec.js'
import { changesOf, holdData, NO_DATA, withChanges } from './data.js'
import { SessionError } from './errors.js'
import { unreadable } from './find.js'
import type { SessionRecord } from './record.js'
import type { Awaitable } from './store.js'
import { assertFits } from './size.js'
import { subjectText } from './subject.js'

/** What the owner of a session may see of it. Times are epoch milliseconds. Nothing in it gives access. */
export interface SessionInfo {
  /** Its public name, for `revoke`. */
  readonly handle: string
  readonly createdAt: number
  /** When its subject signed in. */
  readonly authenticatedAt: number
  /** When a request last used it, noted once per touch interval. */
  readonly lastSeenAt: number
  /** The end of its lifetime; without requests it ends earlier. */
  readonly expiresAt: number
  /** Such as `Firefox on Linux`; `undefined` where the client did not say. */
  readonly device: string | undefined
  /** The address it was signed in from. */
  readonly ip: string | undefined
  /** Whether it is the session that was asked for as the present one. */
  readonly current: boolean
}

/**
 * The sessions of a subject, from outside of their requests. A subject is given as the session has it: a string, a
 * number or a bigint.
 *
 * All throw `STORE_UNAVAILABLE` where the store fails, `SUBJECT_INVALID` for what can't be a subject, and `ABILITY_MISSING`
 * if the store does not know which sessions a subject has.
 */
export class SubjectSessions {
  readonly #context: SessionContext

  constructor(context: SessionContext) {
    this.#context = context
  }

  /**
   * The live sessions of a subject, the first signed in first.
   *
   * @param currentHandle - the handle of the session to mark as the present one
   */
  async list(subject: unknown, currentHandle?: string): Promise<readonly SessionInfo[]> {
    const whom = this.#whom(subject)
    const records = await this.#records(whom)
    return records.map((record) => infoOf(record, currentHandle))
  }

  /**
   * The subject's live session with this handle; `undefined` if the subject has none of that name, also where somebody else
   * has.
   *
   * @param currentHandle - the handle of the session to mark as the present one
   */
  async find(subject: unknown, handle: string, currentHandle?: string): Promise<SessionInfo | undefined> {
    const whom = this.#whom(subject)
    if (typeof handle !== 'string') return undefined
    const record = await this.#context.calls.bySubject('find', (store) => store.find(whom, handle))
    return record && infoOf(record, currentHandle)
  }

  /** How many live sessions a subject has. */
  async count(subject: unknown): Promise<number> {
    const whom = this.#whom(subject)
    return this.#context.calls.bySubject('count', (store) => store.count(whom))
  }

  /** Ends the subject's session with this handle. `false` if the subject has none of that name, also where somebody else has. */
  async revoke(subject: unknown, handle: string): Promise<boolean> {
    const whom = this.#whom(subject)
    if (typeof handle !== 'string') return false
    const existed = await this.#context.calls.bySubject('revoke', (store) => store.revoke(whom, handle))
    if (existed) this.#context.emit({ type: 'revoked', handle, reason: 'service' })
    return existed
  }

  /**
   * Ends all sessions of a subject, except the one with this handle, and answers how many. Every sign-in that was done
   * before the call is dead when it answers, and nothing that is under way brings it back.
   */
  async revokeAll(subject: unknown, exceptHandle?: string): Promise<number> {
    const whom = this.#whom(subject)
    const ended = await this.#context.calls.bySubject('revokeAll', (store) => store.revokeAll(whom, exceptHandle))
    for (const handle of ended) this.#context.emit({ type: 'revoked', handle, reason: 'service' })
    return ended.length
  }

  /**
   * Writes these keys into all live sessions of a subject and leaves the others; a key that is `undefined` is removed.
   * Answers into how many. The deadlines stay.
   *
   * @throws SessionError `SUBJECT_CHANGE_REFUSED` if they would then belong to somebody else, `VALUE_NOT_STORABLE`, and
   *   `SESSION_TOO_LARGE` if one of them would be; then none is changed.
   */
  async updateAll(subject: unknown, partial: Readonly<Record<string, unknown>>): Promise<number> {
    const whom = this.#whom(subject)
    const set = changesOf(partial, NO_DATA)?.set ?? NO_DATA
    const remove = Object.keys(partial).filter((key) => !set.has(key))
    for (const record of await this.#records(whom)) {
      this.#assertSameSubject(record, partial)
      assertFits(this.#context, withChanges(record.data, { set, remove }), record.data)
    }
    return this.#context.calls.bySubject('updateAll', (store) => store.updateAll(whom, { set, remove }))
  }

  /** A session that can't be read lets nobody in, and must not keep a change from the others. */
  #assertSameSubject(record: SessionRecord, partial: Readonly<Record<string, unknown>>): void {
    try {
      assertSameSubject(this.#context, record, partial)
    } catch (error) {
      unreadable(this.#context, error)
    }
  }

  #records(subject: string): Awaitable<readonly SessionRecord[]> {
    return this.#context.calls.bySubject('list', (store) => store.list(subject))
  }

  #whom(subject: unknown): string {
    const whom = subjectText(subject)
    if (whom === undefined) {
      throw new SessionError(
        'SUBJECT_INVALID',
        'The subject is empty. Give whom the sessions belong to, such as session.userId.',
      )
    }
    const { store } = this.#context.options
    if (store.abilities.has('by-subject')) return whom
    throw new SessionError(
      'ABILITY_MISSING',
      `The store "${store.name}" does not know which sessions a subject has. Use one with the ability by-subject: memory, sqlite and redis have it.`,
    )
  }
}

/**
 * Refuses data that would give a record another subject once they are merged into its own.
 *
 * @throws SessionError `SUBJECT_CHANGE_REFUSED`
 */
export function assertSameSubject(
  { options }: SessionContext,
  record: SessionRecord,
  partial: Readonly<Record<string, unknown>>,
  mode: 'merge' | 'replace' = 'merge',
): void {
  const data: Record<string, unknown> = {}
  if (mode === 'merge') holdData(data, withChanges(record.data, { set: NO_DATA, remove: Object.keys(partial) }))
  for (const [key, value] of Object.entries(partial)) defineData(data, key, value)
  if (subjectText(options.subject(data)) === record.subject) return
  throw new SessionError(
    'SUBJECT_CHANGE_REFUSED',
    "The data would give the session another subject, and with it must come a new id, which only the session's own request can send. " +
      'Set the subject in a handler, or end the session.',
  )
}

function infoOf(record: SessionRecord, currentHandle: string | undefined): SessionInfo {
  const { handle, createdAt, lastSeenAt, expiresAt, device, ip } = record
  const authenticatedAt = record.authenticatedAt ?? createdAt
  return { handle, createdAt, authenticatedAt, lastSeenAt, expiresAt, device, ip, current: handle === currentHandle }
}
