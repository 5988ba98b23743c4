import {
  SessionEngine,
  SessionError,
  type OpenSession,
  type SessionEvent,
  type SessionInfo,
  type SessionStore,
} from 'latchkey/core'
import { ManualClock } from 'latchkey/testing'
import { expect } from 'vitest'
import { carrier } from '../support/engine.js'
import type { GatedStore } from './gated-stores.js'
import { Ledger, type Stay } from './ledger.js'
import type { Client, Deed, Plan } from './plans.js'
import { IDLE_TIMEOUT, LIFETIME, ROTATION_GRACE, TOUCH_INTERVAL, USERS, type Setting, type User } from './steps.js'
import type { Pass } from './watched-store.js'

/** The length of an id, with which its token begins. */
const ID_LENGTH = 51

/** How a request may end. */
const REFUSALS: readonly string[] = ['SESSION_GONE', 'SESSION_LIMIT_REACHED']

type Data = Record<string, unknown>

/** A request, and the stay that its session is in. */
interface Visit {
  readonly open: OpenSession
  readonly stay: Stay | undefined
}

/** Clients who act at the same time through two engines on one store, and what they were told. */
export class Crowd {
  readonly #movesInSteps: boolean
  readonly #setting: Setting
  readonly #clock: ManualClock
  readonly #engines: readonly SessionEngine[]
  readonly #ledger: Ledger
  /** The token that each device has. */
  readonly #jars: (string | undefined)[] = []
  /** Lists that lacked a session which nobody had ended, as far as was known. */
  readonly #missed: Stay[] = []
  readonly #roles: { readonly user: User; readonly role: string; readonly stays: readonly Stay[] }[] = []
  readonly #failures: SessionError[] = []
  #values = 0

  /** Two engines, and devices as the plan has them. Then some time goes by, so that all is due that can be. */
  static async gather(gated: GatedStore, setting: Setting, plan: Plan, pass: Pass): Promise<Crowd> {
    const clock = new ManualClock()
    const crowd = new Crowd(gated, setting, clock, await gated.open(clock.now, pass))
    for (const [device, who] of plan.devices.entries()) {
      const [user] = USERS.filter((each) => each === who)
      if (user !== undefined) await crowd.#enter(0, { do: 'login', device, user })
      else if (who === 'guest') await crowd.#greet(device)
    }
    clock.advance(setting.rotateEvery ?? TOUCH_INTERVAL)
    return crowd
  }

