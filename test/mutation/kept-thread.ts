import { ThreadsPoolWorker, type PoolOptions, type PoolWorker, type Vite, type WorkerRequest } from 'vitest/node'

/** After so many runs a new thread takes over, because of what mutants leave behind. */
const RUNS_PER_THREAD = 50

/**
 * Lets the test runs of all mutants share one thread, in which the library, Express and Fastify are loaded already. To
 * start a thread for each mutant, as Vitest does by itself, takes ten times as long as most mutants live.
 */
export const keepThread: Vite.Plugin = {
  name: 'keep-thread',
  configureVitest({ project }) {
    Object.assign(project.config, {
      pool: 'kept-thread',
      poolRunner: { name: 'kept-thread', createPoolWorker: (options: PoolOptions) => new KeptThread(options) },
    })
    project.vitest.onClose(() => kept?.thread.stop())
  },
}

let kept: { readonly thread: ThreadsPoolWorker; runs: number } | undefined

/** A worker for one run, on the thread that is kept: starts it when it is the first, and lets it live at the end. */
class KeptThread implements PoolWorker {
  readonly name = 'kept-thread'
  readonly #options: PoolOptions
  readonly #listeners: [string, (message: unknown) => void][] = []
  #config: unknown

  constructor(options: PoolOptions) {
    this.#options = options
  }

  async start(): Promise<void> {
    if (kept && ++kept.runs > RUNS_PER_THREAD) {
      await kept.thread.stop()
      kept = undefined
    }
    if (kept) return
    kept = { thread: new ThreadsPoolWorker(this.#options), runs: 0 }
    await kept.thread.start()
  }

  on(event: string, callback: (message: unknown) => void): void {
    this.#listeners.push([event, callback])
    kept!.thread.on(event, callback)
  }

  off(event: string, callback: (message: unknown) => void): void {
    kept!.thread.off(event, callback)
  }

  send(message: WorkerRequest): void {
    if (message.type === 'stop') return this.#answer('stopped')
    if (message.type === 'start') {
      this.#config = message.context.config
      if (kept!.runs > 0) return this.#answer('started')
    }
    // The thread knows the configuration of its first run: which tests to run, among others, changes with each.
    if (message.type === 'run') Object.assign(message.context, { config: this.#config })
    kept!.thread.send(message)
  }

  stop(): Promise<void> {
    for (const [event, callback] of this.#listeners) kept!.thread.off(event, callback)
    return Promise.resolve()
  }

  deserialize(data: unknown): unknown {
    return data
  }

  #answer(type: 'started' | 'stopped'): void {
    const message = { type, __vitest_worker_response__: true }
    for (const [event, callback] of this.#listeners) if (event === 'message') callback(message)
  }
}
