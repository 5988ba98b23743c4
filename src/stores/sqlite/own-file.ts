import { statSync } from 'node:fs'
import { SessionError } from '../../core/errors.js'
import { reason, type SqliteDatabase } from './driver.js'

/** How often the file is looked at, in milliseconds: while all is well, and while it is not. */
const LOOK_EVERY = 1000
const LOOK_AGAIN = 250

/**
 * The file of a store's own: whether it is still the one that was opened. On most systems SQLite goes on with a file that
 * was deleted or replaced, and what it writes then is lost, and seen by no other process.
 */
export class OwnFile {
  readonly #path: string
  readonly #open: () => SqliteDatabase
  #identity: string | undefined
  #nextLook: number
  #isSuspect = false
  #trouble: unknown

  /** @param open - opens it anew, without waiting for anybody */
  constructor(path: string, open: () => SqliteDatabase) {
    this.#path = path
    this.#open = open
    this.#identity = identityOf(path)
    this.#nextLook = performance.now() + LOOK_EVERY
  }

  /** The database has said that there is something wrong with the file itself. It is opened anew with the next look. */
  suspect(): void {
    if (this.#isSuspect) return
    this.#isSuspect = true
    this.#nextLook = Math.min(this.#nextLook, performance.now() + LOOK_AGAIN)
  }

  /**
   * Looks at the file if that is due, and answers what `prepare` makes of the database if there has to be another one.
   *
   * @throws SessionError `STORE_UNAVAILABLE` while there is no file, or none that can be used
   */
  reopened<T>(prepare: (database: SqliteDatabase) => T): T | undefined {
    if (performance.now() < this.#nextLook) {
      if (this.#trouble !== undefined) throw this.#trouble
      return undefined
    }
    try {
      const opened = this.#look(prepare)
      this.#trouble = undefined
      return opened
    } catch (error) {
      this.#trouble = unavailable(this.#path, error)
      throw this.#trouble
    } finally {
      this.#nextLook = performance.now() + (this.#trouble !== undefined || this.#isSuspect ? LOOK_AGAIN : LOOK_EVERY)
      this.#isSuspect = false
    }
  }

  #look<T>(prepare: (database: SqliteDatabase) => T): T | undefined {
    const identity = identityOf(this.#path)
    if (identity === undefined) throw gone(this.#path)
    if (identity === this.#identity && !this.#isSuspect && this.#trouble === undefined) return undefined
    const opened = prepare(this.#open())
    this.#identity = identity
    return opened
  }
}

/** `undefined` if it isn't there. Where a system gives its files no numbers, every file is the same. */
function identityOf(path: string): string | undefined {
  try {
    const { dev, ino } = statSync(path, { bigint: true })
    return `${dev}:${ino}`
  } catch {
    return undefined
  }
}

function gone(path: string): SessionError {
  return new SessionError(
    'STORE_UNAVAILABLE',
    `The SQLite file ${path} is gone since it was opened. Put it back, with its folder, and it is used again; or restart to begin with an empty one.`,
  )
}

/** The `STORE_UNAVAILABLE` for what a start met; an error that is a `SessionError` already stays as it is. */
export function unavailable(path: string | undefined, cause: unknown): SessionError {
  if (cause instanceof SessionError) return cause
  const what = path === undefined ? 'The SQLite database that was handed in' : `The SQLite file ${path}`
  return new SessionError(
    'STORE_UNAVAILABLE',
    `${what} can't be used: ${reason(cause)}. Check that it is a database, and that it and its folder can be written to.`,
    { cause },
  )
}
