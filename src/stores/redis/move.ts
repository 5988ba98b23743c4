import { SessionError } from '../../core/errors.js'
import { isExpired } from '../../core/expiry.js'
import type { RotatePatch } from '../../core/record.js'
import type { Evictions, Outcome } from '../../core/store.js'
import type { Commands } from './commands.js'
import { type Fields, fieldsOf, foundIn, unreadable } from './layout.js'
import { integer } from './numbers.js'
import { changesBetween, movedFields, numbersIn } from './patch.js'
import { LEAVE } from './record-scripts.js'
import type { Records } from './records.js'

/** How often the old record may change while it moves. */
const MAX_ATTEMPTS = 100

/**
 * Moves a record to a key of another tag on a Redis Cluster, where no script can touch both: the new record first, then
 * the old one goes, if it is still what the new one was made of. If it has changed, the new one is brought up to date; if
 * it has ended, the new one ends with it. Why nothing is lost and nothing revived wherever this stops:
 * `docs/decisions/0002-cluster-and-layout.md`.
 */
export async function moveAcross(
  commands: Commands,
  records: Records,
  key: string,
  newKey: string,
  patch: RotatePatch,
): Promise<Outcome | Evictions> {
  const fields = await commands.fields(key)
  const refusal = refusalOf(commands, key, fields, patch)
  if (refusal !== undefined) return refusal
  const evictions = await records.create(newKey, movedFields(fields, patch), patch.limit)
  let outcome: Outcome
  try {
    outcome = await leave(commands, records, key, newKey, fields, patch)
  } catch (error) {
    // Whether the old record has gone is not known. Nobody has the new id: without the new record all is as it was, or over.
    await records.delete(newKey).catch(() => {})
    throw error
  }
  if (outcome === 'updated') return evictions ?? 'updated'
  await records.delete(newKey)
  return outcome
}

/** Why there is nothing to move. */
function refusalOf(commands: Commands, key: string, fields: Fields, patch: RotatePatch): Outcome | undefined {
  const now = commands.clock()
  if (fields.has('r')) return Number(fields.get('r')) > now ? 'rotated' : 'gone'
  const found = foundIn(key, fields, now)
  if (found === undefined || 'movedTo' in found || isExpired(found, now)) return 'gone'
  return patch.ifVersion === undefined || patch.ifVersion === found.version ? undefined : 'conflict'
}

/** Ends the old record. While it goes on changing, so does the new one. */
async function leave(
  commands: Commands,
  records: Records,
  key: string,
  newKey: string,
  copied: Fields,
  patch: RotatePatch,
): Promise<Outcome> {
  let seen = copied
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    const { version, lastSeenAt } = numbersIn(seen)
    const [state, now] = await leaveOnce(commands, key, newKey, copied, [integer(version), integer(lastSeenAt)])
    if (state === 'left') return 'updated'
    if (state === 'unreadable') throw unreadable('it has become something else while it was moved')
    if (state !== 'changed') return state as Outcome
    const changed = fieldsOf(now)
    if (patch.ifVersion !== undefined && numbersIn(changed).version !== patch.ifVersion) return 'conflict'
    if ((await records.change(newKey, changesBetween(seen, changed, patch))) !== 'updated') {
      // The session was ended under its new key: then it has ended. Where the old one has rotated meanwhile, it is not yet.
      const [ended] = await leaveOnce(commands, key, newKey, copied, ['', ''])
      return ended === 'rotated' ? 'rotated' : 'gone'
    }
    seen = changed
  }
  throw new SessionError(
    'WRITE_CONFLICT',
    `Other requests changed the session first, ${MAX_ATTEMPTS} times in a row, while it moved to a new id. It is where it was; try again later.`,
  )
}

function leaveOnce(
  commands: Commands,
  key: string,
  newKey: string,
  fields: Fields,
  expected: readonly string[],
): Promise<readonly [state: string, now?: unknown]> {
  const keys = fields.has('s') ? [commands.record(key), commands.index(key)] : [commands.record(key)]
  return commands.runTwice(LEAVE, keys, [...expected, newKey])
}
