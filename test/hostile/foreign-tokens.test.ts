import { createHmac, hash } from 'node:crypto'
import { newId } from 'latchkey/core'
import { describe, expect, test } from 'vitest'
import { TokenSigner } from '../../src/core/token.js'
import { everywhere, secret, type Place, type Scene } from '../acceptance/everywhere.js'

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

interface Attacked extends Scene {
  /** A token that signs in, its id, and its signature. */
  readonly good: string
  readonly id: string
  readonly signature: string
  /** What the application answers to each value, sent as a cookie and as a bearer token. */
  ask(values: readonly string[], path?: string): Promise<readonly unknown[]>
}

async function attacked(start: Place['start'], options: Parameters<Place['start']>[1] = {}): Promise<Attacked> {
  const scene = await start({}, { transports: ['cookie', 'bearer'], ...options })
  await scene.browser.get('/login?user=42')
  const good = scene.browser.cookie('sessionId')!
  const [id = '', signature = ''] = good.split('.')
  return {
    ...scene,
    good,
    id,
    signature,
    ask: async (values) => {
      const answers: unknown[] = []
      for (const value of values) {
        for (const headers of [{ cookie: `sessionId=${value}` }, { authorization: `Bearer ${value}` }]) {
          const response = await fetch(`${scene.app.base}/data`, { headers })
          expect(response.headers.getSetCookie()).toEqual([])
          answers.push(await response.json())
        }
      }
      return answers
    },
  }
}

const nothing = (count: number): readonly object[] => Array.from({ length: 2 * count }, () => ({}))

/** Other spellings that a lenient decoder of base64 reads as the same bytes. */
function respelled(text: string): readonly string[] {
  const last = ALPHABET.indexOf(text.at(-1)!)
  // 43 characters hold 258 bits, of which the last two mean nothing.
  const trailing = [0, 1, 2, 3].map((bits) => text.slice(0, -1) + ALPHABET[(last & ~3) | bits]!)
  const standard = text.replaceAll('-', '+').replaceAll('_', '/')
  return [...trailing, `${text}=`, standard, `${text.slice(0, 20)}=${text.slice(20)}`].filter((each) => each !== text)
}

describe('tokens that are not ours sign nobody in', () => {
  everywhere(({ start }) => {
    test('of another application with another secret', async () => {
      const { ask, id, store } = await attacked(start)
      const other = new TokenSigner(['another secret of more than 32 characters'])
      expect(await ask([other.sign(id), other.sign(newId('42'))])).toEqual(nothing(2))
      expect(store.calls.load).toBe(0)
    })

    test('of another purpose with the same secret: signed cookies, JWT, and other uses of HMAC', async () => {
      const { ask, id, store } = await attacked(start)
      const sign = (
        key: string | Buffer,
        text: string,
        encoding: 'base64' | 'base64url' | 'hex' = 'base64url',
      ): string => createHmac('sha256', key).update(text).digest(encoding)
      const header = Buffer.from('{"alg":"HS256","typ":"JWT"}').toString('base64url')
      const payload = Buffer.from(JSON.stringify({ sub: '42', sid: id })).toString('base64url')
      const values = [
        // cookie-signature, as express-session and @fastify/cookie use it
        `s:${id}.${sign(secret, id, 'base64').replace(/=+$/, '')}`,
        `${id}.${sign(secret, id, 'base64').replace(/=+$/, '')}`,
        encodeURIComponent(`s:${id}.${sign(secret, id, 'base64').replace(/=+$/, '')}`),
        // the plainest HMAC of the id, by the secret and by what is often made of it
        `${id}.${sign(secret, id)}`,
        `${id}.${sign(hash('sha256', secret, 'buffer'), id)}`,
        `${id}.${sign(secret, `latchkey:token:1${id}`)}`,
        `${id}.${sign(secret, `latchkey:token:1`)}`,
        // JWT with HS256, and the signature of one behind an id
        `${header}.${payload}.${sign(secret, `${header}.${payload}`)}`,
        `${id}.${sign(secret, `${header}.${payload}`)}`,
        // cookie-session and its keygrip, iron-session's seal
        `${id}.${createHmac('sha1', secret).update(`sessionId=${id}`).digest('base64url').padEnd(43, 'A')}`,
        `Fe26.2**${sign(secret, 'salt', 'hex')}*${id.slice(0, 22)}*${payload}**${sign(secret, 'salt2', 'hex')}*${sign(secret, payload)}`,
      ]
      expect(await ask(values)).toEqual(nothing(values.length))
      expect(store.calls.load).toBe(0)
    })

    test('in any second spelling of the id or the signature', async () => {
      const { ask, id, signature, good, store } = await attacked(start)
      const values = [
        ...respelled(id).map((each) => `${each}.${signature}`),
        ...respelled(signature).map((each) => `${id}.${each}`),
        `${id}.${signature.toLowerCase()}`,
        `${id}.${signature.toUpperCase()}`,
        good.toLowerCase(),
        good.replace('.', '%2E'),
        good.replace('.', '%2e'),
        Array.from(good, (character) => `%${character.charCodeAt(0).toString(16)}`).join(''),
        `"${good}"`,
        `${good.slice(0, 52)}\t${good.slice(52)}`,
        good.slice(0, -1),
        good.slice(1),
        good + good,
        `${good}.`,
        `${good}.${signature}`,
        `${id}.`,
        id,
        `.${signature}`,
      ]
      expect(values.length).toBeGreaterThan(25)
      expect(await ask(values)).toEqual(nothing(values.length))
      expect(store.calls.load).toBe(0)
      expect(await ask([good, ` ${good} `])).toEqual([1, 2, 3, 4].map(() => ({ userId: '42' })))
    })

    test('by another transport, or under another name', async () => {
      const { good, again } = await attacked(start)
      const ask = async (base: string, headers: Record<string, string>): Promise<unknown> =>
        (await fetch(`${base}/data`, { headers })).json()
      const cookieOnly = await again({ transports: ['cookie'] })
      const bearerOnly = await again({ transports: ['bearer'] })
      const renamed = await again({ cookie: { name: 'sid' } })
      expect(await ask(cookieOnly.base, { authorization: `Bearer ${good}` })).toEqual({})
      expect(await ask(bearerOnly.base, { cookie: `sessionId=${good}` })).toEqual({})
      expect(await ask(renamed.base, { cookie: `sessionId=${good}` })).toEqual({})
      for (const name of ['sessionid', 'SESSIONID', '__Host-sessionId', 'connect.sid']) {
        expect(await ask(cookieOnly.base, { cookie: `${name}=${good}` })).toEqual({})
      }
      for (const [name, value] of [
        ['authorization', good],
        ['authorization', `Token ${good}`],
        ['session-token', good],
        ['x-session-token', good],
      ] as const) {
        expect(await ask(bearerOnly.base, { [name]: value })).toEqual({})
      }
      for (const query of [`sessionId=${good}`, `token=${good}`, `access_token=${good}`]) {
        expect(await (await fetch(`${bearerOnly.base}/data?${query}`)).json()).toEqual({})
      }
      expect(await ask(cookieOnly.base, { cookie: `sessionId=${good}` })).toEqual({ userId: '42' })
    })
  })
})
