import { newId } from 'latchkey/core'
import { describe, expect, test } from 'vitest'
import { TokenSigner } from '../../src/core/token.js'
import { rawRequest } from '../support/raw.js'
import { dataOf, everywhere, json, secret, type Place, type Scene } from './everywhere.js'

interface Guarded extends Scene {
  /** The token of a session that must survive. */
  readonly good: string
  /** What `/data` answers to Cookie headers, each byte for byte as it is given. */
  ask(...cookies: readonly string[]): Promise<unknown>
  /** Nothing was lost, nothing was added, and whatever came was no reason to ask the store. */
  unharmed(loads: number): Promise<void>
}

async function guarded(start: Place['start']): Promise<Guarded> {
  const scene = await start()
  await scene.browser.get('/login?user=42')
  const good = scene.browser.cookie('sessionId')!
  return {
    ...scene,
    good,
    async ask(...cookies) {
      const heads = cookies.map((cookie) => `GET /data HTTP/1.1\r\nHost: a\r\nCookie: ${cookie}\r\n`)
      // One after the other on one connection, which the last one closes.
      const connection = rawRequest(scene.app.port, [heads.join('\r\n') + 'Connection: close'])
      await connection.closed
      const answers = connection.text.split(/(?=HTTP\/1\.1 )/)
      expect(answers).toHaveLength(cookies.length)
      return answers.map((answer) => {
        const [headers = '', body = ''] = answer.split('\r\n\r\n')
        expect(headers).toMatch(/^HTTP\/1\.1 200 /)
        expect(headers).not.toMatch(/set-cookie/i)
        return JSON.parse(body) as unknown
      })
    },
    async unharmed(loads) {
      expect(scene.store.calls).toMatchObject({ load: loads, create: 1, update: 0, delete: 0, rotate: 0 })
      expect((await scene.kept()).sessions).toBe(1)
      expect(scene.lines).toEqual([])
      expect(await dataOf(scene.browser)).toEqual({ userId: '42' })
    },
  }
}

/** Values that are no token of ours; those of a function are made from one that is. */
const GARBAGE: readonly (string | ((good: string) => string))[] = [
  '',
  '""',
  '"',
  '{}',
  'null',
  'undefined',
  '%00%0d%0a',
  '%',
  '..',
  '../../etc/passwd',
  "' OR 1=1 --",
  '__proto__',
  'a=b=c',
  '🗝'.repeat(20),
  'ÿ\u0080',
  '\t,\t',
  'x'.repeat(95),
  'x'.repeat(8_000),
  `${'x'.repeat(51)}.${'x'.repeat(43)}`,
  // Of the length of a token: a server reads each byte as a character.
  `${'x'.repeat(51)}.${'é'.repeat(21)}x`,
  '.'.repeat(95),
  's%3AgB3xu9P2kV5c.r8Gd3o6bJx1v',
  (good) => `"${good}"`,
  (good) => good.replace('.', '%2E'),
  (good) => encodeURIComponent(good).replace('.', '%2e'),
  (good) => good.toUpperCase(),
  (good) => good.slice(1),
  (good) => good.slice(0, -1),
  (good) => `${good}x`,
  (good) => `${good}=`,
  (good) => `x${good}`,
  (good) => good.split('.').toReversed().join('.'),
  (good) => `${good.slice(0, 51)} ${good.slice(52)}`,
  (good) => `${good.slice(0, 52)}${'A'.repeat(43)}`,
]

const valueOf = (garbage: (typeof GARBAGE)[number], good: string): string =>
  typeof garbage === 'string' ? garbage : garbage(good)

