import { describe, expect, test } from 'vitest'
import { refuseUnknown, resolveEngineOptions } from '../../src/core/options.js'
import { MemoryStore } from '../../src/stores/memory.js'

const store = new MemoryStore()
const secret = 's'.repeat(32)

const resolve = (options: object, environment: NodeJS.ProcessEnv = {}) =>
  resolveEngineOptions({ store, secret, ...options }, environment)

const refused = (message: RegExp) =>
  expect.objectContaining({ code: 'OPTIONS_INVALID', message: expect.stringMatching(message) })

describe('secrets', () => {
  test('come from the environment when none is given', () => {
    expect(resolve({ secret: undefined }, { SESSION_SECRET: 'new, old' }).secrets).toEqual(['new', 'old'])
  })

  test('a string is split at commas, so that a value from the environment can be handed on', () => {
    expect(resolve({ secret: 'new,old' }).secrets).toEqual(['new', 'old'])
  })

  test('a list is taken as it is', () => {
    expect(resolve({ secret: ['a,b', 'c'] }).secrets).toEqual(['a,b', 'c'])
  })

  test.each([
    [undefined, /SESSION_SECRET/],
    ['', /SESSION_SECRET/],
    [[], /empty/],
    ['a,,b', /Secret 2 of 3 is empty/],
    [42, /type number/],
    [[secret, 5], /Secret 2 of 2 is of type number/],
  ])('%j is refused', (value, message) => {
    expect(() => resolve({ secret: value })).toThrow(refused(message))
  })

  test('in production each must have 32 characters, and the message does not show them', () => {
    const production = { NODE_ENV: 'production' }
    expect(() => resolve({ secret: 'keyboard cat' }, production)).toThrow(refused(/12 characters.*at least 32/))
    expect(() => resolve({ secret: `${secret},tail` }, production)).toThrow(refused(/Secret 2 of 2 has 4 characters/))
    expect(() => resolve({ secret: 'keyboard cat' }, production)).not.toThrow(/keyboard/)
    expect(resolve({ secret: `${secret},${secret}` }, production).secrets).toHaveLength(2)
  })
})

describe('what can not work is refused at start-up with the mend named', () => {
  test.each([
    [{ store: undefined }, /need a store.*latchkey\/stores\/redis/],
    [{ store: { load() {} } }, /no method "create"/],
    [{ idleTimeout: '30m' }, /idleTimeout is "30m".*minutes\(30\)/],
    [{ idleTimeout: 0 }, /idleTimeout is 0/],
    [{ lifetime: Number.NaN }, /lifetime is NaN/],
    [{ lifetime: -1 }, /lifetime is -1/],
    [{ storeTimeout: 2 ** 31 }, /storeTimeout is 2147483648/],
    [{ maxBytes: 0 }, /maxBytes is 0\. Give a whole number of bytes from 1/],
    [{ maxBytes: 1.5 }, /maxBytes is 1\.5/],
    [{ maxBytes: 2 ** 53 }, /maxBytes is 9007199254740992/],
    [{ maxBytes: '64kb' }, /maxBytes is "64kb"/],
    [{ maxBytes: Infinity }, /maxBytes is Infinity/],
    [{ touchInterval: Infinity }, /touchInterval is Infinity/],
    [{ subject: 'userId' }, /subject is "userId".*function/],
    [{ onEvent: {} }, /onEvent is an object.*function/],
    [{ clock: 5 }, /clock is 5/],
  ])('%j', (options, message) => {
    expect(() => resolve(options)).toThrow(refused(message))
  })

  test('an unknown option is named, and one of express-session says what to do instead', () => {
    const known = ['store', 'secret']
    expect(() => refuseUnknown({ stroe: 1 }, known)).toThrow(refused(/Unknown option "stroe".*store, secret/))
    expect(() => refuseUnknown({ resave: false }, known)).toThrow(refused(/"resave".*only what changed/))
    expect(() => refuseUnknown({ name: 'sid' }, known)).toThrow(refused(/cookie: \{ name \}/))
    expect(() => refuseUnknown({ maxAge: 5 }, ['path'], 'cookie option')).toThrow(refused(/"maxAge".*lifetime/))
    expect(() => refuseUnknown(null, known)).toThrow(refused(/must be an object, not null/))
  })
})

test('the defaults are those of the design', () => {
  const { idleTimeout, lifetime, touchInterval, storeTimeout, maxBytes, subject } = resolve({})
  expect({ idleTimeout, lifetime, touchInterval, storeTimeout, maxBytes }).toEqual({
    idleTimeout: 30 * 60_000,
    lifetime: 24 * 3_600_000,
    touchInterval: 60_000,
    storeTimeout: 500,
    maxBytes: 65_536,
  })
  expect(subject({ userId: 5 })).toBe(5)
})
