import { SessionError } from '../../core/errors.js'

/** What the store needs of a client of the package `redis`, 5 or 6. A pool of it will do; a cluster or a sentinel will not. */
export interface NodeRedisClient {
  readonly isOpen: boolean
  connect(): Promise<unknown>
  sendCommand(args: string[], options?: object): Promise<unknown>
  on(event: 'error', listener: (error: unknown) => void): unknown
  listenerCount(event: 'error'): number
}

/** What the store needs of a client of the package `ioredis`, 5 or 6. A `Cluster` will not do. */
export interface IoredisClient {
  readonly status: string
  call(command: string, args: string[]): Promise<unknown>
  on(event: 'error', listener: (error: unknown) => void): unknown
  listenerCount(event: 'error'): number
}

/** A Redis client as it is handed in, accepted by structure: node-redis or ioredis. */
export type RedisClient = NodeRedisClient | IoredisClient

/** One face over the clients. */
export interface Connection {
  /** Sends one command, its name in lower case, and answers what Redis answered. Rejects with the client's own error. */
  send(args: string[]): Promise<unknown>
  /** Lets go of the connection where it is our own. */
  close(): Promise<void>
}

/**
 * The connection over a client that was handed in. It is never closed. Throws `OPTIONS_INVALID` for anything but a
 * client of one Redis server.
 *
 * A client without a listener for `error` gets one, because without it the end of the Redis server would be the end of
 * the process. Every command that fails because of it still rejects.
 */
export function connectionOver(client: RedisClient): Connection {
  refuseOthers(client)
  if (client.listenerCount('error') === 0) client.on('error', () => {})
  return 'call' in client ? overIoredis(client) : overNodeRedis(client)
}

/** Sends a command that changes nothing, and once more if the connection was lost under it. */
export async function read(connection: Connection, args: string[]): Promise<unknown> {
  try {
    return await connection.send(args)
  } catch (error) {
    if (!isDropped(error)) throw error
    return connection.send(args)
  }
}

/** Replies in their plain types, whatever mapping the application has given its client. */
const PLAIN = Object.freeze({ typeMapping: Object.freeze({}) })

/** Over a node-redis client. One that isn't open when it is first needed is connected, once: a client that was closed later stays closed. */
export function overNodeRedis(client: NodeRedisClient): Connection {
  let asked = false
  return {
    send(args) {
      if (!asked) {
        asked = true
        if (!client.isOpen) client.connect().catch(() => (asked = false))
      }
      return client.sendCommand(args, PLAIN)
    },
    close: () => Promise.resolve(),
  }
}

/** Over an ioredis client, which connects by itself. `call` applies the client's `keyPrefix`. */
export function overIoredis(client: IoredisClient): Connection {
  return {
    send: ([name = '', ...rest]) => client.call(name, rest),
    close: () => Promise.resolve(),
  }
}

function refuseOthers(client: unknown): asserts client is RedisClient {
  const { call, sendCommand, isCluster } = (client ?? {}) as {
    call?: unknown
    sendCommand?: unknown
    isCluster?: unknown
  }
  // A cluster's and a sentinel's sendCommand take other arguments before the command.
  if (isCluster === true || (call === undefined && typeof sendCommand === 'function' && sendCommand.length > 2)) {
    throw new SessionError(
      'OPTIONS_INVALID',
      'RedisStore: the client is a cluster or a sentinel, which the store does not support. Give it the client of one Redis server.',
    )
  }
  if (typeof call !== 'function' && typeof sendCommand !== 'function') {
    throw new SessionError(
      'OPTIONS_INVALID',
      `RedisStore: client is ${client === null ? 'null' : `a ${typeof client}`} without \`sendCommand\` or \`call\`. Give it what \`createClient\` of the package redis answers, or a \`new Redis()\` of ioredis.`,
    )
  }
}

const DROPPED_CODES = new Set<unknown>(['ECONNRESET', 'ECONNABORTED', 'EPIPE'])
const DROPPED_MESSAGES = new Set<unknown>([
  'Socket closed unexpectedly', // node-redis
  'Connection is closed.', // ioredis
  'Command aborted due to connection close', // ioredis, auto-pipelining
])

/** Whether a command failed because the connection went away under it: not a time-out, not an answer of the server. */
function isDropped(error: unknown): boolean {
  const { name, code, message } = (error ?? {}) as { name?: unknown; code?: unknown; message?: unknown }
  return DROPPED_CODES.has(code) || DROPPED_MESSAGES.has(message) || name === 'MaxRetriesPerRequestError'
}
