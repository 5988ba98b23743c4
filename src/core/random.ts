import { randomFillSync } from 'node:crypto'

/** How many bytes are drawn at once. A draw costs as much as some thousand bytes, and leaves more to the garbage collector than all else in a sign-in. */
const DRAWN = 4096

const pool = Buffer.alloc(DRAWN)
let used = DRAWN

/**
 * So many random bytes, at most 4,096, in base64url: of the system's generator, and each byte once. What was given is wiped here:
 * no id that is out can be read from what was drawn.
 */
export function randomText(bytes: number): string {
  if (used + bytes > DRAWN) {
    randomFillSync(pool)
    used = 0
  }
  const begin = used
  used += bytes
  const text = pool.toString('base64url', begin, used)
  pool.fill(0, begin, used)
  return text
}
