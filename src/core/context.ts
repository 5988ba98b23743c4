import type { StoreCalls } from './calls.js'
import type { SessionEvent } from './events.js'
import type { IdScheme } from './ids.js'
import type { SessionMetrics } from './metrics.js'
import type { ResolvedEngineOptions } from './options.js'
import type { SubjectLimit } from './record.js'
import type { Awaitable } from './store.js'

/** What the open sessions of one engine share. */
export interface SessionContext {
  readonly options: ResolvedEngineOptions
  readonly calls: StoreCalls
  readonly ids: IdScheme
  readonly metrics: SessionMetrics | undefined
  /** Whether the store moves a record to a new key in one step. */
  readonly rotates: boolean
  /** How many sessions a subject may have; `undefined` for any number. */
  limitOf(subject: string): Awaitable<SubjectLimit | undefined>
  /** The token of an id. */
  sign(id: string): string
  emit(event: SessionEvent): void
}

/** What a session needs to know of the request that carries it. */
export interface Carrier {
  /** Whether the request brought a token of ours, good or not: then its end is worth telling. */
  readonly presented: boolean
  /** Whether a new token would get to the client. Default: `true`. */
  readonly isReachable?: boolean
  /** What is known of the client. Asked for only when a session begins or somebody signs in. Default: nothing. */
  readonly client?: Client
  /**
   * Called before anything is stored that needs a new token.
   *
   * @throws SessionError `COOKIE_UNDELIVERABLE` or `HEADERS_SENT` if the client would never get it.
   */
  assertReachable(): void
}

/** A client, as the owner of a session may recognize it. */
export interface Client {
  /** A short label such as `Firefox on Linux`. */
  readonly device: string | undefined
  /** Its address. */
  readonly ip: string | undefined
}

export const UNKNOWN_CLIENT: Client = { device: undefined, ip: undefined }
