import { syncBuiltinESMExports } from 'node:module'
import crypto from 'node:crypto'
import { afterEach, expect, test, vi } from 'vitest'
import { randomText } from '../../src/core/random.js'

const { randomFillSync } = crypto

/** Has somebody else fill in the random bytes. */
function filledBy(fill: (bytes: Buffer) => void): void {
  crypto.randomFillSync = ((bytes: Buffer) => (fill(bytes), bytes)) as typeof randomFillSync
  syncBuiltinESMExports()
}

async function loadedAnew(): Promise<typeof randomText> {
  vi.resetModules()
  return (await import('../../src/core/random.js')).randomText
}

afterEach(() => {
  crypto.randomFillSync = randomFillSync
  syncBuiltinESMExports()
})

test('texts are as long as asked, in base64url, and none comes twice', () => {
  const lengths = [6, 12, 32]
  const all = Array.from({ length: 6000 }, (_, index) => randomText(lengths[index % 3] as number))
  expect(new Set(all).size).toBe(all.length)
  for (const [index, text] of all.entries()) {
    expect(text).toMatch(/^[\w-]+$/)
    expect(Buffer.from(text, 'base64url')).toHaveLength(lengths[index % 3] as number)
  }
})

test('each byte that was drawn is given once, in the order in which it was drawn', async () => {
  let drawn = 0
  filledBy((bytes) => {
    drawn++
    for (let at = 0; at < bytes.length; at++) bytes[at] = (at >> 4) + 1
  })
  const text = await loadedAnew()
  const given = Buffer.concat(Array.from({ length: 256 }, () => Buffer.from(text(16), 'base64url')))
  expect(drawn).toBe(1)
  expect([...given]).toEqual(Array.from({ length: 4096 }, (_, at) => ((at >> 4) + 1) & 255))
  text(16)
  expect(drawn).toBe(2)
})

test('what does not fit into the rest of a draw is of another', async () => {
  let drawn = 0
  filledBy((bytes) => bytes.fill(++drawn))
  const text = await loadedAnew()
  expect(Buffer.from(text(4080), 'base64url').every((byte) => byte === 1)).toBe(true)
  expect(Buffer.from(text(32), 'base64url').every((byte) => byte === 2)).toBe(true)
})

test('what was given is wiped, and what was not is still there', async () => {
  let pool: Buffer = Buffer.alloc(0)
  filledBy((bytes) => (pool = bytes.fill(255)))
  const text = await loadedAnew()
  text(32)
  text(12)
  expect(pool.subarray(0, 44).every((byte) => byte === 0)).toBe(true)
  expect(pool.subarray(44).every((byte) => byte === 255)).toBe(true)
})

test('where nothing can be drawn nothing is given, and the next time it is drawn again', async () => {
  filledBy(() => {
    throw new Error('no entropy')
  })
  const text = await loadedAnew()
  expect(() => text(32)).toThrow('no entropy')
  expect(() => text(32)).toThrow('no entropy')
  filledBy((bytes) => bytes.fill(7))
  expect(Buffer.from(text(32), 'base64url').every((byte) => byte === 7)).toBe(true)
})
