import { randomUUID } from 'node:crypto'
import type { Clock, SessionStore } from 'latchkey/core'
import { RedisStore, type RedisClient } from 'latchkey/stores/redis'
import { createClient } from 'redis'
import { startRedis, type RedisServer } from '../support/redis-server.js'
import { stores } from '../support/stores.js'
import { watched, type Pass } from './watched-store.js'

/** Two stores on the same data, as in two processes, of which every call goes through `pass`. */
export interface GatedStore {
  readonly name: string
  /** Whether a session may be in two lists for as long as a sign-in moves it, and leave the new one only at its end. */
  readonly movesInSteps?: boolean
  readonly open: (clock: Clock, pass: Pass) => Promise<readonly SessionStore[]>
  readonly stop: () => Promise<void>
}

/**
 * The shipped stores, call by call, and Redis also command by command: there calls that take several commands are
 * interleaved with each other. The last is told that it is on a Cluster, where a sign-in moves between two slots in steps.
 */
export const gatedStores: readonly GatedStore[] = [
  ...stores.map(({ name, open, openAnother, stop }) => ({
    name,
    open: async (clock: Clock, pass: Pass) => {
      const first = await open(clock)
      return [first, (await openAnother?.(clock)) ?? first].map((store) => watched(store, pass))
    },
    stop,
  })),
  byCommand('redis, command by command', (send) => ({ sendCommand: send })),
  {
    ...byCommand('redis as a Cluster, command by command', (send) => ({
      sendCommand: (_key: unknown, _isReadonly: unknown, args: string[]) => send(args),
      getRandomNode: () => undefined,
    })),
    movesInSteps: true,
  },
]

type Send = (args: string[]) => Promise<unknown>

/** What distinguishes the face of one client from that of another. */
type Face = (send: Send) => object

function byCommand(name: string, face: Face): GatedStore {
  const clients: { destroy(): unknown }[] = []
  let starting: Promise<RedisServer> | undefined
  return {
    name,
    async open(clock, pass) {
      const { url } = await (starting ??= startRedis())
      const prefix = randomUUID()
      const open = async (): Promise<SessionStore> => {
        const client = await createClient({ url }).connect()
        clients.push(client)
        const send: Send = async (args) => pass(args[0]!, () => client.sendCommand(args))
        return new RedisStore({ client: faceOf(send, face), prefix, clock })
      }
      return [await open(), await open()]
    },
    async stop() {
      for (const client of clients.splice(0)) client.destroy()
      const server = await starting
      starting = undefined
      await server?.stop()
    },
  }
}

function faceOf(send: Send, face: Face): RedisClient {
  const open = { isOpen: true, isReady: true, on() {}, listenerCount: () => 1, connect: () => Promise.resolve() }
  return { ...open, ...face(send) } as unknown as RedisClient
}
