import { describe, expect, test } from 'vitest'
import { dataOf, everywhere, HandlerGate, setCookies } from './everywhere.js'

const minute = 60_000

/** A client that keeps its cookie whatever the cookie says of its age. */
const stubborn = (base: string, token: string | undefined) => async (path: string) =>
  (await fetch(base + path, { headers: { cookie: `sessionId=${token}` } })).json() as Promise<unknown>

describe('"log out my other devices", idle and absolute timeout, revoke on password change: not there (the timeouts)', () => {
  everywhere(({ start }) => {
    test('without a request a session ends after its idle timeout, whatever cookie is sent', async () => {
      const { app, browser, clock } = await start({}, { idleTimeout: 20 * minute, lifetime: 60 * minute })
      await browser.get('/login?user=42')
      const ask = stubborn(app.base, browser.cookie('sessionId'))
      clock.advance(20 * minute - 1)
      expect(await ask('/data')).toEqual({ userId: '42' })
      clock.advance(20 * minute)
      expect(await ask('/data')).toEqual({})
      expect(await ask('/data')).toEqual({})
    })

    test('use keeps it alive, but not beyond its lifetime', async () => {
      const { app, browser, clock } = await start({}, { idleTimeout: 20 * minute, lifetime: 60 * minute })
      await browser.get('/login?user=42')
      const ask = stubborn(app.base, browser.cookie('sessionId'))
      for (let round = 0; round < 3; round++) {
        clock.advance(19 * minute)
        expect(await ask('/data')).toEqual({ userId: '42' })
      }
      clock.advance(3 * minute)
      expect(await ask('/data')).toEqual({})
    })

    test('a change of its data prolongs the idle timeout and not the lifetime', async () => {
      const { app, browser, clock } = await start({}, { idleTimeout: 20 * minute, lifetime: 60 * minute })
      await browser.get('/login?user=42')
      const ask = stubborn(app.base, browser.cookie('sessionId'))
      for (let round = 0; round < 3; round++) {
        clock.advance(19 * minute)
        await ask(`/set?round=${round}`)
      }
      expect(await ask('/data')).toEqual({ userId: '42', round: '2' })
      clock.advance(3 * minute)
      expect(await ask('/data')).toEqual({})
    })

    test('a request that is in flight when its session ends brings nothing back', async () => {
      const gate = new HandlerGate()
      const { app, browser, clock, events } = await start(
        {
          'GET /slow': async ({ session }) => {
            await gate.pass()
            session['late'] = true
          },
        },
        { idleTimeout: 20 * minute, lifetime: 60 * minute },
      )
      await browser.get('/login?user=42')
      const ask = stubborn(app.base, browser.cookie('sessionId'))
      const slow = setCookies(browser.get('/slow'))
      await gate.reached
      clock.advance(21 * minute)
      gate.open()
      expect(await slow).toEqual([expect.stringMatching(/^sessionId=; .*Max-Age=0/)])
      expect(await ask('/data')).toEqual({})
      expect(events).toContainEqual(expect.objectContaining({ type: 'expired', reason: 'idle' }))
    })

    test('the touch of a request in flight does not prolong a session that has ended meanwhile', async () => {
      const { app, browser, store, clock } = await start({}, { idleTimeout: 20 * minute, lifetime: 60 * minute })
      await browser.get('/login?user=42')
      const ask = stubborn(app.base, browser.cookie('sessionId'))
      clock.advance(19 * minute)
      const touch = store.hold('touch')
      const slow = browser.get('/data')
      await touch.reached
      clock.advance(2 * minute)
      touch.open()
      await slow
      expect(await ask('/data')).toEqual({})
    })

    test('"remember me": a longer cookie.maxAge lives without requests, and ends when it says', async () => {
      const { app, browser, clock } = await start(
        {
          'GET /remember': ({ session }) => {
            session['userId'] = 42
            session.cookie.maxAge = 24 * 60 * minute * 30
          },
        },
        { idleTimeout: 20 * minute, lifetime: 60 * minute },
      )
      await browser.get('/remember')
      const ask = stubborn(app.base, browser.cookie('sessionId'))
      clock.advance(24 * 60 * minute * 29)
      expect(await dataOf(browser)).toEqual({ userId: 42 })
      clock.advance(24 * 60 * minute)
      expect(await ask('/data')).toEqual({})
      expect(browser.cookies).toEqual([])
    })
  })
})
