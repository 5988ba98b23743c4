import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { headIn, headText } from '../../../src/stores/redis/head.js'
import type { Numbers } from '../../../src/stores/redis/numbers.js'
import { originIn, storedOrigin } from '../../../src/stores/redis/origin.js'

const label = fc
  .tuple(
    fc.constantFrom('Chrome', 'Firefox', 'Safari', 'Microsoft Edge', 'Ladybird', 'Shop'),
    fc.constantFrom('Windows', 'macOS', 'Roku', 'MyOS'),
  )
  .map(([browser, system]) => `${browser} on ${system}`)

/** Any address and any label: usual ones, some that look like it, and any text. */
const origins = fc.record({
  ip: fc.option(fc.oneof(fc.ipV4(), fc.ipV6(), fc.ipV4Extended(), fc.string()), { nil: undefined }),
  device: fc.option(fc.oneof(label, fc.string()), { nil: undefined }),
})

describe('where a session comes from', () => {
  test('comes back as it was, whatever it is', () => {
    fc.assert(
      fc.property(origins, (origin) => {
        const { code, ip, device } = storedOrigin(origin)
        const known = originIn(code)
        expect({ ip: known.ip ?? ip, device: known.device ?? device }).toEqual(origin)
        expect(code).toMatch(/^([\w-]{6})?([\w-]{2})?$/)
        expect([known.ip, ip].filter((each) => each !== undefined).length).toBeLessThan(2)
        expect([known.device, device].filter((each) => each !== undefined).length).toBeLessThan(2)
      }),
    )
  })

  // What a release has written, all later ones have to read.
  test.each([
    ['127.0.0.1', 'Firefox on Linux', 'B_AAABBE'],
    ['0.0.0.0', 'Chrome on Windows', 'AAAAAAAA'],
    ['255.255.255.255', 'Safari on iOS', 'D_____CC'],
    ['203.0.113.7', undefined, 'DLAHEH'],
    [undefined, 'Samsung Internet for Android on Android', 'FB'],
    [undefined, 'Ladybird on Roku', 'dL'],
    [undefined, undefined, ''],
  ])('is %s with %s as %j', (ip, device, code) => {
    expect(storedOrigin({ ip, device })).toEqual({ code, ip: undefined, device: undefined })
    expect(originIn(code)).toEqual({ ip, device })
  })

  test.each(['1.2.3', '1.2.3.4.5', '01.2.3.4', '1.2.3.256', '1.2.3.', '1.2.3.-1', '1.2.3.1e1', ' 1.2.3.4', '::1', ''])(
    'has no code for the address %j',
    (ip) => {
      expect(storedOrigin({ ip, device: undefined })).toEqual({ code: '', ip, device: undefined })
    },
  )

  test.each(['zz', 'A', 'AAA', '______', 'E=====', '\u0100AAAAA', 'AAAAAAA', '______zz'])(
    'is nothing that is known where the code is %j',
    (code) => {
      const { ip, device } = originIn(code)
      expect([ip === undefined || ip === '0.0.0.0', device]).toEqual([true, undefined])
    },
  )
})

describe('a head', () => {
  const at = 1_795_576_000_000
  const numbers: Numbers = {
    createdAt: at,
    lastSeenAt: at,
    idleTimeout: 1_800_000,
    expiresAt: at + 86_400_000,
    version: 1,
    authenticatedAt: undefined,
    rotatedAt: at,
  }

  test('has the code only while Redis keeps it compact', () => {
    const lengthOf = (handle: string): number => {
      const text = headText({ handle, code: 'B_AAABBE', numbers }, false)
      expect(headIn(text, false)).toEqual({ handle, code: text.includes('+') ? 'B_AAABBE' : '', numbers })
      return text.length
    }
    expect(lengthOf('h'.repeat(36))).toBe(64)
    expect(lengthOf('h'.repeat(37))).toBe(56)
  })

  test.each(['', 'a b', 'a+b', '+'])('is refused for the handle %j', (handle) => {
    expect(() => headText({ handle, code: '', numbers }, false)).toThrow(RangeError)
  })
})
