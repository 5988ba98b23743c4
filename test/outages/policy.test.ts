import type { ServerResponse } from 'node:http'
import { sessions, type SessionOptions } from 'latchkey/express'
import { MemoryStore } from 'latchkey/stores/memory'
import { describe, expect, test } from 'vitest'
import { dataOf, everywhere, json, secret, type Routes, type Scene } from '../acceptance/everywhere.js'
import { ANSWERED } from '../support/platforms.js'

const anonymous = { onStoreDown: 'anonymous' } as const

const caught = { 'GET /caught': ({ session }) => session.save().catch(() => 'never mind') } satisfies Routes

/** Every way of writing to a session. */
const WRITES: Routes = {
  'GET /data-at-the-end': ({ session }) => void (session['a'] = 1),
  'GET /save': ({ session }) => session.save(),
  'GET /reload': ({ session }) => session.reload(),
  'GET /regenerate': ({ session }) => session.regenerate(),
  'GET /destroy': ({ session }) => session.destroy(),
  'GET /touch': ({ session }) => session.touch(),
  'GET /rotate': ({ session }) => session.rotate(),
  'GET /update': ({ session }) => session.update((data) => void Object.assign(data, { a: 1 })),
  'GET /token': ({ session }) => session.token(),
  'GET /callback': ({ session }) => new Promise((resolve) => void session.save(resolve)),
  'GET /lifetime': ({ session }) => void (session.cookie.maxAge = 1_000),
  'GET /null': ({ request }) => void ((request as { session: unknown }).session = null),
  'GET /old-object': async ({ session, request }) => {
    await session.regenerate().catch(() => {})
    request.session['a'] = 1
  },
  ...caught,
  'GET /redirect': ({ session, redirect }) => {
    session['userId'] = 42
    redirect('/data')
  },
  'GET /stream': ({ session, raw }) => streamed(raw.res, () => void (session['a'] = 1)),
}

function streamed(response: ServerResponse, before: () => void): typeof ANSWERED {
  before()
  response.writeHead(200, { 'content-type': 'text/plain' })
  response.write('one ')
  response.end('two')
  return ANSWERED
}

const READS: Routes = {
  'GET /who': ({ session }) => ({ user: session['userId'] ?? null, isAvailable: session.isAvailable }),
  'GET /cached': ({ session, header }) => {
    header('Cache-Control', 'public, max-age=600')
    return { user: session['userId'] ?? null }
  },
  'GET /read-stream': ({ session, raw }) => streamed(raw.res, () => void session['a']),
}

/** Signs somebody in, then the store stops answering. */
async function outage({ browser, store }: Scene): Promise<void> {
  await browser.get('/login?user=42')
  store.failWith(new Error('connection refused'))
}

async function isUnavailable(response: Response): Promise<void> {
  expect(response.status).toBe(503)
  expect(response.headers.get('retry-after')).toBe('1')
  expect(response.headers.getSetCookie()).toEqual([])
  expect(response.headers.get('location')).toBeNull()
  expect(await response.json()).toMatchObject({ statusCode: 503, code: 'STORE_UNAVAILABLE' })
}

