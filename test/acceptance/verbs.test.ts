import { describe, expect, test } from 'vitest'
import { dataOf, everywhere, json } from './everywhere.js'

const minute = 60_000

/** A verb as code written for express-session calls it. */
const byCallback = (call: (callback: (error?: unknown) => void) => unknown): Promise<unknown> =>
  new Promise((resolve, reject) => {
    call((error) => {
      if (error === undefined) resolve('done')
      else reject(error as Error)
    })
  })

describe('the verbs of a session, over HTTP', () => {
  everywhere(({ start }) => {
    test('regenerate: a new, empty session under a new id; the old one is over; later writes go to the new one', async () => {
      const { browser, kept } = await start({
        'GET /regenerate': async ({ session, request }) => {
          await byCallback((done) => session.regenerate(done))
          request.session['fresh'] = true
          session['old object'] = true
        },
      })
      await browser.get('/set?userId=42&cart=1')
      const before = browser.copy()
      await browser.get('/regenerate')
      expect(await dataOf(browser)).toEqual({ fresh: true, 'old object': true })
      expect(await dataOf(before)).toEqual({})
      expect((await kept()).sessions).toBe(1)
    })

    test('rotate: the same session under a new id; the old one is dead once the new one was seen, after the grace', async () => {
      const { browser, kept, clock } = await start({ 'GET /rotate': ({ session }) => session.rotate() })
      await browser.get('/set?userId=42&cart=1')
      const before = browser.copy()
      const { handle } = (await json(browser.get('/id'))) as { handle: string }
      await browser.get('/rotate')
      expect(await dataOf(browser)).toEqual({ userId: '42', cart: '1' })
      expect(await json(browser.get('/id'))).toMatchObject({ handle })
      expect(await dataOf(before)).toEqual({ userId: '42', cart: '1' })
      clock.advance(10_000)
      expect(await dataOf(before)).toEqual({})
      expect((await kept()).sessions).toBe(1)
    })

    test('save: another request sees it before the answer is given', async () => {
      const { app, browser } = await start({
        'GET /save': async ({ session, raw }) => {
          session['saved'] = 1
          await byCallback((done) => session.save(done))
          const headers = { cookie: raw.req.headers.cookie ?? '' }
          return (await fetch(`${app.base}/data`, { headers })).json()
        },
      })
      await browser.get('/set?a=1')
      expect(await json(browser.get('/save'))).toEqual({ a: '1', saved: 1 })
    })

    test('reload: brings what others wrote and drops what this request changed', async () => {
      const { app, browser } = await start({
        'GET /reload': async ({ session, raw }) => {
          session['mine'] = 1
          const headers = { cookie: raw.req.headers.cookie ?? '' }
          await fetch(`${app.base}/set?theirs=1`, { headers })
          await byCallback((done) => session.reload(done))
          return { ...session }
        },
      })
      await browser.get('/set?a=1')
      expect(await json(browser.get('/reload'))).toEqual({ a: '1', theirs: '1' })
      expect(await dataOf(browser)).toEqual({ a: '1', theirs: '1' })
    })

    test('touch: this request counts as use, whenever the last one was noted', async () => {
      const { browser, clock } = await start(
        { 'GET /touch': ({ session }) => session.touch() },
        { idleTimeout: 20 * minute, touchInterval: 60 * minute },
      )
      await browser.get('/set?a=1')
      // Use is noted at least every quarter of the idle timeout: this is before that.
      clock.advance(4 * minute)
      await browser.get('/touch')
      clock.advance(19 * minute)
      expect(await dataOf(browser)).toEqual({ a: '1' })
    })

    test('update: on the data of now, with what this request changed, stored when it resolves', async () => {
      const { app, browser } = await start({
        'GET /update': async ({ session, raw }) => {
          const headers = { cookie: raw.req.headers.cookie ?? '' }
          await fetch(`${app.base}/set?count=5`, { headers })
          session['mine'] = 1
          await session.update((draft: Record<string, unknown>) => {
            draft['count'] = Number(draft['count']) + 1
          })
          return (await fetch(`${app.base}/data`, { headers })).json()
        },
      })
      await browser.get('/set?count=1')
      expect(await json(browser.get('/update'))).toEqual({ count: 6, mine: 1 })
    })

    test('destroy: twice is not an error, and the session takes no more data', async () => {
      const { browser } = await start({
        'GET /destroy': async ({ session }) => {
          await session.destroy()
          await byCallback((done) => session.destroy(done))
          try {
            session['late'] = 1
            return 'taken'
          } catch (error) {
            return (error as Error).name
          }
        },
      })
      await browser.get('/set?userId=42')
      const copy = browser.copy()
      expect(await json(browser.get('/destroy'))).toBe('TypeError')
      expect(browser.cookies).toEqual([])
      expect(await dataOf(copy)).toEqual({})
    })
  })
})

describe('promise 10: absence is undefined, an error is a broken thing and has a code', () => {
  everywhere(({ start }) => {
    test('what is not in a session is undefined', async () => {
      const { browser } = await start({ 'GET /absent': ({ session }) => typeof session['absent'] })
      expect(await json(browser.get('/absent'))).toBe('undefined')
      await browser.get('/set?a=1')
      expect(await json(browser.get('/absent'))).toBe('undefined')
    })

    test.each(['save', 'reload', 'rotate', 'update'] as const)(
      '%s of a session that was ended meanwhile rejects with SESSION_GONE, and brings nothing back',
      async (verb) => {
        const { app, browser, kept } = await start({
          'GET /gone': async ({ session, raw }) => {
            await fetch(`${app.base}/logout`, { headers: { cookie: raw.req.headers.cookie ?? '' } })
            session['late'] = 1
            const change = (draft: Record<string, unknown>): void => void (draft['late'] = 2)
            const call = verb === 'update' ? session.update(change) : session[verb]()
            return call.then(
              () => 'resolved',
              (error: { code: unknown; message: string }) => ({ code: error.code, message: error.message }),
            )
          },
        })
        await browser.get('/set?userId=42')
        expect(await json(browser.get('/gone'))).toEqual({
          code: 'SESSION_GONE',
          message: expect.stringContaining('not there any more'),
        })
        expect((await kept()).sessions).toBe(0)
      },
    )
  })
})

describe('promise 8: the same tests run on Express and on Fastify, on memory, SQLite and Redis', () => {
  const places: string[] = []

  everywhere(({ platform, store, start }) => {
    places.push(`${platform} ${store}`)

    test('and each place is what it is called', async () => {
      const scene = await start()
      expect(scene.store.name).toBe(store)
      const { headers } = await scene.browser.get('/data')
      expect(headers.get('x-powered-by')).toBe(platform === 'express' ? 'Express' : null)
    })
  })

  test.skipIf(process.env['STORES'] !== undefined)('none is left out', () => {
    expect(places).toEqual([
      'express memory',
      'express sqlite',
      'express redis',
      'fastify memory',
      'fastify sqlite',
      'fastify redis',
    ])
  })
})
