/** One client, as a connection uses it for as long as it answers. */
export interface Line {
  /** Whether the keys are spread over several servers, so that a script may touch those of one slot only. */
  readonly isCluster: boolean
  /** How long this line may be silent now while it owes an answer, in ticks of {@link TICK}. */
  readonly patience: number
  /** Sends one command. Rejects with the client's own error. */
  send(args: string[], key?: string): Promise<unknown>
  /** Lets go of it as it should be done, where it is the store's own. */
  close(): Promise<void>
  /** Lets go of it at once, where it is the store's own. */
  drop(): void
}

/** How often a connection that owes an answer is looked at, in milliseconds. */
export const TICK = 200

/** A line that has been ready is given up after a second. */
export const WHEN_READY = 5

/** One that is only being opened gets two, so that a server with many such to serve is not asked over and over. */
export const WHEN_OPENING = 10

/** How long a connection of the store's own may take to be accepted, in milliseconds. */
export const CONNECT_WITHIN = 1000

/** Doubles from 50 ms to half a second, so that a Redis that is back is soon found. */
export function retryDelay(retries: number): number {
  return Math.min(50 * 2 ** retries, 500)
}

/** How long closing waits for the answers that are still due, in milliseconds. */
const CLOSE_WITHIN = 1000

/** Waits for a client to close as it should, for a moment, and then drops what is left of it. */
export async function ended(closing: Promise<unknown>, drop: () => unknown): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise((resolve) => (timer = setTimeout(resolve, CLOSE_WITHIN)))
  try {
    await Promise.race([closing, late])
    await drop()
  } catch {
    // It is closed already, or was lost on the way.
  } finally {
    clearTimeout(timer)
  }
}

/** Why the answer to a command can't be used: it is that of the second time that the client has sent it. */
export class ResentError extends Error {
  override readonly name = 'ResentError'

  constructor() {
    super('The connection to Redis was lost, and the client has sent a command again that may have run before.')
  }
}
