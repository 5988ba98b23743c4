import type * as Crypto from 'node:crypto'
import { newId } from 'latchkey/core'
import { beforeEach, describe, expect, test, vi } from 'vitest'
import { TokenSigner } from '../../src/core/token.js'

const compared = vi.hoisted(() => [] as (readonly [number, number])[])

vi.mock('node:crypto', async (original) => {
  const crypto = await original<typeof Crypto>()
  return {
    ...crypto,
    timingSafeEqual: (one: NodeJS.ArrayBufferView, two: NodeJS.ArrayBufferView): boolean => {
      compared.push([one.byteLength, two.byteLength])
      return crypto.timingSafeEqual(one, two)
    },
  }
})

const secrets = ['one', 'two', 'three'].map((name) => `${name}: a secret of more than 32 characters`)
const signer = new TokenSigner(secrets)

beforeEach(() => void compared.splice(0))

/** The token of an id whose signature differs in the character at this place only. */
function wrongAt(place: number, token: string): string {
  const other = token[place] === 'A' ? 'B' : 'A'
  return token.slice(0, place) + other + token.slice(place + 1)
}

describe('how long the check of a signature takes says nothing of where it is wrong', () => {
  test('wherever a signature differs, it is compared whole, in constant time, with that of each secret', () => {
    const token = signer.sign(newId('42'))
    for (let place = 52; place < token.length; place++) {
      compared.splice(0)
      expect(signer.check(wrongAt(place, token))).toBe(-1)
      expect(compared).toEqual(secrets.map(() => [43, 43]))
    }
  })

  test('so is one of another secret, and that of another id', () => {
    const forged = new TokenSigner(['another secret of more than 32 characters']).sign(newId('42'))
    const swapped = newId('42') + signer.sign(newId('42')).slice(51)
    for (const token of [forged, swapped]) {
      compared.splice(0)
      expect(signer.check(token)).toBe(-1)
      expect(compared).toEqual(secrets.map(() => [43, 43]))
    }
  })

  test('what has not the form of a token is compared with nothing: its form is no secret', () => {
    const token = signer.sign(newId('42'))
    for (const text of ['', token.slice(1), `${token}A`, token.replace('.', 'A'), `${token.slice(0, -1)}é`]) {
      expect(signer.check(text)).toBe(-1)
    }
    expect(compared).toEqual([])
  })
})

// A measurement: on a machine that is busy it needs the time that only the soak test has.
if (process.env['PROPERTY_RUNS'] !== undefined) {
  test('a signature that is wrong at its first character takes as long as one that is wrong at its last', () => {
    const tokens = Array.from({ length: 2000 }, () => signer.sign(newId('42')))
    const times = (place: number): number => {
      const before = process.hrtime.bigint()
      for (const token of tokens) signer.check(wrongAt(place, token))
      return Number(process.hrtime.bigint() - before)
    }
    const median = (values: readonly number[]): number => values.toSorted((one, two) => one - two)[values.length >> 1]!
    times(52)
    times(94)
    const [first, last]: [number[], number[]] = [[], []]
    for (let round = 0; round < 60; round++) {
      // In turns, so that what else the machine does is in both.
      if (round % 2 === 0) first.push(times(52))
      last.push(times(94))
      if (round % 2 === 1) first.push(times(52))
    }
    const ratio = median(last) / median(first)
    expect(ratio).toBeGreaterThan(0.95)
    expect(ratio).toBeLessThan(1.05)
  }, 120_000)
}
