import { Module } from '@nestjs/common'
import { SessionModule, type SessionModuleOptions } from 'latchkey'
import { MemoryStore } from 'latchkey/stores/memory'
import { RedisStore } from 'latchkey/stores/redis'
import { SqliteStore } from 'latchkey/stores/sqlite'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { adapters, factories } from '../support/nest.js'
import { platforms } from '../support/platforms.js'
import { ending, secret, type Routes } from './everywhere.js'

afterEach(() => vi.unstubAllEnvs())

/** Every way to start an application with options. */
const STARTS: readonly (readonly [string, (options: object) => Promise<unknown>])[] = [
  ...platforms.map(({ name, start }) => [name, (options: object) => start(options as never, {})] as const),
  ...adapters.map((adapter) => {
    const start = async (options: object): Promise<unknown> => {
      @Module({ imports: [SessionModule.forRoot(options as SessionModuleOptions)] })
      class AppModule {}
      return factories[0]!.make(AppModule, adapter)
    }
    return [`Nest on ${adapter.name}`, start] as const
  }),
]

const refusal = (message: RegExp): unknown =>
  expect.objectContaining({ code: 'OPTIONS_INVALID', message: expect.stringMatching(message) })

describe('bad input: wrong options fail at start-up, with the mend (promise 10)', () => {
  describe.each(STARTS)('on %s', (_name, start) => {
    test.each<[string, object, RegExp]>([
      ['an option that is not known', { stroe: 1 }, /Unknown option "stroe"\. Known are: store, secret/],
      ['an option of express-session', { resave: false }, /"resave"\. Leave it out/],
      ['the name of the cookie in the wrong place', { name: 'sid' }, /`cookie: \{ name \}`/],
      ['a cookie option that is not known', { cookie: { maxAge: 5 } }, /"maxAge"\. Use `lifetime`/],
      ['no store', { store: undefined }, /Sessions need a store/],
      ['a store of another library', { store: { get() {}, set() {}, destroy() {} } }, /no method "load"/],
      ['an empty secret', { secret: '' }, /need a secret.*SESSION_SECRET/],
      ['a list with an empty secret', { secret: ['a', ''] }, /Secret 2 of 2 is empty/],
      ['a secret that is no text', { secret: 42 }, /of type number/],
      ['a timeout that is no number', { idleTimeout: '30m' }, /idleTimeout is "30m".*minutes\(30\)/],
      ['a lifetime without an end', { lifetime: Infinity }, /lifetime is Infinity/],
      ['a lifetime that no clock reaches', { lifetime: Number.MAX_SAFE_INTEGER }, /lifetime is 9007199254740991/],
      ['SameSite=None without Secure', { cookie: { sameSite: 'none' } }, /cookie.secure true/],
      [
        '__Host- with a domain',
        { cookie: { name: '__Host-s', domain: 'a.example', secure: true } },
        /leave out cookie\.domain/,
      ],
      ['a transport that is not known', { transports: ['header'] }, /'cookie', 'bearer' or both/],
    ])('%s', async (_what, options, message) => {
      vi.stubEnv('SESSION_SECRET', undefined)
      await expect(start({ store: new MemoryStore(), secret, ...options })).rejects.toEqual(refusal(message))
    })

    test.each(['keyboard cat', `${secret},short`, [secret, 'short']])(
      'in production, a secret under 32 characters (%#), whose text is not shown',
      async (short) => {
        vi.stubEnv('NODE_ENV', 'production')
        const store = new MemoryStore({ allowInProduction: true })
        const error: unknown = await start({ store, secret: short }).catch((reason: unknown) => reason)
        expect(error).toEqual(refusal(/has \d+ characters.*at least 32.*openssl rand/))
        expect(String(error)).not.toMatch(/keyboard|short\b/)
      },
    )
  })

  describe.each(platforms)('on $name', ({ start }) => {
    test.each([Infinity, Number.NaN, Number.MAX_SAFE_INTEGER, -1e300, '1d', {}])(
      'a cookie.maxAge of %s is refused to its handler',
      async (maxAge) => {
        const routes: Routes = {
          'GET /': ({ session }) => {
            session['a'] = 1
            try {
              session.cookie.maxAge = maxAge as number
            } catch (error) {
              return (error as Error).message
            }
            return 'taken'
          },
        }
        const app = ending(await start({ store: new MemoryStore(), secret, log: false }, routes))
        const answer = await fetch(app.base)
        expect(answer.status).toBe(200)
        expect(await answer.json()).toMatch(/^cookie\.maxAge is .*Give a number of milliseconds up to 3153600000000/)
      },
    )
  })

  test('the memory store in production, and options of stores that are not known', () => {
    vi.stubEnv('NODE_ENV', 'production')
    expect(() => new MemoryStore()).toThrow(refusal(/NODE_ENV is production.*RedisStore.*SqliteStore/) as Error)
    vi.unstubAllEnvs()
    expect(() => new MemoryStore({ ttl: 5 } as never)).toThrow(refusal(/ttl/) as Error)
    expect(() => new SqliteStore({ file: 'x' } as never)).toThrow(refusal(/"file"/) as Error)
    expect(() => new RedisStore({ uri: 'x' } as never)).toThrow(refusal(/"uri"/) as Error)
  })
})
