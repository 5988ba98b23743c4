import { keyTaken, limitReached, type SessionError } from '../../core/errors.js'
import { endsAt, isExpired } from '../../core/expiry.js'
import type { FormerKey, RecordPatch, RotatePatch, SessionRecord, SubjectLimit } from '../../core/record.js'
import type { Evictions, Outcome } from '../../core/store.js'
import type { Commands } from './commands.js'
import { type Fields, formerField, foundIn, tagIn, unreadable } from './layout.js'
import type { Answer, Members } from './members.js'
import { moveAcross } from './move.js'
import { integer } from './numbers.js'
import { limitArguments, numbersIn, patchArguments, rotateArguments } from './patch.js'
import { CONFIRM_FOREIGN } from './adopt-scripts.js'
import { CONFIRM, CREATE, DELETE, ROTATE, TOUCH, UPDATE } from './record-scripts.js'
import type { Subjects } from './subjects.js'

/** Single records: what the verbs that write do. */
export class Records {
  readonly #commands: Commands
  readonly #members: Members
  readonly #subjects: Subjects

  constructor(commands: Commands, members: Members, subjects: Subjects) {
    this.#commands = commands
    this.#members = members
    this.#subjects = subjects
  }

  /** One HGETALL. Also a record that only the clock has ended is `undefined`. */
  async load(key: string): Promise<SessionRecord | FormerKey | undefined> {
    const fields = await this.#commands.fields(key)
    const now = this.#commands.clock()
    const found = foundIn(key, fields, now)
    return found === undefined || 'movedTo' in found || !isExpired(found, now) ? found : undefined
  }

  async create(key: string, fields: Fields, limit: SubjectLimit | undefined): Promise<Evictions | undefined> {
    const [numbers, subject] = [numbersIn(fields), fields.get('s')]
    const times = [integer(endsAt(numbers)), integer(numbers.expiresAt)]
    const args = [...limitArguments(limit), subject ?? '', ...times, ...[...fields].flat()]
    const run = (members: readonly string[]): Promise<Answer> => {
      const keys = subject === undefined ? [this.#commands.record(key)] : [...this.#keys(key), ...members]
      return this.#commands.run(CREATE, keys, args)
    }
    const isLimited = subject !== undefined && limit !== undefined
    return this.done(isLimited ? await this.#members.see(key, run, key) : await run([]), subject, limit)
  }

  update(key: string, patch: RecordPatch): Promise<Outcome> {
    return this.change(key, patchArguments(patch))
  }

  /** A change as UPDATE takes it. The index is named only where the end of the lifetime moves: no other change needs it. */
  async change(key: string, args: readonly string[]): Promise<Outcome> {
    const answer = await this.#commands.run<string>(UPDATE, [this.#commands.record(key)], args)
    if (answer !== 'unindexed') return outcome(answer)
    return outcome(await this.#commands.run<string>(UPDATE, this.#keys(key), args))
  }

  async touch(key: string, lastSeenAt: number): Promise<boolean> {
    return isLive(await this.#commands.run(TOUCH, [this.#commands.record(key)], [integer(lastSeenAt)]))
  }

  async delete(key: string): Promise<boolean> {
    return (await this.#commands.run(DELETE, this.#keys(key), [])) === 'live'
  }

  async rotate(key: string, newKey: string, patch: RotatePatch): Promise<Outcome | Evictions> {
    const isSameSlot = tagIn(key) === tagIn(newKey)
    if (!isSameSlot && patch.sealedId !== undefined) {
      throw new RangeError('A rotation with a sealed id needs a new key with the tag of the old one.')
    }
    const answer = isSameSlot || !this.#commands.isCluster ? await this.#rotate(key, newKey, patch) : undefined
    if (answer === undefined) return moveAcross(this.#commands, this, key, newKey, patch)
    if (answer[0] !== 'updated' && answer[0] !== 'crowded') return outcome(answer[0], patch.limit)
    return (await this.done(answer, patch.subject, patch.limit)) ?? 'updated'
  }

  async confirm(key: string, formerKey: string, goodUntil: number): Promise<void> {
    const isSameTag = tagIn(formerKey) === tagIn(key)
    const keys = isSameTag || !this.#commands.isCluster ? [key, formerKey] : [key]
    const names = keys.map((each) => this.#commands.record(each))
    const args = [formerField(key, formerKey), integer(goodUntil)]
    isLive(await this.#commands.run(isSameTag || keys.length === 1 ? CONFIRM : CONFIRM_FOREIGN, names, args))
  }

  async #rotate(key: string, newKey: string, patch: RotatePatch): Promise<Answer | undefined> {
    const [keys, args] = [[...this.#keys(key), ...this.#keys(newKey)], rotateArguments(patch)]
    if (patch.subject === undefined || patch.limit === undefined) return this.#commands.runAcross(ROTATE, keys, args)
    const run = async (members: readonly string[]): Promise<Answer> =>
      (await this.#commands.runAcross<Answer>(ROTATE, [...keys, ...members], args)) ?? ['across']
    const answer = await this.#members.see(newKey, run, newKey)
    return answer[0] === 'across' ? undefined : answer
  }

  /** What the answer of CREATE, ROTATE or ADOPT says of others. Throws for a refusal. */
  async done(
    [state, ...evicted]: Answer,
    subject: string | undefined,
    limit: SubjectLimit | undefined,
  ): Promise<Evictions | undefined> {
    // What was idle for too long leaves a crowded index with the next look at it. If that fails, it is done another time.
    if (state === 'crowded' && subject !== undefined) await this.#subjects.count(subject).catch(() => {})
    else if (state !== 'created' && state !== 'updated') outcome(state, limit)
    return evicted.length > 0 ? { evicted: evicted as string[] } : undefined
  }

  #keys(key: string): readonly [string, string] {
    return [this.#commands.record(key), this.#commands.index(key)]
  }
}

function outcome(answer: string, limit?: SubjectLimit): Outcome {
  if (answer === 'unreadable') throw damaged()
  if (answer === 'limit') throw limitReached(limit?.max ?? 0)
  if (answer === 'exists') throw keyTaken()
  return answer as Outcome
}

function isLive(answer: unknown): boolean {
  if (answer === 'unreadable') throw damaged()
  return answer === 'live'
}

function damaged(): SessionError {
  return unreadable('its handle and numbers are missing, or are something else')
}
