import type { StoreCalls } from './calls.js'
import type { SessionEvent } from './events.js'
import type { ResolvedEngineOptions } from './options.js'

/** What the open sessions of one engine share. */
export interface SessionContext {
  readonly options: ResolvedEngineOptions
  readonly calls: StoreCalls
  /** Whether the store moves a record to a new key in one step. */
  readonly rotates: boolean
  /** The token of an id. */
  sign(id: string): string
  emit(event: SessionEvent): void
}

/** What a session needs to know of the request that carries it. */
export interface Carrier {
  /** Whether the request brought a token of ours, good or not: then its end is worth telling. */
  readonly presented: boolean
  /**
   * Called before anything is stored that needs a new token.
   *
   * @throws SessionError `COOKIE_UNDELIVERABLE` or `HEADERS_SENT` if the client would never get it.
   */
  assertReachable(): void
}
