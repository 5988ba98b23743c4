import { isDeepStrictEqual } from 'node:util'
import { describe, expect, test } from 'vitest'
import { dataOf, everywhere } from './everywhere.js'

const cyclic: { self?: unknown } = {}
cyclic.self = cyclic

class Money {
  readonly amount = 5
}

/** Values that must come back as what they were. */
function values(): Record<string, unknown> {
  return {
    bigint: 2n ** 70n,
    negative: -7n,
    date: new Date('2026-11-05T12:34:56.789Z'),
    map: new Map<unknown, unknown>([
      ['a', 1n],
      [new Date(0), new Map([[1, new Set([false, null, 2n])]])],
    ]),
    set: new Set(['a', 3n, new Date(1)]),
    bytes: new Uint8Array([0, 255, 1, 128]),
    buffer: Buffer.from('\0\xff binary', 'latin1'),
    zero: -0,
    deep: { list: [{ when: new Date(5), amounts: [1n, { x: new Set([1]) }] }] },
    plain: { text: 'отчёт 🗝', number: 1.5, nothing: null, list: [], object: {} },
    looksTagged: { '~n': '5' },
  }
}

describe('a BigInt in the session: the response hangs; Map and Set become {} (promise 9)', () => {
  everywhere(({ start }) => {
    test('BigInt, Date, Map, Set, bytes and -0 come back as what they were, however deep', async () => {
      const { browser } = await start({
        'GET /fill': ({ session }) => void Object.assign(session, values()),
        'GET /compare': ({ session }) => {
          const expected = values()
          return Object.keys(expected).filter((key) => !isDeepStrictEqual(session[key], expected[key]))
        },
      })
      expect((await browser.get('/fill')).status).toBe(200)
      expect(await (await browser.get('/compare')).json()).toEqual([])
    })

    test('what is changed inside of a Map, a Set, a Date or bytes is seen and saved', async () => {
      const { browser } = await start({
        'GET /fill': ({ session }) => {
          Object.assign(session, {
            map: new Map([['a', 1]]),
            set: new Set([1]),
            date: new Date(0),
            bytes: new Uint8Array(2),
          })
        },
        'GET /change': ({ session }) => {
          ;(session['map'] as Map<string, number>).set('b', 2)
          ;(session['set'] as Set<number>).delete(1)
          ;(session['date'] as Date).setTime(5)
          ;(session['bytes'] as Uint8Array)[1] = 7
        },
        'GET /show': ({ session }) => [
          [...(session['map'] as Map<string, number>)],
          [...(session['set'] as Set<number>)],
          (session['date'] as Date).getTime(),
          [...(session['bytes'] as Uint8Array)],
        ],
      })
      await browser.get('/fill')
      await browser.get('/change')
      expect(await (await browser.get('/show')).json()).toEqual([
        [
          ['a', 1],
          ['b', 2],
        ],
        [],
        5,
        [0, 7],
      ])
    })

    test.each<[string, string, () => unknown]>([
      ['a function', 'bad.items[2].price', () => ({ items: [1, 2, { price: () => 5 }] })],
      ['an instance of a class', 'bad.price', () => ({ price: new Money() })],
      ['a promise', 'bad', () => Promise.resolve(5)],
      ['a symbol', 'bad["the key"]', () => ({ 'the key': Symbol('s') })],
      ['NaN', 'bad[1]', () => [0, Number.NaN]],
      ['an invalid date', 'bad.when', () => ({ when: new Date('never') })],
      ['a cycle', 'bad.self', () => cyclic],
      ['a function in a Map', 'bad.total', () => new Map([['total', () => 5]])],
    ])('%s is refused with its path, %s, before the response', async (_name, path, make) => {
      const { browser, store, lines, kept } = await start({
        'GET /bad': ({ session, header }) => {
          session['good'] = 'lost with the rest'
          session['bad'] = make()
          header('x-secret', 'of the success')
          return 'saved'
        },
      })
      await browser.get('/set?kept=1')
      const response = await browser.get('/bad')
      expect(response.status).toBe(500)
      expect(await response.json()).toMatchObject({ code: 'VALUE_NOT_STORABLE' })
      expect(response.headers.getSetCookie()).toEqual([])
      expect(lines).toEqual([expect.stringContaining(`can't keep ${path}: `)])
      expect(store.calls).toMatchObject({ update: 0, create: 1 })
      expect(await dataOf(browser)).toEqual({ kept: '1' })
      expect((await kept()).sessions).toBe(1)
    })
  })
})
