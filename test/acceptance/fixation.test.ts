import { newId } from 'latchkey/core'
import { describe, expect, test } from 'vitest'
import { TokenSigner } from '../../src/core/token.js'
import { dataOf, everywhere, HandlerGate, json, secret, setCookies } from './everywhere.js'

describe('login keeps the id from before it (fixation) unless somebody remembers regenerate (promise 4)', () => {
  everywhere(({ start }) => {
    test('`session.userId = ...` gives a new id; the old one is dead; data and handle go along', async () => {
      const { browser, kept } = await start()
      await browser.get('/set?cart=1')
      const before = browser.copy()
      const was = (await json(browser.get('/id'))) as { id: string; handle: string }
      expect(await setCookies(browser.get('/login?user=42'))).toHaveLength(1)
      const is = (await json(browser.get('/id'))) as { id: string; handle: string }
      expect(is.id).not.toBe(was.id)
      expect(is.handle).toBe(was.handle)
      expect(await dataOf(browser)).toEqual({ cart: '1', userId: '42' })
      expect(await dataOf(before)).toEqual({})
      expect((await kept()).sessions).toBe(1)
    })

    test("an attacker's own session, planted in a browser before the login, stays out", async () => {
      const { browser: attacker, another } = await start()
      await attacker.get('/set?planted=1')
      const victim = another()
      victim.take(`sessionId=${attacker.cookie('sessionId')}; Path=/`)
      await victim.get('/login?user=42')
      expect(await dataOf(victim)).toMatchObject({ userId: '42' })
      expect(await dataOf(attacker)).toEqual({})
    })

    test.each<[string, () => string]>([
      ['a made-up value', () => 'f'.repeat(51)],
      ['a made-up id with a made-up signature', () => `${newId(undefined)}.${'f'.repeat(43)}`],
      ['a good token of a session that is over', () => new TokenSigner([secret]).sign(newId(undefined))],
    ])('%s, planted before the login, never becomes the cookie of the session', async (_name, make) => {
      const planted = make()
      const { browser: victim, another } = await start()
      victim.take(`sessionId=${planted}; Path=/`)
      const attacker = another()
      attacker.take(`sessionId=${planted}; Path=/`)
      for (const path of ['/set?cart=1', '/login?user=42']) {
        await victim.get(path)
        expect(victim.cookie('sessionId')).not.toBe(planted)
        expect(await dataOf(attacker)).toEqual({})
      }
      expect(await dataOf(victim)).toEqual({ cart: '1', userId: '42' })
    })

    test('a write of the planted session that is in flight during the login reaches nobody', async () => {
      const gate = new HandlerGate()
      const { browser: attacker, another } = await start({
        'GET /slow': async ({ session }) => {
          await gate.pass()
          session['shipTo'] = 'attacker'
        },
      })
      await attacker.get('/set?planted=1')
      const victim = another()
      victim.take(`sessionId=${attacker.cookie('sessionId')}; Path=/`)
      const slow = setCookies(attacker.get('/slow'))
      await gate.reached
      await victim.get('/login?user=42')
      gate.open()
      expect(await slow).toEqual([])
      expect(await dataOf(victim)).toEqual({ planted: '1', userId: '42' })
      expect(await dataOf(attacker)).toEqual({})
    })

    test('a change of the user, and a sign-out by deleting the user, move the session again', async () => {
      const { browser } = await start({ 'GET /forget': ({ session }) => void delete session['userId'] })
      await browser.get('/set?cart=1')
      const copies = [browser.copy()]
      for (const path of ['/login?user=1', '/login?user=2', '/forget']) {
        await browser.get(path)
        copies.push(browser.copy())
      }
      const last = copies.pop()!
      expect(await dataOf(last)).toEqual({ cart: '1' })
      for (const copy of copies) expect(await dataOf(copy)).toEqual({})
    })

    test('a login that is done through update() moves the session too', async () => {
      const { browser } = await start({
        'GET /update': ({ session }) => session.update((draft: { userId?: number }) => void (draft.userId = 42)),
      })
      await browser.get('/set?cart=1')
      const before = browser.copy()
      await browser.get('/update')
      expect(await dataOf(browser)).toEqual({ cart: '1', userId: 42 })
      expect(await dataOf(before)).toEqual({})
    })

    test('where another key names the user, its change moves the session', async () => {
      const subject = (data: Readonly<Record<string, unknown>>): unknown => data['account']
      const { browser } = await start({}, { subject })
      await browser.get('/set?cart=1')
      const before = browser.copy()
      await browser.get('/set?account=42')
      expect(await dataOf(browser)).toEqual({ cart: '1', account: '42' })
      expect(await dataOf(before)).toEqual({})
    })
  })
})
