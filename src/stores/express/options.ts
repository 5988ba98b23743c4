import { callable, invalid, refuseUnknown, shown } from '../../core/options.js'
import type { Clock } from '../../core/expiry.js'
import type { ExpressStore } from './their-store.js'

/** What {@link fromExpressStore} can be told. */
export interface FromExpressStoreOptions {
  /** What the store is called in messages. Default: the name of its class. */
  readonly name?: string | undefined
  /**
   * The session id under which the record of a key is kept. Default: the key itself, which is a hash: with it nothing in
   * the store lets its reader sign in.
   */
  readonly sidOf?: ((key: string) => string) | undefined
  /**
   * The attributes of the `cookie` in what is stored, such as `{ path: '/', httpOnly: true, secure: true }`. Latchkey reads
   * none of them; they are for express-session, should it take the sessions over again. Default: path and httpOnly.
   */
  readonly cookie?: Readonly<Record<string, unknown>> | undefined
  /** Tells the time, in epoch milliseconds. Default: `Date.now`. */
  readonly clock?: Clock | undefined
}

/** {@link FromExpressStoreOptions}, checked and complete. */
export interface ResolvedExpressStoreOptions {
  readonly name: string
  readonly sidOf: (key: string) => string
  readonly cookie: Readonly<Record<string, unknown>>
  readonly clock: Clock
  /** Whether it is used as express-session uses it: ids are the keys, a new one is not looked for, and it touches itself. */
  readonly isTheirs: boolean
  /** How the data are named there, where that is not as in the record. */
  readonly names?: DataNames | undefined
}

/** How data of a record are named in a place, and the other way round. */
export interface DataNames {
  readonly there: (name: string) => string
  readonly here: (name: string) => string
}

/**
 * Checks the store and the options.
 *
 * @throws SessionError `OPTIONS_INVALID`
 */
export function checkOptions(store: unknown, options: FromExpressStoreOptions): ResolvedExpressStoreOptions {
  assertExpressStore(store)
  refuseUnknown(options, ['name', 'sidOf', 'cookie', 'clock'], 'option of fromExpressStore')
  const { name = nameOf(store), cookie = { path: '/', httpOnly: true } } = options
  if (typeof name !== 'string' || name === '') {
    throw invalid(`fromExpressStore: name is ${shown(name)}. Give a text such as "sessions".`)
  }
  if (typeof cookie !== 'object' || cookie === null) {
    throw invalid(`fromExpressStore: cookie is ${shown(cookie)}. Give an object such as { path: '/', secure: true }.`)
  }
  return {
    name,
    cookie,
    sidOf: callable('fromExpressStore: sidOf', options.sidOf) ?? ((key) => key),
    clock: callable('fromExpressStore: clock', options.clock) ?? Date.now,
    isTheirs: false,
  }
}

function assertExpressStore(store: unknown): asserts store is ExpressStore {
  if (typeof store === 'function') {
    throw invalid(
      'fromExpressStore: the store is a function. Give what it makes: call the factory, and then `new` on the class.',
    )
  }
  if (typeof store !== 'object' || store === null) {
    throw invalid(`fromExpressStore: the store is ${shown(store)}. Give a store as express-session takes it.`)
  }
  for (const verb of ['get', 'set', 'destroy'] as const) {
    if (typeof (store as Partial<ExpressStore>)[verb] === 'function') continue
    const hint = 'abilities' in store ? " It is one of Latchkey's: pass it as `store` without fromExpressStore." : ''
    throw invalid(`fromExpressStore: the store has no method "${verb}", so it is none for express-session.${hint}`)
  }
}

function nameOf(store: object): string {
  const name: unknown = (store.constructor as { name?: unknown } | undefined)?.name
  return typeof name === 'string' && name !== '' && name !== 'Object' ? name : 'express-session store'
}
