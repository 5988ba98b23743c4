import type { RequestHandler } from 'express'
import type { SessionOptions } from 'latchkey/express'
import { MemoryStore } from 'latchkey/stores/memory'
import { CookieAgent, FailingStore } from 'latchkey/testing'
import { afterEach, describe, expect, test } from 'vitest'
import { ANSWERED, platforms, type TestApp } from '../support/platforms.js'

const secret = 's'.repeat(32)
const trusted = 'https://app.example.com'

describe.each(platforms)('on $name, the headers of a refusal', (platform) => {
  let app: TestApp
  let store: FailingStore

  afterEach(() => app.close())

  /** An application in which something before the sessions sets a header, as CORS does. */
  async function start(options: Partial<SessionOptions> = {}): Promise<CookieAgent> {
    store = new FailingStore(new MemoryStore())
    const cors: RequestHandler = (request, response, next) => {
      const allowed = request.headers['x-allowed']
      if (allowed) response.setHeader('Access-Control-Allow-Origin', allowed)
      response.setHeader('X-Before', 'kept')
      response.setHeader('Vary', 'Accept-Encoding')
      next()
    }
    app = await platform.start(
      { secret, store, log: false, trustedOrigins: [trusted], ...options },
      {
        'GET /set': ({ session }) => void (session['count'] = Number(session['count'] ?? 0) + 1),
        'POST /set': ({ session }) => void (session['count'] = 1),
        'GET /raw': ({ session, raw: { res } }) => {
          session['count'] = 2
          res.writeHead(200, { 'X-With-Head': 'kept', 'Content-Language': 'en' })
          res.end('done')
          return ANSWERED
        },
      },
      {
        before: [cors],
        plugins: {
          before: async (fastify) => {
            fastify.addHook('onRequest', async (request, reply) => {
              const allowed = request.headers['x-allowed']
              if (allowed) reply.header('access-control-allow-origin', allowed)
              reply.header('x-before', 'kept').header('vary', 'Accept-Encoding')
            })
          },
        },
      },
    )
    const browser = new CookieAgent(app.base)
    expect((await browser.get('/set')).status).toBe(200)
    return browser
  }

  test('are those that were set before, where the session could not be loaded', async () => {
    const browser = await start()
    store.failWith(new Error('away'))
    const response = await browser.get('/set')
    expect([response.status, response.headers.get('x-before')]).toEqual([503, 'kept'])
  })

  test('are those that were set before, where it could not be saved', async () => {
    const browser = await start()
    store.failWith(new Error('away'), ['update'])
    const response = await browser.get('/set')
    expect([response.status, response.headers.get('x-before')]).toEqual([503, 'kept'])
  })

  test('are those that a handler gave with its head, but for what its body was', async () => {
    const browser = await start()
    store.failWith(new Error('away'), ['update'])
    const { status, headers } = await browser.get('/raw')
    expect([status, headers.get('x-with-head'), headers.get('content-language')]).toEqual([503, 'kept', null])
  })

  test('let pages of a trusted origin read it, and no others', async () => {
    const browser = await start()
    store.failWith(new Error('away'))
    const asked = async (origin: string): Promise<unknown> => {
      const { status, headers } = await fetch(`${app.base}/set`, {
        headers: { origin, cookie: `sessionId=${browser.cookie('sessionId')}` },
      })
      const told = ['access-control-allow-origin', 'access-control-allow-credentials', 'vary']
      return [status, ...told.map((name) => headers.get(name))]
    }
    expect(await asked(trusted)).toEqual([503, trusted, 'true', 'Accept-Encoding, Origin'])
    expect(await asked('https://other.example.com')).toEqual([503, null, null, 'Accept-Encoding'])
  })

  test('are there without a check of origins too', async () => {
    const browser = await start({ csrf: false, trustedOrigins: undefined })
    store.failWith(new Error('away'))
    const { status, headers } = await browser.get('/set', { headers: { origin: trusted } })
    expect([status, headers.get('access-control-allow-origin')]).toEqual([503, null])
  })

  test('leave what CORS has decided before', async () => {
    const browser = await start()
    store.failWith(new Error('away'))
    const { headers } = await browser.get('/set', { headers: { origin: trusted, 'x-allowed': 'https://a.example' } })
    const told = ['access-control-allow-origin', 'access-control-allow-credentials', 'vary']
    expect(told.map((name) => headers.get(name))).toEqual(['https://a.example', null, 'Accept-Encoding'])
  })
})
