import { setTimeout as wait } from 'node:timers/promises'
import { freePort, type RedisServer, startRedis } from './redis-server.js'

/** A Redis Cluster of a test's own: three servers with a third of the slots each, and a replica of the first where it is asked for. */
export interface RedisCluster {
  readonly masters: readonly RedisServer[]
  /** The master that has a key. */
  ownerOf(key: string): Promise<RedisServer>
  /** Moves the slot of a key to another master, as an operator would. */
  migrate(key: string, during?: Migration): Promise<void>
  /** Makes the replica the master of its slots and waits until everybody knows and the former master follows. */
  failOver(): Promise<void>
  stop(): Promise<void>
}

/** What a test does while a slot is on its way. */
export interface Migration {
  /** Called when it is open and all its keys are still where they were. */
  readonly atFirst?: () => Promise<unknown>
  /** Called when half of its keys are moved. */
  readonly halfway?: () => Promise<unknown>
}

const SLOTS = 16384

/**
 * Starts a cluster. It takes every slot when this resolves.
 *
 * @param size - how many masters it has, if not three
 */
export async function startCluster({ size = 3, replica = false } = {}): Promise<RedisCluster> {
  const servers = await Promise.all(Array.from({ length: replica ? size + 1 : size }, startNode))
  const masters = servers.slice(0, size)
  const [follower] = servers.slice(size)
  try {
    await join(servers, masters)
    if (follower) await follow(follower, masters[0] as RedisServer)
  } catch (error) {
    await Promise.all(servers.map((server) => server.kill()))
    throw error
  }
  const ownNode = async (server: RedisServer): Promise<Node | undefined> =>
    (await nodesOf(server)).find((node) => node.isMyself)
  const having = async (isWanted: (node: Node) => boolean): Promise<readonly RedisServer[]> => {
    const nodes = await Promise.all(servers.map(ownNode))
    return servers.filter((_, at) => nodes[at] !== undefined && isWanted(nodes[at]))
  }
  const ownerOf = async (key: string): Promise<RedisServer> => {
    const slot = Number(await servers[0]?.command('CLUSTER', 'KEYSLOT', key))
    const [owner] = await having(({ isMaster, slots }) => isMaster && has(slots, slot))
    if (!owner) throw new Error(`No master has slot ${slot}`)
    return owner
  }
  return {
    masters,
    ownerOf,
    async migrate(key, during = {}) {
      const [source, everybody] = [await ownerOf(key), await having(({ isMaster }) => isMaster)]
      const target = everybody.find((server) => server !== source) as RedisServer
      const slot = String(await source.command('CLUSTER', 'KEYSLOT', key))
      await migrateSlot(slot, source, target, everybody, during)
    },
    async failOver() {
      const [replica] = await having(({ isMaster }) => !isMaster)
      if (!replica) throw new Error('The cluster has no replica')
      const id = await idOf(replica)
      let askedAt = -Infinity
      const knows = async (server: RedisServer): Promise<boolean> => {
        const nodes = await nodesOf(server)
        const isMaster = nodes.some((node) => node.id === id && node.isMaster && node.slots.length > 0)
        return isMaster && nodes.some((node) => !node.isMaster)
      }
      const tookOver = async (): Promise<boolean> => {
        // A replica gives up after five seconds, which a busy machine may need.
        if (performance.now() - askedAt > 6000 && !(await knows(replica))) {
          await replica.command('CLUSTER', 'FAILOVER')
          askedAt = performance.now()
        }
        return (await Promise.all(servers.map(knows))).every(Boolean)
      }
      await until(tookOver, 'the replica took over')
      const before = (await having(({ isMaster }) => !isMaster))[0] as RedisServer
      await until(() => isLinked(before), 'the former master follows')
    },
    async stop() {
      await Promise.all(servers.map((server) => server.kill()))
    },
  }
}

async function startNode(): Promise<RedisServer> {
  const bus = ['--cluster-port', String(await freePort()), '--cluster-announce-ip', '127.0.0.1']
  const settings = ['--cluster-enabled', 'yes', '--cluster-node-timeout', '3000', '--repl-diskless-sync-delay', '0']
  return startRedis({ args: [...settings, ...bus] })
}

