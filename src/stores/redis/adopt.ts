import { SessionError } from '../../core/errors.js'
import { endsAt } from '../../core/expiry.js'
import type { SessionRecord, SubjectLimit } from '../../core/record.js'
import type { Adopting, Evictions, ForeignCookies, ForeignSession } from '../../core/store.js'
import type { ResolvedAdoptOptions } from './adopt-options.js'
import { ADOPT, FOREIGN, FORGET, SETTLE } from './adopt-scripts.js'
import type { Commands } from './commands.js'
import { foreignSession, unreadable } from './foreign-session.js'
import { recordFields } from './layout.js'
import type { Answer, Members } from './members.js'
import { integer } from './numbers.js'
import { limitArguments } from './patch.js'
import type { Records } from './records.js'

/** JSON takes at most so many times the bytes of what it says, and what it says of the cookie takes some more. */
const [MOST_TIMES, MORE] = [2, 8192]

/** Takes over what connect-redis keeps in the same Redis. */
export class RedisAdopting implements Adopting {
  readonly cookies: ForeignCookies
  readonly rolling: boolean
  readonly #options: ResolvedAdoptOptions
  readonly #commands: Commands
  readonly #members: Members
  readonly #records: Records

  constructor(options: ResolvedAdoptOptions, commands: Commands, members: Members, records: Records) {
    this.cookies = options.cookies
    this.rolling = options.rolling
    this.#options = options
    this.#commands = commands
    this.#members = members
    this.#records = records
  }

  async foreign(sid: string, maxBytes: number): Promise<ForeignSession | undefined> {
    const most = [integer(maxBytes * MOST_TIMES + MORE)]
    const answer = await this.#commands.runTwice<Answer>(FOREIGN, [this.#key(sid)], most)
    const [state, ...rest] = answer as readonly [string | undefined, ...unknown[]]
    if (state === undefined) return undefined
    if (state === 'kind') throw unreadable('its key holds something else than a text')
    if (state === 'large') throw tooLarge(Number(rest[0]))
    const [text, ttl, stamp] = rest as [string, number, string]
    return foreignSession({ text, ttl: Number(ttl), stamp }, this.#options, this.#commands.clock())
  }

  async adopt(
    sid: string,
    { stamp }: ForeignSession,
    record: SessionRecord & { readonly formerKey: string },
    { sealedId, knownUntil }: { readonly sealedId: string; readonly knownUntil: number },
    limit?: SubjectLimit,
  ): Promise<'changed' | 'taken' | Evictions | undefined> {
    const { key, subject, formerKey } = record
    const keys = [this.#key(sid), this.#commands.record(formerKey), this.#commands.record(key)]
    if (subject !== undefined) keys.push(this.#commands.index(key))
    const times = [integer(endsAt(record)), integer(record.expiresAt)]
    const former = [stamp, integer(knownUntil), key, sealedId]
    const args = [...limitArguments(limit), subject ?? '', ...times, ...former, ...[...recordFields(record)].flat()]
    const run = (members: readonly string[]): Promise<Answer> => this.#commands.run(ADOPT, [...keys, ...members], args)
    const isLimited = subject !== undefined && limit !== undefined
    const answer = isLimited ? await this.#members.see(key, run, key) : await run([])
    if (answer[0] === 'changed' || answer[0] === 'taken') return answer[0]
    return this.#records.done(answer, subject, limit)
  }

  async forget(sid: string, seen?: ForeignSession): Promise<boolean> {
    return Number(await this.#commands.runTwice(FORGET, [this.#key(sid)], [seen?.stamp ?? ''])) > 0
  }

  async settle(key: string): Promise<void> {
    await this.#commands.runTwice(SETTLE, [this.#commands.record(key)], [])
  }

  #key(sid: string): string {
    return this.#options.prefix + sid
  }
}

function tooLarge(size: number): SessionError {
  return new SessionError(
    'SESSION_TOO_LARGE',
    `A session that connect-redis keeps takes ${size} bytes, more than \`maxBytes\` lets in. It is left as it is. Raise \`maxBytes\`.`,
  )
}
