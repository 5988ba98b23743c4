import { setTimeout as pause } from 'node:timers/promises'
import type { Connection } from './client.js'
import { ResentError } from './line.js'
import { SilentError } from './revived.js'

/** How long a command that Redis turned away is tried again, in milliseconds: less than the engine waits for a store. */
const RETRY_WITHIN = 400

/** The longest pause between two tries, in milliseconds. */
const MAX_PAUSE = 50

/**
 * A connection that asks again where nothing can have happened: a slot is on its way to another server (`TRYAGAIN`), a
 * cluster has no master for it just now (`CLUSTERDOWN`), or the server has become a replica (`READONLY`). For a moment
 * only: then the answer goes out as it is.
 */
export function patient(connection: Connection): Connection {
  return {
    isCluster: connection.isCluster,
    send: async (args, key) => patiently(connection, args, key, connection.send(args, key)),
    close: () => connection.close(),
  }
}

async function patiently(
  connection: Connection,
  args: string[],
  key: string | undefined,
  first: Promise<unknown>,
): Promise<unknown> {
  const late = performance.now() + RETRY_WITHIN
  let answer = first
  for (let longest = 5; ; longest = Math.min(longest * 2, MAX_PAUSE)) {
    try {
      return await answer
    } catch (error) {
      if (!wasTurnedAway(error, connection.isCluster) || performance.now() > late) throw error
    }
    await pause(longest / 2 + (Math.random() * longest) / 2)
    answer = connection.send(args, key)
  }
}

/** Goes on with a command that may be asked twice, and has failed once without patience. */
export function retried(connection: Connection, args: string[], key: string, error: unknown): Promise<unknown> {
  const ask = (): Promise<unknown> => patient(connection).send(args, key)
  return again(ask, patiently(connection, args, key, Promise.reject(error)))
}

/** Asks what may be asked twice once more if the connection was lost under it. */
export async function again<T>(ask: () => Promise<T>, first = ask()): Promise<T> {
  try {
    return await first
  } catch (error) {
    if (!isDropped(error)) throw error
    return ask()
  }
}

/** Before Redis 7 the error of a command in a script comes with a dash, behind some words about the script. */
const TURNED_AWAY = /(?:^|-)(?:TRYAGAIN|CLUSTERDOWN|READONLY)\b/

function wasTurnedAway(error: unknown, isCluster: boolean): boolean {
  if (!(error instanceof Error)) return false
  return TURNED_AWAY.test(error.message) || (isCluster && /^(?:MOVED|ASK) /.test(error.message))
}

const DROPPED_CODES = new Set<unknown>(['ECONNRESET', 'ECONNABORTED', 'EPIPE'])
const DROPPED_MESSAGES = new Set<unknown>([
  'Socket closed unexpectedly', // node-redis
  'Disconnects client', // node-redis, for a server that is no master of its cluster any more
  'Connection is closed.', // ioredis
  'Command aborted due to connection close', // ioredis, auto-pipelining
])

/** Whether a command failed because the connection went away under it, or was given up: not a time-out, not an answer of the server. */
function isDropped(error: unknown): boolean {
  const { name, code, message } = (error ?? {}) as { name?: unknown; code?: unknown; message?: unknown }
  if (error instanceof SilentError || error instanceof ResentError) return true
  return DROPPED_CODES.has(code) || DROPPED_MESSAGES.has(message) || name === 'MaxRetriesPerRequestError'
}
