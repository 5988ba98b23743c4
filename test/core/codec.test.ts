import assert from 'node:assert/strict'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decode, encode } from '../../src/core/codec.js'

const roundTrip = (value: unknown): unknown => decode(encode(value, 'value'))

class User {
  id = 1
}

class LooksLikeAMap {
  get [Symbol.toStringTag](): string {
    return 'Map'
  }

  *[Symbol.iterator](): Generator<readonly [string, number]> {
    yield ['a', 1]
  }
}

describe('what can be stored comes back as what it was', () => {
  const samples: readonly [string, unknown][] = [
    ['a date', new Date(1_700_000_000_123)],
    [
      'a map',
      new Map<unknown, unknown>([
        ['a', 1],
        [{ deep: new Date(5) }, new Set([1n])],
      ]),
    ],
    ['a set', new Set(['x', new Map()])],
    ['a bigint', 2n ** 70n],
    ['bytes', new Uint8Array([0, 1, 255])],
    ['a buffer', Buffer.from([0, 1, 255])],
    ['minus zero', -0],
    ['an object that looks like a tag', { '~d': 5 }],
    ['an object that looks like an escaped tag', { '~o': { '~n': '1' } }],
    ['text that begins with the mark', '~{"~d":5}'],
    ['half a surrogate pair', '\ud800'],
    ['a key named __proto__', JSON.parse('{"__proto__":{"polluted":true},"when":1}')],
    [
      'a key named __proto__ beside a date',
      Object.assign(JSON.parse('{"__proto__":{"polluted":true}}'), { d: new Date(1) }),
    ],
    ['null and emptiness', [null, '', {}, [], new Map(), new Set()]],
  ]
  test.each(samples)('%s', (_name, value) => {
    expect(roundTrip(value)).toStrictEqual(value)
  })

  test('any JSON', () => {
    fc.assert(fc.property(fc.jsonValue(), (value) => assert.deepStrictEqual(roundTrip(value), value)))
  })

  test('any mixture of what JSON lacks', () => {
    const { tree } = fc.letrec((tie) => ({
      tree: fc.oneof(
        { maxDepth: 4 },
        fc.string({ unit: 'binary' }),
        fc.double({ noNaN: true, noDefaultInfinity: true }),
        fc.bigInt(),
        fc.date({ noInvalidDate: true }),
        fc.uint8Array(),
        fc.constant(null),
        fc.array(tie('tree')),
        fc.dictionary(fc.oneof(fc.string(), fc.constantFrom('~d', '~o', '__proto__', 'constructor')), tie('tree'), {
          noNullPrototype: true,
        }),
        fc.array(fc.tuple(tie('tree'), tie('tree'))).map((entries) => new Map(entries)),
        fc.array(tie('tree')).map((items) => new Set(items)),
      ),
    }))
    fc.assert(fc.property(tree, (value) => assert.deepStrictEqual(roundTrip(value), value)))
  })

  test('decoding never changes the prototype of anything', () => {
    decode(encode(JSON.parse('{"a":{"__proto__":{"polluted":true}}}'), 'value'))
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
  })

  test('a property that is undefined counts as absent', () => {
    expect(roundTrip({ a: undefined, b: 1 })).toStrictEqual({ b: 1 })
  })

  test('an object that looks like a tag once its undefined properties are left out', () => {
    const value = { total: 1n, day: { '~d': 5, note: undefined }, count: { '~n': 'x', note: undefined } }
    expect(roundTrip(value)).toStrictEqual({ total: 1n, day: { '~d': 5 }, count: { '~n': 'x' } })
  })

  test('an object without a prototype, and one of another realm', () => {
    expect(roundTrip(Object.assign(Object.create(null), { a: 1 }))).toStrictEqual({ a: 1 })
    expect(roundTrip(runInNewContext('({ a: [new Date(5), new Map(), new Set()] })'))).toStrictEqual({
      a: [new Date(5), new Map(), new Set()],
    })
  })
})

describe('what can not be stored is refused with its path', () => {
  const cycle: Record<string, unknown> = {}
  cycle['self'] = { again: cycle }
  const samples: readonly [string, unknown][] = [
    ['cart.items[2].price', { items: [1, 2, { price: Number.NaN }] }],
    ['cart.run', { run: () => {} }],
    ['cart["odd key"]', { 'odd key': Symbol('s') }],
    ['cart.user', { user: new User() }],
    ['cart.failure', { failure: new TypeError('x') }],
    ['cart.pattern', { pattern: /x/ }],
    ['cart[0]', [undefined]],
    // eslint-disable-next-line no-sparse-arrays
    ['cart[1]', [1, , 2]],
    ['cart.at', { at: new Date(Number.NaN) }],
    ['cart.limit', { limit: Infinity }],
    ['cart.self.again', cycle],
    ['cart.by.one', { by: new Map([['one', new WeakMap()]]) }],
    ['cart.set.<item>', { set: new Set([Promise.resolve()]) }],
    ['cart.bytes', { bytes: new Float64Array(1) }],
    ['cart.buffer', { buffer: new ArrayBuffer(1) }],
    ['cart.map', { map: new (class extends Map {})() }],
    ['cart', { [Symbol('hidden')]: 1 }],
    ['cart.match', { match: /b(?<rest>.*)/.exec('abc') }],
    ['cart.list', { list: Object.defineProperty([1], 'toJSON', { value: () => 'other' }) }],
    ['cart.at', { at: Object.assign(new Date(5), { zone: 'UTC' }) }],
    ['cart.map', { map: Object.assign(new Map(), { size2: 0 }) }],
    ['cart.set', { set: Object.assign(new Set(), { size2: 0 }) }],
    ['cart.hidden', { hidden: Object.defineProperty({ a: 1 }, 'toJSON', { value: () => 'other' }) }],
    ['cart.looks', { looks: new LooksLikeAMap() }],
    ['cart.proxy', { proxy: new Proxy(new Map(), {}) }],
    ['cart.orphan', { orphan: Object.create(Object.create(null, { a: { value: 1 } }) as object) as object }],
  ]
  test.each(samples)('%s', (path, value) => {
    expect(() => encode(value, 'cart')).toThrow(
      expect.objectContaining({ code: 'VALUE_NOT_STORABLE', message: expect.stringContaining(`keep ${path}:`) }),
    )
  })

  test('nesting without end', () => {
    let deep: unknown = 1
    for (let level = 0; level < 5_000; level++) deep = [deep]
    expect(() => encode(deep, 'deep')).toThrow(/nested deeper than 100 levels/)
  })

  test('the message never holds the value', () => {
    const secret = 'correct horse battery staple'
    const refused = { [Symbol(secret)]: secret, note: secret }
    expect(() => encode({ refused }, 'x')).toThrow(
      expect.not.objectContaining({ message: expect.stringContaining(secret) }),
    )
  })
})

describe('a text that encode did not write is unreadable, and says so without quoting it', () => {
  test.each(['', '{', '~', '~{"~n":"x"}', '~{"~m":5}', '~{"~n":{}}'])('%s', (text) => {
    expect(() => decode(text)).toThrow(expect.objectContaining({ code: 'RECORD_UNREADABLE' }))
  })
})
