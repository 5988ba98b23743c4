import type { VerbCallback } from '../core/session.js'
import type { SessionData, StoredSession } from './session.js'
import { Store, type Store as StoreInterface } from './store.js'

/**
 * Keeps sessions in this process, for development: they end with it, and no other process has them. Expired ones are
 * removed when they are met and, so that it can't grow for ever, whenever as many have been added as are kept.
 */
export interface MemoryStore extends StoreInterface {
  all(callback?: (error?: unknown, sessions?: Record<string, StoredSession>) => void): void
  length(callback: (error?: unknown, length?: number) => void): void
  clear(callback?: VerbCallback): void
  touch(sid: string, session: SessionData, callback?: VerbCallback): void
}

/** How {@link MemoryStore} is made. */
export interface MemoryStoreConstructor {
  new (): MemoryStore
  (this: object): void
  readonly prototype: MemoryStore
}

interface Kept extends MemoryStore {
  sessions: Record<string, string>
  added: number
}

/** How many are added at least before the expired ones are removed. */
const MIN_SWEEP = 1000

function PlainMemoryStore(this: Kept): void {
  Store.call(this)
  clear(this)
}

Object.setPrototypeOf(PlainMemoryStore, Store)

PlainMemoryStore.prototype = Object.create(Store.prototype, {
  constructor: { value: PlainMemoryStore, writable: true, configurable: true },
}) as Kept

Object.assign(PlainMemoryStore.prototype, {
  get(this: Kept, sid: string, callback: (error?: unknown, session?: StoredSession) => void): void {
    setImmediate(callback, null, liveSession(this, sid))
  },

  set(this: Kept, sid: string, session: SessionData, callback?: VerbCallback): void {
    if (!(sid in this.sessions)) sweepSometimes(this)
    this.sessions[sid] = JSON.stringify(session)
    if (callback) setImmediate(callback)
  },

  touch(this: Kept, sid: string, session: SessionData, callback?: VerbCallback): void {
    const kept = liveSession(this, sid)
    if (kept) this.sessions[sid] = JSON.stringify({ ...kept, cookie: session.cookie })
    if (callback) setImmediate(callback)
  },

  destroy(this: Kept, sid: string, callback?: VerbCallback): void {
    delete this.sessions[sid]
    if (callback) setImmediate(callback)
  },

  all(this: Kept, callback?: (error?: unknown, sessions?: Record<string, StoredSession>) => void): void {
    const all = Object.create(null) as Record<string, StoredSession>
    for (const sid of Object.keys(this.sessions)) {
      const session = liveSession(this, sid)
      if (session) all[sid] = session
    }
    if (callback) setImmediate(callback, null, all)
  },

  length(this: Kept, callback: (error?: unknown, length?: number) => void): void {
    this.all((error, sessions) => (error ? callback(error) : callback(null, Object.keys(sessions ?? {}).length)))
  },

  clear(this: Kept, callback?: VerbCallback): void {
    clear(this)
    if (callback) setImmediate(callback)
  },
})

/** The default store of the middleware. It warns in production. */
export const MemoryStore = PlainMemoryStore as unknown as MemoryStoreConstructor

function liveSession(store: Kept, sid: string): StoredSession | undefined {
  const text = store.sessions[sid]
  if (text === undefined) return undefined
  const session = JSON.parse(text) as StoredSession
  const expires: unknown = (session as Partial<StoredSession>).cookie?.expires
  if (!expires || new Date(expires as string).getTime() > Date.now()) return session
  delete store.sessions[sid]
  return undefined
}

function sweepSometimes(store: Kept): void {
  const sids = ++store.added >= MIN_SWEEP ? Object.keys(store.sessions) : []
  if (store.added < Math.max(MIN_SWEEP, sids.length)) return
  store.added = 0
  for (const sid of sids) liveSession(store, sid)
}

function clear(store: Kept): void {
  store.sessions = Object.create(null) as Record<string, string>
  store.added = 0
}
