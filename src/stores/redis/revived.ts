import type { Connection } from './client.js'
import { type Line, TICK } from './line.js'

/** Why a command was given up: its connection was silent for so long that it counts as dead. */
export class SilentError extends Error {
  override readonly name = 'SilentError'

  constructor() {
    super('Redis has not answered for a second or more. Its connection was given up, and a new one is being opened.')
  }
}

/** A command on its way. */
interface Waiting {
  /** The tick at which it was sent. */
  readonly since: number
  readonly reject: (error: SilentError) => void
}

/**
 * A connection that gives up a line which has fallen silent, and opens another. When a host is gone without a word, no end
 * of the connection ever comes, and a client waits for it as long as the operating system does: for a quarter of an hour.
 *
 * Silent is who owes an answer and has said nothing for as many ticks as the line has patience. With several servers
 * behind a line it is the command that waits for longest that counts, as the others may answer. Ticks are counted, not
 * milliseconds, so that a process which was busy with itself does not take that for silence. What waits at a dead
 * line is rejected at once with a {@link SilentError}.
 */
export class Revived implements Connection {
  readonly isCluster: boolean
  readonly #another: (() => Line) | undefined
  readonly #waiting = new Set<Waiting>()
  #line: Line
  #timer: NodeJS.Timeout | undefined
  #ticks = 0
  /** For how many ticks nothing was heard. */
  #silence = 0
  #wasHeard = false
  /** Whether the client has given up commands by itself since it was last heard, which says nothing about the server. */
  #hasMissed = false
  #isClosed = false

  /** @param another - opens the next line, of the store's own; none: the first is kept whatever it does */
  constructor(line: Line, another?: () => Line) {
    this.isCluster = line.isCluster
    this.#line = line
    this.#another = another
  }

  send(args: string[], key?: string): Promise<unknown> {
    const answer = this.#line.send(args, key)
    if (this.#another === undefined) return answer
    this.#timer ??= this.#next()
    return new Promise((resolve, reject) => {
      const waiting: Waiting = { since: this.#ticks, reject }
      this.#waiting.add(waiting)
      answer.then(
        (value) => {
          this.#hear(waiting)
          resolve(value)
        },
        (error: unknown) => {
          if (isTimeout(error)) this.#miss(waiting)
          else this.#hear(waiting)
          reject(error)
        },
      )
    })
  }

  close(): Promise<void> {
    this.#isClosed = true
    clearTimeout(this.#timer)
    return this.#line.close()
  }

  #hear(waiting: Waiting): void {
    // Not what a line says that was given up.
    if (!this.#waiting.delete(waiting)) return
    this.#wasHeard = true
    this.#hasMissed = false
  }

  #miss(waiting: Waiting): void {
    if (this.#waiting.delete(waiting)) this.#hasMissed = true
  }

  #next(): NodeJS.Timeout {
    return setTimeout(() => this.#tick(), TICK).unref()
  }

  #tick(): void {
    this.#timer = undefined
    this.#ticks++
    this.#silence = this.#wasHeard ? 0 : this.#silence + 1
    this.#wasHeard = false
    const [oldest] = this.#waiting
    if (oldest === undefined && !this.#hasMissed) this.#silence = 0
    else this.#judge(oldest)
  }

  #judge(oldest: Waiting | undefined): void {
    const silence = this.isCluster && oldest !== undefined ? this.#ticks - oldest.since : this.#silence
    if (silence >= this.#line.patience) this.#replace()
    else if (!this.#isClosed) this.#timer ??= this.#next()
  }

  #replace(): void {
    if (this.#another === undefined || this.#isClosed) return
    const [dead, given] = [this.#line, [...this.#waiting]]
    this.#waiting.clear()
    this.#silence = 0
    this.#hasMissed = false
    try {
      this.#line = this.#another()
      dead.drop()
    } catch {
      // A client of the application that can't be duplicated or left: it stays in use, and is looked at again.
    }
    const error = new SilentError()
    for (const { reject } of given) reject(error)
  }
}

/** Whether a client gave up by itself, by a time-out of the application's. */
function isTimeout(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  return error.constructor.name.endsWith('TimeoutError') || error.message === 'Command timed out'
}