async function join(servers: readonly RedisServer[], masters: readonly RedisServer[]): Promise<void> {
  const share = Math.ceil(SLOTS / masters.length)
  for (const [at, master] of masters.entries()) {
    const last = Math.min((at + 1) * share, SLOTS) - 1
    await master.command('CLUSTER', 'ADDSLOTSRANGE', String(at * share), String(last))
    await master.command('CLUSTER', 'SET-CONFIG-EPOCH', String(at + 1))
  }
  const [first] = servers as [RedisServer]
  for (const server of servers.slice(1)) {
    const bus = (await server.command('CONFIG', 'GET', 'cluster-port')) as string[]
    await first.command('CLUSTER', 'MEET', '127.0.0.1', String(server.port), bus[1] ?? '')
  }
  for (const server of servers) {
    const knowsAll = async (): Promise<boolean> => {
      const nodes = await nodesOf(server)
      const count = nodes.reduce((sum, { slots }) => sum + slots.reduce((all, [from, to]) => all + to - from + 1, 0), 0)
      return nodes.length === servers.length && count === SLOTS && /cluster_state:ok/.test(await infoOf(server))
    }
    await until(knowsAll, 'every node knows all others')
  }
}

async function follow(replica: RedisServer, master: RedisServer): Promise<void> {
  await replica.command('CLUSTER', 'REPLICATE', await idOf(master))
  const isKnown = async (): Promise<boolean> => (await nodesOf(master)).some((node) => !node.isMaster)
  await until(async () => (await isKnown()) && (await isLinked(replica)), 'the replica has what its master has')
}

async function isLinked(replica: RedisServer): Promise<boolean> {
  return /master_link_status:up/.test(String(await replica.command('INFO', 'replication')))
}

async function migrateSlot(
  slot: string,
  source: RedisServer,
  target: RedisServer,
  masters: readonly RedisServer[],
  { atFirst, halfway }: Migration,
): Promise<void> {
  const targetId = await idOf(target)
  await target.command('CLUSTER', 'SETSLOT', slot, 'IMPORTING', await idOf(source))
  await source.command('CLUSTER', 'SETSLOT', slot, 'MIGRATING', targetId)
  await atFirst?.()
  const count = Number(await source.command('CLUSTER', 'COUNTKEYSINSLOT', slot))
  const move = async (many: number): Promise<boolean> => {
    const keys = (await source.command('CLUSTER', 'GETKEYSINSLOT', slot, String(many))) as string[]
    if (keys.length > 0) {
      await source.command('MIGRATE', '127.0.0.1', String(target.port), '', '0', '5000', 'KEYS', ...keys)
    }
    return keys.length > 0
  }
  if (count > 1) await move(Math.floor(count / 2))
  await halfway?.()
  while (await move(100));
  for (const server of [target, source, ...masters.filter((each) => each !== target && each !== source)]) {
    await server.command('CLUSTER', 'SETSLOT', slot, 'NODE', targetId)
  }
  // Who has not heard of it yet might claim the slot for the former owner, if it moves on at once.
  const epoch = async (server: RedisServer): Promise<string | undefined> =>
    (await nodesOf(server)).find(({ id, slots }) => id === targetId && has(slots, Number(slot)))?.epoch
  const agree = async (): Promise<boolean> => {
    const epochs = await Promise.all(masters.map(epoch))
    return epochs.every((each) => each !== undefined && each === epochs[0])
  }
  await until(agree, 'all know who has the slot')
}

function has(slots: Node['slots'], slot: number): boolean {
  return slots.some(([from, to]) => from <= slot && slot <= to)
}

interface Node {
  readonly id: string
  readonly isMyself: boolean
  readonly isMaster: boolean
  /** What decides between two that claim the same slot. */
  readonly epoch: string
  readonly slots: readonly (readonly [number, number])[]
}

async function nodesOf(server: RedisServer): Promise<readonly Node[]> {
  const lines = String(await server.command('CLUSTER', 'NODES'))
    .trim()
    .split('\n')
  return lines.map((line) => {
    const [id = '', , flags = '', , , , epoch = '', , ...slots] = line.split(' ')
    const ranges = slots.filter((range) => !range.startsWith('['))
    return {
      id,
      isMyself: flags.includes('myself'),
      isMaster: flags.includes('master'),
      epoch,
      slots: ranges.map((range) => {
        const [from = '', to = from] = range.split('-')
        return [Number(from), Number(to)] as const
      }),
    }
  })
}

async function infoOf(server: RedisServer): Promise<string> {
  return String(await server.command('CLUSTER', 'INFO'))
}

async function idOf(server: RedisServer): Promise<string> {
  return String(await server.command('CLUSTER', 'MYID'))
}

async function until(isSo: () => Promise<boolean>, what: string): Promise<void> {
  for (let attempt = 0; attempt < 2500; attempt++) {
    if (await isSo()) return
    await wait(10)
  }
  throw new Error(`Within 25 s it did not come about that ${what}`)
}
