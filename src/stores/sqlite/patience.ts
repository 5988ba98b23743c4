import { isBusy, type SqliteDatabase } from './driver.js'

/**
 * How long work waits for another process that has the file locked. The first waits for as long as the busy timeout of the
 * database says. If it waited in vain, those after it fail at once, until one has succeeded: each wait stops the whole
 * process, and requests that come one after the other would stop it for good.
 *
 * The timeout is what it was before when the work is done: others may use the database, too.
 */
export class Patience {
  #isOver = false

  /** Whether the last work waited in vain. */
  get isOver(): boolean {
    return this.#isOver
  }

  run<T>(database: SqliteDatabase, work: () => T): T {
    return this.#isOver ? this.#atOnce(database, work) : this.#try(work)
  }

  #try<T>(work: () => T): T {
    try {
      const result = work()
      this.#isOver = false
      return result
    } catch (error) {
      this.failed(error)
      throw error
    }
  }

  /** Work that was done without {@link run} has failed. */
  failed(error: unknown): void {
    this.#isOver = isBusy(error)
  }

  #atOnce<T>(database: SqliteDatabase, work: () => T): T {
    const timeout = timeoutOf(database)
    database.exec('PRAGMA busy_timeout = 0')
    try {
      return this.#try(work)
    } finally {
      database.exec(`PRAGMA busy_timeout = ${timeout}`)
    }
  }
}

function timeoutOf(database: SqliteDatabase): number {
  const row = database.prepare('PRAGMA busy_timeout').get() as object
  return Number(Object.values(row)[0])
}
