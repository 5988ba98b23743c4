import fc from 'fast-check'
import { SessionEngine, SessionError } from 'latchkey/core'
import { afterAll, describe, expect, test } from 'vitest'
import { LiveSession } from '../../src/core/session.js'
import { dataOf, everywhere, json, secret, type Routes } from '../acceptance/everywhere.js'
import { runs, timeFor } from '../properties/counts.js'
import { carrier } from '../support/engine.js'
import { stores } from '../support/stores.js'

/** Names that mean something to JavaScript, to a promise, to JSON, to Redis or SQL, or to our own layouts. */
const TAKEN: readonly string[] = [
  ['__proto__', 'constructor', 'prototype', 'hasOwnProperty', 'isPrototypeOf', 'toString', 'valueOf', 'toJSON'],
  ['then', 'catch', 'length', 'name', '__defineGetter__', '__lookupSetter__', 'toLocaleString', 'inspect'],
  ['0', '1', '2', '-1', '01', '1.5', '4294967295', '9007199254740993', 'NaN', 'undefined', 'null', 'true'],
  ['', ' ', '\0', 'a\0b', '\n', '\r\n', '\t', '\u001b[31m', '\u007f', '\u0085', '\u2028', '\ufeff', '\u202e'],
  [':', '::', ':a', ':h', 'h', 's', 'd', 'p', 'k', 'r', 'n', 'z', 'g', 't', '~', '~n', '~o', '~d', '$', '*', '?', '['],
  ["'; DROP TABLE sessions; --", '"', '\\', '`', '%00', '%2e', '../..', '{x}:s:', '🗝', 'é', 'e\u0301', 'отчёт'],
  ['x'.repeat(1000), '🗝'.repeat(300)],
].flat()

/** Names of the session itself, and what no store keeps as it is. */
const REFUSED: readonly string[] = [
  ...Object.getOwnPropertyNames(LiveSession.prototype).filter((key) => key !== 'constructor' && key !== '__proto__'),
  '\ud800',
  '\udc00',
  'a\ud83d',
  '\udd11a',
  '\ud800'.repeat(2),
]

/** An object as JSON makes it: every name in it is a name of its own. */
const NESTED = JSON.parse(
  `{${TAKEN.map((key) => `${JSON.stringify(key)}:{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}`).join()}}`,
) as Record<string, unknown>

function isPolluted(): boolean {
  const fresh: { polluted?: unknown } = {}
  return (
    fresh.polluted !== undefined || [].constructor !== Array || ([] as { polluted?: unknown }).polluted !== undefined
  )
}

const routes: Routes = {
  'GET /assign': ({ session }) => {
    for (const key of TAKEN) session[key] = { of: key }
    return typeof session.save
  },
  'GET /copy': ({ session }) => {
    const source = Object.fromEntries(TAKEN.map((key) => [key, { of: key }]))
    Object.assign(session, source)
    return typeof session.save
  },
  'GET /define': ({ session }) => {
    for (const key of TAKEN) {
      Object.defineProperty(session, key, { value: { of: key }, enumerable: true, writable: true, configurable: true })
    }
    return typeof session.save
  },
  'GET /update': async ({ session }) => {
    await session.update((data) => {
      for (const key of TAKEN) {
        Object.defineProperty(data, key, { value: { of: key }, enumerable: true, writable: true, configurable: true })
      }
    })
    return typeof session.save
  },
  'GET /nested': ({ session }) => void (session['nested'] = NESTED),
  'GET /text': ({ session }) => JSON.stringify(session['nested']),
  'GET /remove': ({ session }) => {
    for (const key of TAKEN) delete session[key]
  },
  'GET /entries': ({ session }) => [typeof session.save, Object.entries(session)],
}

