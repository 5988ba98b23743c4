import { IDLE_TIMEOUT, LIFETIME, ROTATION_GRACE, TOUCH_INTERVAL, type Setting } from './steps.js'

/** A session as the model has it. */
export interface ModelSession {
  readonly handle: string
  subject: string | undefined
  readonly createdAt: number
  authenticatedAt: number | undefined
  rotatedAt: number
  lastSeenAt: number
  expiresAt: number
  isEnded: boolean
  readonly data: Map<string, unknown>
  /** The ids since the last change of its subject, the one in use last. A sign-in begins another list: the ids before are dead. */
  ids: string[]
  /** Until when a former id is good. One without is good as long as the session: what follows it was not seen yet. */
  readonly goodUntil: Map<string, number>
}

/** What a new session is called, as the library has named it. */
export interface Names {
  readonly id: string
  readonly handle: string
}

/** How an id stands: it leads to its session, it was left behind too long ago, or it is dead. */
export type Standing = 'good' | 'left behind' | 'dead'

/**
 * What sessions are, without stores, records and keys: which there are, which ids lead to them, and until when. It is asked
 * for one thing after the other, so nothing in it is about races.
 */
export class Model {
  readonly #setting: Setting
  now: number
  /** All that ever were, in the order in which they began. */
  readonly sessions: ModelSession[] = []
  readonly #ofId = new Map<string, ModelSession>()
  /** What an operator should be told of, as `type handle`. */
  readonly told: string[] = []

  constructor(setting: Setting, now: number) {
    this.#setting = setting
    this.now = now
  }

  /** All ids that ever were. */
  get ids(): Iterable<string> {
    return this.#ofId.keys()
  }

  lives(session: ModelSession): boolean {
    return !session.isEnded && this.now < Math.min(session.lastSeenAt + IDLE_TIMEOUT, session.expiresAt)
  }

  /** The live sessions of a subject, the first signed in first. */
  of(subject: string): ModelSession[] {
    const live = this.sessions.filter((session) => session.subject === subject && this.lives(session))
    return live.toSorted(
      (one, two) =>
        one.authenticatedAt! - two.authenticatedAt! ||
        one.createdAt - two.createdAt ||
        (one.handle < two.handle ? -1 : 1),
    )
  }

  standing(id: string): Standing {
    const session = this.#ofId.get(id)
    if (!session || !this.lives(session) || !session.ids.includes(id)) return 'dead'
    const goodUntil = session.goodUntil.get(id)
    return goodUntil === undefined || this.now < goodUntil ? 'good' : 'left behind'
  }

  /** The session that an id leads to. One that was left behind is a sign of theft. */
  find(id: string): ModelSession | undefined {
    const session = this.#ofId.get(id)
    const standing = this.standing(id)
    if (!session || standing === 'dead') return undefined
    if (standing === 'good') return session
    this.told.push(`reuse-detected ${session.handle}`)
    if (this.#setting.onReuse === 'revoke') this.end(session)
    return undefined
  }

  /** A request has come with the id in use, or with one before it. */
  use(session: ModelSession, id: string): void {
    if (this.now - session.lastSeenAt >= TOUCH_INTERVAL) session.lastSeenAt = this.now
    const former = session.ids.at(-2)
    if (id !== session.ids.at(-1) || former === undefined || session.goodUntil.has(former)) return
    session.goodUntil.set(former, this.now + ROTATION_GRACE)
  }

  /** `false` if the limit refuses it. */
  begin({ id, handle }: Names, subject: string | undefined, data: ReadonlyMap<string, unknown>): ModelSession | false {
    if (!this.#keepsLimit(subject)) return false
    const { now } = this
    const session: ModelSession = {
      handle,
      subject,
      createdAt: now,
      authenticatedAt: subject === undefined ? undefined : now,
      rotatedAt: now,
      lastSeenAt: now,
      expiresAt: now + LIFETIME,
      isEnded: false,
      data: new Map(data),
      ids: [],
      goodUntil: new Map(),
    }
    this.sessions.push(session)
    this.#named(session, id)
    this.told.push(`created ${handle}`)
    return session
  }

  write(session: ModelSession, data: ReadonlyMap<string, unknown>): void {
    for (const [key, value] of data) session.data.set(key, value)
    session.lastSeenAt = this.now
  }

  /** A new id for the same session, whose ids before stay good for a while. */
  rotate(session: ModelSession, id: string): void {
    session.rotatedAt = session.lastSeenAt = this.now
    this.#named(session, id)
    this.told.push(`rotated ${session.handle}`)
  }

  /** The session changes hands, or is signed in anew: all its ids before are dead. `false` if the limit refuses it. */
  handOver(session: ModelSession, subject: string | undefined, id: string): boolean {
    if (subject !== session.subject && !this.#keepsLimit(subject)) return false
    const { now } = this
    session.subject = subject
    session.authenticatedAt = subject === undefined ? undefined : now
    if (subject !== undefined) session.expiresAt = Math.max(session.expiresAt, now + LIFETIME)
    session.ids = []
    session.goodUntil.clear()
    this.rotate(session, id)
    return true
  }

  end(session: ModelSession): void {
    if (!this.lives(session)) return
    session.isEnded = true
    this.told.push(`revoked ${session.handle}`)
  }

  #named(session: ModelSession, id: string): void {
    if (this.#ofId.has(id)) throw new Error('An id was given out for a second time.')
    session.ids.push(id)
    this.#ofId.set(id, session)
  }

  #keepsLimit(subject: string | undefined): boolean {
    const { maxSessions, onLimit } = this.#setting
    if (subject === undefined || maxSessions === undefined) return true
    const others = this.of(subject)
    const excess = others.length + 1 - maxSessions
    if (excess > 0 && onLimit === 'refuse') return false
    for (const session of others.slice(0, Math.max(excess, 0))) {
      session.isEnded = true
      this.told.push(`evicted ${session.handle}`)
    }
    return true
  }
}
