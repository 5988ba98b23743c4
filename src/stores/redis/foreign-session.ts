import { SessionError } from '../../core/errors.js'
import type { ForeignSession } from '../../core/store.js'
import type { ResolvedAdoptOptions } from './adopt-options.js'

/** What connect-redis keeps, as it was found. */
export interface ForeignText {
  readonly text: string
  /** Milliseconds that Redis keeps it; less than 0 for ever. */
  readonly ttl: number
  readonly stamp: string
}

/**
 * The session in what connect-redis keeps; `undefined` where it is over.
 *
 * @throws SessionError `RECORD_UNREADABLE`
 */
export function foreignSession(
  { text, ttl, stamp }: ForeignText,
  { cookies, convert }: ResolvedAdoptOptions,
  now: number,
): ForeignSession | undefined {
  const { cookie, ...data } = objectIn(text)
  const said = isObject(cookie) ? cookie : {}
  const expires = timeIn(said['expires'])
  const maxAge = numberIn(said['originalMaxAge'])
  const untilExpiry = expires === undefined ? undefined : expires - now
  // @fastify/session goes by the date in the record. express-session leaves that to Redis: the date is that of the last write.
  if (cookies.from === '@fastify/session' && untilExpiry !== undefined && untilExpiry <= 0) return undefined
  const left = [ttl > 0 ? ttl : undefined, untilExpiry].filter((each) => each !== undefined && each > 0)
  return {
    stamp,
    data: converted(data, convert),
    remaining: left.length > 0 ? Math.min(...(left as number[])) : maxAge,
    maxAge,
    persistent: expires !== undefined || maxAge !== undefined,
  }
}

/** The error for what can't be taken over. It never shows what is there. */
export function unreadable(why: string): SessionError {
  return new SessionError(
    'RECORD_UNREADABLE',
    `A session that connect-redis keeps can't be read: ${why}. It is left as it is. Look for what else writes under its prefix, or for a \`serializer\` of its own.`,
  )
}

function converted(
  data: Record<string, unknown>,
  convert: ResolvedAdoptOptions['convert'],
): Readonly<Record<string, unknown>> {
  let answer: unknown
  try {
    answer = convert(data)
  } catch (cause) {
    throw new SessionError(
      'RECORD_UNREADABLE',
      'A session that connect-redis keeps could not be converted: `adopt.convert` has thrown. It is left as it is. See the cause.',
      { cause },
    )
  }
  if (isObject(answer)) return answer
  throw unreadable('`adopt.convert` has answered no object for it')
}

function objectIn(text: string): Record<string, unknown> {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    // The cause quotes the text: it stays out.
    throw unreadable('it is no JSON')
  }
  if (!isObject(value)) throw unreadable('it is no object')
  return value
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function timeIn(value: unknown): number | undefined {
  const time = typeof value === 'string' ? Date.parse(value) : Number.NaN
  return Number.isNaN(time) ? undefined : time
}

function numberIn(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) && value > 0 ? value : undefined
}
