import type { Line } from '../line.js'

/** Who hears what Redis tells over a tracked line. */
export interface Hearing {
  /** From now on Redis tells of each key that was read over the line and changes. */
  ready(): void
  /** What was read has changed: the name of a key, or `undefined` for all of them. */
  changed(name: string | undefined): void
  /** The connection is gone, and what Redis would have told over it. */
  lost(): void
  /** Redis is there and will not tell, or the line could not be opened. */
  refused(error: unknown): void
}

/**
 * Opens a line of the store's own to a server that tells of changes. When it answers a command, it has told of all that had
 * changed when the command was sent.
 */
export type OpenTracked = (hearing: Hearing) => Line
