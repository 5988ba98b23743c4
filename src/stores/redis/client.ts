import { setTimeout as pause } from 'node:timers/promises'
import { SessionError } from '../../core/errors.js'
import { anotherLike } from './another.js'
import { type Line, ResentError, WHEN_READY } from './line.js'
import { Revived } from './revived.js'

/** What the store needs to know of any client: it raises `error`, and most can be made again. */
interface Listening {
  on(event: 'error', listener: (error: unknown) => void): unknown
  listenerCount(event: 'error'): number
  duplicate?(...overrides: never[]): unknown
}

/** What all clients of the package `redis` have in common. */
interface NodeRedis extends Listening {
  readonly isOpen: boolean
  readonly isReady?: boolean | undefined
  connect(): Promise<unknown>
}

/** What the store needs of a `createClient` or `createClientPool` of the package `redis`, 5 or 6. */
export interface NodeRedisClient extends NodeRedis {
  sendCommand(args: string[], options?: object): Promise<unknown>
}

/** What the store needs of a `createCluster` of the package `redis`, 5 or 6. */
export interface NodeRedisCluster extends NodeRedis {
  sendCommand(key: string | undefined, isReadonly: boolean, args: string[], options?: object): Promise<unknown>
  getRandomNode(): unknown
}

/** What the store needs of a `createSentinel` of the package `redis`, 5 or 6. */
export interface NodeRedisSentinel extends NodeRedis {
  sendCommand(isReadonly: boolean, args: string[], options?: object): Promise<unknown>
  getMasterNode(): unknown
}

/** What the store needs of a `new Redis()`, with sentinels or without, or a `new Cluster()` of the package `ioredis`, 5 or 6. */
export interface IoredisClient extends Listening {
  on(event: 'error', listener: (error: unknown) => void): unknown
  on(event: 'ready' | 'close', listener: () => void): unknown
  readonly status: string
  readonly isCluster?: boolean | undefined
  readonly options: { readonly scaleReads?: unknown; readonly role?: unknown }
  call(command: string, args: string[]): Promise<unknown>
}

/** A Redis client as it is handed in, accepted by structure: node-redis or ioredis. */
export type RedisClient = NodeRedisClient | NodeRedisCluster | NodeRedisSentinel | IoredisClient

/** One face over the clients. */
export interface Connection {
  /** Whether the keys are spread over several servers, so that a script may touch those of one slot only. */
  readonly isCluster: boolean
  /**
   * Sends one command, its name in lower case, and answers what Redis answered. Rejects with the client's own error.
   *
   * @param key - its first key, by which a cluster finds the server
   */
  send(args: string[], key?: string): Promise<unknown>
  /** Lets go of the connection where it is our own. */
  close(): Promise<void>
}

/**
 * The connection over a client that was handed in. It is never closed. When it has fallen silent, although it takes itself to
 * be connected, the store goes on with a duplicate of its own. Throws `OPTIONS_INVALID` for anything but a client of a
 * Redis server, a Redis Cluster or a Sentinel, and for one that would read from replicas.
 *
 * A client without a listener for `error` gets one, because without it the end of the Redis server would be the end of
 * the process, and the process a warning that says so. Every command that fails because of it still rejects.
 */
export function connectionOver(client: RedisClient): Connection {
  refuseOthers(client)
  if (client.listenerCount('error') === 0) listenTo(client)
  return new Revived(lineOver(client), anotherLike(client, lineOver))
}

/** The line over a client, by its kind. */
function lineOver(client: RedisClient): Line {
  if ('call' in client) return overIoredis(client)
  if ('getRandomNode' in client) return overCluster(client)
  if ('getMasterNode' in client) return overSentinel(client)
  return overNodeRedis(client)
}

function listenTo(client: RedisClient): void {
  client.on('error', () => {})
  process.emitWarning(
    'The Redis client that was handed to RedisStore has no listener for `error`: the first loss of its connection would end ' +
      'this process. RedisStore has added an empty one. Add your own before you hand it in, such as ' +
      "client.on('error', (error) => console.error(error)).",
    { type: 'LatchkeyWarning', code: 'LATCHKEY_REDIS_ERROR_LISTENER' },
  )
}

/** Replies in their plain types, whatever mapping the application has given its client. */
const PLAIN = Object.freeze({ typeMapping: Object.freeze({}) })

/** What a client of the application is spared. */
const LEFT_ALONE = { close: () => Promise.resolve(), drop: () => {} }

/** One that knows that it has no connection is already at work to have one again. */
function patienceWith(isReady: boolean | undefined): number {
  return isReady === false ? Infinity : WHEN_READY
}

/** How long a command waits for a cluster that is only just finding its servers, in milliseconds. */
const READY_WITHIN = 400

