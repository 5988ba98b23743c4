import type { ForeignCookies } from '../core/store.js'
import { isTokenShaped } from '../core/token.js'
import { cookieValues } from './cookie-text.js'
import { readExpressCookie, readFastifyCookie } from './foreign-cookie.js'

/** How a door tells the cookies of another library, whose sessions its store takes over, from its own. */
export class ForeignCookieReader {
  readonly #cookies: ForeignCookies
  readonly #secrets: readonly string[]
  readonly #read: typeof readExpressCookie

  /** @param secrets - those of the application, where the library had no other */
  constructor(cookies: ForeignCookies, secrets: readonly string[]) {
    this.#cookies = cookies
    this.#secrets = cookies.secrets ?? secrets
    this.#read = cookies.from === 'connect-redis' ? readExpressCookie : readFastifyCookie
  }

  /**
   * The values in the cookies of our name, and the ids in theirs, at most `max` of each. Where both have one name, a cookie
   * of theirs is none of ours, and one of our form is none of theirs.
   */
  tell(
    header: string,
    name: string,
    max: number,
  ): { readonly ours: readonly string[]; readonly sids: readonly string[] } {
    const ours = cookieValues(header, name, max)
    const isOneName = name === this.#cookies.name
    const theirs = isOneName ? ours : cookieValues(header, this.#cookies.name, max)
    const sids = new Map<string, string>()
    for (const value of theirs) {
      const sid = isTokenShaped(value) ? undefined : this.#read(value, this.#secrets)?.sid
      if (sid !== undefined) sids.set(value, sid)
    }
    if (sids.size === 0) return { ours, sids: NO_SIDS }
    return { ours: isOneName ? ours.filter((value) => !sids.has(value)) : ours, sids: [...sids.values()] }
  }

  /** The Set-Cookie that deletes theirs; `undefined` where it has the name of ours, which takes its place. */
  deletion(name: string, isSecure: boolean): string | undefined {
    const { name: theirs, path, domain } = this.#cookies
    if (theirs === name) return undefined
    const where = `Path=${path}${domain === undefined ? '' : `; Domain=${domain}`}`
    const secure = isSecure ? '; Secure' : ''
    return `${theirs}=; ${where}; Max-Age=0; Expires=${new Date(0).toUTCString()}; HttpOnly${secure}; SameSite=Lax`
  }
}

const NO_SIDS: readonly string[] = []
