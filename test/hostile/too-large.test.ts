import { Controller, Get, type HttpException, Injectable, Query, Req, Session as NestSession } from '@nestjs/common'
import { SessionService, SessionTooLargeException, type Session } from 'latchkey'
import { describe, expect, test } from 'vitest'
import { everywhereInNest } from '../acceptance/everywhere-nest.js'
import { dataOf, everywhere, json, type Routes } from '../acceptance/everywhere.js'

const KB = 1024

/** One value that takes so many bytes with its name `key` of one character: two quotes and the text. */
const sized = (bytes: number, character = 'x'): string => character.repeat((bytes - 3) / Buffer.byteLength(character))

const routes: Routes = {
  'GET /fill': ({ session, query }) => {
    session['a'] = sized(Number(query['bytes']), query['character'])
    return 'saved'
  },
  'GET /add': ({ session, query }) => void (session[query['key']!] = sized(Number(query['bytes']))),
  'GET /drop': ({ session, query }) => void delete session[query['key']!],
  'GET /save': async ({ session }) => {
    session['a'] = sized(65 * KB)
    const error: unknown = await session.save().then(
      () => undefined,
      (reason: unknown) => reason,
    )
    session['a'] = 'short'
    return { code: (error as { code?: unknown } | undefined)?.code }
  },
  'GET /update': async ({ session }) => {
    const error: unknown = await session
      .update((data) => void Object.assign(data, { b: sized(65 * KB) }))
      .then(
        () => undefined,
        (reason: unknown) => reason,
      )
    return { code: (error as { code?: unknown } | undefined)?.code }
  },
}

describe('bad input: more data than maxBytes', () => {
  everywhere(({ start }) => {
    test('a session of 65,536 bytes is kept, and one byte more is 413 with nothing stored', async () => {
      const { browser, another, store, lines, kept } = await start(routes)
      expect((await browser.get(`/fill?bytes=${64 * KB}`)).status).toBe(200)
      expect(Object.keys((await dataOf(browser)) as object)).toEqual(['a'])
      const other = another()
      const response = await other.get(`/fill?bytes=${64 * KB + 1}`)
      expect(response.status).toBe(413)
      expect(response.headers.getSetCookie()).toEqual([])
      expect(await response.json()).toEqual({
        statusCode: 413,
        code: 'SESSION_TOO_LARGE',
        error: 'Payload Too Large',
        message: 'Your session could not be saved: it holds too much.',
      })
      expect(store.calls).toMatchObject({ create: 1, update: 0 })
      expect((await kept()).sessions).toBe(1)
      expect(lines).toEqual([
        expect.stringMatching(/65537 bytes.* 65536 of `maxBytes`.*"a" with 65537\..*or raise `maxBytes`\./),
      ])
    })

    test('bytes count, not characters', async () => {
      const { browser } = await start(routes, { maxBytes: 3 + 300 })
      expect((await browser.get(`/fill?bytes=${3 + 300}&character=${encodeURIComponent('я')}`)).status).toBe(200)
      expect((await browser.get(`/fill?bytes=${3 + 302}&character=${encodeURIComponent('я')}`)).status).toBe(413)
      expect((await browser.get(`/fill?bytes=${3 + 300}&character=${encodeURIComponent('🗝')}`)).status).toBe(200)
      expect((await browser.get(`/fill?bytes=${3 + 304}&character=${encodeURIComponent('🗝')}`)).status).toBe(413)
    })

    test('a change that makes a session too large is refused whole, and the session stays as it was', async () => {
      const { browser, store, lines } = await start(routes, { maxBytes: 1000 })
      await browser.get('/login?user=42')
      await browser.get('/fill?bytes=500')
      const token = browser.cookie('sessionId')
      const before = await dataOf(browser)
      const { update } = store.calls
      expect((await browser.get('/add?key=b&bytes=480')).status).toBe(200)
      for (const path of ['/add?key=c&bytes=100', '/fill?bytes=900', '/set?one=1&two=2']) {
        expect((await browser.get(path)).status, path).toBe(413)
      }
      expect(lines.at(-1)).toMatch(/the largest is "a" with 500\./)
      expect(store.calls.update).toBe(update + 1)
      expect(browser.cookie('sessionId')).toBe(token)
      expect(await dataOf(browser)).toEqual({ ...(before as object), b: sized(480) })
    })

    test('a sign-in that would be too large signs nobody in, and the anonymous session stays', async () => {
      const { browser, store } = await start(
        {
          ...routes,
          'GET /login-large': ({ session }) => void Object.assign(session, { userId: 42, a: sized(900) }),
        },
        { maxBytes: 200 },
      )
      await browser.get('/set?cart=1')
      expect((await browser.get('/login-large')).status).toBe(413)
      expect(store.calls.rotate).toBe(0)
      expect(await dataOf(browser)).toEqual({ cart: '1' })
    })

    test('save and update throw it, and what they refused is not stored by the end of the request', async () => {
      const { browser } = await start(routes)
      await browser.get('/set?kept=1')
      expect(await json(browser.get('/save'))).toEqual({ code: 'SESSION_TOO_LARGE' })
      expect(await dataOf(browser)).toEqual({ kept: '1', a: 'short' })
      expect(await json(browser.get('/update'))).toEqual({ code: 'SESSION_TOO_LARGE' })
      expect(await dataOf(browser)).toEqual({ kept: '1', a: 'short' })
    })

    test('an update of a new session that would be too large leaves it empty', async () => {
      const { browser, store } = await start(routes)
      expect(await json(browser.get('/update'))).toEqual({ code: 'SESSION_TOO_LARGE' })
      expect(await dataOf(browser)).toEqual({})
      expect(store.calls.create).toBe(0)
    })

    test('after regenerate, a sign-in that is too large leaves nobody signed in, and no cookie', async () => {
      const { browser, kept } = await start(
        {
          'GET /login-large': async ({ session, request }) => {
            await session.regenerate()
            Object.assign(request.session, { userId: 42, a: sized(900) })
          },
        },
        { maxBytes: 200 },
      )
      await browser.get('/login?user=42')
      const response = await browser.get('/login-large')
      expect(response.status).toBe(413)
      expect(response.headers.getSetCookie()).toEqual([])
      expect(await dataOf(browser)).toEqual({})
      expect((await kept()).sessions).toBe(0)
    })

    test('a session that is too large already loads, may change and shrink, and can not grow', async () => {
      const { browser, again, another } = await start(routes, { maxBytes: 100 * KB })
      await browser.get(`/fill?bytes=${60 * KB}`)
      await browser.get(`/add?key=b&bytes=${30 * KB}`)
      const strict = await again({ maxBytes: 1000 })
      const token = browser.cookie('sessionId')!
      const get = async (path: string): Promise<number> => {
        const response = await fetch(strict.base + path, { headers: { cookie: `sessionId=${token}` } })
        return response.status
      }
      expect(await get('/data')).toBe(200)
      expect(await get('/set?more=1')).toBe(413)
      expect(await get(`/add?key=b&bytes=${31 * KB}`)).toBe(413)
      expect(await get(`/add?key=b&bytes=${30 * KB}`)).toBe(200)
      expect(await get(`/add?key=b&bytes=${20 * KB}`)).toBe(200)
      expect(await get('/drop?key=a')).toBe(200)
      // Still too large.
      expect(await get('/set?more=1')).toBe(413)
      expect(await get('/add?key=b&bytes=500')).toBe(200)
      expect(await get('/set?more=1')).toBe(200)
      expect(await get(`/logout`)).toBe(200)
      expect(await dataOf(another())).toEqual({})
      expect(await dataOf(browser)).toEqual({})
    })

    test('a name that a client chose is not told to the log whole', async () => {
      const { browser, lines } = await start({
        'GET /name': ({ session }) => void (session['n'.repeat(70 * KB)] = '\u001b[31m'),
      })
      expect((await browser.get('/name')).status).toBe(413)
      expect(lines).toHaveLength(1)
      expect(lines[0]!.length).toBeLessThan(500)
    })

    test('parallel requests may each fit, and what they leave together can only shrink', async () => {
      const { browser, store } = await start(routes, { maxBytes: 1000 })
      await browser.get('/set?x=1')
      const gates = [1, 2, 3].map(() => store.hold('update'))
      const writes = ['b', 'c', 'd'].map((key) => browser.get(`/add?key=${key}&bytes=900`))
      await Promise.all(gates.map(({ reached }) => reached))
      for (const gate of gates) gate.open()
      expect((await Promise.all(writes)).map(({ status }) => status)).toEqual([200, 200, 200])
      expect(JSON.stringify(await dataOf(browser)).length).toBeLessThan(3 * 1000)
      expect((await browser.get('/set?y=1')).status).toBe(413)
      for (const key of ['b', 'c']) expect((await browser.get(`/drop?key=${key}`)).status).toBe(200)
      expect((await browser.get('/set?y=1')).status).toBe(200)
    })
  })
})

