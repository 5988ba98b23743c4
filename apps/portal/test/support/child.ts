import { spawn, type SpawnOptions } from 'node:child_process'

/** A process that a test has started. */
export interface Child {
  readonly pid: number
  /** What it has written so far. */
  readonly output: string
  readonly ended: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>
  /** The first text in the output that fits; fails when the process ends, or 30 s pass, without it. */
  says(pattern: RegExp): Promise<RegExpExecArray>
  /** Sends the signal and waits until the process is gone. Twice is not an error. */
  end(signal: NodeJS.Signals): Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>
}

/** Starts a process that ends with this one, however this one ends. */
export function startChild(command: string, args: readonly string[], options: SpawnOptions): Child {
  const child = spawn(command, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  const listeners = new Set<() => void>()
  const tell = (): void => listeners.forEach((listener) => listener())
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (text: Buffer) => {
      output += text.toString()
      tell()
    })
  }
  let isOver = false
  const ended = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => {
      isOver = true
      watcher.kill('SIGKILL')
      tell()
      resolve({ code, signal })
    })
  })
  // It reads from a pipe of ours, which ends with this process, even by SIGKILL.
  const watcher = spawn('sh', ['-c', `read _; kill -9 ${child.pid}`], { stdio: ['pipe', 'ignore', 'ignore'] })
  watcher.unref()

  return {
    pid: child.pid ?? 0,
    get output() {
      return output
    },
    ended,
    says: (pattern) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          const found = pattern.exec(output)
          if (found === null && !isOver) return
          clearTimeout(late)
          listeners.delete(look)
          if (found) resolve(found)
          else reject(new Error(`${command} ended without saying ${pattern}:\n${output}`))
        }
        const late = setTimeout(() => {
          listeners.delete(look)
          reject(new Error(`${command} did not say ${pattern} in 30 s:\n${output}`))
        }, 30_000)
        listeners.add(look)
        look()
      }),
    end: (signal) => {
      child.kill(signal)
      return ended
    },
  }
}
