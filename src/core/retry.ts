import { SessionError } from './errors.js'

/** How often an update is tried before other writers have won for good. */
const MAX_ATTEMPTS = 100

/** The longest pause between two tries, in milliseconds. */
const MAX_PAUSE = 50

/**
 * Tries until it is done. Between two tries `again` prepares the next one, after a pause that grows and is random, so
 * that writers who met once don't meet again.
 *
 * @throws SessionError `WRITE_CONFLICT` after 100 tries, and whatever `attempt` or `again` throws.
 */
export async function retrying(
  attempt: () => Promise<boolean>,
  again: (count: number) => Promise<void>,
): Promise<void> {
  for (let count = 1; count <= MAX_ATTEMPTS; count++) {
    if (await attempt()) return
    await pause(Math.random() * Math.min(count, MAX_PAUSE))
    await again(count)
  }
  throw new SessionError(
    'WRITE_CONFLICT',
    `Other requests changed the session first, ${MAX_ATTEMPTS} times in a row. Nothing was changed; try again later.`,
  )
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds))
}
