import { Inject, Injectable } from '@nestjs/common'
import { MAX_DURATION, type Duration } from '../core/duration.js'
import { invalid, shown } from '../core/options.js'
import { SessionError } from '../core/errors.js'
import type { SessionData, SessionVerbs } from '../core/session.js'
import type { SessionInfo } from '../core/subject-sessions.js'
import type { Door } from '../http/door.js'
import type { Exchange } from '../http/exchange.js'
import type { Transport } from '../http/options.js'
import { exchangeBehind } from '../http/shown-session.js'
import { recipeData, recipeUser } from '../http/user.js'
import { SESSION_DOOR, SESSION_OPTIONS } from './session.constants.js'
import { asHttp } from './session.exceptions.js'
import type { SessionModuleOptions } from './session.module-definition.js'

/** How {@link SessionService.login} signs somebody in. */
export interface LoginOptions {
  /**
   * Keeps the session for the option `rememberFor` (30 days), or for so many milliseconds; where that is longer than
   * `lifetime`, used or not. Its cookie outlives the browser. Default: it lives as any other.
   */
  readonly remember?: boolean | Duration | undefined
  /**
   * What the session held before and keeps: everything, nothing, or the keys named. Default: everything, but nothing of a
   * session that belonged to somebody else.
   */
  readonly keep?: boolean | readonly string[] | undefined
  /**
   * How the answer carries the token, one of the option `transports`: `bearer` for a client that keeps no cookies. Then the
   * token is in the header `Session-Token`, `session.token()` gives it to the handler, and no cookie is set. Default: as
   * the request brought its own.
   */
  readonly transport?: Transport | undefined
}

/** Values for some keys of the data; one that is `undefined` is absent. */
type Changes<Data extends object> = { readonly [Key in keyof Data]?: Data[Key] | undefined }

/**
 * Signs in and out; reads, changes and ends sessions from outside of their requests, by their id or by their subject.
 * These are the very records that `req.session` uses; a session that is over is never brought back.
 *
 * An id is what `session.id` gives; anything else is an id without a session. A subject is given as the session has it,
 * by default `session.userId`: a string, a number or a bigint. Every method throws {@link SessionStoreUnavailableException}
 * (503) where the store fails or passes its deadline, and those by subject throw a `SessionError` `SUBJECT_INVALID` for
 * what can't be one.
 */
@Injectable()
export class SessionService {
  readonly #door: Door
  readonly #options: SessionModuleOptions

  constructor(@Inject(SESSION_DOOR) door: Door, @Inject(SESSION_OPTIONS) options: SessionModuleOptions) {
    this.#door = door
    this.#options = options
  }