describe('the store is down, and onStoreDown is anonymous', () => {
  everywhere(({ platform, start }) => {
    test('the handler runs without a session, and the cookie is left alone', async () => {
      const scene = await start(READS, anonymous)
      await outage(scene)
      const { browser, store } = scene
      const token = browser.cookie('sessionId')
      const response = await browser.get('/who')
      expect(response.status).toBe(200)
      expect(response.headers.getSetCookie()).toEqual([])
      expect(await response.json()).toEqual({ user: null, isAvailable: false })
      expect(await dataOf(browser)).toEqual({})
      expect(browser.cookie('sessionId')).toBe(token)
      store.heal()
      expect(await json(browser.get('/who'))).toEqual({ user: '42', isAvailable: true })
    })

    test('who brings no cookie has a session that is there, and empty', async () => {
      const scene = await start(READS, anonymous)
      await outage(scene)
      expect(await json(scene.another().get('/who'))).toEqual({ user: null, isAvailable: true })
    })

    test('an answer that was made without it is kept nowhere, so that nobody looks signed out later', async () => {
      const scene = await start(READS, anonymous)
      await outage(scene)
      const { browser, store } = scene
      const during = await browser.get('/cached')
      expect([during.status, during.headers.get('cache-control')]).toEqual([200, 'no-store'])
      expect(during.headers.get('vary')).toMatch(/cookie/i)
      const stream = await browser.get('/read-stream')
      expect([stream.status, stream.headers.get('cache-control')]).toEqual([200, 'no-store'])
      expect(await stream.text()).toBe('one two')
      store.heal()
      expect((await browser.get('/cached')).headers.get('cache-control')).toBe('public, max-age=600')
    })

    test.each(Object.keys(WRITES).map((route) => route.slice(4)))('%s: a write is answered with 503', async (path) => {
      const scene = await start(WRITES, anonymous)
      await outage(scene)
      const { browser, store, kept } = scene
      const token = browser.cookie('sessionId')
      await isUnavailable(await browser.get(path))
      expect(browser.cookie('sessionId')).toBe(token)
      store.heal()
      expect((await kept()).sessions).toBe(1)
      expect(await dataOf(browser)).toEqual({ userId: '42' })
    })

    test('a change after the head of a stream has left is told as lost', async () => {
      const scene = await start(
        {
          'GET /late': ({ session, raw }) => {
            raw.res.writeHead(200)
            raw.res.write('one')
            session['a'] = 1
            raw.res.end()
            return ANSWERED
          },
        },
        anonymous,
      )
      await outage(scene)
      await expect(scene.browser.get('/late').then((response) => response.text())).rejects.toThrow()
      expect(scene.events).toContainEqual(expect.objectContaining({ type: 'late-write-dropped' }))
    })

    test.each(['refuse', 'anonymous'] as const)('a save that fails is a 503 with %s', async (onStoreDown) => {
      const { browser, store } = await start(WRITES, { onStoreDown })
      await browser.get('/login?user=42')
      store.failWith(new Error('no space left'), ['create', 'update'])
      await isUnavailable(await browser.get('/data-at-the-end'))
      browser.forget()
      await isUnavailable(await browser.get('/data-at-the-end'))
    })

    test('a function decides by the request', async () => {
      const scene = await start(READS, {
        onStoreDown: (request: { readonly url: string }): 'refuse' | 'anonymous' =>
          request.url.startsWith('/who') ? 'anonymous' : 'refuse',
      })
      await outage(scene)
      expect((await scene.browser.get('/who')).status).toBe(200)
      await isUnavailable(await scene.browser.get('/cached'))
    })

    test.each([
      [
        'throws',
        (): never => {
          throw new Error('unknown tenant')
        },
        /onStoreDown failed\. Cause: unknown tenant/,
      ],
      ['answers something else', (): string => 'open', /answered is "open"\. Give 'refuse' or 'anonymous'/],
      ['answers a promise', (): Promise<string> => Promise.reject(new Error('and fails')), /answered is an object/],
    ] as const)('a function that %s refuses', async (_name, onStoreDown, line) => {
      const scene = await start(READS, { onStoreDown: onStoreDown as () => 'refuse' })
      await outage(scene)
      await isUnavailable(await scene.browser.get('/who'))
      expect(scene.lines).toContainEqual(expect.stringMatching(line))
    })

    if (platform === 'fastify') {
      test('the function can read the config of the route', async () => {
        const scene = await start(
          READS,
          {
            onStoreDown: ({ routeOptions }: { readonly routeOptions: { readonly config: object } }) =>
              'public' in routeOptions.config ? 'anonymous' : 'refuse',
          },
          {
            plugins: {
              after: async (app) => {
                app.get('/news', { config: { public: true } as object }, () => 'news')
              },
            },
          },
        )
        await outage(scene)
        expect(await (await scene.browser.get('/news')).text()).toBe('news')
        await isUnavailable(await scene.browser.get('/who'))
      })
    }
  })
})

test.each(['open', true, null, 503])('a policy that is none (%s) is refused at start-up', (onStoreDown) => {
  const options = { secret, store: new MemoryStore(), onStoreDown } as unknown as SessionOptions
  expect(() => sessions(options)).toThrow(
    expect.objectContaining({
      code: 'OPTIONS_INVALID',
      message: expect.stringMatching(/^onStoreDown is .*'refuse' or 'anonymous'/),
    }),
  )
})
