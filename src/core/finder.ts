import { Adoption } from './adoption.js'
import { isPromise } from './calls.js'
import type { Carrier, SessionContext } from './context.js'
import { findRecord, unreadable, type Found, type Missing } from './find.js'
import type { OpenSession } from './open-session.js'
import type { Awaitable, ForeignCookies } from './store.js'
import { idOf, refusalOf, type TokenSigner } from './token.js'

/** Finds the session that the tokens of a request lead to. */
export class Finder {
  readonly #context: SessionContext
  readonly #signer: TokenSigner
  readonly #adoption: Adoption | undefined

  constructor(context: SessionContext, signer: TokenSigner) {
    const { adopting } = context.options.store
    this.#context = context
    this.#signer = signer
    this.#adoption = adopting && new Adoption(context, adopting)
  }

  /** How the cookies of another library are told; `undefined` where none of its sessions are taken over. */
  get foreignCookies(): ForeignCookies | undefined {
    return this.#adoption?.cookies
  }

  /**
   * The session of the first token that is ours and has a record, or `open` as it is.
   *
   * @param isFresh - whether it must be read from the store now, past a near cache
   * @param sids - ids from cookies of another library, whose signatures are good
   * @throws SessionError `STORE_UNAVAILABLE`
   */
  find(
    open: OpenSession,
    tokens: readonly string[],
    carrier: Carrier,
    isFresh: boolean,
    sids: readonly string[],
  ): Awaitable<OpenSession> {
    const adoption = this.#adoption
    return adoption && sids.length > 0
      ? this.#findBeside(adoption, open, tokens, carrier, isFresh, sids)
      : this.#next(open, tokens, 0, isFresh, carrier)
  }

  /**
   * The same for ids that somebody else has found good.
   *
   * @throws SessionError `STORE_UNAVAILABLE`
   */
  findIds(open: OpenSession, ids: readonly string[], from = 0): Awaitable<OpenSession> {
    for (let index = from; index < ids.length; index++) {
      const found = findRecord(this.#context, ids[index]!, false)
      if (isPromise(found)) {
        return found.then((there) => (this.#hold(open, 0, there) ? open : this.findIds(open, ids, index + 1)))
      }
      if (this.#hold(open, 0, found)) return open
    }
    return open
  }

  #next(
    open: OpenSession,
    tokens: readonly string[],
    from: number,
    isFresh: boolean,
    carrier: Carrier,
  ): Awaitable<OpenSession> {
    for (let index = from; index < tokens.length; index++) {
      const token = tokens[index]!
      const secret = this.#check(open, token)
      if (secret < 0) continue
      const id = idOf(token)
      const found = findRecord(this.#context, id, isFresh)
      if (isPromise(found)) {
        return found.then((there) =>
          this.#adoption?.isDue(there)
            ? this.#adoption
                .catchUp(there, carrier)
                .then((now) => this.#goOn(open, tokens, index, isFresh, carrier, secret, now))
            : this.#goOn(open, tokens, index, isFresh, carrier, secret, there),
        )
      }
      if (this.#hold(open, secret, found)) return open
    }
    return open
  }

  #goOn(
    open: OpenSession,
    tokens: readonly string[],
    index: number,
    isFresh: boolean,
    carrier: Carrier,
    secret: number,
    found: Found | Missing,
  ): Awaitable<OpenSession> {
    return this.#hold(open, secret, found) ? open : this.#next(open, tokens, index + 1, isFresh, carrier)
  }

  /** The session of a request that also brings cookies of another library. */
  async #findBeside(
    adoption: Adoption,
    open: OpenSession,
    tokens: readonly string[],
    carrier: Carrier,
    isFresh: boolean,
    sids: readonly string[],
  ): Promise<OpenSession> {
    const own = await this.#own(open, tokens, isFresh)
    let there = own?.found
    let secret = own?.secret ?? 0
    let isNew = false
    for (const sid of sids) {
      const adopted = await adoption.find(sid, there, carrier.client)
      if (!adopted) continue
      if (adopted.isTheirsOver) open.dropsForeign = true
      if (typeof adopted.found === 'string') open.missed(adopted.found)
      else {
        if (adopted.found !== own?.found) secret = 0
        there = adopted.found
        isNew = adopted.isNew
      }
    }
    if (!there) return open
    this.#hold(open, secret, !isNew && adoption.isDue(there) ? await adoption.catchUp(there, carrier) : there)
    return open
  }

  /** The first of the tokens that leads to a session, without holding it. */
  async #own(
    open: OpenSession,
    tokens: readonly string[],
    isFresh: boolean,
  ): Promise<{ readonly found: Found; readonly secret: number } | undefined> {
    for (const token of tokens) {
      const secret = this.#check(open, token)
      if (secret < 0) continue
      const found = await findRecord(this.#context, idOf(token), isFresh)
      if (typeof found === 'object') return { found, secret }
      open.missed(found)
    }
    return undefined
  }

  /** Which of the secrets signed a token; less than 0 for none, which is told. */
  #check(open: OpenSession, token: string): number {
    const secret = this.#signer.check(token)
    if (secret >= 0) return secret
    const reason = refusalOf(token)
    this.#context.emit({ type: 'token-rejected', reason })
    open.missed(`token-${reason}`)
    return secret
  }

  #hold(open: OpenSession, secret: number, found: Found | Missing): boolean {
    if (typeof found === 'string') {
      open.missed(found)
      return false
    }
    try {
      open.hold(found)
    } catch (error) {
      unreadable(this.#context, error)
      open.missed('record-unreadable')
      return false
    }
    // A token signed by an older secret is signed anew on the way out; a client that has a newer id is sent none.
    if (secret > 0) open.sendToken()
    return true
  }
}
