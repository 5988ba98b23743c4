import type { Clock } from '../../core/expiry.js'
import type { SessionStore } from '../../core/store.js'
import { KeyedStore } from '../keyed/keyed-store.js'
import { checkOptions, type DataNames } from './options.js'
import { TheirStore, type ExpressStore } from './their-store.js'

/**
 * A session store on a store for express-session that is used as express-session uses it: under the ids themselves, also for
 * what express-session has written, without a look before a new session is set, and with the store's own `touch`. Whoever
 * reads the store has the ids.
 *
 * @param cookie - the attributes of the `cookie` in what is stored
 * @param names - how express-session names the data
 * @throws SessionError `OPTIONS_INVALID`
 */
export function asTheirs(
  store: ExpressStore,
  cookie: Readonly<Record<string, unknown>>,
  names: DataNames,
  clock?: Clock,
): SessionStore {
  const resolved = { ...checkOptions(store, { sidOf: (key) => key, cookie, clock }), isTheirs: true, names }
  return new KeyedStore(new TheirStore(store, resolved), store, resolved.clock)
}
