import { keyOf, tagOf } from 'latchkey/core'
import { expect, test } from 'vitest'
import { sealId, unsealId } from '../../src/core/former.js'
import { isTokenShaped, TokenSigner } from '../../src/core/token.js'

const ID = `tagtagta${'A'.repeat(43)}`
const NEXT = `tagtagta${'B'.repeat(42)}A`

// What is stored, and what browsers hold, must be understood by every later release.
test('the texts that outlive a release stay as they are', () => {
  expect({
    tag: tagOf('42'),
    key: keyOf(ID),
    token: new TokenSigner(['a secret of more than 32 characters']).sign(ID),
    sealed: sealId(NEXT, ID),
  }).toMatchInlineSnapshot(`
    {
      "key": "tagtagtaNNyNOu6r_Tnx1d-57gQcpMk-7hh8gPpseBmnFn0h4zs",
      "sealed": "sSKRUhk1y1Yet3ilRo5ZboDqBbHbIplcLM9ItnNh5ik",
      "tag": "B24JeK6z",
      "token": "tagtagtaAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA.1hKd8eIJtbbr99Yv4WF_0xg1vLAHonNTsbWDRPHJ04c",
    }
  `)
  expect(unsealId(sealId(NEXT, ID), ID, keyOf(NEXT))).toBe(NEXT)
})

test('a text has the form of a token only in its full length, with the dot in its place', () => {
  const token = new TokenSigner(['s']).sign(ID)
  expect(isTokenShaped(token)).toBe(true)
  for (const text of ['', token.slice(0, -1), `${token}A`, token.replace('.', '-'), `A${token.slice(0, -1)}`]) {
    expect(isTokenShaped(text)).toBe(false)
  }
})
