import { describe, expect, test } from 'vitest'
import { refuseUnknown, resolveEngineOptions, shown } from '../../src/core/options.js'
import { MemoryStore } from '../../src/stores/memory.js'

const store = new MemoryStore()
const secret = 's'.repeat(32)

const resolve = (options: object, environment: NodeJS.ProcessEnv = {}) =>
  resolveEngineOptions({ store, secret, ...options }, environment)

const refused = (message: RegExp) =>
  expect.objectContaining({ code: 'OPTIONS_INVALID', message: expect.stringMatching(message) })

describe('a secret', () => {
  test.each([
    [[], /^The list of secrets is empty\. Give at least one\./],
    [[''], /^The secret is empty\. Between commas there must be a secret\./],
    [42, /^The secret is of type number\. Give a string\./],
    ['', /^Sessions need a secret\. Set SESSION_SECRET in the environment, or pass `secret`\./],
  ])('can not be %j', (value, message) => {
    expect(() => resolve({ secret: value })).toThrow(refused(message))
  })

  test('of 31 characters is too short in production, and only there', () => {
    const short = secret.slice(1)
    expect(() => resolve({ secret: short }, { NODE_ENV: 'production' })).toThrow(
      refused(
        /^The secret has 31 characters\. In production it must have at least 32; `openssl rand -base64 32` makes one\./,
      ),
    )
    expect(resolve({ secret: short }, { NODE_ENV: 'test' }).secrets).toEqual([short])
  })
})

describe('a store', () => {
  const verbs = { load() {}, create() {}, update() {}, touch() {}, delete() {} }

  test.each(Object.keys(verbs))('without the verb %s is none', (verb) => {
    expect(() => resolve({ store: { ...verbs, [verb]: undefined, abilities: new Set() } })).toThrow(
      refused(new RegExp(`^The store given has no method "${verb}", so it is not a SessionStore of Latchkey\\.`)),
    )
  })

  test('must say what it is able to', () => {
    expect(() => resolve({ store: { ...verbs, abilities: [] } })).toThrow(
      refused(/^The store given declares no `abilities`\. A store with none has an empty set\./),
    )
    for (const none of [null, 'redis'])
      expect(() => resolve({ store: none })).toThrow(
        refused(
          /^Sessions need a store\. Pass `store`: a RedisStore from .*redis', a SqliteStore from .*sqlite', or a MemoryStore from .*memory'\.$/,
        ),
      )
  })

  test.each([
    ['maxSessions', 5, 'by-subject'],
    ['rotateEvery', 60_000, 'rotating'],
  ])('must be able to do what %s asks', (option, value, ability) => {
    const unable = { ...verbs, name: 'simple', abilities: new Set() }
    expect(() => resolve({ store: unable, [option]: value })).toThrow(
      refused(
        new RegExp(`^${option} needs a store with the ability ${ability}, which "simple" does not have\\. Leave it`),
      ),
    )
    expect(resolve({ store: unable, [option]: undefined })).toMatchObject({ [option]: undefined })
    expect(resolve({ [option]: value })).toMatchObject({ [option]: value })
  })
})

describe('a duration', () => {
  test.each([
    'idleTimeout',
    'lifetime',
    'touchInterval',
    'storeTimeout',
    'startTimeout',
    'rotateEvery',
    'rotationGrace',
    'rememberFor',
  ])('(%s) is a number of milliseconds from 1 to a longest one, and is rounded', (name) => {
    const max = name === 'storeTimeout' || name === 'startTimeout' ? 2 ** 31 - 1 : 36_500 * 24 * 3_600_000
    for (const value of [1, max]) expect(resolve({ [name]: value })).toMatchObject({ [name]: value })
    expect(resolve({ [name]: 1.6 })).toMatchObject({ [name]: 2 })
    for (const value of [0, 0.9, -1, max + 1, Infinity, Number.NaN, '5', null]) {
      expect(() => resolve({ [name]: value })).toThrow(
        refused(
          new RegExp(`^${name} is .*\\. Give a number of milliseconds from 1 to ${max}, such as minutes\\(30\\)\\.`),
        ),
      )
    }
  })
})

