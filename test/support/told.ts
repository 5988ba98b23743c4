import crypto from 'node:crypto'
import { syncBuiltinESMExports } from 'node:module'
import { format } from 'node:util'
import type { EngineOptions, SessionEvent } from 'latchkey/core'

/** The part of an id, and of a key, that is random or leads to it: without its tag. */
const SECRET_LENGTH = 43

/** That of an id, with its tag. */
const ID_LENGTH = 51

/** Of the secrets made in this worker, at most so many are remembered. */
const MOST = 5000

/** How deep an event is looked through: an error, its cause, and the cause of that. */
const MAX_DEPTH = 4

/** What one worker has made, and where it was seen. One for all copies of this module. */
interface Watch {
  readonly made: Set<string>
  readonly leaks: string[]
}

const shared = globalThis as { latchkeyWatch?: Watch }

/** Looks for ids and keys in all that is told from now on: on the console, to the streams, as a warning. */
export function watchSecrets(): void {
  if (shared.latchkeyWatch) return
  const watch: Watch = { made: new Set(), leaks: [] }
  shared.latchkeyWatch = watch
  rememberMade(watch)
  for (const method of ['log', 'info', 'warn', 'error', 'debug', 'trace', 'dir'] as const) {
    const original = console[method].bind(console) as (...args: unknown[]) => void
    console[method] = (...args: unknown[]) => {
      told(format(...args))
      original(...args)
    }
  }
  for (const stream of [process.stdout, process.stderr]) {
    const original = stream.write.bind(stream)
    stream.write = ((...args: Parameters<typeof original>) => {
      told(args[0])
      return original(...args)
    }) as typeof stream.write
  }
  process.on('warning', told)
}

/** Notes every id that is used, and its key, by the function of Node that makes the one of the other. */
function rememberMade({ made }: Watch): void {
  const { hash } = crypto
  const note = (secret: string): void => {
    if (made.size >= MOST) made.delete(made.values().next().value!)
    made.add(secret)
  }
  crypto.hash = ((...args: Parameters<typeof hash>) => {
    const digest: unknown = hash(...args)
    const [, text] = args
    // A signature is made of bytes, and says nothing without its id.
    if (typeof text === 'string' && typeof digest === 'string' && digest.length === SECRET_LENGTH) note(digest)
    if (typeof text === 'string' && text.length === ID_LENGTH) note(text.slice(-SECRET_LENGTH))
    return digest
  }) as typeof hash
  syncBuiltinESMExports()
}

/** Looks through what was told, such as an event: all texts in it. */
export function told(value: unknown, depth = 0): void {
  if (typeof value === 'string') return lookInto(value)
  if (typeof value !== 'object' || value === null || depth > MAX_DEPTH) return
  if (value instanceof Uint8Array) return lookInto(Buffer.from(value).toString('latin1'))
  if (value instanceof Error) {
    told(value.message, depth + 1)
    told(value.cause, depth + 1)
  }
  for (const [key, item] of Object.entries(value)) {
    told(key, depth + 1)
    told(item, depth + 1)
  }
}

function lookInto(text: string): void {
  const watch = shared.latchkeyWatch
  if (!watch || text.length < SECRET_LENGTH) return
  for (const [run] of text.matchAll(/[\w-]{43,}/g)) {
    for (let at = 0; at + SECRET_LENGTH <= run.length; at++) {
      if (watch.made.has(run.slice(at, at + SECRET_LENGTH))) watch.leaks.push(text)
    }
  }
}

/** The texts that held an id or a key, and forgets them. */
export function takeLeaks(): readonly string[] {
  return shared.latchkeyWatch?.leaks.splice(0) ?? []
}

/** What may be given to a door or an engine beside its own options. */
interface Telling {
  readonly log?: ((...args: never[]) => void) | false | undefined
  readonly onEvent?: EngineOptions['onEvent']
}

/** The same options, with every line and every event looked through on its way. A log that is off is on, for this alone. */
export function watched<T extends Telling>(options: T): T {
  const { log, onEvent } = options
  return {
    ...options,
    ...(log === undefined
      ? {}
      : {
          log: (...args: never[]) => {
            for (const arg of args) told(arg)
            if (log !== false) log(...args)
          },
        }),
    onEvent: (event: SessionEvent) => {
      told(event)
      return onEvent?.(event)
    },
  }
}
