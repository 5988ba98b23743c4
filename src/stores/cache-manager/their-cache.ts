import type { Duration } from '../../core/duration.js'
import { SessionError } from '../../core/errors.js'
import type { KeptValue, KeyedThings } from '../keyed/things.js'

/** A cache of cache-manager 6 or 7, by structure: what `createCache` gives and `@Inject(CACHE_MANAGER)` gets. */
export interface Cache {
  get(key: string): Promise<unknown>
  /** @param ttl - milliseconds */
  set(key: string, value: unknown, ttl?: number): Promise<unknown>
  del(key: string): Promise<unknown>
  /** Is told of every `get`, also of one that has failed, which the cache answers like one that found nothing. */
  on(event: 'get', listener: (event: { key: string; error?: unknown }) => void): unknown
  readonly stores?: readonly unknown[]
}

/** The calls for one name that are under way. */
interface Asking {
  count: number
  failure: { readonly error: unknown } | undefined
}

/** A cache as a place that keeps values. */
export class TheirCache implements KeyedThings {
  readonly name = 'cache-manager'
  readonly #cache: Cache
  readonly #prefix: string
  readonly #asking = new Map<string, Asking>()

  constructor(cache: Cache, prefix: string) {
    this.#cache = cache
    this.#prefix = prefix
    cache.on('get', (event) => {
      const asking = this.#asking.get(event.key)
      if (asking && event.error !== undefined) asking.failure = { error: event.error }
    })
  }

  nameOf(key: string): string {
    return this.#prefix + key
  }

  async get(name: string): Promise<unknown> {
    const asking = this.#asking.get(name) ?? { count: 0, failure: undefined }
    this.#asking.set(name, asking)
    asking.count++
    try {
      const value = await asked('get', () => this.#cache.get(name))
      if (asking.failure && (value === undefined || value === null)) throw failed('get', asking.failure.error)
      return value
    } finally {
      if (--asking.count === 0) this.#asking.delete(name)
    }
  }

  async set(name: string, value: KeptValue, timeToLive: Duration): Promise<void> {
    await asked('set', () => this.#cache.set(name, value, timeToLive))
  }

  async delete(name: string): Promise<void> {
    await asked('del', () => this.#cache.del(name))
  }
}

async function asked(verb: string, call: () => Promise<unknown>): Promise<unknown> {
  try {
    return await call()
  } catch (cause) {
    throw failed(verb, cause)
  }
}

function failed(verb: string, cause: unknown): SessionError {
  return new SessionError('STORE_UNAVAILABLE', `The cache failed at ${verb}. See the cause.`, { cause })
}
