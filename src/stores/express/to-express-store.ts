import { days, MAX_DURATION, type Duration } from '../../core/duration.js'
import { invalid, refuseUnknown, shown } from '../../core/options.js'
import type { SessionStore } from '../../core/store.js'
import { OurStore, type ExpressSession } from './our-store.js'

/** express-session as far as {@link toExpressStore} needs it: what `import session from 'express-session'` gives. */
export interface ExpressSessionLibrary<S> {
  readonly Store: abstract new (...args: never[]) => S
}

/** What {@link toExpressStore} can be told. */
export interface ToExpressStoreOptions {
  /** How long a session lives without a request where its cookie has no `maxAge`. Default: 1 day. */
  readonly idleTimeout?: Duration | undefined
}

/** What express-session's own `Store` does for its stores. */
interface BaseStore {
  createSession(request: object, session: object): object
}

type Callback = (error?: unknown, session?: unknown) => void

/**
 * A store of Latchkey as a store for express-session, which is handed in for its `Store`: `regenerate`, `load`,
 * `createSession` and the events are express-session's own.
 *
 * A session is kept under a hash of its id, so nothing in the store lets its reader sign in. A save writes only what has changed since
 * the request began, in one atomic step: parallel requests that set different keys keep them all. A save or a touch of a
 * session that was ended meanwhile is dropped, without an error. Date, Map, Set, BigInt and bytes come back as what they
 * were; what can't be kept faithfully is the error of the callback, `VALUE_NOT_STORABLE`, with the path of the value. A record that can't be
 * read counts as absent.
 *
 * The sessions belong to nobody, so there is no list of them by user, and no `all`, `length` or `clear`. When the
 * response leaves, whether a new id is given at a sign-in and what becomes of a failed save is up to express-session.
 *
 * @throws SessionError `OPTIONS_INVALID`
 */
export function toExpressStore<S>(
  store: SessionStore,
  session: ExpressSessionLibrary<S>,
  options: ToExpressStoreOptions = {},
): S {
  const ours = new OurStore(assertStore(store), checkedIdleTimeout(options))
  const Base = baseOf(session)

  class LatchkeyStore extends Base {
    get(sid: string, callback?: Callback): void {
      tell(ours.get(sid), callback)
    }

    set(sid: string, data: ExpressSession, callback?: Callback): void {
      tell(ours.set(sid, data), callback)
    }

    touch(sid: string, data: ExpressSession, callback?: Callback): void {
      tell(ours.touch(sid, data), callback)
    }

    destroy(sid: string, callback?: Callback): void {
      tell(ours.destroy(sid), callback)
    }

    override createSession(request: object, data: object): object {
      const created = super.createSession(request, data)
      ours.adopt(created, data)
      return created
    }
  }

  return new LatchkeyStore() as S
}

/** As with every callback of Node, what it throws is its caller's to catch, not a rejection of ours. */
function tell(done: Promise<unknown>, callback: Callback = () => {}): void {
  done.then(
    (value) => process.nextTick(callback, null, value),
    (error: unknown) => process.nextTick(callback, error),
  )
}

function baseOf(session: ExpressSessionLibrary<unknown>): new () => BaseStore {
  const base: unknown = (session as Partial<ExpressSessionLibrary<unknown>> | undefined)?.Store
  if (typeof base === 'function') return base as new () => BaseStore
  throw invalid(
    "toExpressStore needs express-session itself as its second argument. Pass what `import session from 'express-session'` gives.",
  )
}

function assertStore(store: SessionStore): SessionStore {
  if (typeof (store as Partial<SessionStore> | undefined)?.create === 'function') return store
  throw invalid(
    'toExpressStore: the store has no method "create", so it is not a SessionStore of Latchkey. Pass a RedisStore or a SqliteStore.',
  )
}

function checkedIdleTimeout(options: ToExpressStoreOptions): Duration {
  refuseUnknown(options, ['idleTimeout'], 'option of toExpressStore')
  const { idleTimeout = days(1) } = options
  if (typeof idleTimeout === 'number' && idleTimeout >= 1 && idleTimeout <= MAX_DURATION) return Math.round(idleTimeout)
  throw invalid(
    `toExpressStore: idleTimeout is ${shown(idleTimeout)}. Give a number of milliseconds from 1 to ${MAX_DURATION}, such as hours(8).`,
  )
}
