import { createServer, IncomingMessage, ServerResponse, type IncomingHttpHeaders } from 'node:http'
import { Socket, type AddressInfo } from 'node:net'
import express from 'express'
import { minutes, SessionError, type SessionEvent } from 'latchkey/core'
import { sessions, type LogFields, type SessionMiddlewareFunction } from 'latchkey/express'
import { MemoryStore } from 'latchkey/stores/memory'
import { CookieAgent } from 'latchkey/testing'
import { afterEach, describe, expect, test } from 'vitest'
import { Door } from '../../src/http/door.js'
import { platforms, type Handler, type TestApp } from '../support/platforms.js'

const secret = 's'.repeat(32)

const running: { close(): Promise<unknown> }[] = []

afterEach(async () => {
  for (const app of running.splice(0)) await app.close()
})

describe('what a door tells of a request', () => {
  function opened() {
    const events: SessionEvent[] = []
    const lines: [string, LogFields][] = []
    const door = new Door(
      {
        secret,
        store: new MemoryStore(),
        onEvent: (event) => void events.push(event),
        log: (...line) => void lines.push(line),
      },
      () => 'trust it',
    )
    running.push(door)
    return { door, events, lines }
  }

  const request = (headers: IncomingHttpHeaders = {}): IncomingMessage =>
    Object.assign(new IncomingMessage(new Socket()), { headers })

  test.each([{ 'x-forwarded-proto': 'https' }, { forwarded: 'proto=https' }])(
    'whose cookie can not be delivered, though a proxy speaks HTTPS: %j',
    (headers) => {
      const { door, events } = opened()
      const error = door.undeliverable(request(headers))
      expect(error.code).toBe('COOKIE_UNDELIVERABLE')
      expect(error.message).toMatch(/ A proxy in front of this app says .* but the app is not told .*: trust it\.$/)
      expect(events).toEqual([{ type: 'cookie-undeliverable', error }])
    },
  )

  test('whose cookie can not be delivered, where no proxy says anything', () => {
    expect(opened().door.undeliverable(request()).message).toMatch(
      / Serve the app over HTTPS; .* make it send X-Forwarded-Proto and trust it: trust it\. For plain HTTP in development leave/,
    )
  })

  test('that was refused and has no method', () => {
    const { door, events } = opened()
    door.refusedCrossSite(request())
    expect(events).toEqual([{ type: 'cross-site-refused', method: '', site: 'unsaid' }])
  })

  test('whose answer was lost, or whose session was not saved', () => {
    const { door, lines } = opened()
    door.answerLost(new Error('away'))
    door.refused('not even an error')
    expect(lines).toEqual([
      [
        'An answer could not be sent, and its connection was closed. Cause: away',
        { level: 'error', type: 'answer-lost' },
      ],
      [
        'A session was not saved, and the client was told so. Cause: not even an error',
        { level: 'error', type: 'option-failed' },
      ],
    ])
  })

  test('that came through another one before', () => {
    const { door, lines } = opened()
    const other = opened().door
    const [first, response] = [request(), new ServerResponse(request())]
    for (const each of [other, door, other]) each.enter(first, response, first, () => {})
    expect(lines).toEqual([[expect.stringContaining('passed over'), { level: 'warn', type: 'second-door' }]])
    other.headLeft()
  })
})

test.each([
  ['at once', {}],
  ['later', Promise.resolve({})],
])('a store that answers %s what is no record is a 500 that the log explains', async (_when, answer) => {
  const lines: string[] = []
  const store = new MemoryStore()
  const browser = await appOf(sessions({ secret, store, log: (line) => void lines.push(line) }))
  await browser.get('/')
  store.load = () => answer as never
  expect((await browser.get('/')).status).toBe(500)
  expect(lines).toEqual([expect.stringMatching(/^A session was not opened, and the client was told so\. Cause: ./)])
})

/** An application of Express in which every request signs the user 1 in. */
async function appOf(middleware: SessionMiddlewareFunction): Promise<CookieAgent> {
  const app = express().use(middleware)
  app.set('trust proxy', 1)
  app.get('/', (request, response) => {
    Object.assign(request.session, { userId: 1 })
    response.end()
  })
  const server = app.listen(0, '127.0.0.1')
  running.push(middleware, { close: async () => server.close() })
  await new Promise((resolve) => server.once('listening', resolve))
  return new CookieAgent(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
}

describe('who has signed in', () => {
  const userAgent = 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0'

  test.each([
    ['203.0.113.7', '203.0.113.7'],
    ['::ffff:203.0.113.7', '203.0.113.7'],
    ['::ffff:cb00:7107', '::ffff:cb00:7107'],
    ['64:ff9b::192.0.2.33', '64:ff9b::192.0.2.33'],
    ['x'.repeat(64), 'x'.repeat(64)],
    ['x'.repeat(65), undefined],
  ])('from the address %s, by a proxy that is trusted', async (address, ip) => {
    const middleware = sessions({ secret, store: new MemoryStore() })
    const browser = await appOf(middleware)
    await browser.get('/', { headers: { 'x-forwarded-for': address, 'user-agent': userAgent } })
    const list = await middleware.engine.subjects.list(1)
    expect(list.map((each) => [each.device, each.ip])).toEqual([['Firefox on Linux', ip]])
  })

  test("is known without a platform too, by Node's own socket", async () => {
    const middleware = sessions({ secret, store: new MemoryStore() })
    const server = createServer((request, response) => {
      middleware(request, response, () => {
        Object.assign((request as { session?: object }).session!, { userId: 1 })
        response.end()
      })
    }).listen(0, '127.0.0.1')
    running.push(middleware, { close: async () => server.close() })
    await new Promise((resolve) => server.once('listening', resolve))
    await new CookieAgent(`http://127.0.0.1:${(server.address() as AddressInfo).port}`).get('/')
    expect(await middleware.engine.subjects.list(1)).toMatchObject([{ ip: '127.0.0.1' }])
  })
})

describe.each(platforms)('on $name, request.session = …', (platform) => {
  async function run(handler: Handler): Promise<CookieAgent> {
    const app: TestApp = await platform.start(
      { secret, store: new MemoryStore(), log: false, idleTimeout: minutes(5) },
      {
        'GET /set': ({ session }) => void (session['a'] = 1),
        'GET /data': ({ session }) => ({ ...session }),
        'GET /assign': handler,
      },
    )
    running.push(app)
    const browser = new CookieAgent(app.base)
    await browser.get('/set')
    return browser
  }

  test('another object throws, and the session stays', async () => {
    const errors: unknown[] = []
    const browser = await run(({ request }) => {
      try {
        request.session = { userId: 1 } as never
      } catch (error) {
        errors.push(error)
      }
    })
    expect((await browser.get('/assign')).status).toBe(200)
    expect(errors).toEqual([expect.any(SessionError)])
    expect(errors).toMatchObject([
      { code: 'VALUE_NOT_STORABLE', message: expect.stringMatching(/would not be saved\. Assign to its properties/) },
    ])
    expect(await (await browser.get('/data')).json()).toEqual({ a: 1 })
  })

  test.each([null, undefined])('%s ends it', async (value) => {
    const browser = await run(({ request }) => void (request.session = value as never))
    expect((await browser.get('/assign')).status).toBe(200)
    expect(browser.cookie('sessionId')).toBeUndefined()
  })
})
