import type { RedisClient } from '../client.js'
import { tagIn } from '../layout.js'
import { masterOf } from './cluster-nodes.js'
import { trackedLike, trackedUrl } from './open-tracked.js'
import { slotOf } from './slot.js'
import type { OpenTracked } from './tracked-line.js'
import { type ChangeListener, Tracking } from './tracking.js'

/** Which connection tells of which key. */
export interface Trackers {
  /** What ioredis puts before each name of a key. */
  readonly keyPrefix: string
  /**
   * The connection to the server that has a key, if there is one already. If not, it is being opened.
   *
   * @param probe - the name of another key in the slot of that one, which nobody uses
   */
  of(key: string, probe: string): Tracking | undefined
  /** Resolves when there is a connection for this key, and it works. */
  works(key: string, probe: string): Promise<void>
  close(): Promise<void>
}

/** Makes the trackers of one store. */
export type OpenTrackers = (listener: ChangeListener) => Trackers

/** For the server at a URL. */
export function trackersFor(url: string): OpenTrackers {
  return (listener) => new OneServer(() => trackedUrl(url), '', listener)
}

/** For the server or the Cluster of a client that was handed in. */
export function trackersLike(client: RedisClient): OpenTrackers {
  const { options } = client as { options?: { keyPrefix?: unknown } }
  const keyPrefix = 'call' in client && typeof options?.keyPrefix === 'string' ? options.keyPrefix : ''
  const isCluster = 'getRandomNode' in client || ('isCluster' in client && client.isCluster === true)
  if (isCluster) return (listener) => new ManyServers(client, keyPrefix, listener)
  return (listener) => new OneServer(() => trackedLike(client), keyPrefix, listener)
}

class OneServer implements Trackers {
  readonly keyPrefix: string
  readonly #opener: () => OpenTracked | Promise<OpenTracked>
  readonly #listener: ChangeListener
  #tracking: Tracking | undefined
  #making: Promise<void> | undefined
  #isClosed = false

  constructor(opener: () => OpenTracked | Promise<OpenTracked>, keyPrefix: string, listener: ChangeListener) {
    this.keyPrefix = keyPrefix
    this.#opener = opener
    this.#listener = listener
  }

  of(_key: string, probe: string): Tracking | undefined {
    if (this.#isClosed) return undefined
    if (this.#tracking === undefined) void this.#make(probe).catch(() => {})
    else this.#tracking.open(probe)
    return this.#tracking
  }

  async works(_key: string, probe: string): Promise<void> {
    await this.#make(probe)
    await this.#tracking?.works(probe)
  }

  async close(): Promise<void> {
    this.#isClosed = true
    await this.#making?.catch(() => {})
    await this.#tracking?.close()
  }

  #make(probe: string): Promise<void> {
    return (this.#making ??= (async () => {
      const open = await this.#opener()
      if (this.#isClosed) return
      this.#tracking = new Tracking(open, probe, this.#listener)
      this.#tracking.open(probe)
    })())
  }
}

/** Each server of a Cluster tells of the keys that it has. */
class ManyServers implements Trackers {
  readonly keyPrefix: string
  readonly #cluster: RedisClient
  readonly #listener: ChangeListener
  /** By the address of their server. */
  readonly #trackings = new Map<string, Tracking>()
  #isClosed = false

  constructor(cluster: RedisClient, keyPrefix: string, listener: ChangeListener) {
    this.keyPrefix = keyPrefix
    this.#cluster = cluster
    this.#listener = listener
  }

  of(key: string, probe: string): Tracking | undefined {
    const node = this.#isClosed ? undefined : masterOf(this.#cluster, slotOf(tagIn(key)))
    if (node === undefined) return undefined
    let tracking = this.#trackings.get(node.address)
    if (tracking === undefined) {
      tracking = new Tracking(trackedLike(node.client), probe, this.#listener)
      this.#trackings.set(node.address, tracking)
      this.#leaveOthers(node.address)
    }
    tracking.open(probe)
    return tracking
  }

  async works(key: string, probe: string): Promise<void> {
    await this.of(key, probe)?.works(probe)
  }

  async close(): Promise<void> {
    this.#isClosed = true
    await Promise.all([...this.#trackings.values()].map((each) => each.close()))
  }

  /** Servers that have left the Cluster, or serve nobody any more. */
  #leaveOthers(newest: string): void {
    for (const [address, tracking] of this.#trackings) {
      if (address === newest || tracking.isReady || tracking.isAwaited) continue
      this.#trackings.delete(address)
      void tracking.close()
    }
  }
}
