import type { Clock } from '../../src/core/expiry.js'
import type { SessionStore } from '../../src/core/store.js'
import { MemoryStore } from '../../src/stores/memory.js'

/** A shipped store, for tests that run on each of them. */
export interface ShippedStore {
  readonly name: string
  /** Opens a fresh, empty store. */
  open(clock?: Clock): Promise<SessionStore>
  /** Closes what was opened and ends the server under it, where there is one. */
  stop(): Promise<void>
}

/** All shipped stores: `for (const { name, open, stop } of stores) describe(name, ...)`, with `afterAll(stop)`. */
export const stores: readonly ShippedStore[] = [memory()]

function memory(): ShippedStore {
  return {
    name: 'memory',
    open: (clock) => Promise.resolve(new MemoryStore({ clock })),
    stop: () => Promise.resolve(),
  }
}
