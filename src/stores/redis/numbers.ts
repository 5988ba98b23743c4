import type { SessionRecord } from '../../core/record.js'

/** The numbers of a record: all that a write may change without touching the data. */
export type Numbers = Pick<
  SessionRecord,
  'createdAt' | 'lastSeenAt' | 'idleTimeout' | 'expiresAt' | 'version' | 'authenticatedAt' | 'rotatedAt'
>

/**
 * The numbers of a record as one text, in base 36, times as their distance from `createdAt`:
 *
 *   createdAt lastSeenAt idleTimeout expiresAt version [authenticatedAt [rotatedAt]]
 *
 * What is left out at the end is what it is as a rule: a subject signed in when its session was created, and a session
 * got its id when it was signed in or, if nobody is, created. A `-` is a session that nobody is signed in to. As fields
 * of their own these numbers would take twice the room.
 */
export function packed(numbers: Numbers, isSubjects: boolean): string {
  const { createdAt, lastSeenAt, idleTimeout, expiresAt, version, authenticatedAt, rotatedAt } = numbers
  const since = (time: number): string => text(whole(time) - whole(createdAt))
  const parts = [text(whole(createdAt)), since(lastSeenAt), text(whole(idleTimeout)), since(expiresAt)]
  parts.push(text(whole(version)))
  const hasUsualSignIn = authenticatedAt === (isSubjects ? createdAt : undefined)
  const hasUsualId = rotatedAt === (authenticatedAt ?? createdAt)
  if (!hasUsualSignIn || !hasUsualId) parts.push(authenticatedAt === undefined ? '-' : since(authenticatedAt))
  if (!hasUsualId) parts.push(since(rotatedAt))
  return parts.join(' ')
}

/** The numbers that {@link packed} was given; `undefined` for any other text. */
export function unpacked(content: string, isSubjects: boolean): Numbers | undefined {
  const parts = content.split(' ')
  const [created, seen, idle, end, version, signIn, id] = parts.map(numberOf)
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

function numberOf(content: string): number | undefined {
  if (!/^-?[0-9a-z]{1,11}$/.test(content)) return undefined
  const number = Number.parseInt(content, 36)
  return Number.isSafeInteger(number) ? number : undefined
}
