import { LiveCookie } from './cookie.js'
import type { Duration } from './duration.js'
import type { ResolvedEngineOptions } from './options.js'
import type { RecordTimes, SessionRecord } from './record.js'
import type { SessionCookie } from './session.js'

/** Deadlines that a request has given its session. */
interface GivenDeadlines {
  readonly maxAge: Duration
  readonly idleTimeout: Duration
  readonly expiresAt: number
}

/** What a {@link Lifetime} knows at one moment. */
export interface LifetimeState {
  readonly record: SessionRecord | undefined
  readonly given: GivenDeadlines | undefined
  readonly persistent: boolean | undefined
}

/** The deadlines of one session during one request: those stored, and those that the request has given it. */
export class Lifetime {
  readonly #options: ResolvedEngineOptions
  #record: SessionRecord | undefined
  #given: GivenDeadlines | undefined
  #persistent: boolean | undefined
  #cookie: SessionCookie | undefined

  constructor(options: ResolvedEngineOptions) {
    this.#options = options
  }

  get now(): number {
    return this.#options.clock()
  }

  /** Whether the request gave the session other deadlines that are not stored yet. */
  get isChanged(): boolean {
    return this.#persistent !== undefined
  }

  /** The deadlines as they are to be stored, with this moment as the last use. */
  get times(): RecordTimes {
    const { idleTimeout, lifetime } = this.#options
    const now = this.now
    const base = this.#given ?? this.#record ?? { idleTimeout, expiresAt: now + lifetime }
    return {
      lastSeenAt: now,
      idleTimeout: base.idleTimeout,
      expiresAt: base.expiresAt,
      persistent: this.persistent,
    }
  }

  /** The deadlines after a sign-in: a new lifetime, unless the session has a longer one or was given its own. */
  get timesAfterSignIn(): RecordTimes {
    const times = this.times
    return this.#given ? times : { ...times, expiresAt: Math.max(times.expiresAt, this.now + this.#options.lifetime) }
  }

  /** Whether the browser keeps the cookie when it closes. */
  get persistent(): boolean {
    return this.#persistent ?? this.#record?.persistent ?? true
  }

  /** Whether the request has put the end of the lifetime into the past. */
  get isPast(): boolean {
    return this.#given !== undefined && this.remaining <= 0
  }

  /** Milliseconds until the lifetime ends. */
  get remaining(): Duration {
    return this.times.expiresAt - this.now
  }

  /** Milliseconds that the lifetime was given. */
  get given(): Duration {
    if (this.#given) return this.#given.maxAge
    return this.#record ? this.#record.expiresAt - this.#record.createdAt : this.#options.lifetime
  }

  get cookie(): SessionCookie {
    return (this.#cookie ??= new LiveCookie(this))
  }

  /** Another length from now on; `null` for a cookie that goes with the browser. */
  change(maxAge: Duration | null): void {
    if (maxAge === null) {
      this.#persistent = false
      return
    }
    this.#persistent = true
    const { idleTimeout, lifetime } = this.#options
    const idle = this.#record?.idleTimeout ?? idleTimeout
    this.#given = {
      maxAge,
      idleTimeout: maxAge > lifetime ? Math.max(idle, maxAge) : idle,
      expiresAt: this.now + maxAge,
    }
  }

  /** Other deadlines, as they are. */
  give(deadlines: Omit<GivenDeadlines, 'maxAge'>, persistent: boolean): void {
    this.#persistent = persistent
    this.#given = { ...deadlines, maxAge: deadlines.expiresAt - this.now }
  }

  /** What it knows now; assigned, it knows that again. */
  get state(): LifetimeState {
    return { record: this.#record, given: this.#given, persistent: this.#persistent }
  }

  set state({ record, given, persistent }: LifetimeState) {
    this.#record = record
    this.#given = given
    this.#persistent = persistent
  }

  /** Takes what is stored as the truth. */
  known(record: SessionRecord | undefined): void {
    this.#record = record
    this.#given = undefined
    this.#persistent = undefined
  }
}
