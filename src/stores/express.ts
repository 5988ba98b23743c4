import type { Closing, Probing, Rotating, SessionStore } from '../core/store.js'
import { checkOptions, type FromExpressStoreOptions } from './express/options.js'
import { TheirStore, type ExpressStore } from './express/their-store.js'
import { KeyedStore } from './keyed/keyed-store.js'

export type { FromExpressStoreOptions } from './express/options.js'
export type { ExpressStore } from './express/their-store.js'
export { toExpressStore, type ExpressSessionLibrary, type ToExpressStoreOptions } from './express/to-express-store.js'

/**
 * A session store on any store for express-session, handed in and left open.
 *
 * What is kept is a session as express-session writes one: the data as plain properties, a `cookie` whose `expires`,
 * `maxAge` and `originalMaxAge` say when the store may let go of it, and the rest of the record in the property `latchkey`.
 * So the store's own tools go on reading it, and so does express-session. A session that express-session has written
 * is read under the same id, which needs `sidOf`, and becomes one of these at its first write.
 *
 * Within this process it keeps what every store of Latchkey keeps, also where several are made on one store: parallel
 * writes to different keys are all kept, and what was ended stays ended. What such a store can't do:
 * - Between processes no step is atomic. A write is a `get` and a `set`; what another process wrote to the same session
 *   in between is lost, and a session that it ended in between is back. Of two creates of one key both may win.
 * - It has no ability `by-subject` (no list of devices, no revoking by user, no `maxSessions`), and none `sweeping`:
 *   what is over goes when the store itself removes it.
 * - A write costs two commands, and so do a touch (theirs moves the deadline in the store and leaves the time of last use
 *   in the record as it was, so a `touch` is a `get` and a `set` here) and the creation of a session.
 *
 * What it fails with, by callback, by rejection or by throwing, becomes the cause of a `STORE_UNAVAILABLE`. A call that gets
 * no answer for 10 seconds counts as failed, so that the next one on the same session can go on.
 *
 * @throws SessionError `OPTIONS_INVALID`
 */
export function fromExpressStore(
  store: ExpressStore,
  options: FromExpressStoreOptions = {},
): SessionStore & Rotating & Probing & Closing {
  const resolved = checkOptions(store, options)
  return new KeyedStore(new TheirStore(store, resolved), store, resolved.clock)
}
