import type { SessionError } from '../core/errors.js'

/** What becomes of a request whose session can't be loaded: a 503, or its handler runs without one. */
export type StoreDownPolicy = 'refuse' | 'anonymous'

/** What the routes of an application may decide. Everything else is decided where requests come in. */
export interface RouteChoices {
  /** Whether some route has a policy of its own for a store that is down. */
  readonly storeDown: boolean
  /** Whether some route takes requests of other sites. */
  readonly crossSite: boolean
  /** Whether some route reads its session again. */
  readonly fresh: boolean
}

/**
 * What speaks against giving a request its session: it comes from another site, or the store is down. A request is let in
 * with its objections where a route may know better: then it goes on with a session that holds nothing and takes nothing,
 * and unless the route lifts them before the head of the answer leaves, the answer is a refusal.
 *
 * What spoke against it stays known: one request may run several handlers, as GraphQL does, and one of them must not lift
 * an objection for the others.
 */
export class Objections {
  #crossSite: SessionError | undefined
  #storeDown: SessionError | undefined
  #policy: StoreDownPolicy = 'refuse'
  #isAdmitted = false
  #isTolerated = false

  /** The error for a request of another site. */
  get crossSite(): SessionError | undefined {
    return this.#crossSite
  }

  /** The error of a store that is down. */
  get storeDown(): SessionError | undefined {
    return this.#storeDown
  }

  /** What the application's options say of a store that is down. */
  get policy(): StoreDownPolicy {
    return this.#policy
  }

  /** The one that the answer must be, unless somebody lifts it. */
  get standing(): SessionError | undefined {
    if (!this.#isAdmitted && this.#crossSite) return this.#crossSite
    return this.#isTolerated ? undefined : this.#storeDown
  }

  foreign(error: SessionError): void {
    this.#crossSite = error
    this.#isAdmitted = false
  }

  /** A route takes requests of other sites. */
  admit(): void {
    this.#isAdmitted = true
  }

  down(error: SessionError, policy: StoreDownPolicy): void {
    this.#storeDown = error
    this.#policy = policy
    this.#isTolerated = policy === 'anonymous'
  }

  /** A route runs without a session. */
  tolerate(): void {
    this.#isTolerated = true
  }
}
