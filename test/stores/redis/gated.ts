import type { NodeRedisCluster } from 'latchkey/stores/redis'

/** How a held command goes on: as it would, or its connection is lost, before or after it was done. */
type How = 'done' | 'lost' | 'unanswered'

/** A command that is held. */
export interface Held {
  /** Resolves when the command has come. */
  readonly come: Promise<void>
  go(how?: How): void
}

/** A client of a cluster whose commands a test can hold. */
export interface GatedCluster extends NodeRedisCluster {
  /** Holds the next script whose first key this is. */
  hold(key: string): Held
}

/** Puts a gate before a client. */
export function gated(client: NodeRedisCluster): GatedCluster {
  const gates = new Map<string, { come: () => void; goes: Promise<How> }>()
  return {
    get isOpen() {
      return client.isOpen
    },
    connect: () => client.connect(),
    on: (event, listener) => client.on(event, listener),
    listenerCount: (event) => client.listenerCount(event),
    getRandomNode: () => client.getRandomNode(),
    async sendCommand(key, isReadonly, args, options) {
      const send = (): Promise<unknown> => client.sendCommand(key, isReadonly, args, options)
      const gate = args[0] === 'evalsha' && key !== undefined ? gates.get(key) : undefined
      if (gate === undefined) return send()
      gates.delete(key ?? '')
      gate.come()
      const how = await gate.goes
      if (how === 'unanswered') await send()
      if (how !== 'done') throw new Error('Socket closed unexpectedly')
      return send()
    },
    hold(key) {
      let go: (how: How) => void = () => {}
      const goes = new Promise<How>((resolve) => (go = resolve))
      const come = new Promise<void>((resolve) => gates.set(key, { come: resolve, goes }))
      return { come, go: (how = 'done') => go(how) }
    },
  }
}
