import { describe, expect, test } from 'vitest'
import { decode, defineData, encode } from '../../src/core/codec.js'

describe('a refusal says where the value is and what it is', () => {
  const cycle: Record<string, unknown> = {}
  cycle['again'] = { cycle }
  class Named {}
  class Bytes extends Uint8Array {}
  /** A class that calls itself what it is not. */
  const called = (name: string, fake: object): object => Object.defineProperty(fake, 'name', { value: name })
  const Fake16 = class extends Uint16Array {}
  const tagged = (tag: string): object =>
    new (class Fake {
      get [Symbol.toStringTag](): string {
        return tag
      }
    })()

  const refusals: readonly [unknown, string][] = [
    [{ n: Number.NaN }, 'cart.n: it is the number NaN.'],
    [{ n: -Infinity }, 'cart.n: it is the number -Infinity.'],
    [{ f: () => {} }, 'cart.f: it is a function.'],
    [[Symbol('s')], 'cart[0]: it is a symbol.'],
    [[undefined], 'cart[0]: it is undefined.'],
    [undefined, 'cart: it is undefined.'],
    [cycle, 'cart.again.cycle: it is a reference back to an object that contains it.'],
    [{ at: new Date(Number.NaN) }, 'cart.at: it is an invalid date.'],
    [new Map([[{ x: 1n, y: Symbol('s') }, 1]]), 'cart.<key>.y: it is a symbol.'],
    [new Map([[5, Symbol('s')]]), 'cart.<value>: it is a symbol.'],
    [new Map([['five', Symbol('s')]]), 'cart.five: it is a symbol.'],
    [new Set([Symbol('s')]), 'cart.<item>: it is a symbol.'],
    [new Named(), 'cart: it is an instance of Named.'],
    [new (class {})(), 'cart: it is an instance of a class.'],
    [new (called('', class {}) as new () => object)(), 'cart: it is an instance of a class.'],
    [new (called(5 as never, class {}) as new () => object)(), 'cart: it is an instance of a class.'],
    [
      Object.create(Object.create(Object.prototype, { constructor: { value: undefined } }) as object),
      'cart: it is an instance of a class.',
    ],
    [Object.assign([1], { more: 1 }), 'cart: it is an instance of Array with properties of its own.'],
    [Object.assign(new Map(), { more: 1 }), 'cart: it is an instance of Map with properties of its own.'],
    [{ [Symbol('s')]: 1 }, 'cart: it is an object with symbols as keys.'],
    [
      { toJSON: undefined, a: { b: Object.defineProperty({}, 'toJSON', { value: () => 1 }) } },
      'cart.a.b: it is an object with a toJSON of its own.',
    ],
    [new Bytes(1), 'cart: it is an instance of Bytes.'],
    [new (called('Uint8Array', Fake16) as new (length: number) => object)(1), 'cart: it is an instance of Uint8Array.'],
    [Object.assign(new Uint8Array(1), { constructor: undefined }), 'cart: it is an instance of a class.'],
    [tagged('Date'), 'cart: it is an instance of Fake.'],
    [tagged('Map'), 'cart: it is an instance of Fake.'],
    [tagged('Set'), 'cart: it is an instance of Fake.'],
    [tagged('Uint8Array'), 'cart: it is an instance of Fake.'],
    [{ 'odd key': { 5: [{ _$: Symbol('s') }] } }, 'cart["odd key"]["5"][0]._$: it is a symbol.'],
  ]
  test.each(refusals.map(([value, message]) => [message, value]))('%s', (message, value) => {
    expect(() => encode(value, 'cart')).toThrow(
      `The session can't keep ${message} Keep plain objects, arrays, strings, finite numbers, booleans, null, Date, Map, Set, BigInt or bytes.`,
    )
  })

  test('a hundred levels are kept, one more is not', () => {
    const nested = (levels: number): unknown => Array.from({ length: levels }).reduce((inner) => [inner], 1)
    expect(decode(encode(nested(100), 'deep'))).toEqual(nested(100))
    expect(() => encode(nested(101), 'deep')).toThrow(/it is nested deeper than 100 levels\./)
  })

  test('the same object twice is no reference back', () => {
    const one = { a: 1 }
    expect(decode(encode([one, one], 'x'))).toEqual([one, one])
  })
})

describe('the stored text', () => {
  // What is stored by one release is read, and compared, by the next.
  const texts: readonly [unknown, string][] = [
    ['text', '"text"'],
    [true, 'true'],
    [null, 'null'],
    [5, '5'],
    [['a', true, null, { b: 1 }], '["a",true,null,{"b":1}]'],
    [-0, '~{"~z":0}'],
    [12n, '~{"~n":"12"}'],
    [{ a: 1, n: 12n }, '~{"a":1,"n":{"~n":"12"}}'],
    [{ n: 12n }, '~{"n":{"~n":"12"}}'],
    [new Date(5), '~{"~d":5}'],
    [new Map([['a', 1n]]), '~{"~m":[["a",{"~n":"1"}]]}'],
    [new Set([1, new Date(5)]), '~{"~s":[1,{"~d":5}]}'],
    [Buffer.from('ab'), '~{"~b":"YWI="}'],
    [new Uint8Array([97, 98]), '~{"~u":"YWI="}'],
    [{ '~d': 5 }, '{"~d":5}'],
    [[{ '~d': 5 }, { '~d': 5, more: 1 }, 1n], '~[{"~o":{"~d":5}},{"~d":5,"more":1},{"~n":"1"}]'],
  ]
  test.each(texts.map(([value, text]) => [text, value] as const))('is %s', (text, value) => {
    expect(encode(value, 'x')).toBe(text)
    expect(decode(text)).toStrictEqual(value)
  })

  test('that was written for an object with a key like a mark, before it needed none, is still read', () => {
    expect(decode('~{"~o":{"~d":5}}')).toEqual({ '~d': 5 })
  })

  test('that encode did not write is unreadable, and is not quoted', () => {
    const error = expect.not.objectContaining({ cause: expect.anything() }) as Error
    expect(() => decode('{secret')).toThrow(error)
    expect(() => decode('{secret')).toThrow(/^A stored value is not the JSON that Latchkey writes\.$/)
  })
})

test('data named like what every object has can be changed and removed like any other', () => {
  const target = {}
  for (const name of ['constructor', 'toString', '__proto__', 'other']) {
    defineData(target, name, 1)
    defineData(target, name, 2)
    const descriptor = Object.getOwnPropertyDescriptor(target, name)
    expect(descriptor).toEqual({ value: 2, writable: true, enumerable: true, configurable: true })
  }
  expect(Object.getPrototypeOf(target)).toBe(Object.prototype)
})