describe('a choice', () => {
  test('(startWithoutStore) is true or false', () => {
    for (const value of [true, false]) {
      expect(resolve({ startWithoutStore: value })).toMatchObject({ startWithoutStore: value })
    }
    for (const value of ['yes', 1, null]) {
      expect(() => resolve({ startWithoutStore: value })).toThrow(
        refused(/^startWithoutStore is .*\. Give true or false\.$/),
      )
    }
  })

  test('of 1 byte as maxBytes is the smallest', () => {
    expect(resolve({ maxBytes: 1 })).toMatchObject({ maxBytes: 1 })
    expect(() => resolve({ maxBytes: 0 })).toThrow(refused(/^maxBytes is 0\./))
  })

  test('of null as metrics is none', () => {
    expect(() => resolve({ metrics: null })).toThrow(refused(/^metrics is null without the method storeCall\./))
  })

  test.each([
    ['onLimit', ['evict-oldest', 'refuse'], /^onLimit is "never"\. Give 'evict-oldest' or 'refuse'\./],
    ['onReuse', ['report', 'revoke'], /^onReuse is "never"\. Give 'report' or 'revoke'\./],
  ] as const)('(%s) is one of those named', (name, values, message) => {
    for (const value of values) expect(resolve({ [name]: value })).toMatchObject({ [name]: value })
    expect(() => resolve({ [name]: 'never' })).toThrow(refused(message))
  })

  test.each([0, 1.5, -1, '5', Infinity, null])('of %s as maxSessions is none', (value) => {
    expect(() => resolve({ maxSessions: value })).toThrow(
      refused(/^maxSessions is .*\. Give a whole number from 1, or a/),
    )
  })

  test('of maxSessions can be left to a function', () => {
    const maxSessions = (): number => 1
    expect(resolve({ maxSessions })).toMatchObject({ maxSessions })
    expect(resolve({ maxSessions: 1 })).toMatchObject({ maxSessions: 1 })
  })

  test.each(['subject', 'onEvent', 'clock'])('of a function (%s) is taken as it is', (name) => {
    const given = (): void => {}
    expect(resolve({ [name]: given })).toMatchObject({ [name]: given })
    for (const value of ['x', null, 5]) {
      expect(() => resolve({ [name]: value })).toThrow(refused(new RegExp(`^${name} is .*\\. Give a function\\.`)))
    }
  })
})

describe('options of others', () => {
  test.each([
    ['name', /^Unknown option "name"\. The name of the cookie is `cookie: \{ name \}`\./],
    ['cookieName', /The name of the cookie is `cookie: \{ name \}`\./],
    ['resave', /Leave it out: only what changed is ever written\./],
    ['saveUninitialized', /Leave it out: an empty session is never stored\./],
    ['rolling', /Leave it out: `idleTimeout` ends a session that is not used, and use prolongs it\./],
    ['genid', /Leave it out: an id is 256 random bits\./],
    ['idGenerator', /Leave it out: an id is 256 random bits\./],
    ['unset', /Leave it out and call `session\.destroy\(\)`\./],
    [
      'proxy',
      /Leave it out: the platform's own setting decides \(`trust proxy` on Express, `trustProxy` on Fastify\)\./,
    ],
    ['maxAge', /Use `lifetime` and `idleTimeout`\./],
    ['ttl', /Use `lifetime` and `idleTimeout`\./],
    ['secrets', /Use `secret`, which takes a list\./],
    ['other', /^Unknown option "other"\. Known are: store, secret\.$/],
  ])('such as %s are refused, with what to do', (name, message) => {
    expect(() => refuseUnknown({ store: 1, [name]: 1 }, ['store', 'secret'])).toThrow(refused(message))
  })

  test.each([
    ['maxAge', /^Unknown cookie option "maxAge"\. Use `lifetime`: the cookie follows it\./],
    ['expires', /Use `lifetime`: the cookie follows it\./],
    ['signed', /Leave it out: the token is always signed\./],
    ['resave', /^Unknown cookie option "resave"\. Known are: path\.$/],
  ])('for the cookie, such as %s, too', (name, message) => {
    expect(() => refuseUnknown({ [name]: 1 }, ['path'], 'cookie option')).toThrow(refused(message))
  })

  test.each([
    [null, 'null'],
    ['text', 'string'],
    [undefined, 'undefined'],
    [[], 'object'],
  ])('are an object and not %j', (options, type) => {
    expect(() => refuseUnknown(options, [])).toThrow(
      refused(new RegExp(`^Session options must be an object, not ${type}\\.`)),
    )
  })
})

test.each([
  ['text', '"text"'],
  [null, 'null'],
  [{}, 'an object'],
  [[], 'an object'],
  [() => {}, 'a function'],
  [5, '5'],
  [undefined, 'undefined'],
])('a message shows %j as %s', (value, text) => {
  expect(shown(value)).toBe(text)
})

test('what is left out has a default', () => {
  const { subject, ...defaults } = resolve({})
  expect(defaults).toMatchObject({
    store,
    secrets: [secret],
    idleTimeout: 30 * 60_000,
    lifetime: 24 * 3_600_000,
    touchInterval: 60_000,
    storeTimeout: 500,
    maxSessions: undefined,
    onLimit: 'evict-oldest',
    rotateEvery: undefined,
    rotationGrace: 10_000,
    onReuse: 'report',
    rememberFor: 30 * 24 * 3_600_000,
    onEvent: undefined,
    clock: Date.now,
  })
  expect(subject({ userId: 5 })).toBe(5)
})
