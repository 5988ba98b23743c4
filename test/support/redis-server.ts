import { type ChildProcess, spawn } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { createClient } from 'redis'

/** A Redis or Valkey server of a test's own. */
export interface RedisServer {
  readonly url: string
  readonly port: number
  readonly pid: number
  /** Ends it as an operator would, and waits until it is gone. Twice is not an error. */
  stop(): Promise<void>
  /** Ends it by SIGKILL, and waits until it is gone. */
  kill(): Promise<void>
  /** Sends one command over a connection of the server's own, named `test`, and answers its RESP2 reply. */
  command(...args: string[]): Promise<unknown>
}

export interface RedisServerOptions {
  /** More arguments of `redis-server`, such as `['--maxmemory', '4mb']`. */
  readonly args?: readonly string[]
  /** The port, where it has to be the one of a server before. Default: a free one. */
  readonly port?: number
}

/**
 * Starts the server at `REDIS_SERVER`, or `redis-server` or `valkey-server` on the PATH, on a free port of 127.0.0.1,
 * without persistence. It is there when this resolves, and ends with this process however that ends.
 */
export async function startRedis(options: RedisServerOptions = {}): Promise<RedisServer> {
  for (let attempt = 1; ; attempt++) {
    const port = options.port ?? (await freePort())
    try {
      return await startOn(port, options.args ?? [])
    } catch (error) {
      // Somebody else may have taken the port meanwhile.
      if (attempt === 5) throw error
    }
  }
}

async function startOn(port: number, args: readonly string[]): Promise<RedisServer> {
  const dir = await mkdtemp(join(tmpdir(), 'latchkey-redis-'))
  const settings = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', dir]
  const child = spawn(findServer(), [...settings, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()))
  const watcher = endWithThisProcess(child)
  const cleanUp = async (): Promise<void> => {
    watcher.kill('SIGKILL')
    await rm(dir, { recursive: true, force: true })
  }
  try {
    await isReady(child)
    await answersPing(port)
  } catch (error) {
    child.kill('SIGKILL')
    await ended
    await cleanUp()
    throw error
  }

  const url = `redis://127.0.0.1:${port}`
  let client: ReturnType<typeof connectTo> | undefined
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    const open = await client?.catch(() => undefined)
    if (open?.isOpen === true) open.destroy()
    child.kill(signal)
    await ended
    await cleanUp()
  }
  return {
    url,
    port,
    pid: child.pid ?? 0,
    stop: () => end('SIGTERM'),
    kill: () => end('SIGKILL'),
    command: async (...command) => (await (client ??= connectTo(url))).sendCommand(command),
  }
}

async function connectTo(url: string) {
  return createClient({ url, RESP: 2, name: 'test' })
    .on('error', () => {})
    .connect()
}

export function findServer(): string {
  const named = process.env['REDIS_SERVER']
  if (named !== undefined && named !== '') return named
  for (const name of ['redis-server', 'valkey-server']) {
    for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
      const path = join(folder, name)
      try {
        accessSync(path, constants.X_OK)
        return path
      } catch {
        // Not in this folder.
      }
    }
  }
  throw new Error('No redis-server or valkey-server on the PATH. Install one, or name it in REDIS_SERVER.')
}

/** A shell that reads from a pipe of ours: the pipe ends with this process, even by SIGKILL, and the server with it. */
export function endWithThisProcess(child: ChildProcess): ChildProcess {
  const watcher = spawn('sh', ['-c', `read _; kill -9 ${child.pid}`], { stdio: ['pipe', 'ignore', 'ignore'] })
  watcher.unref()
  return watcher
}

/** Its own word in its log: another server may answer on the port. */
function isReady(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    let log = ''
    const late = setTimeout(() => reject(new Error(`Redis was not ready in 10 s:\n${log}`)), 10_000)
    const hear = (text: Buffer): void => {
      log += text.toString()
      if (!log.includes('Ready to accept connections')) return
      clearTimeout(late)
      resolve()
    }
    child.stdout?.on('data', hear)
    child.stderr?.on('data', hear)
    child.once('error', reject)
    child.once('exit', () => {
      clearTimeout(late)
      reject(new Error(`Redis ended while it was starting:\n${log}`))
    })
  })
}

async function answersPing(port: number): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt++) {
    if (await ping(port)) return
    await wait(10)
  }
  throw new Error(`Redis on port ${port} did not answer PING`)
}

/** Also a server that asks for a password answers. */
function ping(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write('PING\r\n'))
    const end = (answered: boolean): void => {
      socket.destroy()
      resolve(answered)
    }
    socket.setTimeout(1000, () => end(false))
    socket.once('error', () => end(false))
    socket.once('data', (data) => end(/^[+]PONG|^-NOAUTH/.test(data.toString())))
  })
}

/** A port of 127.0.0.1 that nobody listens on just now. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0))
    })
  })
}
