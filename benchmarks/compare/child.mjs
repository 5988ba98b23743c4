import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { pin } from './cores.mjs'

/** How long a child may take for one answer, in milliseconds, unless it is told otherwise. */
const PATIENCE = 120_000

/** @typedef {{ ask(name: string, question?: object, patience?: number): Promise<any>, end(): Promise<void>, stop(): Promise<void> }} Child */

/**
 * Starts a module as a process that answers what it is asked (see `answers`). It ends when told to, and with this process.
 *
 * @param {string} module - beside this one
 * @param {{ execArgv?: string[], env?: Record<string, string>, core?: number }} [options] - `core`: the one that it stays on
 * @returns {Promise<Child>}
 */
export async function startChild(module, { execArgv = [], env = {}, core = undefined } = {}) {
  const child = fork(fileURLToPath(new URL(module, import.meta.url)), [], {
    execArgv,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  })
  let said = ''
  child.stderr?.on('data', (text) => (said += text))
  const waiting = new Map()
  let count = 0
  const ended = new Promise((resolve) => child.once('exit', resolve))
  let listens = () => {}
  const listening = new Promise((resolve) => (listens = () => resolve(undefined)))
  child.on('message', (/** @type {any} */ { id, answer, error }) => {
    if (id === undefined) return listens()
    const { resolve, reject } = waiting.get(id) ?? {}
    waiting.delete(id)
    if (error === undefined) resolve?.(answer)
    else reject?.(new Error(error))
  })
  void ended.then(() => {
    for (const { reject } of waiting.values()) reject(new Error(`${module} ended before it answered. It said: ${said}`))
  })
  // What is sent to a module before it listens is lost.
  await Promise.race([listening, ended])
  if (core !== undefined) pin(child.pid, core)
  return {
    ask(name, question = {}, patience = PATIENCE) {
      const id = ++count
      return new Promise((resolve, reject) => {
        const late = setTimeout(() => reject(new Error(`${module} took over ${patience} ms for "${name}".`)), patience)
        const settle = (/** @type {(value: any) => void} */ how) => (/** @type {any} */ value) => {
          clearTimeout(late)
          how(value)
        }
        waiting.set(id, { resolve: settle(resolve), reject: settle(reject) })
        if (!child.connected) waiting.get(id).reject(new Error(`${module} has ended. It said: ${said}`))
        else child.send({ id, name, question })
      })
    },
    /** Lets it end as a process does that has nothing left to do, and makes it if it doesn't. */
    async end() {
      const late = setTimeout(() => child.kill('SIGKILL'), 10_000)
      if (child.connected) child.disconnect()
      await ended
      clearTimeout(late)
    },
    async stop() {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
      await ended
    },
  }
}

/** In a child: answers what the process that started it asks, and ends with that. */
export function answers(handlers) {
  process.on('message', (/** @type {any} */ { id, name, question }) => {
    Promise.resolve()
      .then(() => handlers[name](question))
      .then(
        (answer) => process.send?.({ id, answer }),
        (error) => process.send?.({ id, error: error?.stack ?? String(error) }),
      )
  })
  process.on('disconnect', () => process.exit())
  process.send?.({})
}
