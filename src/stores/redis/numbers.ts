import type { SessionRecord } from '../../core/record.js'

/** The numbers of a record: all that a write may change without touching the data. */
export type Numbers = Pick<
  SessionRecord,
  'createdAt' | 'lastSeenAt' | 'idleTimeout' | 'expiresAt' | 'version' | 'authenticatedAt' | 'rotatedAt'
>

const MINUTE = 60_000

/** The code of `-`. */
const MINUS = 45

/**
 * The numbers of a record as one text, in base 36, times as their distance from `createdAt` in milliseconds:
 *
 *   createdAt lastSeenAt idleTimeout expiresAt version [authenticatedAt [rotatedAt]]
 *
 * Of the two deadlines those that are whole minutes are written as such, and others in milliseconds after a dot.
 * What is left out at the end is what it is as a rule: a subject signed in when its session was created, and a session
 * got its id when it was signed in or, if nobody is, created. A `-` is a session that nobody is signed in to. As fields
 * of their own these numbers would take twice the room.
 */
export function packed(numbers: Numbers, isSubjects: boolean): string {
  const { createdAt, lastSeenAt, idleTimeout, expiresAt, version, authenticatedAt, rotatedAt } = numbers
  const since = (time: number): string => text(whole(time) - whole(createdAt))
  const parts = [text(whole(createdAt)), since(lastSeenAt), span(whole(idleTimeout))]
  parts.push(span(whole(expiresAt) - whole(createdAt)), text(whole(version)))
  const hasUsualSignIn = authenticatedAt === (isSubjects ? createdAt : undefined)
  const hasUsualId = rotatedAt === (authenticatedAt ?? createdAt)
  if (!hasUsualSignIn || !hasUsualId) parts.push(authenticatedAt === undefined ? '-' : since(authenticatedAt))
  if (!hasUsualId) parts.push(since(rotatedAt))
  return parts.join(' ')
}

/** The numbers that {@link packed} was given; `undefined` for any other text. */
export function unpacked(content: string, isSubjects: boolean): Numbers | undefined {
  const parts = content.split(' ')
  const [created, seen, idle] = [numberOf(parts[0]), numberOf(parts[1]), spanOf(parts[2])]
  const [end, version, signIn, id] = [spanOf(parts[3]), numberOf(parts[4]), numberOf(parts[5]), numberOf(parts[6])]
  if (created === undefined || seen === undefined || idle === undefined) return undefined
  if (end === undefined || version === undefined || parts.length > 7) return undefined
  if (signIn === undefined && parts.length > 5 && parts[5] !== '-') return undefined
  if (id === undefined && parts.length > 6) return undefined
  const since = parts.length > 5 ? signIn : isSubjects ? 0 : undefined
  const authenticatedAt = since === undefined ? undefined : created + since
  return {
    createdAt: created,
    lastSeenAt: created + seen,
    idleTimeout: idle,
    expiresAt: created + end,
    version,
    authenticatedAt,
    rotatedAt: id === undefined ? (authenticatedAt ?? created) : created + id,
  }
}

/** A number as the scripts take it: whole, never in exponents. */
export function integer(value: number): string {
  return String(whole(value))
}

function whole(value: number): number {
  const rounded = Math.round(value)
  if (!Number.isSafeInteger(rounded)) {
    throw new RangeError(`A record's times and version are whole numbers, not ${value}. Give finite durations.`)
  }
  return rounded
}

function text(number: number): string {
  return number.toString(36)
}

function span(milliseconds: number): string {
  return milliseconds % MINUTE === 0 ? text(milliseconds / MINUTE) : `.${text(milliseconds)}`
}

function spanOf(content = ''): number | undefined {
  if (content.startsWith('.')) return numberOf(content.slice(1))
  const minutes = numberOf(content)
  return minutes !== undefined && Number.isSafeInteger(minutes * MINUTE) ? minutes * MINUTE : undefined
}

/** Read character by character: every load asks for five of them. */
function numberOf(content = ''): number | undefined {
  const from = content.charCodeAt(0) === MINUS ? 1 : 0
  const digits = content.length - from
  if (digits < 1 || digits > 11) return undefined
  let number = 0
  for (let at = from; at < content.length; at++) {
    const code = content.charCodeAt(at)
    if (code >= 48 && code <= 57) number = number * 36 + code - 48
    else if (code >= 97 && code <= 122) number = number * 36 + code - 87
    else return undefined
  }
  if (number > Number.MAX_SAFE_INTEGER) return undefined
  return from === 1 && number !== 0 ? -number : number
}
