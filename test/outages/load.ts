import { Agent } from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'
import type { OutageApp } from '../support/outage-app.js'
import type { RedisServer } from '../support/redis-server.js'
import { Visitor, type Visits } from './visitor.js'

/** What a heap may differ by and still be where it was, in bytes: code is compiled, and tables grow in steps. */
export const HEAP_SLACK = 4 * 2 ** 20

/** What a process holds: its heap in bytes, and how many handles. */
export interface Held {
  readonly heap: number
  readonly handles: number
}

/** Sends requests over so many connections for as long as `meanwhile` takes. Then all of them are closed. */
export async function load(
  app: OutageApp,
  connections: number,
  seen: Visits,
  name: string,
  meanwhile: () => Promise<unknown>,
): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: connections })
  let isOver = false
  const visitors = Array.from({ length: connections }, (_, at) => new Visitor(`${name}${at}`, app.port, agent, seen))
  const visiting = Promise.all(visitors.map((visitor) => visitor.visit(() => isOver)))
  try {
    await meanwhile()
  } finally {
    isOver = true
    await visiting
    agent.destroy()
  }
}

/** What the process of an application holds once it has nothing to do. */
export async function held(app: OutageApp): Promise<Held> {
  await pause(500)
  return (await (await fetch(`${app.base}/held`, { headers: { connection: 'close' } })).json()) as Held
}

/** How many clients are connected to a server, besides the test. */
export async function clientsOf(redis: RedisServer): Promise<number> {
  const list = String(await redis.command('CLIENT', 'LIST'))
  return list.split('\n').filter((line) => line !== '' && !line.includes('name=test ')).length
}
