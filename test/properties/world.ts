import { isDeepStrictEqual } from 'node:util'
import {
  SessionEngine,
  SessionError,
  type Awaitable,
  type OpenSession,
  type SessionStore,
  type Sweeping,
} from 'latchkey/core'
import { ManualClock } from 'latchkey/testing'
import { expect } from 'vitest'
import { carrier } from '../support/engine.js'
import type { ShippedStore } from '../support/stores.js'
import { Model } from './model.js'
import { ModelRequest, type Ending } from './model-request.js'
import {
  IDLE_TIMEOUT,
  LIFETIME,
  ROTATION_GRACE,
  TOUCH_INTERVAL,
  USERS,
  type Act,
  type Setting,
  type Step,
  type User,
} from './steps.js'
import { Settling, watched } from './watched-store.js'

/** The length of an id, with which its token begins. */
const ID_LENGTH = 51

/** How a request ends. */
const END: Act = { do: 'commit' }

/** What the model tells of, too, and what never happens here. */
const TOLD = ['created', 'rotated', 'revoked', 'evicted', 'reuse-detected', 'store-failed', 'record-unreadable']

interface Request {
  readonly open: OpenSession
  readonly model: ModelRequest
}

/** Two engines on one store, as in two processes, and the model that they are held against. */
export class World {
  readonly #setting: Setting
  readonly #clock: ManualClock
  readonly #stores: readonly SessionStore[]
  readonly #engines: readonly SessionEngine[]
  readonly #settling = new Settling()
  readonly #model: Model
  readonly #told: string[] = []
  readonly #requests: (Request | undefined)[] = []
  /** All tokens that went out, the newest last. */
  readonly #tokens: string[] = []
  #values = 0

  static async start(shipped: ShippedStore, setting: Setting): Promise<World> {
    const clock = new ManualClock()
    const first = await shipped.open(clock.now)
    return new World(setting, clock, [first, (await shipped.openAnother?.(clock.now)) ?? first])
  }

