import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { onTestFinished } from 'vitest'

/** A program that ended. */
export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs Node to its end. */
export async function run(folder: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ended> {
  const child = spawn(process.execPath, args, { cwd: folder, env: environment(env) })
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', (text: Buffer) => (stdout += text.toString()))
  child.stderr.on('data', (text: Buffer) => (stderr += text.toString()))
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, stdout, stderr }
}

export async function json(response: Promise<Response>): Promise<unknown> {
  return (await response).json()
}

/** A server that was started. */
export interface Server {
  readonly base: string
  /** What it has printed. */
  output(): string
  /** Ends it by SIGKILL. */
  kill(): Promise<void>
}

/** Starts a server that listens on `PORT`, and answers when it is there. It ends with the test. */
export async function serve(folder: string, file: string, env: NodeJS.ProcessEnv = {}): Promise<Server> {
  const port = await freePort()
  const child = spawn(process.execPath, [file], { cwd: folder, env: environment({ ...env, PORT: String(port) }) })
  let output = ''
  child.stdout.on('data', (text: Buffer) => (output += text.toString()))
  child.stderr.on('data', (text: Buffer) => (output += text.toString()))
  const ended = once(child, 'close')
  const kill = async (): Promise<void> => {
    child.kill('SIGKILL')
    await ended
  }
  onTestFinished(kill)
  const base = `http://127.0.0.1:${port}`
  for (let attempt = 0; attempt < 600 && child.exitCode === null; attempt++) {
    if (await isThere(base)) return { base, output: () => output, kill }
    await wait(25)
  }
  throw new Error(`${file} does not answer on ${base}:\n${output}`)
}

function isThere(base: string): Promise<boolean> {
  return fetch(base).then(
    () => true,
    () => false,
  )
}

/** What a test sets, on top of what Node needs; nothing of the machine's own settings. */
function environment(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return { PATH: process.env['PATH'], HOME: process.env['HOME'], ...env }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
