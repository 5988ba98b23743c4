import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { cookieName, cookieValues, setCookieText } from '../../src/http/cookie-text.js'
import { resolveCookieOptions, type CookieOptions } from '../../src/http/options.js'

const options = (given: CookieOptions = {}) => resolveCookieOptions(given, {})

describe('the cookies of a request', () => {
  test.each<[string, string, string[]]>([
    ['', 'an empty header', []],
    ['s=1', 'one', ['1']],
    ['a=0; s=1; b=2; s=3', 'all of the name, in their order', ['1', '3']],
    ['s=1; s=1; s=2', 'each value once', ['1', '2']],
    ['s=1; s=2; s=3; s=4', 'no more than asked for', ['1', '2', '3']],
    ['S=1; ss=2; xs=3; s.a=4', 'none of another name, case and all', []],
    ['\t s \t= \t1 2\t ;s=\t;', 'without the spaces and tabs around them, but with those inside', ['1 2', '']],
    ['s; s ; =s; s=', 'an empty one, but none without a sign', ['']],
    [';;; s=1;;', 'between empty parts', ['1']],
    ['s=a=b', 'with the sign inside', ['a=b']],
    ['s="1"', 'with their quotes', ['"1"']],
    ['\u00a0s=1; s=\u00a02', 'with other blanks, which are no blanks here', ['\u00a02']],
    ['a;s=1', 'after a part without a sign', ['1']],
    ['s ;=1', 'not over the end of a part', []],
  ])('%j: %s', (header, _what, values) => {
    expect(cookieValues(header, 's', 3)).toEqual(values)
  })
})

describe('the name of the cookie', () => {
  test.each<[CookieOptions, boolean, string]>([
    [{}, true, '__Host-sessionId'],
    [{}, false, 'sessionId'],
    [{ path: '/app' }, true, 'sessionId'],
    [{ domain: 'a.example' }, true, 'sessionId'],
    [{ name: '__Secure-s', secure: true }, true, '__Secure-s'],
    [{ name: '__Host-s', secure: true }, true, '__Host-s'],
    [{ name: 's__' }, true, '__Host-s__'],
  ])('of %j on a secure connection (%s) is %s', (given, isSecure, name) => {
    expect(cookieName(options(given), isSecure)).toBe(name)
  })
})

describe('the text of Set-Cookie', () => {
  beforeEach(() => void vi.useFakeTimers({ now: Date.UTC(2026, 10, 25, 12) }))

  afterEach(() => void vi.useRealTimers())

  test.each<[string, CookieOptions, boolean, number | undefined, string]>([
    ['for as long as the browser is open', {}, false, undefined, 'sessionId=v; Path=/; HttpOnly; SameSite=Lax'],
    [
      'for a length of time',
      {},
      true,
      3_600_000,
      '__Host-sessionId=v; Path=/; Max-Age=3600; Expires=Wed, 25 Nov 2026 13:00:00 GMT; HttpOnly; Secure; SameSite=Lax',
    ],
    [
      'for a part of a second, which must not become none',
      {},
      false,
      1,
      'sessionId=v; Path=/; Max-Age=1; Expires=Wed, 25 Nov 2026 12:00:00 GMT; HttpOnly; SameSite=Lax',
    ],
    [
      'to delete it',
      { httpOnly: false },
      false,
      0,
      'sessionId=v; Path=/; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT; SameSite=Lax',
    ],
    [
      'of a session that has ended',
      { sameSite: 'strict' },
      false,
      -5000,
      'sessionId=v; Path=/; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; SameSite=Strict',
    ],
    [
      'with everything',
      { name: 's', path: '/app', domain: 'a.example', secure: true, sameSite: 'none', partitioned: true },
      true,
      undefined,
      's=v; Path=/app; Domain=a.example; HttpOnly; Secure; SameSite=None; Partitioned',
    ],
  ])('%s', (_what, given, isSecure, maxAge, text) => {
    expect(setCookieText(options(given), isSecure, 'v', maxAge)).toBe(text)
  })
})
