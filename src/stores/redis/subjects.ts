import { SessionError } from '../../core/errors.js'
import { tagOf } from '../../core/id.js'
import { inOrderOfSignIn, type RecordPatch, type SessionRecord } from '../../core/record.js'
import type { Commands } from './commands.js'
import { fieldsOf, recordIn } from './layout.js'
import type { Answer, Members } from './members.js'
import { dataArguments } from './patch.js'
import type { Script } from './script.js'
import { COUNT, LIST, REVOKE, REVOKE_ALL, UPDATE_ALL } from './subject-scripts.js'

/** The sessions of a subject: the verbs of the ability `by-subject`. */
export class Subjects {
  readonly #commands: Commands
  readonly #members: Members

  constructor(commands: Commands, members: Members) {
    this.#commands = commands
    this.#members = members
  }

  async list(subject: string): Promise<readonly SessionRecord[]> {
    const [, ...found] = await this.#see(LIST, subject, [])
    const records = (found as [string, unknown][]).map(([member, reply]) => readable(tagOf(subject) + member, reply))
    return records.filter((record) => record !== undefined).toSorted(inOrderOfSignIn)
  }

  async count(subject: string): Promise<number> {
    return Number((await this.#see(COUNT, subject, []))[1])
  }

  async revoke(subject: string, handle: string): Promise<boolean> {
    return Number((await this.#see(REVOKE, subject, [handle]))[1]) > 0
  }

  /** Each step ends those that it knows. It is done when the index has nobody else: nobody who was there when it began. */
  async revokeAll(subject: string, exceptHandle = ''): Promise<readonly string[]> {
    const ended: string[] = []
    const told = ([state, handles, members]: Answer): Answer => {
      ended.push(...(handles as string[]))
      return [state, ...(members as string[])]
    }
    await this.#see(REVOKE_ALL, subject, [exceptHandle], told)
    return ended
  }

  async updateAll(subject: string, patch: Pick<RecordPatch, 'set' | 'remove'>): Promise<number> {
    return Number((await this.#see(UPDATE_ALL, subject, dataArguments(patch)))[1])
  }

  async #see(
    script: Script,
    subject: string,
    args: readonly string[],
    told: (answer: Answer) => Answer = (answer) => answer,
  ): Promise<Answer> {
    const tag = tagOf(subject)
    return this.#members.see(tag, async (members) => {
      const keys = [this.#commands.index(tag), ...members]
      return told(await this.#commands.run<Answer>(script, keys, [subject, ...args]))
    })
  }
}

function readable(key: string, reply: unknown): SessionRecord | undefined {
  try {
    return recordIn(key, fieldsOf(reply))
  } catch (error) {
    if (error instanceof SessionError && error.code === 'RECORD_UNREADABLE') return undefined
    throw error
  }
}
