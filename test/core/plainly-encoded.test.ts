import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { encode } from '../../src/core/codec.js'
import { isPlainlyEncodedAs } from '../../src/core/plainly-encoded.js'

/** What `encode` makes of a value; nothing where it refuses it. */
function encoded(value: unknown): string | undefined {
  try {
    return encode(value, 'key')
  } catch {
    return undefined
  }
}

/** Texts that look like one another, once quotes and commas are passed over. */
const alike = fc.constantFrom('', 'a', 'b', 'a","b', '\\', '"', 'é', '\n', '\ud800', ',', '1', 'true')

const { tree } = fc.letrec((tie) => ({
  tree: fc.oneof(
    { depthSize: 'small' },
    alike,
    fc.string({ unit: 'binary', maxLength: 3 }),
    fc.constantFrom(0, -0, 1, 12, 1.5, 1e21, NaN, Infinity, true, false, null, undefined, 5n),
    fc.constantFrom(new Date(0), new Map([['a', 1]]), new Set(['a']), new Uint8Array([1])),
    fc.array(tie('tree'), { maxLength: 3 }),
    fc.dictionary(fc.oneof(alike, fc.constantFrom('~d', '__proto__')), tie('tree'), { maxKeys: 3 }),
  ),
}))

describe('what is seen to be encoded as a text', () => {
  test('is encoded as it, whatever it is compared with', () => {
    const seen = fc.property(tree, tree, (value, other) => {
      for (const text of [encoded(value), encoded(other)]) {
        if (text !== undefined && isPlainlyEncodedAs(value, text)) expect(encoded(value)).toBe(text)
      }
    })
    fc.assert(seen, { numRuns: 2000 })
  })

  test('is what most sessions hold', () => {
    for (const value of [
      'tea',
      '',
      7,
      -1.5,
      true,
      false,
      null,
      [],
      ['tea', 1, [null]],
      {},
      { a: { b: ['c'], d: 2 } },
    ]) {
      const text = encode(value, 'key')
      expect(isPlainlyEncodedAs(value, text), text).toBe(true)
      for (let cut = 0; cut < text.length; cut++) {
        expect(isPlainlyEncodedAs(value, text.slice(0, cut)), text.slice(0, cut)).toBe(false)
      }
      expect(isPlainlyEncodedAs(value, `${text},`)).toBe(false)
    }
  })

  test.each([
    ['an array that looks like two', ['a","b'], '["a","b"]'],
    ['a name that looks like two', { 'a":1,"b': 1 }, '{"a":1,"b":1}'],
    ['a longer number', [1], '[12]'],
    ['a date', new Date(0), JSON.stringify(new Date(0))],
    ['a map', new Map(), '{}'],
    ['-0', [-0], '[0]'],
    ['NaN', [NaN], '[null]'],
    ['a hole', [1, , 2], '[1,null,2]'], // oxlint-disable-line no-sparse-arrays
    ['undefined in a list', [undefined], '[null]'],
    ['a list with more than its items', Object.assign([1], { more: 2 }), '[1]'],
    ['a list with a toJSON', Object.defineProperty([1], 'toJSON', { value: () => 5 }), '[1]'],
    ['an object with a toJSON', Object.defineProperty({ a: 1 }, 'toJSON', { value: () => 5 }), '{"a":1}'],
    ['an object with a symbol', { a: 1, [Symbol('b')]: 2 }, '{"a":1}'],
    ['an instance of a class', new (class Cart { items = 1 })(), '{"items":1}'], // prettier-ignore
    ['another order of names', { b: 1, a: 2 }, '{"a":2,"b":1}'],
  ])('is not %s', (_what, value, text) => {
    expect(isPlainlyEncodedAs(value, text)).toBe(false)
  })

  test('is nothing that refers back to itself, and that is found out', () => {
    const cycle: unknown[] = [1]
    cycle.push(cycle)
    expect(isPlainlyEncodedAs(cycle, `[1,${'[1,'.repeat(200)}`)).toBe(false)
  })
})
