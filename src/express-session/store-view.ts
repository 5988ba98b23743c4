import type { VerbCallback } from '../core/session.js'
import { Cookie } from './cookie.js'
import type { SessionDoor } from './door.js'
import { COOKIE_KEY, keptName, shownName } from './face-data.js'
import type { SessionData, SessionRequest, StoredSession } from './session.js'
import { Store } from './store.js'

/**
 * A store of Latchkey as `req.sessionStore` shows it to code that asks it for sessions by their id. What it sets goes into a
 * session that is there: none is created, none revived.
 */
export class StoreView extends Store {
  readonly #door: SessionDoor

  constructor(door: SessionDoor) {
    super()
    this.#door = door
  }

  override generate(request: SessionRequest): void {
    this.#door.generate(request)
  }

  override get(sid: string, callback: (error?: unknown, session?: StoredSession | null) => void): void {
    callLater(callback, this.#get(sid))
  }

  override set(sid: string, session: SessionData, callback?: VerbCallback): void {
    const data = Object.fromEntries(
      Object.entries(session)
        .filter(([name]) => name !== 'cookie')
        .map(([name, value]) => [keptName(name), value]),
    )
    callLater(callback, this.#door.engine.write(sid, data, 'replace'))
  }

  override destroy(sid: string, callback?: VerbCallback): void {
    callLater(callback, this.#door.engine.revoke(sid))
  }

  async #get(sid: string): Promise<StoredSession | null> {
    const held = await this.#door.engine.read(sid)
    if (!held) return null
    const { cookie } = this.#door.options
    const session: StoredSession = { cookie: new Cookie(typeof cookie === 'function' ? undefined : cookie).data }
    for (const [name, value] of Object.entries(held)) {
      if (name !== COOKIE_KEY) session[shownName(name)] = value
    }
    return session
  }
}

function callLater<T>(callback: ((error?: unknown, value?: T) => void) | undefined, done: Promise<T>): void {
  done.then(
    (value) => callback && process.nextTick(callback, null, value),
    (error: unknown) => callback && process.nextTick(callback, error),
  )
}
