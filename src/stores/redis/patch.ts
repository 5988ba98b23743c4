import type { RecordPatch, RotatePatch, SubjectLimit } from '../../core/record.js'
import { dataField, type Fields, HEAD, headOf, setHead } from './layout.js'
import { integer, type Numbers } from './numbers.js'
import { storedOrigin } from './origin.js'

/** What a hash gets and loses besides its numbers: fields and values in turn, and fields. */
interface Content {
  readonly set: readonly string[]
  readonly remove: readonly string[]
}

/** A patch as UPDATE takes it. */
export function patchArguments(patch: RecordPatch): string[] {
  return [...timesArguments(patch), ...contentArguments(contentOf(patch))]
}

/** The data of a patch as UPDATE_ALL takes it. */
export function dataArguments(patch: Pick<RecordPatch, 'set' | 'remove'>): string[] {
  return ['1', ...NO_TIMES, ...contentArguments(contentOf(patch))]
}

/** A patch as ROTATE takes it. */
export function rotateArguments(patch: RotatePatch): string[] {
  const { subject, rotatedAt, signIn, sealedId, limit } = patch
  const who = signIn === undefined ? ['', ''] : [integer(signIn.authenticatedAt), storedOrigin(signIn).code]
  const moved = [subject ?? '', integer(rotatedAt), ...who, sealedId ?? '', ...limitArguments(limit)]
  return [...timesArguments(patch), ...moved, ...contentArguments(contentOf(patch))]
}

/** A limit as the scripts take it. */
export function limitArguments(limit: SubjectLimit | undefined): string[] {
  return limit === undefined ? ['', ''] : [integer(limit.max), limit.onLimit]
}

/** The hash of a record after it has moved with a patch: what ROTATE makes of it. */
export function movedFields(fields: Fields, patch: RotatePatch): Map<string, string> {
  const moved = new Map(fields)
  const { set, remove } = contentOf(patch)
  for (const field of [...remove, 'k', 's', 'o']) moved.delete(field)
  for (let at = 0; at < set.length; at += 2) moved.set(set[at] ?? '', set[at + 1] ?? '')
  if (patch.subject !== undefined) moved.set('s', patch.subject)
  const { handle, code: own, numbers } = headOf(fields)
  const former = own === '' ? (fields.get('o') ?? '') : own
  const code = patch.signIn === undefined ? former : storedOrigin(patch.signIn).code
  setHead(moved, { handle, code, numbers: movedNumbers(numbers, patch) }, patch.subject !== undefined)
  return moved
}

/**
 * What brings a moved record up to date when the hash it was made from has changed since, as UPDATE takes it: only what
 * changed, and of that only what the rotation does not decide by itself.
 */
export function changesBetween(before: Fields, after: Fields, patch: RotatePatch): string[] {
  const { set, remove } = contentOf(patch)
  const decided = new Set([HEAD, 's', 'k', 'o', ...remove, ...set.filter((_, at) => at % 2 === 0)])
  const isOpen = (field: string): boolean => !decided.has(field)
  const changed = [...after].filter(([field, value]) => isOpen(field) && before.get(field) !== value)
  const lost = [...before.keys()].filter((field) => isOpen(field) && !after.has(field))
  const [was, is] = [numbersIn(before), numbersIn(after)]
  const deadlines = patch.times === undefined ? [integer(is.idleTimeout), integer(is.expiresAt)] : ['', '']
  const times = [integer(is.lastSeenAt), ...deadlines]
  return ['', integer(is.version - was.version), ...times, ...contentArguments({ set: changed.flat(), remove: lost })]
}

/** The numbers in the fields of a hash. Throws `RECORD_UNREADABLE`. */
export function numbersIn(fields: Fields): Numbers {
  return headOf(fields).numbers
}

const NO_TIMES = ['', '', '']

/** The version that a patch applies to, by how much it grows, and the times. */
function timesArguments({ times, ifVersion }: RecordPatch): string[] {
  const given = times === undefined ? NO_TIMES : [times.lastSeenAt, times.idleTimeout, times.expiresAt].map(integer)
  return [ifVersion === undefined ? '' : integer(ifVersion), '1', ...given]
}

function contentOf(
  patch: Pick<RotatePatch, 'set' | 'remove'> & Pick<Partial<RotatePatch>, 'times' | 'signIn'>,
): Content {
  const { times, signIn } = patch
  const [set, remove]: [string[], string[]] = [[], []]
  for (const [key, value] of patch.set) set.push(dataField(key), value)
  for (const key of patch.remove) remove.push(dataField(key))
  if (times?.persistent === true) remove.push('p')
  else if (times !== undefined) set.push('p', '0')
  if (signIn !== undefined) {
    const { ip, device } = storedOrigin(signIn)
    for (const [field, value] of Object.entries({ i: ip, d: device })) {
      if (value === undefined) remove.push(field)
      else set.push(field, value)
    }
  }
  return { set, remove }
}

/** The count of what to set, that, and what to remove. */
function contentArguments({ set, remove }: Content): string[] {
  return [String(set.length), ...set, ...remove]
}

function movedNumbers(numbers: Numbers, patch: RotatePatch): Numbers {
  const { times = numbers, subject, signIn, rotatedAt } = patch
  return {
    createdAt: numbers.createdAt,
    lastSeenAt: Math.max(numbers.lastSeenAt, times.lastSeenAt),
    idleTimeout: times.idleTimeout,
    expiresAt: times.expiresAt,
    version: numbers.version + 1,
    authenticatedAt: subject === undefined ? undefined : (signIn ?? numbers).authenticatedAt,
    rotatedAt,
  }
}
