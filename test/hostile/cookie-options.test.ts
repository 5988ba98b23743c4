import fc from 'fast-check'
import { MemoryStore } from 'latchkey/stores/memory'
import { CookieAgent } from 'latchkey/testing'
import { describe, expect, test } from 'vitest'
import { TOKEN_LENGTH } from '../../src/core/token.js'
import { setCookieText } from '../../src/http/cookie-text.js'
import { resolveCookieOptions, type CookieOptions } from '../../src/http/options.js'
import { ending, secret } from '../acceptance/everywhere.js'
import { runs } from '../properties/counts.js'
import { platforms } from '../support/platforms.js'

const refusal = (message: RegExp): Error =>
  expect.objectContaining({ code: 'OPTIONS_INVALID', message: expect.stringMatching(message) }) as Error

const resolve = (cookie: object): ReturnType<typeof resolveCookieOptions> =>
  resolveCookieOptions(cookie as CookieOptions, {})

const token = 'x'.repeat(TOKEN_LENGTH)

describe('a cookie that a browser would drop is refused at the start, not by the browser', () => {
  test.each<[string, object, RegExp]>([
    [
      'a name that passes 4096 bytes with its value',
      { name: 'n'.repeat(3995) },
      /name has 4002 characters.*4096.*3994/,
    ],
    ['one that does without a prefix', { name: 'n'.repeat(4002), secure: false }, /name has 4002 .*value has 95/],
    ['a path that browsers pass over', { path: `/${'p'.repeat(1024)}` }, /path has 1025 .*more than 1024/],
    ['a domain longer than DNS has', { domain: `${'a.'.repeat(127)}com` }, /domain has 257 .*at most 253/],
    ['a label longer than DNS has', { domain: `${'a'.repeat(64)}.example` }, /cookie\.domain is "a{64}\.example"/],
    ['a domain with an empty label', { domain: 'a..example' }, /cookie\.domain is "a\.\.example"/],
    ['a domain that ends with a dot', { domain: 'example.' }, /cookie\.domain is "example\."/],
    ['a domain with a port', { domain: 'example.com:80' }, /cookie\.domain is /],
    ['a domain that is a URL', { domain: 'https://example.com' }, /cookie\.domain is /],
    ['__Http- without Secure', { name: '__Http-s' }, /"__Http-s" needs cookie\.secure true and cookie\.httpOnly true/],
    ['__http- without HttpOnly', { name: '__http-s', secure: true, httpOnly: false }, /cookie\.httpOnly true/],
    ['__Host-Http- without HttpOnly', { name: '__Host-Http-s', secure: true, httpOnly: false }, /cookie\.httpOnly/],
    ['__host- without Secure', { name: '__host-s' }, /needs cookie\.secure true/],
  ])('%s', (_what, cookie, message) => {
    expect(() => resolve(cookie)).toThrow(refusal(message))
  })

  test.each<[string, object, boolean]>([
    ['with __Host- before it', { name: 'n'.repeat(3994) }, true],
    ['on a plain connection', { name: 'n'.repeat(4001), secure: false }, false],
  ])('the longest name fits exactly, %s', (_what, cookie, isSecure) => {
    const [pair = ''] = setCookieText(resolve(cookie), isSecure, token, undefined).split(';')
    expect(pair.replace('=', '')).toHaveLength(4096)
  })

  test('a message does not repeat what is long', () => {
    const text = 'x;'.repeat(5000)
    for (const cookie of [{ name: text }, { path: text }, { domain: text }]) {
      expect(() => resolve(cookie)).toThrow(expect.objectContaining({ message: expect.stringMatching(/^.{1,300}$/s) }))
    }
  })
})

