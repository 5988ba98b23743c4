import type { SessionContext } from './context.js'
import type { EncodedData } from './data.js'
import { shortened } from './codec.js'
import { SessionError } from './errors.js'

/** A UTF-16 unit takes at most this many bytes of UTF-8. */
const MAX_BYTES_OF_A_UNIT = 3

/**
 * Refuses data of a session that are larger than `maxBytes`, unless they were as large before: what an earlier, higher
 * limit let in, or parallel requests together, must be able to shrink.
 *
 * @param before - what the record holds as far as is known; `undefined` for a new one
 * @throws SessionError `SESSION_TOO_LARGE` with the size, the limit and the largest top-level key
 */
export function assertFits({ options }: SessionContext, data: EncodedData, before: EncodedData | undefined): void {
  const { maxBytes } = options
  if (unitsOf(data) * MAX_BYTES_OF_A_UNIT <= maxBytes) return
  const size = sizeOf(data)
  if (size <= maxBytes || (before !== undefined && size <= sizeOf(before))) return
  throw tooLarge(data, size, maxBytes)
}

/** How many bytes data take, as `maxBytes` counts them: their keys and their encoded values in UTF-8. */
function sizeOf(data: EncodedData): number {
  let size = 0
  for (const [key, encoded] of data) size += sizeOfEntry(key, encoded)
  return size
}

function unitsOf(data: EncodedData): number {
  let units = 0
  for (const [key, encoded] of data) units += key.length + encoded.length
  return units
}

function sizeOfEntry(key: string, encoded: string): number {
  return Buffer.byteLength(key) + Buffer.byteLength(encoded)
}

function tooLarge(data: EncodedData, size: number, maxBytes: number): SessionError {
  let largest = ''
  let most = -1
  for (const [key, encoded] of data) {
    const each = sizeOfEntry(key, encoded)
    if (each > most) [largest, most] = [key, each]
  }
  return new SessionError(
    'SESSION_TOO_LARGE',
    `The session's data take ${size} bytes, more than the ${maxBytes} of \`maxBytes\`; the largest is ` +
      `${JSON.stringify(shortened(largest))} with ${most}. Nothing was stored. ` +
      'Keep an id in the session and the rest elsewhere, or raise `maxBytes`.',
  )
}
