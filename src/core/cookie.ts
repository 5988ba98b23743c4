import { MAX_DURATION, type Duration } from './duration.js'
import type { Lifetime } from './lifetime.js'
import { invalid, shown } from './options.js'
import type { SessionCookie } from './session.js'

/** `session.cookie`: takes no other properties, because they would be lost. */
export class LiveCookie implements SessionCookie {
  readonly #lifetime: Lifetime

  constructor(lifetime: Lifetime) {
    this.#lifetime = lifetime
    Object.preventExtensions(this)
  }

  get maxAge(): Duration | null {
    return this.#lifetime.persistent ? this.#lifetime.remaining : null
  }

  set maxAge(maxAge: unknown) {
    if (maxAge === null || maxAge === undefined || maxAge === false) {
      this.#lifetime.change(null)
      return
    }
    if (typeof maxAge !== 'number' || !(Math.abs(maxAge) <= MAX_DURATION)) {
      throw invalid(
        `cookie.maxAge is ${shown(maxAge)}. Give a number of milliseconds up to ${MAX_DURATION}, such as days(7), or null.`,
      )
    }
    this.#lifetime.change(maxAge)
  }

  get expires(): Date | null {
    return this.#lifetime.persistent ? new Date(this.#lifetime.now + this.#lifetime.remaining) : null
  }

  set expires(expires: unknown) {
    if (expires === null || expires === undefined || expires === false) {
      this.#lifetime.change(null)
      return
    }
    if (!(expires instanceof Date) || Number.isNaN(expires.getTime())) {
      throw invalid(`cookie.expires is ${shown(expires)}. Give a valid Date, or null.`)
    }
    this.maxAge = expires.getTime() - this.#lifetime.now
  }

  get originalMaxAge(): Duration | null {
    return this.#lifetime.persistent ? this.#lifetime.given : null
  }

  /** As express-session shows a cookie when it is printed as JSON. */
  toJSON(): object {
    return { maxAge: this.maxAge, expires: this.expires, originalMaxAge: this.originalMaxAge }
  }
}