  private constructor(
    { movesInSteps = false }: GatedStore,
    setting: Setting,
    clock: ManualClock,
    stores: readonly SessionStore[],
  ) {
    this.#movesInSteps = movesInSteps
    // A move that comes to nothing has kept the limit already, and nobody is told whom that has ended.
    const mayEvictUntold = movesInSteps && setting.maxSessions !== undefined && setting.onLimit === 'evict-oldest'
    this.#ledger = new Ledger(mayEvictUntold)
    this.#setting = setting
    this.#clock = clock
    this.#engines = stores.map((store) => {
      return new SessionEngine({
        ...setting,
        store,
        secret: 's'.repeat(32),
        clock: clock.now,
        idleTimeout: IDLE_TIMEOUT,
        lifetime: LIFETIME,
        touchInterval: TOUCH_INTERVAL,
        rotationGrace: ROTATION_GRACE,
        storeTimeout: 60_000,
        onEvent: (event) => this.#hear(event),
      })
    })
  }

  /** Does what a client does, one deed after the other. */
  async act({ engine, deeds }: Client): Promise<void> {
    for (const deed of deeds) await this.#do(engine, deed)
  }

  async #do(at: number, deed: Deed): Promise<void> {
    const { subjects } = this.#engines[at]!
    switch (deed.do) {
      case 'login':
      case 'signIn':
        return this.#enter(at, deed)
      case 'revoke': {
        const stay = this.#ledger.stays.at(-1 - deed.session)
        if (!stay) return
        await subjects.revoke(deed.user, stay.handle)
        if (stay.user === deed.user) this.#ledger.end(stay)
        return
      }
      case 'revokeAll': {
        const stays = this.#ledger.lasting(deed.user)
        await subjects.revokeAll(deed.user)
        for (const stay of stays) this.#ledger.end(stay)
        return
      }
      case 'updateAll': {
        const role = `${deed.user} ${++this.#values}`
        const stays = this.#ledger.lasting(deed.user)
        await subjects.updateAll(deed.user, { role })
        this.#roles.push({ user: deed.user, role, stays })
        return
      }
      case 'list':
        return this.#list(at, deed.user)
      default:
        return this.#use(at, deed.device, deed.do)
    }
  }

  /** Somebody signs in, over whatever the device has. */
  #enter(at: number, { do: how, device, user }: Deed & { readonly do: 'login' | 'signIn' }): Promise<void> {
    return this.#request(at, device, async ({ open, stay }) => {
      const session = open.session as typeof open.session & Data
      if (how === 'signIn') await open.signIn({ userId: user })
      else {
        if (stay?.user === user) return stay
        session['userId'] = user
        await session.save()
      }
      const isStranger = stay?.user !== undefined && stay.user !== user
      const isEmptied = how === 'signIn' && isStranger
      const goesOn = !isEmptied && open.handle === stay?.handle
      if (stay) this.#ledger.end(stay)
      return this.#ledger.begin({
        handle: open.handle,
        user,
        from: goesOn ? stay : undefined,
        before: isEmptied || goesOn ? {} : { ...session },
        signedInAt: this.#clock.now(),
      })
    })
  }

  /** A guest who puts something into a session. */
  #greet(device: number): Promise<void> {
    return this.#request(0, device, async ({ open }) => {
      const before = { guest: true }
      Object.assign(open.session, before)
      await open.session.save()
      const { handle } = open
      return this.#ledger.begin({
        handle,
        user: undefined,
        from: undefined,
        before,
        signedInAt: this.#clock.now(),
      })
    })
  }

  /** Does something with the session of a device, if it has one. */
  #use(at: number, device: number, what: (Deed & { readonly device: number })['do']): Promise<void> {
    const { subjects } = this.#engines[at]!
    return this.#request(at, device, async ({ open, stay }) => {
      const session = open.session as typeof open.session & Data
      if (!stay) return undefined
      if (what === 'visit') {
        const key = `w${++this.#values}`
        session[key] = this.#values
        await session.save()
        stay.writes.set(key, session[key])
      } else if (what === 'count') {
        await session.update((data: { n?: number }) => void (data.n = (data.n ?? 0) + 1))
        stay.counts++
      } else if (what === 'rotate') await session.rotate()
      else if (what === 'destroy') {
        await session.destroy()
        this.#ledger.end(stay)
      } else if (stay.user !== undefined) {
        const others = this.#ledger.lasting(stay.user).filter(({ handle }) => handle !== stay.handle)
        await subjects.revokeAll(stay.user, stay.handle)
        for (const other of others) this.#ledger.end(other)
      }
      return stay
    })
  }

  /** A request of a device. `act` answers the stay that goes on after it. What the library refuses is how it ends. */
  async #request(at: number, device: number, act: (visit: Visit) => Promise<Stay | undefined>): Promise<void> {
    const [began, token] = [this.#ledger.now(), this.#jars[device]]
    const open = await this.#engines[at]!.open(token === undefined ? [] : [token], carrier)
    const isFound = Object.keys(open.session).length > 0
    const stay = isFound ? this.#found(token, open, began) : undefined
    try {
      const after = await act({ open, stay })
      await open.commit()
      if (open.tokenChange === 'clear') this.#jars[device] = undefined
      if (open.tokenChange !== 'set') return
      this.#jars[device] = open.signedToken
      this.#ledger.issue(after!, open.signedToken)
    } catch (error) {
      if (!(error instanceof SessionError) || !REFUSALS.includes(error.code)) throw error
    }
  }

  #found(token: string | undefined, open: OpenSession, began: number): Stay {
    const stay = this.#ledger.stayOf(token)
    if (token === undefined || !stay) throw new Error('A session was found without a token of it.')
    this.#ledger.assertNotOver(stay, began)
    this.#ledger.assertNotOver(stay.handle, began)
    expect(open.handle).toBe(stay.handle)
    expect(({ ...open.session } as Data)['userId']).toBe(stay.user)
    stay.shown.add(token)
    return stay
  }

  async #list(at: number, user: User): Promise<void> {
    const { subjects } = this.#engines[at]!
    const [began, lasting] = [this.#ledger.now(), this.#ledger.lasting(user)]
    const infos = await subjects.list(user)
    this.#assertWithinLimit(infos)
    const listed = infos.map(({ handle }) => handle)
    if (!this.#movesInSteps) for (const handle of listed) this.#ledger.assertNotOver(handle, began)
    for (const stay of lasting) {
      if (!listed.includes(stay.handle) && !this.#ledger.isOver(stay)) this.#missed.push(stay)
    }
  }

  #hear(event: SessionEvent): void {
    if (event.type === 'revoked' || event.type === 'evicted') {
      if (this.#movesInSteps) this.#ledger.doubt(event.handle)
      else this.#ledger.end(event.handle)
    }
    if (event.type === 'store-failed' || event.type === 'record-unreadable') this.#failures.push(event.error)
  }

  /** Looks at everything when all is done: what was told holds, and nothing else is there. */
  async look(): Promise<void> {
    expect(this.#failures).toEqual([])
    for (const stay of this.#missed) {
      expect(this.#ledger.isOver(stay) || this.#ledger.isDoubtful(stay), 'a list missed a session').toBe(true)
    }
    for (const stay of this.#ledger.stays) {
      // Parallel rotations come to one new id: somebody had to show an id for each that followed it.
      expect(stay.tokens.size).toBeLessThanOrEqual(1 + stay.shown.size)
      if (!this.#ledger.isOver(stay) && !this.#ledger.isDoubtful(stay)) expect(stay.tokens.size).toBeGreaterThan(0)
    }
    for (const engine of this.#engines) {
      for (const user of USERS) await this.#lookAt(engine, user)
      for (const stay of this.#ledger.stays) await this.#lookFor(engine, stay)
    }
  }

  async close(): Promise<void> {
    for (const engine of this.#engines) await engine.close()
  }

  async #lookAt({ subjects }: SessionEngine, user: User): Promise<void> {
    const infos = await subjects.list(user)
    this.#assertWithinLimit(infos)
    expect(await subjects.count(user)).toBe(infos.length)
    const listed = infos.map(({ handle, expiresAt }) => ({ handle, expiresAt }))
    const lasting: { readonly handle: string; readonly expiresAt: number }[] = []
    for (const stay of this.#ledger.lasting(user)) {
      const isListed = infos.some(({ handle }) => handle === stay.handle)
      // Where it is not known, the list is right if the ids say the same.
      if (this.#ledger.isDoubtful(stay) && !isListed) this.#ledger.end(stay)
      else lasting.push({ handle: stay.handle, expiresAt: stay.signedInAt + LIFETIME })
    }
    expect(listed.toSorted(byHandle)).toEqual(lasting.toSorted(byHandle))
  }

  async #lookFor(engine: SessionEngine, stay: Stay): Promise<void> {
    const { writes, count } = this.#ledger.heldIn(stay)
    const expected = {
      ...Object.fromEntries(writes),
      ...(stay.user === undefined ? {} : { userId: stay.user }),
      ...(count === 0 ? {} : { n: count }),
    }
    for (const token of stay.tokens) {
      const data = await engine.read(token.slice(0, ID_LENGTH))
      // A guest is in no list that could say it.
      if (!data && stay.user === undefined && this.#ledger.isDoubtful(stay)) this.#ledger.end(stay)
      if (this.#ledger.isOver(stay)) expect(data).toBeUndefined()
      else {
        const { role, ...rest } = data ?? {}
        expect(rest).toEqual(expected)
        this.#lookAtRole(stay, role)
      }
    }
  }

  #lookAtRole(stay: Stay, role: unknown): void {
    const given = this.#roles.filter(({ user }) => user === stay.user)
    if (given.length === 1 && given[0]!.stays.includes(stay)) expect(role).toBe(given[0]!.role)
    if (role !== undefined && isOwn(stay, stay.user)) expect(given.map((each) => each.role)).toContain(role)
  }

  #assertWithinLimit(infos: readonly SessionInfo[]): void {
    expect(infos.length).toBeLessThanOrEqual(this.#setting.maxSessions ?? Infinity)
  }
}

/** Whether nothing in a session can come from the time of somebody else. */
function isOwn({ user, from, before }: Stay, owner: string | undefined): boolean {
  if (user !== undefined && user !== owner) return false
  return from ? isOwn(from, owner) : before['role'] === undefined
}

function byHandle(one: { readonly handle: string }, two: { readonly handle: string }): number {
  return one.handle < two.handle ? -1 : 1
}
