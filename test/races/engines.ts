import { hours, SessionEngine, type EngineOptions, type OpenSession, type SessionStore } from 'latchkey/core'
import { carrier } from '../support/engine.js'
import type { ShippedStore } from '../support/stores.js'

/** Two engines, each with a store of its own where stores share what they keep, as two processes have. */
export type Engines = readonly [SessionEngine, SessionEngine]

/** Opens a fresh store. Call it once and {@link engineOn} for more engines on the same stores. */
export async function openStores(shipped: ShippedStore): Promise<readonly [SessionStore, SessionStore]> {
  const first = await shipped.open()
  return [first, (await shipped.openAnother?.()) ?? first]
}

/** An engine that waits for its store however busy the machine is. */
export function engineOn(store: SessionStore, options: Partial<EngineOptions> = {}): SessionEngine {
  return new SessionEngine({ store, secret: 's'.repeat(32), storeTimeout: hours(1), ...options })
}

/** Opens the session of a token, or a new one. */
export async function visit(engine: SessionEngine, token?: string): Promise<OpenSession> {
  return engine.open(token === undefined ? [] : [token], carrier)
}

/** Stores data in a new session and answers its token. */
export async function begin(engine: SessionEngine, data: object): Promise<string> {
  const open = await visit(engine)
  Object.assign(open.session, data)
  await open.commit()
  return open.signedToken
}

/** What there is under a token now, without any use of it. */
export async function read(engine: SessionEngine, token: string): Promise<object | undefined> {
  return engine.read(token.slice(0, 51), { fresh: true })
}

/** Runs so many races, a hundred at a time. */
export async function inBatches(count: number, race: (at: number) => Promise<void>): Promise<void> {
  for (let from = 0; from < count; from += 100) {
    const batch = Array.from({ length: Math.min(100, count - from) }, (_, at) => race(from + at))
    await Promise.all(batch)
  }
}
