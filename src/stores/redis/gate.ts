import { SessionError } from '../../core/errors.js'

/** What the gate needs of a client that opens itself again after a loss: node-redis and ioredis have it alike. */
export interface Reconnecting {
  connect(): Promise<unknown>
  on(event: 'ready', listener: () => void): unknown
  on(event: 'error', listener: (error: unknown) => void): unknown
}

/**
 * Where commands wait for a connection: for the first one, and in the short gap after a loss. From the moment that Redis
 * is known to be out of reach until it is back, they are turned away at once with the reason.
 */
export class Gate {
  readonly #client: Reconnecting
  #isConnecting = false
  /** Whether there was a connection since the last error. The error after it is its loss; only the next one says that Redis is away. */
  #wasReady = false
  #reason: unknown
  #isClosed = false
  #waiting: Promise<void> | undefined
  #admit: () => void = () => {}
  #refuse: (reason: unknown) => void = () => {}

  constructor(client: Reconnecting, isReady: () => boolean) {
    this.#client = client
    client.on('ready', () => {
      if (this.#isClosed) return
      this.#wasReady = true
      this.#reason = undefined
      this.#admit()
      this.#waiting = undefined
    })
    client.on('error', (error) => {
      if (isReady() || this.#isClosed) return
      if (this.#wasReady) this.#wasReady = false
      else this.#turnAway(error)
    })
  }

  /** Resolves when there is a connection; opens the first one. Rejects when Redis can't be reached, or the store is closed. */
  pass(): Promise<void> {
    if (this.#reason !== undefined) return Promise.reject(this.#reason)
    this.#waiting ??= new Promise((resolve, reject) => {
      this.#admit = resolve
      this.#refuse = reject
    })
    if (!this.#isConnecting) {
      this.#isConnecting = true
      // What is wrong comes as an `error` event too.
      this.#client.connect().catch(() => {})
    }
    return this.#waiting
  }

  /** Turns away everybody from now on. */
  close(): void {
    this.#isClosed = true
    this.#turnAway(new SessionError('STORE_CLOSED', 'The Redis store was closed while a request was using it.'))
  }

  #turnAway(reason: unknown): void {
    this.#reason = reason
    this.#refuse(reason)
    this.#waiting = undefined
  }
}