describe('names of data, however hostile', () => {
  everywhere(({ start }) => {
    test.each(['assign', 'copy', 'define', 'update'])('are kept one by one, and pollute nothing (%s)', async (way) => {
      const { browser } = await start(routes)
      await browser.get('/set?first=1')
      expect(await json(browser.get(`/${way}`))).toBe('function')
      const [save, entries] = (await json(browser.get('/entries'))) as [string, [string, unknown][]]
      expect(save).toBe('function')
      const kept = new Map(entries)
      expect(kept.size).toBe(new Set(TAKEN).size + 1)
      for (const key of TAKEN) expect(kept.get(key), JSON.stringify(key)).toEqual({ of: key })
      expect(isPolluted()).toBe(false)
      await browser.get('/remove')
      expect(await dataOf(browser)).toEqual({ first: '1' })
    })

    test('are kept deep inside of a value, letter for letter', async () => {
      const { browser } = await start(routes)
      await browser.get('/nested')
      expect(JSON.parse((await json(browser.get('/text'))) as string)).toEqual(NESTED)
      expect(await json(browser.get('/text'))).toBe(JSON.stringify(NESTED))
      expect(isPolluted()).toBe(false)
    })

    test('that can not be kept are refused, each with nothing stored', async () => {
      let key = ''
      const codes: unknown[] = []
      const { browser, store, kept } = await start(
        {
          // As JSON.parse and a spread make properties: past what an assignment meets.
          'GET /refused': ({ session }) => {
            session['other'] = 1
            Object.defineProperty(session, key, { value: 1, enumerable: true, configurable: true })
          },
        },
        { onEvent: (event) => void ('error' in event && codes.push(event.error.code)) },
      )
      for (key of REFUSED) {
        expect((await browser.get('/refused')).status, JSON.stringify(key)).toBe(500)
      }
      expect(REFUSED.length).toBeGreaterThan(15)
      expect(codes).toEqual(REFUSED.map(() => 'VALUE_NOT_STORABLE'))
      expect(store.calls).toMatchObject({ create: 0, update: 0 })
      expect((await kept()).sessions).toBe(0)
    })
  })
})

const key = fc.oneof(
  fc.constantFrom(...TAKEN, ...REFUSED, 'userId'),
  fc.string({ unit: 'binary', maxLength: 12 }),
  fc.array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 6 }).map((codes) => String.fromCharCode(...codes)),
)

const USUAL: Readonly<Record<string, number>> = { memory: 500, sqlite: 150, redis: 100 }

describe.each(stores)('any data of JSON, on $name', (shipped) => {
  afterAll(shipped.stop)
  const parameters = runs(USUAL[shipped.name] ?? 50)

  test(
    'come back as they were, or are refused whole with a code',
    async () => {
      const engine = new SessionEngine({ store: await shipped.open(), secret, storeTimeout: 10_000 })
      const found: string[] = []
      await fc.assert(
        fc.asyncProperty(fc.array(fc.tuple(key, fc.jsonValue({ maxDepth: 4 })), { maxLength: 8 }), async (entries) => {
          const data = Object.fromEntries(entries)
          const visit = await engine.open([], carrier)
          for (const [name, value] of Object.entries(data)) {
            Object.defineProperty(visit.session, name, { value, enumerable: true, writable: true, configurable: true })
          }
          try {
            await visit.commit()
          } catch (error) {
            expect(error).toBeInstanceOf(SessionError)
            expect(['VALUE_NOT_STORABLE', 'SUBJECT_INVALID']).toContain((error as SessionError).code)
            expect(visit.tokenChange).toBe('keep')
            found.push('refused')
            return
          }
          if (entries.length === 0) return
          const later = await engine.open([visit.signedToken], carrier)
          expect(new Map(Object.entries(later.session))).toEqual(new Map(Object.entries(data)))
          expect(typeof later.session.save).toBe('function')
          expect(isPolluted()).toBe(false)
          found.push('kept')
        }),
        parameters,
      )
      expect(new Set(found)).toEqual(new Set(['kept', 'refused']))
    },
    timeFor(parameters),
  )
})
