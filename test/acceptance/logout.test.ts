import { CookieAgent } from 'latchkey/testing'
import { describe, expect, test } from 'vitest'
import { dataOf, everywhere, HandlerGate, setCookies, type Place, type Scene } from './everywhere.js'

const minute = 60_000

interface InFlight extends Scene {
  /** Holds the slow request in its handler. */
  readonly gate: HandlerGate
  /** The cookie from before the logout, in the hands of somebody who kept it. */
  readonly thief: CookieAgent
}

/** Signed in, with two slow routes for the request that is in flight. */
async function signedIn(start: Place['start']): Promise<InFlight> {
  const gate = new HandlerGate()
  const scene = await start({
    'GET /slow-read': async ({ session }) => {
      await gate.pass()
      return { ...session }
    },
    'GET /slow-write': async ({ session }) => {
      await gate.pass()
      session['late'] = true
    },
  })
  await scene.browser.get('/login?user=42')
  return { ...scene, gate, thief: scene.browser.copy() }
}

async function isOver({ thief, kept }: InFlight): Promise<void> {
  expect(await dataOf(thief)).toEqual({})
  expect((await kept()).sessions).toBe(0)
}

describe('logout while another request is in flight: the old cookie is signed in again', () => {
  everywhere(({ start }) => {
    test('a request that changes the session: its write is dropped, the browser loses the cookie, an event says so', async () => {
      const scene = await signedIn(start)
      const slow = setCookies(scene.browser.copy().get('/slow-write'))
      await scene.gate.reached
      await scene.browser.get('/logout')
      scene.gate.open()
      expect(await slow).toEqual([expect.stringMatching(/^sessionId=; .*Max-Age=0/)])
      await isOver(scene)
      expect(scene.events).toContainEqual(expect.objectContaining({ type: 'revoked-during-request', reason: 'gone' }))
    })

    test('a write that is on its way to the store already finds nothing to write to', async () => {
      const scene = await signedIn(start)
      const write = scene.store.hold('update')
      const slow = setCookies(scene.browser.copy().get('/set?late=true'))
      await write.reached
      await scene.browser.get('/logout')
      write.open()
      expect(await slow).toEqual([expect.stringMatching(/^sessionId=; .*Max-Age=0/)])
      await isOver(scene)
    })

    test('a request that only reads writes nothing at its end', async () => {
      const scene = await signedIn(start)
      const slow = scene.browser.copy().get('/slow-read')
      await scene.gate.reached
      await scene.browser.get('/logout')
      scene.gate.open()
      expect(await (await slow).json()).toEqual({ userId: '42' })
      await isOver(scene)
      expect(scene.store.calls.update).toBe(0)
    })

    test('the touch of a session that was idle does not bring it back', async () => {
      const scene = await signedIn(start)
      scene.clock.advance(2 * minute)
      const touch = scene.store.hold('touch')
      const slow = setCookies(scene.browser.copy().get('/data'))
      await touch.reached
      await scene.browser.get('/logout')
      touch.open()
      expect(await slow).toEqual([])
      await isOver(scene)
      expect(scene.events).toContainEqual(expect.objectContaining({ type: 'revoked-during-request' }))
    })

    test('a request that changes a session that was idle: neither its touch nor its write brings it back', async () => {
      const scene = await signedIn(start)
      scene.clock.advance(2 * minute)
      const touch = scene.store.hold('touch')
      const slow = setCookies(scene.browser.copy().get('/set?late=true'))
      await touch.reached
      await scene.browser.get('/logout')
      touch.open()
      expect(await slow).toEqual([expect.stringMatching(/^sessionId=; .*Max-Age=0/)])
      await isOver(scene)
    })
  })
})

describe('logout leaves the cookie in the browser', () => {
  everywhere(({ start }) => {
    test('the answer to a logout deletes it, and a copy of it is worth nothing', async () => {
      const { browser, kept } = await start()
      await browser.get('/login?user=42')
      const copy = browser.copy()
      await browser.get('/logout')
      expect(browser.cookies).toEqual([])
      expect(await dataOf(copy)).toEqual({})
      expect((await kept()).sessions).toBe(0)
    })

    test('whatever its attributes are: it is deleted by those it was set with', async () => {
      const options = { cookie: { name: 'sid', path: '/app', sameSite: 'strict' } } as const
      const { browser } = await start(
        {
          'GET /app/login': ({ session }) => void (session['userId'] = 1),
          'GET /app/logout': ({ session }) => session.destroy(),
        },
        options,
      )
      await browser.get('/app/login')
      expect(browser.cookies).toHaveLength(1)
      await browser.get('/app/logout')
      expect(browser.cookies).toEqual([])
    })

    test('over HTTPS too, where its name begins with __Host-', async () => {
      const { app, clock } = await start({}, {}, { trustProxy: true })
      const headers = { 'x-forwarded-proto': 'https' }
      const browser = new CookieAgent(app.base, { clock: clock.now, headers, trustLocalhost: true })
      await browser.get('/login?user=42')
      expect(browser.cookie('__Host-sessionId')).toBeDefined()
      await browser.get('/logout')
      expect(browser.cookies).toEqual([])
    })

    test('the cookie of a session that is over already is deleted as well', async () => {
      const { browser } = await start()
      await browser.get('/login?user=42')
      const other = browser.copy()
      await browser.get('/logout')
      await other.get('/logout')
      expect(other.cookies).toEqual([])
    })
  })
})
