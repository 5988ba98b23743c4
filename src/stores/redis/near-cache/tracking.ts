import { Deadlines } from '../../../core/deadlines.js'
import { Revived } from '../revived.js'
import { Script } from '../script.js'
import type { Hearing, OpenTracked } from './tracked-line.js'

/**
 * How long what Redis has told is trusted, in milliseconds, from the moment at which a write was sent that it has answered
 * since. So long, and no longer, a session can be read that was ended elsewhere while Redis could not tell of it.
 */
export const TRUSTED_FOR = 1000

/** How old the last beat is when another is due, in milliseconds. */
const BEAT_EVERY = 200

/** A line that has owed an answer for longer is not relied upon, in milliseconds. */
const SLOW = 100

/** How long after it was refused tracking is tried again, in milliseconds. */
const RETRY_AFTER = 5000

/** KEYS: one that nobody uses. Writes to it, and has it end at once. */
const CHANGE = new Script(`
redis.call('HSET', KEYS[1], 'r', '0')
redis.call('PEXPIRE', KEYS[1], 1)
return 1
`)

/** Somebody who waits for it to work. */
interface Waiting {
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/** Who is told of what changes. */
export interface ChangeListener {
  /** The name of a key in Redis, or `undefined`: all of them may have changed. */
  changed(name: string | undefined): void
  /** Tracking does not work, and won't by itself. */
  refused(error: unknown): void
}

/**
 * A connection of the store's own over which one Redis server tells of changes. It is used only after it has been seen to:
 * each time that it connects, a key is read and written, and word of it must come. What it has told is worth something only
 * for {@link TRUSTED_FOR}, because a host that is gone without a word tells nothing at all.
 */
export class Tracking {
  readonly #connection: Revived
  readonly #listener: ChangeListener
  readonly #waiting = new Set<Waiting>()
  #probe: string
  #line: symbol | undefined
  /** Counts connections: what comes over one that is lost says nothing. */
  #turn = 0
  #state: 'away' | 'untried' | 'trying' | 'ready' = 'away'
  #wasTold = false
  #retryAt = 0
  #isOpening = false
  #isClosed = false
  #owed = 0
  #owedSince = 0
  #beatAt = 0
  readonly #reads = new Deadlines(SLOW, (verb) => new Error(`No answer to ${verb} within ${SLOW} ms.`))
  #trusted = { since: -Infinity, date: -Infinity }