describe('bad input: cookies', () => {
  everywhere(({ start }) => {
    test('garbage is a visit without a session, costs no store call, and leaves nothing', async () => {
      const { good, ask, unharmed } = await guarded(start)
      const values = GARBAGE.map((garbage) => `sessionId=${valueOf(garbage, good)}`)
      const others = ['sessionId', 'sessionId;', ';;=;', '=', `=${good}`, `sessionid=${good}`, good]
      expect(await ask(...values, ...others)).toEqual([...values, ...others].map(() => ({})))
      await unharmed(0)
    })

    test('garbage beside a good cookie does not cost the session, in whichever order they come', async () => {
      const { good, ask, unharmed } = await guarded(start)
      const cookies = GARBAGE.flatMap((garbage) => {
        const [bad, own] = [`sessionId=${valueOf(garbage, good)}`, `sessionId=${good}`]
        return [`${bad}; ${own}`, `${own}; ${bad}`]
      })
      expect(await ask(...cookies)).toEqual(cookies.map(() => ({ userId: '42' })))
      await unharmed(GARBAGE.length * 2)
    })

    test('a token with any one of its characters changed is worth nothing', async () => {
      const { good, ask, unharmed } = await guarded(start)
      const flipped = Array.from(good, (character, at) => {
        const other = character === 'A' ? 'B' : 'A'
        return `sessionId=${good.slice(0, at)}${other}${good.slice(at + 1)}`
      })
      expect(flipped).toHaveLength(95)
      expect(await ask(...flipped)).toEqual(flipped.map(() => ({})))
      await unharmed(0)
    })

    test('a token of another secret, or with the signature of another token, costs no store call', async () => {
      const { good, another, ask, store, unharmed, kept } = await guarded(start)
      const [id, signature] = good.split('.') as [string, string]
      const other = new TokenSigner([secret]).sign(newId('42')).split('.') as [string, string]
      for (const token of [
        new TokenSigner(['another secret of more than 32 characters']).sign(id),
        new TokenSigner(['']).sign(id),
        `${id}.${other[1]}`,
        `${other[0]}.${signature}`,
      ]) {
        expect(await ask(`sessionId=${token}`)).toEqual([{}])
      }
      await unharmed(0)
      expect(await dataOf(another())).toEqual({})
      // A good signature under an id that never was costs one look, and creates nothing.
      expect(await ask(`sessionId=${other.join('.')}`)).toEqual([{}])
      expect(store.calls.load).toBe(2)
      expect((await kept()).sessions).toBe(1)
    })

    test('a hundred cookies of our name: the first three count, and no session is lost', async () => {
      const { good, ask, unharmed } = await guarded(start)
      const many = Array.from({ length: 100 }, (_, index) => `sessionId=${index}${'x'.repeat(90)}`)
      const own = `sessionId=${good}`
      const cookies = [
        [own, ...many],
        [...many.slice(0, 2), own, ...many],
        [...many, own],
      ]
      const answers = await ask(...cookies.map((each) => each.join('; ')))
      expect(answers).toEqual([{ userId: '42' }, { userId: '42' }, {}])
      await unharmed(2)
    })

    test('a hundred tokens that are well signed cost at most three looks', async () => {
      const { ask, unharmed } = await guarded(start)
      const signer = new TokenSigner([secret])
      const many = Array.from({ length: 100 }, () => `sessionId=${signer.sign(newId(undefined))}`)
      expect(await ask(many.join('; '))).toEqual([{}])
      await unharmed(3)
    })

    test('what HTTP itself forbids is refused by the server, and the session stays', async () => {
      const { app, good, unharmed } = await guarded(start)
      for (const value of ['\0', `${good}\0`, '\u0001', '\u007f', 'a\nSet-Cookie: b=1', 'x'.repeat(20_000)]) {
        const head = ['GET /data HTTP/1.1', 'Host: a', `Cookie: sessionId=${value}`, 'Connection: close']
        const connection = rawRequest(app.port, head)
        await connection.closed
        expect(connection.text).toMatch(/^HTTP\/1\.1 (400|431) /)
        expect(connection.text).not.toContain('42')
      }
      await unharmed(0)
    })

    test('whoever brings garbage and begins a session gets one like everybody else', async () => {
      const { another, kept } = await guarded(start)
      const browser = another()
      browser.take(`sessionId=${'x'.repeat(95)}; Path=/`)
      await browser.get('/login?user=7')
      expect(browser.cookies).toHaveLength(1)
      expect(await dataOf(browser)).toEqual({ userId: '7' })
      expect((await kept()).sessions).toBe(2)
    })

    test('garbage as a bearer token is passed over, and the cookie beside it counts', async () => {
      const { app, browser, store } = await start({}, { transports: ['cookie', 'bearer'] })
      await browser.get('/login?user=42')
      const cookie = `sessionId=${browser.cookie('sessionId')}`
      for (const authorization of ['Bearer', 'Bearer ', 'Bearer a.b.c', `Bearer ${'x'.repeat(8_000)}`, 'Basic Og==']) {
        const headers = { authorization, cookie }
        expect(await json(fetch(`${app.base}/data`, { headers }))).toEqual({ userId: '42' })
      }
      expect(store.calls).toMatchObject({ load: 5, create: 1 })
    })
  })
})
