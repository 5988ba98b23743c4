import { randomUUID } from 'node:crypto'
import { Redis } from 'ioredis'
import { RedisStore } from 'latchkey/stores/redis'
import { ManualClock } from 'latchkey/testing'
import { afterEach, expect } from 'vitest'
import { type RedisServer, type RedisServerOptions, startRedis } from '../../support/redis-server.js'

/** A store on a server, and the view from outside of what it keeps there. */
export interface Bench {
  readonly store: RedisStore
  readonly clock: ManualClock
  readonly prefix: string
  /** All Redis keys under the prefix of this store, sorted. */
  readonly keys: () => Promise<readonly string[]>
  /** The Redis key of a record. */
  readonly at: (key: string) => string
  /** The Redis key of the index that a record with this key is in. */
  readonly indexAt: (key: string) => string
  /** Members and scores of an index, in turn. */
  readonly indexOf: (key: string) => Promise<unknown>
  /** The time to live of a Redis key. */
  readonly ttl: (name: string) => Promise<number>
  /** Fails unless every key under the prefix ends by itself. */
  readonly allEnd: () => Promise<void>
}

/** A store of its own prefix, unless another is given. Whoever makes it closes it. */
export function benchOn(server: RedisServer, prefix: string = randomUUID()): Bench {
  const clock = new ManualClock()
  const indexAt = (key: string): string => `${prefix}:{${key.slice(0, 8)}}:u`
  const keys = async (): Promise<string[]> => ((await server.command('KEYS', `${prefix}*`)) as string[]).toSorted()
  const ttl = async (name: string): Promise<number> => Number(await server.command('PTTL', name))
  return {
    store: new RedisStore({ url: server.url, prefix, clock: clock.now }),
    clock,
    prefix,
    keys,
    at: (key) => `${prefix}:{${key.slice(0, 8)}}:s:${key.slice(8)}`,
    indexAt,
    indexOf: (key) => server.command('ZRANGE', indexAt(key), '0', '-1', 'WITHSCORES'),
    ttl,
    allEnd: async () => {
      for (const key of await keys()) expect(await ttl(key), key).toBeGreaterThan(0)
    },
  }
}

/** The time to live of what is good for so long: Redis keeps it five seconds longer, less what the test itself takes. */
export function about(milliseconds: number): unknown {
  return expect.toSatisfy((value: number) => value > milliseconds && value <= milliseconds + 5000)
}

/** A command that a server has run. */
export interface Run {
  /** Its name in upper case and its arguments. */
  readonly words: readonly string[]
  readonly isByScript: boolean
}

/** The commands that clients send while `act` runs, without those that the scripts call. */
export async function sentDuring(server: RedisServer, act: () => Promise<unknown>): Promise<readonly string[][]> {
  const runs = await runDuring(server, act)
  return runs.filter((run) => !run.isByScript).map(({ words }) => [...words])
}

/** The commands that a server runs while `act` runs, in their order: a script, and then what it calls. */
export async function runDuring(server: RedisServer, act: () => Promise<unknown>): Promise<readonly Run[]> {
  // Its connection says its name when it opens.
  await server.command('ECHO', 'open')
  const client = new Redis(server.url)
  const monitor = await client.monitor()
  const runs: Run[] = []
  const end = randomUUID()
  const ended = new Promise<void>((resolve) => {
    monitor.on('monitor', (_time: string, [name = '', ...args]: string[], source: string) => {
      if (args[0] === end) resolve()
      else runs.push({ words: [name.toUpperCase(), ...args], isByScript: source === 'lua' })
    })
  })
  await act()
  await server.command('ECHO', end)
  await ended
  monitor.disconnect()
  client.disconnect()
  return runs
}

const endings: (() => unknown)[] = []

afterEach(async () => {
  for (const end of endings.splice(0).toReversed()) await end()
})

/** Lets go of something after the test, the last one first. */
export function ending<T>(thing: T, end: (thing: T) => unknown): T {
  endings.push(() => end(thing))
  return thing
}

/** A server that is stopped after the test. */
export async function start(options?: RedisServerOptions): Promise<RedisServer> {
  return ending(await startRedis(options), (server) => server.stop())
}

/** How many clients are connected, besides the one that asks. */
export async function connections(server: RedisServer): Promise<number> {
  return (
    String(await server.command('CLIENT', 'LIST'))
      .trim()
      .split('\n').length - 1
  )
}
