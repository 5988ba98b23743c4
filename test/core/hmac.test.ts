import { createHmac } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Hmac } from '../../src/core/hmac.js'

const bytes = fc.uint8Array({ minLength: 0, maxLength: 64 })
const texts = fc.oneof(fc.string({ unit: 'binary' }), fc.string({ unit: 'grapheme', minLength: 60, maxLength: 120 }))

test('an HMAC is what createHmac makes of the same key and text', () => {
  fc.assert(
    fc.property(bytes, fc.array(texts, { minLength: 1 }), (key, all) => {
      const hmac = new Hmac(key)
      for (const text of all) {
        expect(hmac.base64url(text)).toBe(createHmac('sha256', key).update(text).digest('base64url'))
      }
    }),
  )
})
