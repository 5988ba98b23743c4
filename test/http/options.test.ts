import { describe, expect, test } from 'vitest'
import { resolveCookieOptions, resolveTransports, SESSION_OPTIONS } from '../../src/http/options.js'

const resolve = (options: object | undefined, environment: NodeJS.ProcessEnv = {}) =>
  resolveCookieOptions(options as never, environment)

const refused = (message: RegExp): Error =>
  expect.objectContaining({ code: 'OPTIONS_INVALID', message: expect.stringMatching(message) }) as Error

const DEFAULTS = {
  name: 'sessionId',
  path: '/',
  domain: undefined,
  secure: 'auto',
  sameSite: 'lax',
  httpOnly: true,
  partitioned: false,
}

describe('the options of the cookie', () => {
  test('have the defaults of the design', () => {
    expect(resolve(undefined)).toEqual(DEFAULTS)
    expect(resolve({})).toEqual(DEFAULTS)
    expect(SESSION_OPTIONS).toEqual(expect.arrayContaining(['store', 'secret', 'cookie', 'transports', 'log']))
  })

  test('make it Secure in production, unless that is switched off by hand', () => {
    const production = { NODE_ENV: 'production' }
    expect(resolve({}, production).secure).toBe(true)
    expect(resolve({ secure: 'auto' }, production).secure).toBe(true)
    expect(resolve({ secure: false }, production).secure).toBe(false)
    expect(resolve({ secure: true }).secure).toBe(true)
    expect(resolve({}, { NODE_ENV: 'test' }).secure).toBe('auto')
  })

  test.each([
    { name: "aZ09!#$%&'*+-.^_`|~" },
    { path: '/a b/~' },
    { path: `/${'p'.repeat(1023)}` },
    { domain: `${'a.'.repeat(125)}com` },
    { name: '__Http-sid', secure: true },
    { domain: 'a.example' },
    { domain: '.a-b.example' },
    { domain: 'a' },
    { sameSite: 'strict' },
    { httpOnly: false },
    { secure: true, sameSite: 'none', partitioned: true },
    { secure: true, name: '__Host-s' },
    { secure: true, name: '__Secure-s', path: '/app', domain: 'a.example' },
  ])('can be %j', (options) => {
    expect(resolve(options)).toEqual({ ...DEFAULTS, ...options })
  })

  test.each<[object, RegExp]>([
    [{ maxAge: 5 }, /^Unknown cookie option "maxAge"\. Use `lifetime`/],
    [
      { colour: 5 },
      /^Unknown cookie option "colour"\. Known are: name, path, domain, secure, sameSite, httpOnly, part/,
    ],
    [{ name: '' }, /^cookie\.name is ""\. Give letters, digits and/],
    [{ name: 'a b' }, /^cookie\.name is "a b"/],
    [{ name: 'a=' }, /^cookie\.name is "a="/],
    [{ name: '=a' }, /^cookie\.name is "=a"/],
    [{ name: 5 }, /^cookie\.name is 5\. Give letters/],
    [{ path: 'app' }, /^cookie\.path is "app"\. Give a path that begins with \/ and has no semicolon/],
    [{ path: 'app/x' }, /^cookie\.path is "app\/x"/],
    [{ path: '/a;b' }, /^cookie\.path/],
    [{ path: '/a\n' }, /^cookie\.path/],
    [{ path: '/\u00e9' }, /^cookie\.path/],
    [{ domain: 'a;b' }, /^cookie\.domain is "a;b"\. Give a host name such as example\.com/],
    [{ domain: '' }, /^cookie\.domain/],
    [{ domain: '-a.example' }, /^cookie\.domain/],
    [{ domain: 'a.example-' }, /^cookie\.domain/],
    [{ domain: 'a.example\n' }, /^cookie\.domain/],
    [{ domain: 5 }, /^cookie\.domain is 5/],
    [{ secure: 'yes' }, /^cookie\.secure is "yes"\. Give true, false or 'auto'/],
    [{ sameSite: 'Lax' }, /^cookie\.sameSite is "Lax"\. Give 'lax', 'strict' or 'none'/],
    [{ sameSite: true }, /^cookie\.sameSite is true/],
    [{ httpOnly: 'no' }, /^cookie\.httpOnly is "no"\. Give true or false/],
    [{ partitioned: 1, secure: true }, /^cookie\.partitioned is 1\. Give true or false/],
    [{ sameSite: 'none' }, /^cookie\.sameSite 'none' needs cookie\.secure true: browsers drop/],
    [{ sameSite: 'none', secure: false }, /^cookie\.sameSite 'none' needs/],
    [{ partitioned: true }, /^cookie\.partitioned needs cookie\.secure true: browsers drop/],
    [
      { name: '__host-s', secure: true, domain: 'a.example' },
      /^cookie\.name "__host-s" begins with __Host-, so leave out/,
    ],
    [{ name: '__Host-s', secure: true, path: '/a' }, /^cookie\.name "__Host-s" begins with __Host-/],
    [{ name: '__HOST-s' }, /^cookie\.name "__HOST-s" needs cookie\.secure true: browsers drop/],
    [{ name: '__Secure-s' }, /^cookie\.name "__Secure-s" needs cookie\.secure true/],
  ])('can not be %j', (options, message) => {
    expect(() => resolve(options)).toThrow(refused(message))
  })

  test('that a prefix asks for are not asked of a name that has it elsewhere', () => {
    expect(resolve({ name: 'a__Host-', path: '/a' }).name).toBe('a__Host-')
    expect(resolve({ name: 'a__Secure-' }).name).toBe('a__Secure-')
  })
})

describe('transports', () => {
  test('are the cookie, where nothing is said', () => {
    expect(resolveTransports(undefined)).toEqual(new Set(['cookie']))
    expect(resolveTransports(['bearer', 'cookie'])).toEqual(new Set(['cookie', 'bearer']))
  })

  test.each([[[]], [['header']], [['cookie', 'header']], ['cookie']])('can not be %j', (value) => {
    expect(() => resolveTransports(value as never)).toThrow(refused(/^transports must be a list of 'cookie', 'bearer'/))
  })
})
