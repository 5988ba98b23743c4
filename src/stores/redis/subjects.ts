import { SessionError } from '../../core/errors.js'
import { tagOf } from '../../core/id.js'
import { inOrderOfSignIn, type RecordPatch, type SessionRecord } from '../../core/record.js'
import type { Commands } from './commands.js'
import { recordIn } from './layout.js'
import type { Answer, Members } from './members.js'
import { dataArguments } from './patch.js'
import { COUNT, FIND, LIST, REVOKE, REVOKE_ALL, UPDATE_ALL } from './subject-scripts.js'

/** The sessions of a subject: the verbs of the ability `by-subject`. */
export class Subjects {
  readonly #commands: Commands
  readonly #members: Members

  constructor(commands: Commands, members: Members) {
    this.#commands = commands
    this.#members = members
  }

  async list(subject: string): Promise<readonly SessionRecord[]> {
    const [, ...found] = await this.#see(subject, (keys) => this.#commands.runTwice(LIST, keys, [subject]))
    return recordsIn(subject, found).toSorted(inOrderOfSignIn)
  }

  async find(subject: string, handle: string): Promise<SessionRecord | undefined> {
    const [, ...found] = await this.#see(subject, (keys) => this.#commands.runTwice(FIND, keys, [subject, handle]))
    return recordsIn(subject, found)[0]
  }

  async count(subject: string): Promise<number> {
    const [, count] = await this.#see(subject, (keys) => this.#commands.runTwice(COUNT, keys, [subject]))
    return Number(count)
  }

  async revoke(subject: string, handle: string): Promise<boolean> {
    const [, count] = await this.#see(subject, (keys) => this.#commands.run(REVOKE, keys, [subject, handle]))
    return Number(count) > 0
  }

  /** Each step ends those that it knows. It is done when the index has nobody else: nobody who was there when it began. */
  async revokeAll(subject: string, exceptHandle = ''): Promise<readonly string[]> {
    const ended: string[] = []
    await this.#see(subject, async (keys) => {
      const answer = await this.#commands.run<Answer>(REVOKE_ALL, keys, [subject, exceptHandle])
      const [state, handles, members] = answer as [string, readonly string[], readonly string[]]
      ended.push(...handles)
      return [state, ...members]
    })
    return ended
  }

  async updateAll(subject: string, patch: Pick<RecordPatch, 'set' | 'remove'>): Promise<number> {
    const args = [subject, ...dataArguments(patch)]
    const [, count] = await this.#see(subject, (keys) => this.#commands.run(UPDATE_ALL, keys, args))
    return Number(count)
  }

  #see(subject: string, run: (keys: readonly string[]) => Promise<Answer>): Promise<Answer> {
    const tag = tagOf(subject)
    return this.#members.see(tag, (members) => run([this.#commands.index(tag), ...members]))
  }
}

/** The records that a script answered, each as its member and its fields. */
function recordsIn(subject: string, found: readonly unknown[]): readonly SessionRecord[] {
  const records = (found as [string, unknown][]).map(([member, reply]) => readable(tagOf(subject) + member, reply))
  return records.filter((record) => record !== undefined)
}

function readable(key: string, reply: unknown): SessionRecord | undefined {
  try {
    return recordIn(key, reply)
  } catch (error) {
    if (error instanceof SessionError && error.code === 'RECORD_UNREADABLE') return undefined
    throw error
  }
}
