import { setTimeout as pause } from 'node:timers/promises'
import { SessionError } from '../../core/errors.js'
import type { Commands } from './commands.js'
import { hashIn, tagIn } from './layout.js'
import { type Turn, Turns } from './turns.js'

/** What a script that needs the members of an index answers: a word and what goes with it, for `again` the members. */
export type Answer = readonly [state: string, ...rest: unknown[]]

/** How often a script is tried before others have won for good. */
const MAX_ATTEMPTS = 100

/** The longest pause between two tries, in milliseconds. */
const MAX_PAUSE = 20

/**
 * Runs scripts that have to name the records of a subject, without knowing which there are: it begins with none, and the
 * script that finds others in the index says which. Nobody else has to know them, and no key is made up in a script.
 */
export class Members {
  readonly #commands: Commands
  readonly #turns = new Turns()

  constructor(commands: Commands) {
    this.#commands = commands
  }

  /**
   * Tries until the script has seen everybody. `run` is given the Redis keys of the members that are known.
   *
   * @param key - any key with the tag of the index
   * @param adds - the key that the index has afterwards, too
   * @throws SessionError `WRITE_CONFLICT` after 100 tries
   */
  see(key: string, run: (keys: readonly string[]) => Promise<Answer>, adds?: string): Promise<Answer> {
    return this.#turns.take(this.#commands.index(key), async (turn) => {
      const answer = await this.#see(tagIn(key), turn, run)
      if (adds !== undefined) turn.members = [...turn.members, hashIn(adds)]
      return answer
    })
  }

  async #see(tag: string, turn: Turn, run: (keys: readonly string[]) => Promise<Answer>): Promise<Answer> {
    for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
      const answer = await run(turn.members.map((member) => this.#commands.record(tag + member)))
      if (answer[0] !== 'again') return answer
      turn.members = answer.slice(1) as string[]
      if (attempt > 3) await pause(Math.random() * Math.min(attempt, MAX_PAUSE))
    }
    throw new SessionError(
      'WRITE_CONFLICT',
      `The subject signed in or out elsewhere, ${MAX_ATTEMPTS} times in a row, while its sessions were looked through. Try again later.`,
    )
  }
}
