import { expect } from 'vitest'

/** One stay of somebody in a session: from a sign-in to the next, or as a guest. All its ids lead to it as long as it lasts. */
export interface Stay {
  readonly handle: string
  readonly user: string | undefined
  /** The stay that it went on from, with all that was stored in it. */
  readonly from: Stay | undefined
  /** What the session held when it began with no stay before. */
  readonly before: Readonly<Record<string, unknown>>
  /** By the clock. */
  readonly signedInAt: number
  readonly tokens: Set<string>
  /** Those that came back from the client. */
  readonly shown: Set<string>
  /** What requests have stored in it, and were told so. */
  readonly writes: Map<string, unknown>
  counts: number
}

/**
 * What clients who act at the same time were told, in which order: who was let in, what was stored, what has ended. What
 * was told is true from then on, whatever is under way.
 */
export class Ledger {
  readonly stays: Stay[] = []
  readonly #ofToken = new Map<string, Stay>()
  /** Since when it has been known that a session, or a stay in it, is over. */
  readonly #ended = new Map<string | Stay, number>()
  readonly #doubtful = new Set<string>()
  readonly #doubtsAll: boolean
  #moment = 0

  /** @param doubtsAll - whether the end of any session may have been told to nobody */
  constructor(doubtsAll: boolean) {
    this.#doubtsAll = doubtsAll
  }

  /** A point in the order of what happened. */
  now(): number {
    return ++this.#moment
  }

  stayOf(token: string | undefined): Stay | undefined {
    return token === undefined ? undefined : this.#ofToken.get(token)
  }

  begin(stay: Pick<Stay, 'handle' | 'user' | 'from' | 'before' | 'signedInAt'>): Stay {
    const begun = { ...stay, tokens: new Set<string>(), shown: new Set<string>(), writes: new Map(), counts: 0 }
    this.stays.push(begun)
    return begun
  }

  issue(stay: Stay, token: string): void {
    stay.tokens.add(token)
    this.#ofToken.set(token, stay)
  }

  /** A session is over, by its handle, or only a stay in it. */
  end(what: string | Stay): void {
    if (!this.#ended.has(what)) this.#ended.set(what, this.now())
  }

  isOver(stay: Stay): boolean {
    return this.#ended.has(stay.handle) || this.#ended.has(stay)
  }

  /**
   * The end of a session was told, but perhaps only that of a copy on its way: whether the stays in it are over is not
   * known.
   */
  doubt(handle: string): void {
    this.#doubtful.add(handle)
  }

  isDoubtful({ handle }: { readonly handle: string }): boolean {
    return this.#doubtsAll || this.#doubtful.has(handle)
  }

  /** Refuses to see something that was known to be over before the look at it began. */
  assertNotOver(what: string | Stay, began: number): void {
    expect(this.#ended.get(what) ?? Infinity, 'what was over before was seen again').toBeGreaterThan(began)
  }

  /** The stays of a user who were told that they are signed in, and that are not known to be over. */
  lasting(user: string): Stay[] {
    return this.stays.filter((stay) => stay.user === user && !this.isOver(stay))
  }

  /** What a stay that is not over must hold, if nobody else wrote into it; and how far requests have counted in it. */
  heldIn(stay: Stay): { readonly writes: ReadonlyMap<string, unknown>; readonly count: number } {
    if (!stay.from) {
      const { n, role: _role, userId: _userId, ...before } = stay.before
      return {
        writes: new Map([...Object.entries(before), ...stay.writes]),
        count: ((n ?? 0) as number) + stay.counts,
      }
    }
    const { writes, count } = this.heldIn(stay.from)
    return { writes: new Map([...writes, ...stay.writes]), count: count + stay.counts }
  }
}
