import { once } from 'node:events'
import { SessionError } from '../../core/errors.js'
import type { Connection } from './client.js'
import { Gate } from './gate.js'

/** Loads a client package and opens a connection with it. */
export type Opener = (url: string) => Promise<Connection>

/** How long closing waits for the answers that are still due, in milliseconds. */
const CLOSE_WITHIN = 1000

/**
 * The store's own connection to `url`. It is opened at the first command, with the package `redis` or else `ioredis`,
 * opens itself again for as long as the store isn't closed, and never raises an unhandled `error`.
 *
 * While Redis can't be reached, a command rejects at once with the reason. One that meets the short gap of a lost
 * connection waits for the next. None is kept to be sent when its caller has long been told that it failed.
 */
export function openConnection(url: string, openers: readonly Opener[] = OPENERS): Connection {
  if (openers === OPENERS) preload()
  let opening: Promise<Connection> | undefined
  let open: Connection | undefined
  const first = async (): Promise<Connection> => (open = await openFirst(url, openers))
  return {
    isCluster: false,
    send(args) {
      return open ? open.send(args) : (opening ??= first()).then((connection) => connection.send(args))
    },
    async close() {
      await (await opening?.catch(() => undefined))?.close()
    },
  }
}

const OPENERS: readonly Opener[] = [openNodeRedis, openIoredis]

/** Has the package read from the disk already when the first request comes, whose deadline that would eat up. */
function preload(): void {
  import('redis').catch(() => import('ioredis')).catch(() => {})
}

async function openFirst(url: string, openers: readonly Opener[]): Promise<Connection> {
  for (const opener of openers) {
    try {
      return await opener(url)
    } catch (error) {
      if (!isMissing(error)) throw error
    }
  }
  throw new SessionError(
    'OPTIONS_INVALID',
    'RedisStore: neither the package redis nor ioredis is installed. Run `npm install redis`, or hand in a client.',
  )
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ERR_MODULE_NOT_FOUND'
}

/** Doubles from 50 ms to half a second, so that a Redis that is back is soon found. */
function retryDelay(retries: number): number {
  return Math.min(50 * 2 ** retries, 500)
}

/** Exported for tests. */
export async function openNodeRedis(url: string): Promise<Connection> {
  const { createClient } = await import('redis')
  const client = createClient({ url, disableOfflineQueue: true, socket: { reconnectStrategy: retryDelay } })
  const gate = new Gate(client, () => client.isReady)
  return {
    isCluster: false,
    send(args) {
      return client.isReady ? client.sendCommand(args) : gate.pass().then(() => client.sendCommand(args))
    },
    close() {
      gate.close()
      const closing = async (): Promise<void> => {
        // Until an attempt to connect has ended, node-redis would leave its socket behind.
        if (client.isOpen && !client.isReady) await once(client, 'ready').catch(() => {})
        if (client.isReady) await client.close()
      }
      return ended(closing(), () => client.destroy())
    },
  }
}

/** Exported for tests. */
export async function openIoredis(url: string): Promise<Connection> {
  const { Redis } = await import('ioredis')
  // 0: what is waiting when the connection ends is rejected at once, instead of being sent again or never answered.
  const client = new Redis(url, { lazyConnect: true, maxRetriesPerRequest: 0, retryStrategy: retryDelay })
  const gate = new Gate(client, () => client.status === 'ready')
  const call = ([name = '', ...rest]: string[]): Promise<unknown> => client.call(name, rest)
  return {
    isCluster: false,
    send(args) {
      return client.status === 'ready' ? call(args) : gate.pass().then(() => call(args))
    },
    close() {
      gate.close()
      return ended(client.status === 'ready' ? client.quit() : Promise.resolve(), () => client.disconnect())
    },
  }
}

/** Waits for a client to close as it should, for a moment, and then drops what is left of it. */
async function ended(closing: Promise<unknown>, drop: () => void): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise((resolve) => (timer = setTimeout(resolve, CLOSE_WITHIN)))
  try {
    await Promise.race([closing, late])
    drop()
  } catch {
    // It is closed already, or was lost on the way.
  } finally {
    clearTimeout(timer)
  }
}
