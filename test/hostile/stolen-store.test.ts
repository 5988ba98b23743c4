import { createHmac } from 'node:crypto'
import { keyOf } from 'latchkey/core'
import { describe, expect, test } from 'vitest'
import { ID_LENGTH } from '../../src/core/id.js'
import { TokenSigner } from '../../src/core/token.js'
import { everywhere, json, secret, type Place, type Scene } from '../acceptance/everywhere.js'

/** When the store is stolen. */
const MOMENTS = [
  'while a new id is on its way to its client',
  'once the client has shown it',
  'after the logout',
] as const

/** How many of the tokens that are made of a store are sent, beside the check of all. The soak test sends more. */
const SENT = process.env['PROPERTY_RUNS'] === undefined ? 15 : 60

interface Theft {
  readonly scene: Scene
  /** Every text of the store, and every run of characters in one that could be part of an id. */
  readonly loot: ReadonlySet<string>
  /** Those that stand there whole. */
  readonly words: ReadonlySet<string>
  /** The ids that sign in at that moment, and those that did. */
  readonly ids: readonly string[]
}

/** Sessions of every kind, one of them rotating, and the whole of their store at a moment. */
async function stolen(start: Place['start'], moment: (typeof MOMENTS)[number]): Promise<Theft> {
  const scene = await start({ 'GET /rotate': ({ session }) => session.rotate() }, { transports: ['cookie', 'bearer'] })
  const ids: string[] = []
  const visit = async (browser: Scene['browser'], ...paths: readonly string[]): Promise<void> => {
    for (const path of paths) {
      expect((await browser.get(path)).status).toBe(200)
      const token = browser.cookie('sessionId')
      if (token) ids.push(token.slice(0, ID_LENGTH))
    }
  }
  await visit(scene.another(), '/set?cart=1')
  await visit(scene.another(), '/set?cart=1', '/login?user=ann', '/rotate', '/data')
  await visit(scene.browser, '/login?user=ann', '/rotate')
  if (moment !== MOMENTS[0]) await visit(scene.browser, '/data')
  if (moment === MOMENTS[2]) await visit(scene.browser, '/logout')
  const { texts } = await scene.kept()
  const loot = new Set<string>()
  const words = new Set<string>()
  for (const text of texts) {
    if (text.length < 1000) loot.add(text)
    for (const [run] of text.matchAll(/[\w-]{8,}/g)) {
      loot.add(run)
      words.add(run)
      for (const length of [16, 43, ID_LENGTH, 95]) {
        for (let at = 0; at + length <= run.length; at++) loot.add(run.slice(at, at + length))
      }
    }
  }
  return { scene, loot, words, ids: [...new Set(ids)] }
}

/** Everything that has the length of an id, also by putting together what a store keeps apart. */
function idsIn(loot: ReadonlySet<string>): readonly string[] {
  const of = (length: number): string[] => [...loot].filter((text) => text.length === length && /^[\w-]+$/.test(text))
  const tags = new Set([...of(43 + 8).map((text) => text.slice(0, 8)), ...of(8)])
  return [...of(ID_LENGTH), ...[...tags].flatMap((tag) => of(43).map((hash) => tag + hash))]
}

/** What a sealed id is under this mask, by the rule of `docs/decisions/0003-former-ids.md` and not by our code. */
function opened(seal: string, opener: string): string {
  const mask = createHmac('sha256', opener).update('latchkey:successor:1').digest()
  const random = Buffer.from(seal, 'base64url').map((byte, index) => byte ^ mask[index]!)
  return opener.slice(0, 8) + Buffer.from(random).toString('base64url')
}

describe.each(MOMENTS)('who has the whole store, %s,', (moment) => {
  everywhere(({ start, store }) => {
    test('finds no id in it, and none signs in by any text of it', async () => {
      const { scene, loot, ids } = await stolen(start, moment)
      expect(ids.length).toBeGreaterThan(4)
      const all = [...loot].join('\n')
      for (const id of ids) {
        // It was the store of these sessions: it names them by their keys.
        expect(all).not.toContain(id)
        expect(all).not.toContain(id.slice(8))
      }
      expect(ids.some((id) => all.includes(keyOf(id).slice(8)))).toBe(true)
      const texts = [...loot].filter((text) => text.length < 1000 && /^[\x21-\x7e]+$/.test(text))
      const tokens = texts.flatMap((text) => (text.length === 95 ? [text] : [text, `${text}.${text}`]))
      const wellFormed = new Set([...tokens, ...idsIn(loot).flatMap((id) => [`${id}.${id.slice(8)}`, `${id}.`])])
      const { load } = scene.store.calls
      const sample = [...wellFormed].filter((_, index) => index % Math.ceil(wellFormed.size / SENT) === 0)
      for (const token of sample) {
        for (const headers of [{ cookie: `sessionId=${token}` }, { authorization: `Bearer ${token}` }]) {
          expect(await json(fetch(`${scene.app.base}/data`, { headers }))).toEqual({})
        }
      }
      expect(scene.store.calls.load).toBe(load)
      // Those that were not sent: the check is all that they would meet.
      const signer = new TokenSigner([secret])
      expect([...wellFormed].filter((token) => signer.check(token) >= 0)).toEqual([])
    })

    test('makes no token of it by signing, not even with the secret', async () => {
      const { scene, loot } = await stolen(start, moment)
      const candidates = idsIn(loot)
      expect(candidates.length).toBeGreaterThan(5)
      const signer = new TokenSigner([secret])
      const tokens = candidates.map((id) => signer.sign(id)).slice(0, SENT)
      for (const token of tokens) {
        expect(await json(fetch(`${scene.app.base}/data`, { headers: { cookie: `sessionId=${token}` } }))).toEqual({})
      }
      // Each was looked up: it was the signature of this application.
      expect(scene.store.calls.load).toBeGreaterThanOrEqual(tokens.length)
      // And without the secret, by whatever is there in its place.
      const keys = [...loot].filter((text) => text.length < 100).slice(0, 100)
      for (const key of keys) {
        const forger = new TokenSigner([key])
        for (const id of candidates.slice(0, 10)) expect(signer.check(forger.sign(id))).toBe(-1)
      }
    })

    test('opens no sealed id with it', async () => {
      const { words, ids } = await stolen(start, moment)
      const keys = new Set(ids.map(keyOf))
      const seals = [...words].filter((word) => word.length === 43)
      const openings = (openers: readonly string[]): readonly string[] =>
        openers.flatMap((opener) =>
          seals.map((seal) => opened(seal, opener)).filter((successor) => keys.has(keyOf(successor))),
        )
      expect(openings([...words, ...idsIn(words)])).toEqual([])
      // Who had the old id can open the new one, but only until the client has shown that one. What is deleted stays for a
      // while in the free parts of a file.
      if (moment === MOMENTS[0]) expect(openings(ids).length).toBeGreaterThan(0)
      else if (store !== 'sqlite') expect(openings(ids)).toEqual([])
    })
  })
})