/** Over a node-redis client, which keeps what it is asked until it is connected. */
function overNodeRedis(client: NodeRedisClient): Line {
  const connect = connectOnce(client)
  return {
    isCluster: false,
    get patience() {
      return patienceWith(client.isReady)
    },
    send(args) {
      // What is wrong shows at the command, too.
      connect()?.catch(() => {})
      return client.sendCommand(args, PLAIN)
    },
    ...LEFT_ALONE,
  }
}

/** Over a cluster of node-redis, which takes no command before it knows its servers. All go to masters: a replica lags behind. */
function overCluster(client: NodeRedisCluster): Line {
  const connect = connectOnce(client)
  return {
    isCluster: true,
    get patience() {
      return patienceWith(client.isReady)
    },
    async send(args, key) {
      await connect()
      if (client.isReady === false) await isReady(client)
      return client.sendCommand(key, false, args, PLAIN)
    },
    ...LEFT_ALONE,
  }
}

/** Over a sentinel of node-redis. All go to the master: a replica lags behind. */
function overSentinel(client: NodeRedisSentinel): Line {
  const connect = connectOnce(client)
  return {
    isCluster: false,
    get patience() {
      return patienceWith(client.isReady)
    },
    async send(args) {
      await connect()
      return client.sendCommand(false, args, PLAIN)
    },
    ...LEFT_ALONE,
  }
}

/**
 * Over an ioredis client, which connects by itself. `call` applies the client's `keyPrefix`, and finds the key for a cluster.
 *
 * With the settings that it has, such a client sends again what was not answered when its connection was lost. What a write
 * answers the second time is wrong: a record that is there is its own. So it counts as lost, as with node-redis.
 */
function overIoredis(client: IoredisClient): Line {
  const losses = client.isCluster === true ? { count: 0 } : lossesOf(client)
  return {
    isCluster: client.isCluster === true,
    get patience() {
      return patienceWith(client.status === 'ready')
    },
    async send([name = '', ...rest]) {
      const { count } = losses
      const answer = await client.call(name, rest)
      if (losses.count !== count && name !== 'hgetall') throw new ResentError()
      return answer
    },
    ...LEFT_ALONE,
  }
}

/** How often a client has lost a connection that was ready. Listened to once, however many stores are on it. */
function lossesOf(client: IoredisClient): { readonly count: number } {
  const known = LOSSES.get(client)
  if (known !== undefined) return known
  const losses = { count: 0 }
  LOSSES.set(client, losses)
  let isReady = client.status === 'ready'
  client.on('ready', () => (isReady = true))
  client.on('close', () => {
    if (isReady) losses.count++
    isReady = false
  })
  return losses
}

const LOSSES = new WeakMap<IoredisClient, { readonly count: number }>()

/** Connects a client that isn't open when it is first needed, once: one that was closed later stays closed. */
function connectOnce(client: NodeRedis): () => Promise<unknown> | undefined {
  let connecting: Promise<unknown> | undefined
  let isDone = false
  return () => {
    if (isDone || (connecting === undefined && client.isOpen)) {
      isDone = true
      return undefined
    }
    connecting ??= client.connect().then(
      () => (isDone = true),
      (error: unknown) => {
        connecting = undefined
        throw error
      },
    )
    return connecting
  }
}

/** Waits for a cluster that the application has begun to connect. If it is not there in time, the command says what is wrong. */
async function isReady(client: NodeRedis): Promise<void> {
  const late = Date.now() + READY_WITHIN
  while (client.isReady === false && client.isOpen && Date.now() < late) await pause(10)
}

function refuseOthers(client: unknown): asserts client is RedisClient {
  const { call, sendCommand, isCluster, options } = (client ?? {}) as {
    call?: unknown
    sendCommand?: unknown
    isCluster?: unknown
    options?: { scaleReads?: unknown; role?: unknown } | undefined
  }
  if (typeof call !== 'function' && typeof sendCommand !== 'function') {
    throw new SessionError(
      'OPTIONS_INVALID',
      `RedisStore: client is ${client === null ? 'null' : `a ${typeof client}`} without \`sendCommand\` or \`call\`. Give it what \`createClient\`, \`createCluster\` or \`createSentinel\` of the package redis answers, or a \`new Redis()\` or \`new Cluster()\` of ioredis.`,
    )
  }
  if (typeof call !== 'function') return
  const wrong =
    isCluster === true && (options?.scaleReads ?? 'master') !== 'master'
      ? 'reads from replicas (`scaleReads`)'
      : options?.role === 'slave'
        ? "is connected to a replica (`role: 'slave'`)"
        : undefined
  if (wrong === undefined) return
  throw new SessionError(
    'OPTIONS_INVALID',
    `RedisStore: the client ${wrong}. A replica lags behind, and would let in a session that was just ended. Give the store a client of its own that asks the masters.`,
  )
}
