import { SessionError } from '../../core/errors.js'
import { type Connection, overIoredis, overNodeRedis } from './client.js'

/** Loads a client package and opens a connection with it. */
export type Opener = (url: string) => Promise<Connection>

/**
 * The store's own connection to `url`. It is opened at the first command, with the package `redis` or else `ioredis`,
 * opens itself again for as long as the store isn't closed, and never raises an unhandled `error`.
 *
 * While Redis can't be reached, a command rejects at once with the reason; a command that meets the short gap of a lost
 * connection waits for the next one.
 */
export function openConnection(url: string, openers: readonly Opener[] = [openNodeRedis, openIoredis]): Connection {
  let opening: Promise<Connection> | undefined
  let open: Connection | undefined
  return {
    async send(args) {
      open ??= await (opening ??= openFirst(url, openers))
      return open.send(args)
    },
    async close() {
      await (await opening?.catch(() => undefined))?.close()
    },
  }
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

async function openNodeRedis(url: string): Promise<Connection> {
  const { createClient } = await import('redis')
  const client = createClient({ url, socket: { reconnectStrategy: retryDelay }, commandOptions: { timeout: 5000 } })
  const { send } = overNodeRedis(client)
  let wasReady = false
  let unreachable: unknown
  client.on('ready', () => {
    wasReady = true
    unreachable = undefined
  })
  client.on('error', (error) => {
    if (client.isReady) return
    // The first error after a good connection is its loss; only the next one says that Redis can't be reached.
    if (wasReady) wasReady = false
    else unreachable = error
  })
  return {
    send: (args) => (unreachable === undefined ? send(args) : Promise.reject(unreachable as Error)),
    async close() {
      if (client.isReady) await client.close()
      else if (client.isOpen) client.destroy()
    },
  }
}

async function openIoredis(url: string): Promise<Connection> {
  const { Redis } = await import('ioredis')
  // 0: what is waiting when the connection ends is rejected at once, instead of being sent again or never answered.
  const client = new Redis(url, { lazyConnect: true, maxRetriesPerRequest: 0, retryStrategy: retryDelay })
  client.on('error', () => {})
  return {
    send: overIoredis(client).send,
    async close() {
      if (client.status === 'ready') await client.quit()
      else client.disconnect()
    },
  }
}
