import {
  SessionEngine,
  type Carrier,
  type EngineOptions,
  type OpenSession,
  type SessionEvent,
  type SessionStore,
} from 'latchkey/core'
import { MemoryStore } from 'latchkey/stores/memory'
import { FailingStore, ManualClock } from 'latchkey/testing'
import { watched } from './told.js'

/** A request that brings a token and can be answered with another. */
export const carrier: Carrier = { presented: true, assertReachable() {} }

/** An engine over a store that a test can disturb, and what happened in it. */
export interface EngineSetup {
  readonly engine: SessionEngine
  readonly store: FailingStore
  readonly clock: ManualClock
  readonly events: SessionEvent[]
  /** Opens the session of a token, as a request would. */
  open(token?: string, more?: Partial<Carrier>): Promise<OpenSession>
  /** A stored session with this data, and its token. */
  stored(data: object): Promise<string>
  /** What a later request would find. */
  data(token: string): Promise<object>
}

/** @param wrap - puts another store around the one that can be disturbed */
export function setUp(
  options: Partial<EngineOptions> = {},
  wrap: (store: SessionStore) => SessionStore = (store) => store,
): EngineSetup {
  const clock = new ManualClock()
  const store = new FailingStore(new MemoryStore({ clock: clock.now }))
  const events: SessionEvent[] = []
  const engine = new SessionEngine(
    watched({
      store: wrap(store),
      secret: 's'.repeat(32),
      clock: clock.now,
      onEvent: (event) => void events.push(event),
      ...options,
    }),
  )
  const open: EngineSetup['open'] = async (token, more) =>
    engine.open(token === undefined ? [] : [token], { ...carrier, ...more })
  return {
    engine,
    store,
    clock,
    events,
    open,
    async stored(data) {
      const visit = await open()
      Object.assign(visit.session, data)
      await visit.commit()
      return visit.signedToken
    },
    async data(token) {
      return { ...(await open(token)).session }
    },
  }
}

/** A store with the five verbs and no abilities. */
export const bare = (store: SessionStore): SessionStore => ({
  name: 'bare',
  abilities: new Set(),
  load: (key) => store.load(key),
  create: (record) => store.create(record),
  update: (key, patch) => store.update(key, patch),
  touch: (key, lastSeenAt) => store.touch(key, lastSeenAt),
  delete: (key) => store.delete(key),
})