@Injectable()
@Controller()
class LargeController {
  constructor() {}

  @Get('set')
  async set(@NestSession() session: Session, @Query() query: Record<string, string>): Promise<object> {
    Object.assign(session, query)
    await session.save()
    return { id: session.id }
  }

  @Get('fill')
  fill(@NestSession() session: Record<string, unknown>): string {
    session['a'] = sized(2000)
    return 'saved'
  }

  @Get('data')
  data(@Req() request: { session: Record<string, unknown> }): object {
    return { ...request.session }
  }
}

describe('bad input: more data than maxBytes, in Nest', () => {
  everywhereInNest((start) => {
    test('a handler that leaves too much is answered 413', async () => {
      const { browser } = await start([LargeController], { maxBytes: 1000 })
      await browser.get('/set?userId=42')
      const response = await browser.get('/fill')
      expect(response.status).toBe(413)
      expect(await response.json()).toMatchObject({ code: 'SESSION_TOO_LARGE', statusCode: 413 })
      expect(await dataOf(browser)).toEqual({ userId: '42' })
    })

    test('the service refuses it by an exception of status 413, and changes nothing', async () => {
      const { app, browser } = await start([LargeController], { maxBytes: 1000 })
      const { id } = (await json(browser.get('/set?userId=42&a=1'))) as { id: string }
      const service = app.get<SessionService>(SessionService)
      const large = { b: sized(990) }
      for (const refused of [
        service.setSession<Record<string, unknown>>(id, { userId: '42', b: sized(1000) }),
        service.updateSession<Record<string, unknown>>(id, large),
        service.updateAll<Record<string, unknown>>('42', large),
      ]) {
        const error: unknown = await refused.catch((reason: unknown) => reason)
        expect(error).toBeInstanceOf(SessionTooLargeException)
        expect((error as HttpException).getStatus()).toBe(413)
        expect((error as HttpException).getResponse()).toMatchObject({ code: 'SESSION_TOO_LARGE' })
      }
      expect(await dataOf(browser)).toEqual({ userId: '42', a: '1' })
      expect(await service.updateAll<Record<string, unknown>>('42', { a: '2' })).toBe(1)
      expect(await dataOf(browser)).toEqual({ userId: '42', a: '2' })
    })
  })
})
