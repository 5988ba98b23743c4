import { inspect } from 'node:util'
import { keyOf } from 'latchkey/core'
import type { CookieAgent } from 'latchkey/testing'
import { describe, expect, test, vi } from 'vitest'
import { TokenSigner } from '../../src/core/token.js'
import { dataOf, everywhere, json, secret, type Place, type Scene } from './everywhere.js'

const ID_LENGTH = 51

interface Journey extends Scene {
  /** Every token that a browser was given, and the id in it. */
  readonly tokens: readonly string[]
}

/** Visits, logins, rotations, failures and logouts; afterwards one session is anonymous and two are signed in. */
async function journey(start: Place['start']): Promise<Journey> {
  const scene = await start(
    {
      'GET /rotate': ({ session }) => session.rotate(),
      'GET /regenerate': ({ session }) => session.regenerate(),
      'GET /bad': ({ session }) => void (session['bad'] = () => session.id),
      'GET /token': async ({ session }) => ({ token: await session.token() }),
    },
    { transports: ['cookie', 'bearer'] },
  )
  const tokens = new Set<string>()
  const visit = async (browser: CookieAgent, ...paths: readonly string[]): Promise<void> => {
    for (const path of paths) {
      await browser.get(path)
      const token = browser.cookie('sessionId')
      if (token) tokens.add(token)
    }
  }
  const [ann, bob, guest, gone] = [scene.browser, scene.another(), scene.another(), scene.another()]
  await visit(ann, '/set?cart=1', '/login?user=ann', '/rotate', '/bad')
  await visit(bob, '/login?user=bob', '/regenerate', '/login?user=bob', '/token')
  await visit(guest, '/set?cart=2')
  await visit(gone, '/login?user=gone')
  const late = gone.copy()
  const write = scene.store.hold('update')
  const slow = late.get('/set?late=1')
  await write.reached
  await visit(gone, '/logout')
  write.open()
  await slow
  scene.store.failWith(new Error('no space left'), ['update'])
  await visit(ann, '/set?refused=1')
  scene.store.heal()
  // One changed in its last character, which the signature covers.
  const [token] = tokens
  gone.take(`sessionId=${token!.slice(0, -1)}${token!.endsWith('A') ? 'B' : 'A'}; Path=/`)
  await visit(gone, '/data')
  return { ...scene, tokens: [...tokens] }
}

/** The parts of a token that sign in or lead to what does. */
function secretsOf(tokens: readonly string[]): readonly string[] {
  return tokens.flatMap((token) => [token, token.slice(0, ID_LENGTH), token.slice(8, ID_LENGTH), token.slice(52)])
}

/** All runs of characters in which a token, an id or a key could hide, and whole short texts. */
function candidates(texts: readonly string[]): ReadonlySet<string> {
  const found = new Set<string>()
  for (const text of texts) {
    if (text.length < 200) found.add(text)
    for (const [run] of text.matchAll(/[\w.%~-]{20,}/g)) {
      found.add(run)
      for (let at = 0; at + 95 <= run.length; at++) found.add(run.slice(at, at + 95))
    }
  }
  return found
}

/** All texts of the length of an id. */
function idShaped(texts: readonly string[]): ReadonlySet<string> {
  const found = new Set<string>()
  for (const text of texts) {
    // Redis keys are cut in two by what the layout puts between tag and hash.
    const joined = text.replace(/^.*\{(.{8})\}:s:/, '$1')
    for (const [run] of `${text}\n${joined}`.matchAll(/[\w-]{51,}/g)) {
      for (let at = 0; at + ID_LENGTH <= run.length; at++) found.add(run.slice(at, at + ID_LENGTH))
    }
  }
  return found
}

/** None of these headers leads to a session. Asked some at a time. */
async function signsNobodyIn(base: string, attempts: readonly Readonly<Record<string, string>>[]): Promise<void> {
  for (let at = 0; at < attempts.length; at += 20) {
    const some = attempts.slice(at, at + 20)
    const answers = await Promise.all(some.map((headers) => json(fetch(`${base}/data`, { headers }))))
    expect(answers).toEqual(some.map(() => ({})))
  }
}

describe('promise 5: nothing in the store or the logs lets its reader sign in', () => {
  everywhere(({ start }) => {
    test('no text of the whole store signs in, as a cookie or as a bearer token', async () => {
      const { app, kept, tokens } = await journey(start)
      const { sessions, texts } = await kept()
      expect(sessions).toBe(3)
      const all = texts.join('\n')
      // Whoever looks sees data: the places were the right ones.
      expect(all).toContain('cart')
      for (const part of secretsOf(tokens)) expect(all).not.toContain(part)
      const tried = [...candidates(texts)].filter((text) => /^[\x21-\x7e]*$/.test(text))
      expect(tried.length).toBeGreaterThan(10)
      await signsNobodyIn(
        app.base,
        tried.flatMap((text) => [{ cookie: `sessionId=${text}` }, { authorization: `Bearer ${text}` }]),
      )
    })

    test('not even the keys of the store, signed with the secret, are ids', async () => {
      const { app, kept } = await journey(start)
      const ids = idShaped((await kept()).texts)
      expect(ids.size).toBeGreaterThan(2)
      const signer = new TokenSigner([secret])
      await signsNobodyIn(
        app.base,
        Array.from(ids, (id) => ({ cookie: `sessionId=${signer.sign(id)}` })),
      )
    })

    test('no id, no token and no key is in an event, in the log or on the console', async () => {
      const printed: unknown[] = []
      for (const method of ['log', 'info', 'warn', 'error', 'debug'] as const) {
        vi.spyOn(console, method).mockImplementation((...args: unknown[]) => void printed.push(...args))
      }
      const { events, lines, tokens } = await journey(start)
      vi.restoreAllMocks()
      const types = new Set(events.map(({ type }) => type))
      for (const type of ['created', 'rotated', 'revoked', 'revoked-during-request', 'token-rejected'] as const) {
        expect(types).toContain(type)
      }
      expect(types).toContain('commit-failed')
      expect(types).toContain('store-failed')
      expect(lines.length).toBeGreaterThan(1)
      const told = inspect({ events, lines, printed }, { depth: 20, showHidden: true, maxStringLength: null })
      for (const part of secretsOf(tokens)) expect(told).not.toContain(part)
      for (const token of tokens) {
        const key = keyOf(token.slice(0, ID_LENGTH))
        // What is of the id alone: the tag is that of the user, and stands in the keys of all of their sessions.
        expect(told).not.toContain(key.slice(8))
      }
    })

    test('a session shows its id neither in JSON nor when it is printed', async () => {
      const { browser, another } = await start({
        'GET /show': ({ session }) => ({
          id: session.id,
          shown: [JSON.stringify(session), inspect(session, { depth: 20, showHidden: true })],
        }),
      })
      await browser.get('/login?user=42')
      const { id, shown } = (await json(browser.get('/show'))) as { id: string; shown: string[] }
      for (const text of shown) expect(text).not.toContain(id)
      expect(await dataOf(another())).toEqual({})
    })
  })
})
