import type { SessionError } from '../../core/errors.js'
import type { Clock } from '../../core/expiry.js'
import { invalid as invalidOption, refuseUnknown, shown } from '../../core/options.js'

/** How a `MemoryStore` is made. */
export interface MemoryStoreOptions {
  /** How many sessions are kept at most. Default 100,000. */
  readonly maxSessions?: number | undefined
  /** Tells the time, in epoch milliseconds. Default `Date.now`. */
  readonly clock?: Clock | undefined
  /** Whether it may be made while `NODE_ENV` is `production`. Default `false`. */
  readonly allowInProduction?: boolean | undefined
}

/** What the options say, checked and with the defaults filled in. */
export interface CheckedOptions {
  readonly maxSessions: number
  readonly clock: Clock
}

const KNOWN = ['maxSessions', 'clock', 'allowInProduction']

/** Checks the options of a `MemoryStore`. Throws `OPTIONS_INVALID` with the value and the mend. */
export function checkOptions(options: MemoryStoreOptions): CheckedOptions {
  refuseUnknown(options, KNOWN, 'option of MemoryStore')
  const { maxSessions = 100_000, clock = Date.now, allowInProduction = false } = options
  if (!Number.isSafeInteger(maxSessions) || maxSessions < 1) {
    throw invalid(`maxSessions is ${shown(maxSessions)}. Give a whole number from 1, such as 100_000`)
  }
  if (typeof clock !== 'function') throw invalid(`clock is ${shown(clock)}. Give a function such as Date.now`)
  if (typeof allowInProduction !== 'boolean') {
    throw invalid(`allowInProduction is ${shown(allowInProduction)}. Give true or false`)
  }
  if (process.env['NODE_ENV'] === 'production' && !allowInProduction) {
    throw invalid(
      'NODE_ENV is production, and this store loses every session when its process ends and shares none with another. ' +
        "Use RedisStore from 'latchkey/stores/redis' or SqliteStore from 'latchkey/stores/sqlite', or pass allowInProduction: true",
    )
  }
  return { maxSessions, clock }
}

function invalid(what: string): SessionError {
  return invalidOption(`MemoryStore: ${what}.`)
}
