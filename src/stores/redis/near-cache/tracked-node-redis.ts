import type { Line } from '../line.js'
import { ownNodeRedis, type OwnNodeRedis } from '../own-lines.js'
import type { Hearing } from './tracked-line.js'

/** A `createClient` of the package `redis` that was made with {@link TRACKED}. */
export interface TrackedNodeRedis extends OwnNodeRedis {
  on(event: 'invalidate', listener: (name: unknown) => void): unknown
  on(event: 'ready' | 'reconnecting' | 'end', listener: () => void): unknown
  on(event: 'error', listener: (error: unknown) => void): unknown
}

/**
 * What a client of node-redis needs to be told to turn tracking on each time that it connects. Redis then tells of changes
 * over the connection that the reads go over (RESP3), in the order in which it answers. It must not change its connection without
 * saying so, as it does for the maintenance of a server: what was read before would not be told of.
 */
export const TRACKED = Object.freeze({
  RESP: 3,
  emitInvalidate: true,
  maintNotifications: 'disabled',
  disableOfflineQueue: true,
} as const)

/** The line over a tracked client of node-redis. */
export function trackedNodeRedis(client: TrackedNodeRedis, hearing: Hearing): Line {
  client.on('invalidate', (name) => hearing.changed(nameIn(name)))
  client.on('reconnecting', () => hearing.lost())
  client.on('end', () => hearing.lost())
  client.on('error', (error) => {
    // Its own time-outs and the like come as an error, too.
    if (client.isReady !== true) hearing.lost()
    hearing.refused(error)
  })
  client.on('ready', () => hearing.ready())
  return ownNodeRedis(client)
}

/** A name as bytes or as text; nothing for all of them. */
function nameIn(name: unknown): string | undefined {
  return name instanceof Uint8Array || typeof name === 'string' ? String(name) : undefined
}
