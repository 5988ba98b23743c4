import { OWN_IOREDIS } from '../another.js'
import { type Line, WHEN_OPENING, WHEN_READY } from '../line.js'
import { ownIoredis, type OwnIoredis } from '../own-lines.js'
import type { Hearing } from './tracked-line.js'

/** Where Redis tells a connection that speaks RESP2 of changes. */
const CHANNEL = '__redis__:invalidate'

/** A connection of ioredis that is only there to be told. */
export interface ToldIoredis extends OwnIoredis {
  on(event: 'messageBuffer', listener: (channel: unknown, message: unknown) => void): unknown
  on(event: 'ready' | 'close', listener: () => void): unknown
  on(event: 'error', listener: (error: unknown) => void): unknown
}

/** Options of both connections. Nothing is ever sent twice, and names are sent and told as they are in Redis. */
export const TRACKED_IOREDIS = Object.freeze({
  ...OWN_IOREDIS,
  protocol: 2,
  keyPrefix: '',
  autoResubscribe: false,
  autoResendUnfulfilledCommands: false,
})

/**
 * The line over two connections of ioredis, which hands nobody the messages of RESP3: one is read over, the other is told. A
 * command is answered when both have answered, so that what was told before is heard before.
 *
 * Either one's end is the end of both. The one that reads is turned to the one that is told each time that both are there.
 */
export function trackedIoredis(reads: OwnIoredis, told: ToldIoredis, hearing: Hearing): Line {
  const [reading, telling] = [ownIoredis(reads), ownIoredis(told)]
  let isOver = 0
  let identity: Promise<string> | undefined
  const lost = (): void => {
    isOver++
    hearing.lost()
  }
  const turn = async (): Promise<void> => {
    const at = isOver
    if (identity === undefined || reads.status !== 'ready') return
    try {
      await reads.call('client', ['tracking', 'on', 'redirect', await identity])
      if (at === isOver) hearing.ready()
    } catch (error) {
      if (at === isOver) hearing.refused(error)
    }
  }
  told.on('messageBuffer', (channel, names) => {
    if (String(channel) !== CHANNEL) return
    if (Array.isArray(names)) for (const name of names) hearing.changed(String(name))
    else hearing.changed(undefined)
  })
  told.on('ready', () => {
    identity = subscribed(told)
    identity.catch((error: unknown) => hearing.refused(error))
    void turn()
  })
  told.on('close', () => {
    identity = undefined
    lost()
  })
  reads.on('ready', () => void turn())
  reads.on('close', lost)
  for (const client of [reads, told]) client.on('error', (error: unknown) => hearing.refused(error))
  return {
    isCluster: false,
    get patience() {
      return reads.status === 'ready' && told.status === 'ready' ? WHEN_READY : WHEN_OPENING
    },
    async send(args) {
      const [answer] = await Promise.all([reading.send(args), telling.send(['ping'])])
      return answer
    },
    async close() {
      await Promise.all([reading.close(), telling.close()])
    },
    drop() {
      reading.drop()
      telling.drop()
    },
  }
}

/** Has a connection told of changes, and answers its number. */
async function subscribed(told: ToldIoredis): Promise<string> {
  // A connection that is told takes no other commands.
  const number = String(await told.call('client', ['id']))
  await told.call('subscribe', [CHANNEL])
  return number
}
