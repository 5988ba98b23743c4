import { SessionError } from '../../core/errors.js'
import { OWN_IOREDIS } from './another.js'
import type { Connection } from './client.js'
import { CONNECT_WITHIN, type Line, retryDelay } from './line.js'
import { ownIoredis, ownNodeRedis } from './own-lines.js'
import { Revived } from './revived.js'

/** Loads a client package and opens a connection with it. */
export type Opener = (url: string) => Promise<Connection>

/**
 * The store's own connection to `url`. It is opened at the first command, with the package `redis` or else `ioredis`,
 * opens itself again for as long as the store isn't closed, and never raises an unhandled `error`.
 *
 * While Redis can't be reached, a command rejects at once with the reason. One that meets the short gap of a lost
 * connection waits for the next. None is kept to be sent when its caller has long been told that it failed. A connection
 * over which nothing comes back any more is given up after a second, and the next one opened.
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

/** Whether a package is not installed. */
export function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ERR_MODULE_NOT_FOUND'
}

/** Exported for tests. */
export async function openNodeRedis(url: string): Promise<Connection> {
  const { createClient } = await import('redis')
  const socket = { reconnectStrategy: retryDelay, connectTimeout: CONNECT_WITHIN }
  const another = (): Line => ownNodeRedis(createClient({ url, disableOfflineQueue: true, socket }))
  return new Revived(another(), another)
}

/** Exported for tests. */
export async function openIoredis(url: string): Promise<Connection> {
  const { Redis } = await import('ioredis')
  const another = (): Line => ownIoredis(new Redis(url, OWN_IOREDIS))
  return new Revived(another(), another)
}
