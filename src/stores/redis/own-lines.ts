import type { IoredisClient, NodeRedisClient, NodeRedisCluster, NodeRedisSentinel } from './client.js'
import { Gate, type Reconnecting } from './gate.js'
import { ended, type Line, WHEN_OPENING, WHEN_READY } from './line.js'

/** A `createClient` of the package `redis` that is the store's own, without an offline queue. */
export interface OwnNodeRedis extends NodeRedisClient, Reconnecting, Ending {
  on(event: 'ready', listener: () => void): unknown
  on(event: 'error', listener: (error: unknown) => void): unknown
  connect(): Promise<unknown>
}

/** A `new Redis()` of the package `ioredis` that is the store's own, made with `lazyConnect`. */
export interface OwnIoredis extends IoredisClient, Reconnecting {
  on(event: 'ready' | 'close', listener: () => void): unknown
  on(event: 'error', listener: (error: unknown) => void): unknown
  quit(): Promise<unknown>
  disconnect(): unknown
}

interface Ending {
  close(): Promise<unknown>
  destroy(): unknown
}

/** Replies in their plain types; and no timer for each command, since a silent line is given up as a whole. */
const PLAIN = Object.freeze({ typeMapping: Object.freeze({}), timeout: 0 })

/** The line over a client of node-redis. Commands wait for the connection at a {@link Gate}. */
export function ownNodeRedis(client: OwnNodeRedis): Line {
  const gate = new Gate(client, () => client.isReady === true)
  const send = (args: string[]): Promise<unknown> => client.sendCommand(args, PLAIN)
  let isDropped = false
  const drop = (): void => {
    gate.close()
    isDropped = true
    quietly(() => client.destroy())
  }
  // An attempt to connect that was under way goes on until it has ended: then there is one more to let go of.
  client.on('ready', () => isDropped && drop())
  const closing = async (): Promise<void> => {
    if (client.isOpen && client.isReady !== true) await connectingEnds(client)
    if (client.isReady === true) await client.close()
  }
  return {
    isCluster: false,
    get patience() {
      return client.isReady === true ? WHEN_READY : WHEN_OPENING
    },
    send: (args) => (client.isReady === true ? send(args) : gate.pass().then(() => send(args))),
    close() {
      gate.close()
      return ended(closing(), drop)
    },
    drop,
  }
}

/** The line over a client of ioredis. Commands wait for the connection at a {@link Gate}. */
export function ownIoredis(client: OwnIoredis): Line {
  const gate = new Gate(client, () => client.status === 'ready')
  const send = ([name = '', ...rest]: string[]): Promise<unknown> => client.call(name, rest)
  const drop = (): void => {
    gate.close()
    client.disconnect()
  }
  return {
    isCluster: false,
    get patience() {
      return client.status === 'ready' ? WHEN_READY : WHEN_OPENING
    },
    send: (args) => (client.status === 'ready' ? send(args) : gate.pass().then(() => send(args))),
    close() {
      gate.close()
      return ended(client.status === 'ready' ? client.quit() : Promise.resolve(), drop)
    },
    drop,
  }
}

/** A line over several servers that is like one of the application's, but the store's own. */
export function owned(line: Line, client: (NodeRedisCluster | NodeRedisSentinel) & Partial<Ending>): Line {
  client.on('error', () => {})
  return {
    isCluster: line.isCluster,
    get patience() {
      return client.isReady === false ? WHEN_OPENING : WHEN_READY
    },
    send: (args, key) => line.send(args, key),
    close: () => ended(Promise.resolve(client.close?.()), () => client.destroy?.()),
    drop: () => quietly(() => client.destroy?.()),
  }
}

/** The same for a `new Cluster()` of ioredis. */
export function ownedIoredis(
  line: Line,
  client: IoredisClient & Partial<Pick<OwnIoredis, 'quit' | 'disconnect'>>,
): Line {
  client.on('error', () => {})
  const drop = (): void => void client.disconnect?.()
  return {
    isCluster: line.isCluster,
    get patience() {
      return client.status === 'ready' ? WHEN_READY : WHEN_OPENING
    },
    send: (args, key) => line.send(args, key),
    close: () => ended(Promise.resolve(client.quit?.()), drop),
    drop,
  }
}

/** Until an attempt to connect has ended, node-redis would leave its socket behind. */
function connectingEnds(client: OwnNodeRedis): Promise<void> {
  return new Promise((resolve) => {
    client.on('ready', resolve)
    client.on('error', () => resolve())
  })
}

/** Lets go of what may be gone already. */
function quietly(drop: () => unknown): void {
  try {
    Promise.resolve(drop()).catch(() => {})
  } catch {
    // It is closed.
  }
}
