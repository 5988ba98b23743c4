import fc from 'fast-check'
import { keyOf, newId } from 'latchkey/core'
import { describe, expect, test } from 'vitest'
import { sealId, successorOf, unsealId } from '../../src/core/former.js'
import { ID_LENGTH, TAG_LENGTH } from '../../src/core/id.js'

const ids = fc.option(fc.string({ minLength: 1 }), { nil: undefined }).map((subject) => newId(subject))

describe('a successor', () => {
  test('is an id like any other, with the tag of the one before and nothing else of it', () => {
    fc.assert(
      fc.property(ids, (id) => {
        const successor = successorOf(id)
        expect(successor).toMatch(/^[\w-]+$/)
        expect(successor).toHaveLength(ID_LENGTH)
        expect(successor.slice(0, TAG_LENGTH)).toBe(id.slice(0, TAG_LENGTH))
        expect(successor.slice(TAG_LENGTH)).not.toBe(id.slice(TAG_LENGTH))
      }),
    )
  })

  test('is another one each time', () => {
    const id = newId(undefined)
    const successors = Array.from({ length: 1000 }, () => successorOf(id))
    expect(new Set(successors).size).toBe(1000)
  })
})

describe('a sealed id', () => {
  test('is opened by the id that it was sealed under', () => {
    fc.assert(
      fc.property(ids, (id) => {
        const successor = successorOf(id)
        expect(unsealId(sealId(successor, id), id, keyOf(successor))).toBe(successor)
      }),
    )
  })

  test('is opened by no other id, not even one with the same tag', () => {
    fc.assert(
      fc.property(ids, ids, (id, other) => {
        const successor = successorOf(id)
        for (const wrong of [other, successorOf(id), successor]) {
          expect(unsealId(sealId(successor, id), wrong, keyOf(successor))).toBeUndefined()
        }
      }),
    )
  })

  test('opens for the key of its own id only', () => {
    const id = newId(undefined)
    const [successor, other] = [successorOf(id), successorOf(id)]
    expect(unsealId(sealId(successor, id), id, keyOf(other))).toBeUndefined()
    expect(unsealId(sealId(successor, id), id, keyOf(id))).toBeUndefined()
  })

  test('that was mangled opens for nobody, and is no error', () => {
    const id = newId(undefined)
    const successor = successorOf(id)
    const sealed = sealId(successor, id)
    const mangled = fc.oneof(
      fc.string(),
      fc.base64String(),
      fc.nat(sealed.length).map((length) => sealed.slice(0, length)),
      fc
        .tuple(fc.nat(sealed.length - 2), fc.constantFrom('A', 'Z', 'a', 'z', '0', '9', '-', '_'))
        .map(([at, letter]) => sealed.slice(0, at) + letter + sealed.slice(at + 1)),
    )
    fc.assert(
      fc.property(mangled, (text) => {
        fc.pre(!Buffer.from(text, 'base64url').subarray(0, 32).equals(Buffer.from(sealed, 'base64url')))
        expect(unsealId(text, id, keyOf(successor))).toBeUndefined()
      }),
      { numRuns: 500 },
    )
  })

  test('tells neither id: it has no text in common with them, and the same one looks different under each', () => {
    fc.assert(
      fc.property(ids, ids, (id, other) => {
        const successor = successorOf(id)
        const sealed = sealId(successor, id)
        expect(sealed).toHaveLength(ID_LENGTH - TAG_LENGTH)
        expect(sealed).not.toBe(successor.slice(TAG_LENGTH))
        expect(sealed).not.toBe(id.slice(TAG_LENGTH))
        expect(sealed).not.toBe(sealId(successor, other))
      }),
    )
  })

  test('has every bit of it flipped about half of the time, whatever the new id is', () => {
    const rounds = 2000
    const successor = successorOf(newId(undefined))
    const bytes = Buffer.from(successor.slice(TAG_LENGTH), 'base64url')
    const flips = Array.from({ length: 256 }, () => 0)
    for (let round = 0; round < rounds; round++) {
      const sealed = Buffer.from(sealId(successor, newId(undefined)), 'base64url')
      for (let bit = 0; bit < 256; bit++) {
        const at = bit >> 3
        flips[bit]! += ((sealed[at]! ^ bytes[at]!) >> (bit & 7)) & 1
      }
    }
    // Half of 2000 with a deviation of 22: 200 off is nine deviations.
    for (const flipped of flips) expect(Math.abs(flipped - rounds / 2)).toBeLessThan(200)
  })
})
