import type { SessionStore } from '../../src/core/store.js'

/** A store that can be made to answer what it knew before, as a near cache does that has not heard of a change yet. */
export interface StaleStore {
  readonly store: SessionStore
  /** From now on a load answers what it answered last, unless it must be fresh. */
  stale(): void
  /** How often the record was asked for that must be fresh. */
  readonly fresh: number
}

export function staleOver(inner: SessionStore): StaleStore {
  const known = new Map<string, Awaited<ReturnType<SessionStore['load']>>>()
  let [isStale, fresh] = [false, 0]
  const load: SessionStore['load'] = async (key, options) => {
    if (options?.fresh === true) fresh++
    else if (isStale && known.has(key)) return known.get(key)
    const found = await inner.load(key, options)
    known.set(key, found)
    return found
  }
  const store = new Proxy(inner, {
    get(target, name) {
      const value: unknown = name === 'load' ? load : Reflect.get(target, name, target)
      return typeof value === 'function' && name !== 'load' ? (value as () => unknown).bind(target) : value
    },
  })
  return {
    store,
    stale() {
      isStale = true
    },
    get fresh() {
      return fresh
    },
  }
}