  private constructor(setting: Setting, clock: ManualClock, stores: readonly SessionStore[]) {
    this.#setting = setting
    this.#clock = clock
    this.#stores = stores
    this.#model = new Model(setting, clock.now())
    this.#engines = stores.map((store) => {
      return new SessionEngine({
        ...setting,
        store: watched(store, this.#settling.pass),
        secret: 's'.repeat(32),
        clock: clock.now,
        idleTimeout: IDLE_TIMEOUT,
        lifetime: LIFETIME,
        touchInterval: TOUCH_INTERVAL,
        rotationGrace: ROTATION_GRACE,
        storeTimeout: 60_000,
        onEvent: (event) => {
          const about = 'handle' in event ? event.handle : ''
          if (TOLD.includes(event.type)) this.#told.push(`${event.type} ${about}`)
        },
      })
    })
  }

  /** Does a step, and holds what came of it against the model. */
  async play(step: Step): Promise<void> {
    await this.#do(step)
    await this.#settling.settled()
    expect(this.#told.toSorted()).toEqual(this.#model.told.toSorted())
    await this.#look()
    this.#told.length = this.#model.told.length = 0
  }

  async close(): Promise<void> {
    for (const engine of this.#engines) await engine.close()
  }

  async #do(step: Step): Promise<void> {
    const [engine] = this.#engines
    const { subjects } = engine!
    switch (step.in) {
      case 'request': {
        const request = (this.#requests[step.slot] ??= await this.#begin(step))
        for (const act of step.ends ? [...step.acts, END] : step.acts) {
          if (this.#requests[step.slot] === request) await this.#act(step.slot, request, act)
        }
        return
      }
      case 'revoke': {
        const session = this.#model.sessions.at(-1 - step.session)
        if (!session) return
        const isTheirs = this.#model.of(step.user).includes(session)
        expect(await subjects.revoke(step.user, session.handle)).toBe(isTheirs)
        if (isTheirs) this.#model.end(session)
        return
      }
      case 'revokeAll':
      case 'revokeOthers': {
        const kept = 'session' in step ? this.#model.sessions.at(-1 - step.session) : undefined
        const sessions = this.#model.of(step.user).filter((session) => session !== kept)
        expect(await subjects.revokeAll(step.user, kept?.handle)).toBe(sessions.length)
        for (const session of sessions) this.#model.end(session)
        return
      }
      case 'updateAll': {
        const role = ++this.#values
        const sessions = this.#model.of(step.user)
        expect(await subjects.updateAll(step.user, { role })).toBe(sessions.length)
        for (const session of sessions) session.data.set('role', role)
        return
      }
      case 'writeById':
      case 'endById': {
        const id = this.#token(step.token)?.slice(0, ID_LENGTH)
        if (id === undefined) return
        const [session, w] = [this.#model.find(id), ++this.#values]
        const isEnding = step.in === 'endById'
        const isThere = isEnding ? await engine!.revoke(id) : await engine!.write(id, { w }, 'merge')
        expect(isThere).toBe(session !== undefined)
        if (isEnding && session) this.#model.end(session)
        else session?.data.set('w', w)
        return
      }
      case 'sweep': {
        const [store] = this.#stores
        if (store!.abilities.has('sweeping')) await (store as SessionStore & Sweeping).sweep(1000)
        return
      }
      case 'wait':
        this.#clock.advance(step.for)
        this.#model.now = this.#clock.now()
    }
  }

  async #begin(step: Step & { readonly in: 'request' }): Promise<Request> {
    const token = this.#token(step.token)
    const engine = this.#engines[step.engine]!
    const open = await engine.open(token === undefined ? [] : [token], carrier)
    await this.#settling.settled()
    const model = new ModelRequest(this.#model, this.#setting, () => {
      return { id: open.id, handle: open.handle, held: { ...open.session } }
    })
    if (token !== undefined) model.begin(token.slice(0, ID_LENGTH))
    expect({ ...open.session }).toEqual(Object.fromEntries(model.session?.data ?? []))
    if (model.session) expect(open.handle).toBe(model.session.handle)
    return { open, model }
  }

  async #act(slot: number, request: Request, act: Act): Promise<void> {
    const { open, model } = request
    const session = open.session as typeof open.session & Record<string, unknown>
    switch (act.do) {
      case 'look':
        return
      case 'write':
        if (model.isOver) return
        session[`k${slot}`] = ++this.#values
        return model.write(`k${slot}`, this.#values)
      case 'login':
        if (model.isOver) return
        session['userId'] = act.user
        return model.want(act.user)
      case 'leave':
        if (model.isOver) return
        delete session['userId']
        return model.want(undefined)
      case 'signIn': {
        const ending = await endingOf(() => open.signIn({ userId: act.user }))
        return expect(ending).toBe(model.signIn(act.user))
      }
      case 'rotate': {
        const ending = await endingOf(() => session.rotate())
        return this.#ended(slot, model, ending, model.rotate())
      }
      case 'save': {
        const ending = await endingOf(() => session.save())
        return this.#ended(slot, model, ending, model.save())
      }
      case 'count': {
        // Its count is told apart from what it saves on the way.
        await this.#act(slot, request, { do: 'save' })
        if (this.#requests[slot] === undefined) return
        const ending = await endingOf(() => session.update((data) => count(data)))
        return this.#ended(slot, model, ending, model.count())
      }
      case 'destroy':
        await session.destroy()
        return model.destroy()
      case 'regenerate':
        await session.regenerate()
        return model.regenerate()
      case 'abandon':
        this.#requests[slot] = undefined
        return
      case 'commit': {
        this.#requests[slot] = undefined
        const ending = await endingOf(() => open.commit())
        expect(ending).toBe(model.persist())
        if (ending === 'done') this.#answer(request)
      }
    }
  }

  /** What the limit has refused may leave a request with half a session: it does not go on. */
  #ended(slot: number, model: ModelRequest, ending: Ending, expected: Ending): void {
    expect(ending).toBe(expected)
    if (ending === 'SESSION_LIMIT_REACHED' && model.isOver) this.#requests[slot] = undefined
  }

  #answer({ open, model }: Request): void {
    const token = open.tokenChange === 'set' ? open.signedToken : undefined
    expect(token?.slice(0, ID_LENGTH)).toBe(model.owedId)
    if (token !== undefined && !this.#tokens.includes(token)) this.#tokens.push(token)
  }

  /** Everything that can be seen of the sessions, from both sides. */
  async #look(): Promise<void> {
    await Promise.all([
      ...USERS.map((user) => this.#lookAt(user)),
      ...[...this.#model.ids].map((id) => this.#lookFor(id)),
    ])
  }

  async #lookAt(user: User): Promise<void> {
    const seen = this.#model.of(user).map(({ handle, createdAt, authenticatedAt, lastSeenAt, expiresAt }) => {
      return { handle, createdAt, authenticatedAt, lastSeenAt, expiresAt }
    })
    expect(seen.length).toBeLessThanOrEqual(this.#setting.maxSessions ?? Infinity)
    for (const { subjects } of this.#engines) {
      const [infos, count] = await Promise.all([subjects.list(user), subjects.count(user)])
      expect(infos).toMatchObject(seen)
      expect(count).toBe(seen.length)
    }
  }

  async #lookFor(id: string): Promise<void> {
    const standing = this.#model.standing(id)
    // To look is to use it, and that would end the session.
    if (standing === 'left behind' && this.#setting.onReuse === 'revoke') return
    const expected = standing === 'good' ? Object.fromEntries(this.#model.find(id)!.data) : undefined
    for (const engine of this.#engines) {
      const data = await engine.read(id)
      if (!isDeepStrictEqual({ ...data }, { ...expected })) expect(data).toEqual(expected)
    }
  }

  #token(choice: number): string | undefined {
    return choice === 0 ? undefined : this.#tokens.at(-choice)
  }
}

async function endingOf(verb: () => Awaitable<void>): Promise<Ending> {
  try {
    await verb()
    return 'done'
  } catch (error) {
    if (error instanceof SessionError && isEnding(error.code)) return error.code
    throw error
  }
}

function isEnding(code: string): code is Ending {
  return code === 'SESSION_GONE' || code === 'SESSION_LIMIT_REACHED'
}

function count(data: object): void {
  const counted = data as { n?: number }
  counted.n = (counted.n ?? 0) + 1
}
