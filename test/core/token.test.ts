import { describe, expect, test } from 'vitest'
import { keyOf, newHandle, newId, tagOf } from '../../src/core/id.js'
import { idOf, TokenSigner } from '../../src/core/token.js'

const signer = new TokenSigner(['a'.repeat(32)])

describe('ids', () => {
  test('an id has a tag of 8 characters and 256 random bits, base64url', () => {
    expect(newId(undefined)).toMatch(/^[\w-]{51}$/)
    expect(newId('42')).toMatch(/^[\w-]{51}$/)
  })

  test('ten thousand ids are all different', () => {
    expect(new Set(Array.from({ length: 10_000 }, (_, index) => newId(index % 2 ? '42' : undefined))).size).toBe(10_000)
  })

  test('all ids of a subject share a tag, and it does not name the subject', () => {
    expect(newId('ann@example.com').slice(0, 8)).toBe(tagOf('ann@example.com'))
    expect(newId('ann@example.com').slice(0, 8)).toBe(newId('ann@example.com').slice(0, 8))
    expect(tagOf('ann@example.com')).not.toBe(tagOf('bob@example.com'))
  })

  test('a key keeps the tag and nothing else of the id', () => {
    const id = newId('42')
    expect(keyOf(id)).toMatch(/^[\w-]{51}$/)
    expect(keyOf(id).slice(0, 8)).toBe(id.slice(0, 8))
    expect(keyOf(id).slice(8)).not.toBe(id.slice(8))
    expect(signer.check(keyOf(id) + signer.sign(id).slice(51))).toBe(-1)
  })

  test('a handle has 96 random bits', () => {
    expect(newHandle()).toMatch(/^[\w-]{16}$/)
    expect(newHandle()).not.toBe(newHandle())
  })
})

describe('tokens', () => {
  test('what was signed is accepted', () => {
    const id = newId(undefined)
    expect(signer.check(signer.sign(id))).toBe(0)
    expect(idOf(signer.sign(id))).toBe(id)
  })

  test('a change of any character is refused', () => {
    const token = signer.sign(newId(undefined))
    for (let index = 0; index < token.length; index++) {
      const other = token[index] === 'A' ? 'B' : 'A'
      expect(signer.check(token.slice(0, index) + other + token.slice(index + 1)), `at ${index}`).toBe(-1)
    }
  })

  test.each([
    '',
    '.',
    'x',
    'x'.repeat(95),
    `${'x'.repeat(51)}.${'x'.repeat(43)}`,
    '\u0100'.repeat(95),
    'x'.repeat(5_000),
  ])('garbage is refused (%#)', (garbage) => expect(signer.check(garbage)).toBe(-1))

  test('characters beyond one byte are not mistaken for those they end with', () => {
    const token = signer.sign(newId(undefined))
    const wide = token.slice(0, 52) + String.fromCharCode(token.charCodeAt(52) + 0x100) + token.slice(53)
    expect(signer.check(wide)).toBe(-1)
  })

  test('the first secret signs, all verify', () => {
    const id = newId(undefined)
    const old = new TokenSigner(['old'.repeat(12)])
    const both = new TokenSigner(['new'.repeat(12), 'old'.repeat(12)])
    expect(both.check(old.sign(id))).toBe(1)
    expect(both.check(both.sign(id))).toBe(0)
    expect(old.check(both.sign(id))).toBe(-1)
  })
})