describe('nothing gets into a header through the options of the cookie', () => {
  const INJECTIONS = [
    'a\r\nSet-Cookie: b=1',
    'a\nb',
    'a\rb',
    'a\0',
    'a;b',
    'a; HttpOnly',
    'a\u0001',
    'a\u007f',
    'é',
    'я',
    '\u2028',
    '\ud800',
    'a\u0085b',
    '',
  ]

  test.each(INJECTIONS)('%j is refused as a name, a path and a domain', (text) => {
    expect(() => resolve({ name: text })).toThrow(refusal(/cookie\.name is /))
    expect(() => resolve({ path: `/${text}`, ...(text === '' ? { path: '' } : {}) })).toThrow(
      refusal(/cookie\.path is /),
    )
    expect(() => resolve({ domain: text })).toThrow(refusal(/cookie\.domain is /))
  })

  test.each(Array.from('=,() "/:<>@[]?{}\\'))('%j is refused in a name', (character) => {
    expect(() => resolve({ name: `a${character}b` })).toThrow(refusal(/cookie\.name is /))
  })

  test.each<[string, object]>([
    ['an object', { toString: () => 'a\r\nb' }],
    ['a list', ['sessionId']],
    ['a number', Object(5) as object],
  ])('%s in the place of a text is refused', (_what, value) => {
    for (const name of ['name', 'path', 'domain']) expect(() => resolve({ [name]: value })).toThrow(refusal(/is an o/))
  })

  test.each([['lax\r\nX: y'], ['LAX'], [['lax']], [5]])('%j is refused as sameSite', (sameSite) => {
    expect(() => resolve({ sameSite })).toThrow(refusal(/cookie\.sameSite is |lax/))
  })

  test('whatever text is taken makes one header of exactly its attributes', () => {
    const text = fc.oneof(
      { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 40 }) },
      {
        weight: 1,
        arbitrary: fc.string({ unit: fc.constantFrom(...Array.from('aA0-._;=, \r\n\t\0\u007f/"\\é')), maxLength: 12 }),
      },
      { weight: 3, arbitrary: fc.string({ unit: fc.constantFrom(...Array.from('aA0.-')), maxLength: 12 }) },
    )
    const options = fc.record({ name: text, path: text.map((rest) => `/${rest}`), domain: text }, { requiredKeys: [] })
    let taken = 0
    fc.assert(
      fc.property(options, fc.boolean(), (cookie, isSecure) => {
        let resolved
        try {
          resolved = resolve(cookie)
        } catch (error) {
          expect(error).toMatchObject({ code: 'OPTIONS_INVALID' })
          return
        }
        taken++
        const line = setCookieText(resolved, isSecure, token, 60_000)
        expect(line).toMatch(/^[\x20-\x7e]+$/)
        const names = line.split('; ').map((part) => part.split('=')[0]!)
        const wanted = ['Path', ...(cookie.domain === undefined ? [] : ['Domain']), 'Max-Age', 'Expires', 'HttpOnly']
        expect(names.slice(1)).toEqual([...wanted, ...(isSecure ? ['Secure'] : []), 'SameSite'])
      }),
      runs(2000),
    )
    expect(taken).toBeGreaterThan(100)
  })
})

describe.each(platforms)('on $name', ({ start }) => {
  test('an app with a cookie that no browser takes does not start', async () => {
    for (const cookie of [{ name: 'n'.repeat(4000) }, { path: '/a\r\nX: y' }, { domain: 'a;b' }]) {
      await expect(start({ store: new MemoryStore(), secret, cookie }, {})).rejects.toMatchObject({
        code: 'OPTIONS_INVALID',
      })
    }
  })

  test('the strangest names that are taken arrive, come back and sign in', async () => {
    for (const name of ["!#$%&'*+-.^_`|~", 'n'.repeat(3994), 'Path', '__proto__']) {
      const app = ending(
        await start(
          { store: new MemoryStore(), secret, log: false, cookie: { name } },
          {
            'GET /login': ({ session }) => void (session['userId'] = 42),
            'GET /data': ({ session }) => ({ ...session }),
          },
        ),
      )
      const browser = new CookieAgent(app.base)
      await browser.get('/login')
      expect(await (await browser.get('/data')).json()).toEqual({ userId: 42 })
    }
  })

  test('no name or value of data, however written, reaches a header', async () => {
    const value = 'x\r\nSet-Cookie: evil=1\r\n\r\n<script>'
    const app = ending(
      await start(
        { store: new MemoryStore(), secret, log: false, transports: ['cookie', 'bearer'] },
        { 'GET /login': ({ session }) => void Object.assign(session, { userId: value, [value]: value }) },
      ),
    )
    for (const headers of [{}, { authorization: `Bearer ${'x'.repeat(51)}.${'x'.repeat(43)}` }]) {
      const response = await fetch(`${app.base}/login`, { headers })
      expect(response.status).toBe(200)
      expect([...response.headers].flat().join('\n')).not.toMatch(/evil|script/)
      const own = [...response.headers.getSetCookie(), response.headers.get('session-token')].filter((line) => line)
      expect(own).toHaveLength(1)
      expect(own[0]).toMatch(/^(sessionId=)?[\w-]{51}\.[\w-]{43}(; |$)/)
    }
  })
})
