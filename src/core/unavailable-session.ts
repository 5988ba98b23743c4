import type { SessionContext } from './context.js'
import type { SessionError } from './errors.js'
import { newHandle, newId } from './id.js'
import { Lifetime } from './lifetime.js'
import { LiveSession, type Session, type SessionBearer, type SessionCookie } from './session.js'

/**
 * What stands in for a session that a request can't have: it holds nothing, says so, and is never stored. The same for
 * whoever holds it as {@link OpenSession} is.
 */
export class UnavailableSession implements SessionBearer {
  readonly tokenChange = 'keep'
  readonly isUnsettled = false
  readonly lastError = undefined
  readonly #error: SessionError
  readonly #lifetime: Lifetime
  readonly #session = new LiveSession(this)
  #id: string | undefined
  #handle: string | undefined
  #wasAsked = false

  /** @param error - what every verb rejects with, and the end of a request that wrote something */
  constructor(context: SessionContext, error: SessionError) {
    this.#error = error
    this.#lifetime = new Lifetime(context.options)
  }

  get session(): Session {
    return this.#session
  }

  get isAvailable(): boolean {
    return false
  }

  /** Leads to no session, now or later. */
  get id(): string {
    return (this.#id ??= newId(undefined))
  }

  /** That of no session. */
  get handle(): string {
    return (this.#handle ??= newHandle())
  }

  get authenticatedAt(): undefined {
    return undefined
  }

  get cookie(): SessionCookie {
    return this.#lifetime.cookie
  }

  /** Whether somebody has written to it, or called a verb. */
  get isUsed(): boolean {
    const hasData = Object.values(this.#session).some((value) => value !== undefined)
    return this.#wasAsked || this.#lifetime.isChanged || hasData
  }

  /** @throws the error that it was made with, if somebody used it. */
  commit(): void {
    if (this.isUsed) throw this.#error
  }

  save(): Promise<never> {
    return this.#refuse()
  }

  reload(): Promise<never> {
    return this.#refuse()
  }

  regenerate(): Promise<never> {
    return this.#refuse()
  }

  destroy(): Promise<never> {
    return this.#refuse()
  }

  touch(): Promise<never> {
    return this.#refuse()
  }

  rotate(): Promise<never> {
    return this.#refuse()
  }

  signIn(): Promise<never> {
    return this.#refuse()
  }

  update(): Promise<never> {
    return this.#refuse()
  }

  token(): Promise<never> {
    return this.#refuse()
  }

  #refuse(): Promise<never> {
    this.#wasAsked = true
    return Promise.reject(this.#error)
  }
}
