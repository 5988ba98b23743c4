import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'

/** What `outage-app.mjs` is to be. */
export interface OutageAppOptions {
  readonly platform: 'express' | 'fastify'
  /** The URL of a Redis, or the path of a SQLite file. */
  readonly redis?: string
  readonly sqlite?: string
  /** The port, where it has to be the one of a process before. */
  readonly port?: number
  /** Options of the sessions. */
  readonly options?: object
}

/** An application in a process of its own. */
export interface OutageApp {
  readonly port: number
  readonly base: string
  readonly child: ChildProcess
  /** What it has said on its error output: a process that is well says nothing. */
  readonly said: string
  /** Ends it by SIGKILL, and waits until it is gone. */
  kill(): Promise<void>
}

/** Starts one, and waits until it listens. */
export async function startApp(options: OutageAppOptions): Promise<OutageApp> {
  const file = new URL('./outage-app.mjs', import.meta.url)
  const child = fork(file, [JSON.stringify(options)], {
    execArgv: ['--expose-gc'],
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  })
  let said = ''
  child.stderr?.on('data', (text: Buffer) => (said += text.toString()))
  const ended = once(child, 'exit')
  const [port] = (await Promise.race([
    once(child, 'message'),
    ended.then(() => {
      throw new Error(`The application ended while it was starting:\n${said}`)
    }),
  ])) as [number]
  return {
    port,
    base: `http://127.0.0.1:${port}`,
    child,
    get said() {
      return said
    },
    async kill() {
      child.kill('SIGKILL')
      await ended
    },
  }
}
