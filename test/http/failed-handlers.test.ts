import { SessionError } from 'latchkey/express'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { dataOf, everywhere, type Routes, type Scene } from '../acceptance/everywhere.js'
import type { Handler } from '../support/platforms.js'

/** What the handlers below do before they use the session: such as ending it from elsewhere. */
let meanwhile: () => Promise<unknown>

const after =
  (handler: Handler): Handler =>
  async (context) => {
    await meanwhile()
    return handler(context)
  }

const ROUTES: Routes = {
  'GET /save': after(({ session }) => {
    session['a'] = 1
    return session.save()
  }),
  'GET /update': after(({ session }) => session.update((data) => void Object.assign(data, { a: 1 }))),
  'GET /answered': after(async ({ session, status }) => {
    await session.update((data) => void Object.assign(data, { a: 1 })).catch(() => status(410))
    return 'by itself'
  }),
  'GET /sign-in': ({ session, query }) => {
    session['userId'] = query['user']
    return session.save()
  },
  'GET /value': ({ session }) => {
    session['cart'] = { items: [() => {}] }
    return session.save()
  },
  'GET /value-in-update': ({ session }) => session.update((data) => void Object.assign(data, { cart: () => {} })),
  'GET /mended': async ({ session }) => {
    session['cart'] = () => {}
    await session.save().catch(() => {})
    session['cart'] = 1
    await session.save()
    throw new Error('an error of the application')
  },
  'GET /own': () => {
    throw new SessionError('SESSION_GONE', 'an error of the application')
  },
}

/** Signs somebody in, and has the session ended from elsewhere as soon as a handler runs. */
async function ending({ browser }: Scene): Promise<void> {
  await browser.get('/login?user=42')
  const elsewhere = browser.copy()
  meanwhile = () => elsewhere.get('/logout')
}

async function isAnswer(response: Response, statusCode: number, code: string): Promise<void> {
  expect(response.status).toBe(statusCode)
  expect(await response.json()).toEqual({
    statusCode,
    code,
    error: expect.any(String),
    message: expect.stringMatching(/^You/),
  })
}

beforeEach(() => {
  meanwhile = () => Promise.resolve()
  // Express writes the error of a handler there.
  vi.spyOn(console, 'error').mockReturnValue(undefined)
})

afterEach(() => vi.restoreAllMocks())

describe('a handler that lets an error of the session through', () => {
  everywhere(({ start }) => {
    test.each(['/save', '/update'])('%s on a session that was ended meanwhile: 401', async (path) => {
      const scene = await start(ROUTES)
      await ending(scene)
      await isAnswer(await scene.browser.get(path), 401, 'SESSION_GONE')
    })

    test('which the handler answers itself: that stands', async () => {
      const scene = await start(ROUTES)
      await ending(scene)
      const response = await scene.browser.get('/answered')
      expect([response.status, await response.json()]).toEqual([410, 'by itself'])
    })

    test('a sign-in beyond the limit: 409', async () => {
      const scene = await start(ROUTES, { maxSessions: 1, onLimit: 'refuse' })
      await scene.browser.get('/sign-in?user=42')
      const other = scene.another()
      await isAnswer(await other.get('/sign-in?user=42'), 409, 'SESSION_LIMIT_REACHED')
      expect(other.cookies).toEqual([])
    })

    test('a store that fails: 503 and Retry-After', async () => {
      const { browser, store } = await start(ROUTES)
      await browser.get('/login?user=42')
      store.failWith(new Error('no space left'), ['update'])
      for (const path of ['/save', '/update']) {
        const response = await browser.get(path)
        expect(response.headers.get('retry-after')).toBe('1')
        await isAnswer(response, 503, 'STORE_UNAVAILABLE')
      }
    })

    test.each(['/value', '/value-in-update'])('%s that can not be stored: 500, in general words', async (path) => {
      const { browser } = await start(ROUTES)
      await isAnswer(await browser.get(path), 500, 'VALUE_NOT_STORABLE')
    })

    test("an error after a verb that went well is the application's own", async () => {
      const { browser } = await start(ROUTES)
      const response = await browser.get('/mended')
      expect(response.status).toBe(500)
      expect(await response.text()).not.toMatch(/VALUE_NOT_STORABLE/)
      expect(await dataOf(browser)).toEqual({ cart: 1 })
    })

    test("an error that none of the verbs gave is the application's own", async () => {
      const { browser } = await start(ROUTES)
      const response = await browser.get('/own')
      expect(response.status).toBe(500)
      expect(await response.text()).toContain('an error of the application')
    })
  })
})
