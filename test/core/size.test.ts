import { expect, test } from 'vitest'
import { assertFits } from '../../src/core/size.js'

const fits = (data: Readonly<Record<string, string>>, before?: Readonly<Record<string, string>>): void =>
  assertFits(
    { options: { maxBytes: 4 } } as never,
    new Map(Object.entries(data)),
    before && new Map(Object.entries(before)),
  )

const tooLarge = (message: RegExp) =>
  expect.objectContaining({ code: 'SESSION_TOO_LARGE', message: expect.stringMatching(message) })

test('data that are as large as what was let in before may take its place', () => {
  expect(() => fits({ b: '56789' }, { a: '12345' })).not.toThrow()
  expect(() => fits({ b: '567890' }, { a: '12345' })).toThrow(tooLarge(/take 7 bytes, more than the 4/))
})

test('of two keys that are equally large the first one is named', () => {
  expect(() => fits({ a: '12', b: '34' })).toThrow(tooLarge(/the largest is "a" with 3\. .* or raise `maxBytes`\.$/))
})
