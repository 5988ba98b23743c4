import type { IoredisClient, NodeRedisCluster, RedisClient } from '../client.js'

/** A server of a Cluster, as a client knows it. */
export interface ClusterNode {
  /** Its host and port. */
  readonly address: string
  /** The client that its commands go over. */
  readonly client: RedisClient
}

/** What is used of a `createCluster` of the package `redis`. */
interface WithSlots extends NodeRedisCluster {
  readonly slots: readonly ({ readonly master: NodeRedisNode } | undefined)[]
  nodeClient(node: NodeRedisNode): Promise<unknown>
}

interface NodeRedisNode {
  readonly address: string
  readonly client?: RedisClient | undefined
}

/** What is used of a `new Cluster()` of the package `ioredis`. */
interface WithNodes extends IoredisClient {
  readonly slots: readonly (readonly string[] | undefined)[]
  nodes(
    role: 'master',
  ): readonly (RedisClient & { readonly options: { readonly host?: string; readonly port?: number } })[]
}

/** The master that has a slot, by what the client of a Cluster knows just now. */
export function masterOf(cluster: RedisClient, slot: number): ClusterNode | undefined {
  return 'call' in cluster ? ioredisMaster(cluster as WithNodes, slot) : nodeRedisMaster(cluster as WithSlots, slot)
}

function nodeRedisMaster(cluster: WithSlots, slot: number): ClusterNode | undefined {
  const master = cluster.slots[slot]?.master
  if (master === undefined) return undefined
  const { address, client } = master
  if (client !== undefined) return { address, client }
  // It connects to a server when that is first asked, and will have done so the next time.
  cluster.nodeClient(master).catch(() => {})
  return undefined
}

function ioredisMaster(cluster: WithNodes, slot: number): ClusterNode | undefined {
  const address = cluster.slots[slot]?.[0]
  if (address === undefined) return undefined
  const client = cluster.nodes('master').find(({ options }) => `${options.host}:${options.port}` === address)
  return client && { address, client }
}