  /**
   * Signs a user in on the session of this request: a new id, a new `authenticatedAt`, and the old id is dead. It is stored
   * when the promise resolves. What the session holds of the user is `{ userId, email, role }`, or what the option
   * `signIn` makes of it.
   *
   * @param request - the request of Express or of Fastify, as `@Req()` gives it
   * @throws SessionError `SUBJECT_INVALID` for a user without an id, `REQUEST_WITHOUT_SESSION` for what is no request of ours,
   *   `OPTIONS_INVALID` for a `transport` that is not in use
   * @throws SessionGoneException (401) if the user was signed in already and that session ended meanwhile
   * @throws SessionTooLargeException (413) if the session would then hold more than `maxBytes`
   * @throws SessionLimitException (409) if the user has `maxSessions` sessions and `onLimit` is `refuse`
   */
  async login(request: object, user: object, { remember, keep, transport }: LoginOptions = {}): Promise<void> {
    const data = (this.#options.signIn ?? recipeData)(user as Readonly<Record<string, unknown>>)
    const rememberFor = remember === true ? this.#door.engine.rememberFor : remember === false ? undefined : remember
    if (rememberFor !== undefined) assertDuration('remember', rememberFor)
    await exchangeWith(request).signIn(data, { remember: rememberFor, keep }, transport).catch(rethrow)
  }

  /** Ends the session of this request and deletes its cookie. Without a session it is not an error. */
  async logout(request: object): Promise<void> {
    await exchangeWith(request).session?.destroy().catch(rethrow)
  }

  /**
   * The live sessions of a subject, the first signed in first; nothing in them gives access.
   *
   * @param current - the session that is marked as the present one
   */
  list(subject: unknown, current?: Pick<SessionVerbs, 'handle'>): Promise<readonly SessionInfo[]> {
    return this.#door.engine.subjects.list(subject, current?.handle).catch(rethrow)
  }

  /**
   * The subject's live session with this handle, such as the one that a JWT names; `undefined` if the subject has none of
   * that name, also where somebody else has. Does not count as use of it.
   *
   * @param current - the session that is marked as the present one
   */
  find(subject: unknown, handle: string, current?: Pick<SessionVerbs, 'handle'>): Promise<SessionInfo | undefined> {
    return this.#door.engine.subjects.find(subject, handle, current?.handle).catch(rethrow)
  }

  /** How many live sessions a subject has. */
  count(subject: unknown): Promise<number> {
    return this.#door.engine.subjects.count(subject).catch(rethrow)
  }

  /** Ends the subject's session with this handle. `false` if the subject has none of that name, also where somebody else has. */
  revoke(subject: unknown, handle: string): Promise<boolean> {
    return this.#door.engine.subjects.revoke(subject, handle).catch(rethrow)
  }

  /**
   * Ends all other sessions of whom this session belongs to, and answers how many.
   *
   * @throws SessionError `SUBJECT_INVALID` for a session that belongs to nobody.
   */
  async revokeOthers(session: SessionVerbs): Promise<number> {
    const { engine } = this.#door
    // Whose it is, nobody knows; its verbs say why.
    if (!session.isAvailable) await session.save().catch(rethrow)
    return engine.subjects.revokeAll(engine.subjectOf(session), session.handle).catch(rethrow)
  }

  /**
   * Ends all sessions of a subject, and answers how many. Every sign-in that was done before the call is dead when it
   * answers, and nothing that is under way brings it back.
   */
  revokeAll(subject: unknown): Promise<number> {
    return this.#door.engine.subjects.revokeAll(subject).catch(rethrow)
  }

  /**
   * Writes these keys into all live sessions of a subject, such as a role that changes now; a key that is `undefined` is
   * removed. Answers into how many. The deadlines stay.
   *
   * @throws SessionError `SUBJECT_CHANGE_REFUSED`, `VALUE_NOT_STORABLE`, and {@link SessionTooLargeException}
   */
  updateAll<Data extends object = SessionData>(subject: unknown, partial: Changes<NoInfer<Data>>): Promise<number> {
    return this.#door.engine.subjects.updateAll(subject, partial as Record<string, unknown>).catch(rethrow)
  }

  /**
   * A copy of the session's data; `undefined` if there is no such session. Does not count as use of it.
   *
   * @param options - `fresh: true` reads it from the store now, past a near cache
   */
  async getSession<Data extends object = SessionData>(
    id: string,
    { fresh }: { readonly fresh?: boolean | undefined } = {},
  ): Promise<Partial<Data> | undefined> {
    return (await this.#door.engine.read(id, { fresh }).catch(rethrow)) as Partial<Data> | undefined
  }

  /**
   * Makes `data` all that the session holds. `false` if there is no such session: none is created.
   *
   * @param ttl - milliseconds from now until the session's lifetime ends; without it the deadlines stay.
   * @throws SessionError `SUBJECT_CHANGE_REFUSED` if it would then belong to somebody else, `VALUE_NOT_STORABLE`, and
   *   `OPTIONS_INVALID` for a `ttl` that is no positive number.
   * @throws SessionTooLargeException (413)
   */
  async setSession<Data extends object = SessionData>(
    id: string,
    data: Changes<NoInfer<Data>>,
    ttl?: Duration,
  ): Promise<boolean> {
    if (ttl !== undefined) assertDuration('ttl', ttl)
    return this.#door.engine.write(id, data as Record<string, unknown>, 'replace', ttl).catch(rethrow)
  }

  /**
   * Writes these keys and leaves the others, in one step; a key that is `undefined` is removed. The deadlines stay.
   * `false` if there is no such session.
   *
   * @throws SessionError `SUBJECT_CHANGE_REFUSED`, `VALUE_NOT_STORABLE`, and {@link SessionTooLargeException}
   */
  updateSession<Data extends object = SessionData>(id: string, partial: Changes<NoInfer<Data>>): Promise<boolean> {
    return this.#door.engine.write(id, partial as Record<string, unknown>, 'merge').catch(rethrow)
  }

  /** Ends the session; `false` if there was none. A request that is under way can't bring it back. */
  destroySession(id: string): Promise<boolean> {
    return this.#door.engine.revoke(id).catch(rethrow)
  }

  /**
   * Whose session it is: its `user`, if its data has one, else what the guard would put on the request;
   * `undefined` for nobody.
   *
   * @param options - `fresh: true` reads it from the store now, past a near cache
   */
  async getUserFromSession(id: string, options?: { readonly fresh?: boolean | undefined }): Promise<unknown> {
    const data = await this.getSession<Record<string, unknown>>(id, options)
    if (!data) return undefined
    if (data['user'] !== undefined) return data['user']
    if (this.#door.engine.subjectOf(data) === undefined) return undefined
    return (this.#options.user ?? recipeUser)(data)
  }
}

function exchangeWith(request: object): Exchange {
  const exchange = exchangeBehind(request)
  if (exchange) return exchange
  throw new SessionError(
    'REQUEST_WITHOUT_SESSION',
    'This request never got a session. Give the request that @Req() gives, of an application with SessionModule.',
  )
}

function assertDuration(name: string, value: unknown): void {
  if (typeof value === 'number' && value > 0 && value <= MAX_DURATION) return
  throw invalid(
    `The ${name} is ${shown(value)}. Give a number of milliseconds up to ${MAX_DURATION}, such as minutes(30).`,
  )
}

function rethrow(error: unknown): never {
  throw asHttp(error)
}