  /** @param probe - the name of a key that nobody uses, which this server has */
  constructor(open: OpenTracked, probe: string, listener: ChangeListener) {
    this.#listener = listener
    this.#probe = probe
    const another = (): ReturnType<OpenTracked> => open(this.#hearing())
    this.#connection = new Revived(another(), another)
  }

  /** Whether something may be asked over it: it has shown that it tells of changes, and it answers quickly. */
  get isReady(): boolean {
    if (this.#state !== 'ready') return false
    return this.#owed === 0 || performance.now() - this.#owedSince < SLOW
  }

  /** Whether what was read over it and is kept is as it was, or was so {@link TRUSTED_FOR} ago. */
  get isTrusted(): boolean {
    if (!this.isReady) return false
    // The clock that only goes forward stands still while a machine sleeps; the other may be set.
    const { since, date } = this.#trusted
    return performance.now() - since < TRUSTED_FOR && Date.now() - date < TRUSTED_FOR
  }

  /** Has it be there soon, if it is not. */
  open(probe: string): void {
    if (this.#isClosed || this.#state === 'ready' || this.#state === 'trying') return
    this.#probe = probe
    if (this.#state === 'untried') {
      if (performance.now() >= this.#retryAt) void this.#try()
      return
    }
    if (this.#isOpening) return
    this.#isOpening = true
    this.#connection.send(['ping']).then(
      () => (this.#isOpening = false),
      (error: unknown) => {
        this.#isOpening = false
        if (this.#state === 'away') this.#settle((waiting) => waiting.reject(error))
      },
    )
  }

  /** Resolves when it works, and rejects with what Redis or the connection says if it does not. */
  works(probe: string): Promise<void> {
    if (this.#state === 'ready') return Promise.resolve()
    return new Promise((resolve, reject) => {
      this.#waiting.add({ resolve, reject })
      this.#retryAt = 0
      this.open(probe)
    })
  }

  /**
   * Sends a command, while it {@link isReady}. Its answer comes after all that was told of before it. Rejects where it doesn't come soon,
   * because whoever asks can ask elsewhere.
   */
  askSoon(args: string[]): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const waiting = this.#reads.begin(args[0]!, reject)
      const answered = (): void => void this.#reads.end(waiting)
      this.#ask(args).then(resolve, reject).finally(answered)
    })
  }

  async #ask(args: string[]): Promise<unknown> {
    if (this.#owed++ === 0) this.#owedSince = performance.now()
    try {
      return await this.#connection.send(args)
    } finally {
      this.#owed--
      this.#owedSince = performance.now()
    }
  }

  /** Whether somebody waits for it to be ready. */
  get isAwaited(): boolean {
    return this.#waiting.size > 0
  }

  /** Whether Redis should say that it is there, because what it tells is in use. */
  get isBeatDue(): boolean {
    return performance.now() - this.#beatAt >= BEAT_EVERY
  }

  /**
   * Writes, and is not trusted any more if there is no good answer. Only an answer to a write is trusted: a server that has become a
   * replica, or has given a slot of a Cluster away, answers other commands as before, and tells of changes late or never.
   *
   * @param probe - the name of a key that nobody uses, in the slot of what is in use
   */
  beat(probe: string): void {
    const turn = this.#turn
    this.#write(probe).catch(() => {
      if (turn === this.#turn) this.#distrust()
    })
  }

  /** Has a key not be there. What was told before the answer is all that had changed when this was sent. */
  async #write(probe: string): Promise<void> {
    const [turn, since, date] = [this.#turn, performance.now(), Date.now()]
    this.#beatAt = since
    await this.#ask(['del', probe])
    if (turn === this.#turn && since > this.#trusted.since) this.#trusted = { since, date }
  }

  close(): Promise<void> {
    this.#isClosed = true
    this.#lost('away')
    this.#settle((waiting) => waiting.reject(new Error('The Redis store was closed.')))
    return this.#connection.close()
  }

  /** What one line of this connection has to say, until there is another. */
  #hearing(): Hearing {
    const line = (this.#line = Symbol('line'))
    const hears = (): boolean => line === this.#line
    this.#lost('away')
    return {
      ready: () => {
        if (!hears()) return
        this.#lost('untried')
        void this.#try()
      },
      changed: (name) => {
        if (!hears()) return
        if (name === this.#probe) this.#wasTold = true
        this.#listener.changed(name)
      },
      lost: () => {
        if (hears()) this.#lost('away')
      },
      refused: (error) => {
        if (hears() && this.#state !== 'ready') this.#refused(error)
      },
    }
  }

  async #try(): Promise<void> {
    const [turn, probe] = [this.#turn, this.#probe]
    this.#state = 'trying'
    this.#wasTold = false
    try {
      await this.#connection.send(['hgetall', probe])
      await CHANGE.run(this.#connection, [probe], ['0'])
      await this.#write(probe)
      if (turn !== this.#turn) return
      if (!this.#wasTold) throw new Error('It took CLIENT TRACKING, and no word of a change came.')
      this.#state = 'ready'
      this.#settle((waiting) => waiting.resolve())
    } catch (error) {
      if (turn !== this.#turn) return
      this.#distrust()
      this.#refused(error)
    }
  }

  #refused(error: unknown): void {
    this.#listener.refused(error)
    this.#settle((waiting) => waiting.reject(error))
  }

  /** The connection is there, and what comes over it is not to be relied upon. */
  #distrust(): void {
    this.#lost('untried')
    this.#retryAt = performance.now() + RETRY_AFTER
  }

  #lost(state: 'away' | 'untried'): void {
    this.#turn++
    this.#state = state
    this.#trusted = { since: -Infinity, date: -Infinity }
    this.#listener.changed(undefined)
  }

  #settle(how: (waiting: Waiting) => void): void {
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    for (const each of waiting) how(each)
  }
}
