import { once } from 'node:events'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import fastifyCompress from '@fastify/compress'
import compression from 'compression'
import { CookieAgent, FailingStore } from 'latchkey/testing'
import type { SessionEvent } from 'latchkey/core'
import { MemoryStore } from 'latchkey/stores/memory'
import morgan from 'morgan'
import { afterEach, describe, expect, test } from 'vitest'
import { ANSWERED, platforms, type Handler, type PlatformOptions, type TestApp } from '../support/platforms.js'
import { rawRequest } from '../support/raw.js'

const secret = 'a secret of more than 32 characters'
const body = 'lorem ipsum '.repeat(2_000)

const opened: TestApp[] = []

afterEach(async () => {
  for (const app of opened.splice(0)) await app.close()
})

/** Every way to answer that a framework or a handler may use. Each sets the session first and answers with a body. */
const WAYS: Readonly<Record<string, Handler>> = {
  'GET /json': ({ session }) => void (session['seen'] = 'json'),
  'GET /redirect': ({ session, redirect }) => {
    session['seen'] = 'redirect'
    redirect('/elsewhere')
    return ANSWERED
  },
  'GET /no-content': ({ session, raw }) => {
    session['seen'] = 'no-content'
    raw.res.statusCode = 204
    raw.res.end()
    return ANSWERED
  },
  'GET /not-modified': ({ session, raw }) => {
    session['seen'] = 'not-modified'
    raw.res.writeHead(304, { ETag: '"x"' }).end()
    return ANSWERED
  },
  'GET /write-head-object': ({ session, raw }) => {
    session['seen'] = 'write-head-object'
    raw.res.writeHead(200, 'Fine', CONSTANT_HEADERS)
    raw.res.end(body)
    return ANSWERED
  },
  'GET /write-head-flat': ({ session, raw }) => {
    session['seen'] = 'write-head-flat'
    raw.res.writeHead(200, ['Content-Type', 'text/plain', 'Set-Cookie', 'a=1', 'Set-Cookie', 'b=2'])
    raw.res.end(body)
    return ANSWERED
  },
  'GET /write-then-end': ({ session, raw }) => {
    session['seen'] = 'write-then-end'
    raw.res.write(body.slice(0, 5))
    raw.res.write(Buffer.from(body.slice(5, 10)), () => {})
    raw.res.end(body.slice(10), 'utf8', () => {})
    return ANSWERED
  },
  'GET /flush-headers': ({ session, raw }) => {
    session['seen'] = 'flush-headers'
    raw.res.flushHeaders()
    raw.res.end(body)
    return ANSWERED
  },
  'GET /pipeline': async ({ session, raw }) => {
    session['seen'] = 'pipeline'
    await pipeline(Readable.from(Array.from({ length: 200 }, () => 'x'.repeat(4_000))), raw.res)
    return ANSWERED
  },
  'GET /pipe': ({ session, raw }) => {
    session['seen'] = 'pipe'
    Readable.from(Array.from({ length: 200 }, () => 'x'.repeat(4_000))).pipe(raw.res)
    return ANSWERED
  },
  'GET /head': ({ session }) => void (session['seen'] = 'head'),
  'GET /seen': ({ session }) => session['seen'],
}

const CONSTANT_HEADERS = Object.freeze({ 'content-type': 'text/plain', 'set-cookie': 'theme=dark', vary: 'Accept' })

const logLines: string[] = []
const logger = morgan('tiny', { stream: { write: (line: string) => void logLines.push(line) } })

const SURROUNDINGS: readonly [string, PlatformOptions][] = [
  ['alone', {}],
  [
    'compression mounted before',
    {
      before: [compression({ threshold: 0 })],
      plugins: { before: async (app) => await app.register(fastifyCompress) },
    },
  ],
  [
    'compression mounted after',
    {
      after: [compression({ threshold: 0 })],
      plugins: { after: async (app) => await app.register(fastifyCompress) },
    },
  ],
  [
    'a request logger before',
    { before: [logger], fastify: { logger: { level: 'info', stream: { write: () => {} } } } },
  ],
  ['a request logger after', { after: [logger] }],
]

describe.each(platforms)('on $name', ({ name: platform, start }) => {
  async function run(
    routes: Readonly<Record<string, Handler>>,
    more?: PlatformOptions,
  ): Promise<{ agent: CookieAgent; store: FailingStore; app: TestApp; events: SessionEvent[] }> {
    const store = new FailingStore(new MemoryStore())
    const events: SessionEvent[] = []
    const onEvent = (event: SessionEvent): void => void events.push(event)
    const app = await start({ secret, store, log: false, onEvent }, routes, more)
    opened.push(app)
    return { agent: new CookieAgent(app.base), store, app, events }
  }

  describe.each(SURROUNDINGS)('%s', (_name, more) => {
    test.each(Object.keys(WAYS).filter((route) => route !== 'GET /seen'))(
      '%s: the headers leave after the session was saved, with its cookie, and the body is whole',
      async (route) => {
        const { agent, store } = await run(WAYS, more)
        const path = route.slice(4)
        const method = path === '/head' ? 'HEAD' : 'GET'
        const gate = store.hold('create')
        let answered = false
        const response = agent.request(path, { method }).then((answer) => ((answered = true), answer))
        await gate.reached
        // All that an answer without a gate would have needed has time to happen.
        for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate)
        expect(answered).toBe(false)
        gate.open()
        const { status, headers } = await response
        expect(headers.getSetCookie().filter((line) => line.startsWith('sessionId='))).toHaveLength(1)
        expect(status).toBe({ '/redirect': 302, '/no-content': 204, '/not-modified': 304 }[path] ?? 200)
        const text = await (await response).text()
        if (path.startsWith('/write') || path === '/flush-headers') expect(text).toBe(body)
        if (path.startsWith('/pipe')) expect(text).toHaveLength(800_000)
        expect(await (await agent.get('/seen')).json()).toBe(path.slice(1))
      },
    )

    test.each(Object.keys(WAYS).filter((route) => route !== 'GET /seen'))(
      '%s: if the save fails, the answer is a whole 503 and nothing of the success',
      async (route) => {
        const { agent, store } = await run(WAYS, more)
        store.failWith(new Error('down'), ['create'])
        const response = await agent.get(route.slice(4))
        expect(response.status).toBe(503)
        expect(response.headers.getSetCookie()).toEqual([])
        expect(response.headers.get('location')).toBeNull()
        expect(await response.json()).toMatchObject({ code: 'STORE_UNAVAILABLE' })
      },
    )
  })

  test('headers given to writeHead are merged, not doubled, and a constant object of the app stays as it was', async () => {
    const { agent } = await run(WAYS)
    const object = await agent.get('/write-head-object')
    expect(object.headers.getSetCookie()).toEqual(['theme=dark', expect.stringMatching(/^sessionId=/)])
    expect(object.headers.get('vary')).toBe('Accept, Cookie')
    expect(object.statusText).toBe('Fine')
    const flat = await new CookieAgent(opened.at(-1)!.base).get('/write-head-flat')
    expect(flat.headers.getSetCookie()).toEqual(['a=1', 'b=2', expect.stringMatching(/^sessionId=/)])
  })

  test('whoever waits for "drain" goes on, also when the last that waited with the head was no write', async () => {
    const { agent, store } = await run({
      'GET /chunks': async ({ session, raw: { res } }) => {
        session['via'] = 'chunks'
        expect(res.write('one')).toBe(false)
        const drained = once(res, 'drain')
        res.flushHeaders()
        await drained
        res.end(' two')
        return ANSWERED
      },
    })
    const gate = store.hold('create')
    const answer = agent.get('/chunks')
    await gate.reached
    gate.open()
    expect(await (await answer).text()).toBe('one two')
  })

  test('while the head waits, the response looks sent, with the status that it had', async () => {
    const seen: unknown[] = []
    const { agent, store } = await run({
      'GET /': ({ session, raw }) => {
        session['seen'] = true
        raw.res.statusCode = 201
        raw.res.end('ok')
        seen.push(raw.res.headersSent, raw.res.writableEnded)
        raw.res.statusCode = 500
        return ANSWERED
      },
    })
    const gate = store.hold('create')
    const response = agent.get('/')
    await gate.reached
    gate.open()
    expect((await response).status).toBe(201)
    expect(seen).toEqual([true, true])
  })

  test('server-sent events: the head leaves with the cookie, events flow, and later changes are saved before the end', async () => {
    let finish = (): void => {}
    const { app, store } = await run({
      'GET /events': ({ session, raw }) => {
        session['opened'] = true
        raw.res.writeHead(200, { 'content-type': 'text/event-stream' })
        raw.res.write('data: one\n\n')
        finish = () => {
          session['closed'] = true
          raw.res.end('data: last\n\n')
        }
        return ANSWERED
      },
      'GET /data': ({ session }) => ({ ...session }),
    })
    const connection = rawRequest(app.port, ['GET /events HTTP/1.1', 'Host: a', 'Connection: close'])
    await connection.until(/data: one/)
    expect(connection.text).toMatch(/set-cookie: sessionId=/i)
    const gate = store.hold('update')
    finish()
    await gate.reached
    expect(connection.text).not.toMatch(/last/)
    gate.open()
    await connection.until(/data: last/)
    const cookie = /set-cookie: ([^;]+)/i.exec(connection.text)![1]!
    const data = await fetch(`${app.base}/data`, { headers: { cookie } })
    expect(await data.json()).toEqual({ opened: true, closed: true })
  })

  test('a stream whose late change can not be saved is cut off, so that its end is no false success', async () => {
    let finish = (): void => {}
    const { app, agent, store, events } = await run({
      'GET /start': ({ session }) => void (session['a'] = 1),
      'GET /stream': ({ session, raw }) => {
        raw.res.write('begin')
        finish = () => {
          session['b'] = 2
          raw.res.end('end')
        }
        return ANSWERED
      },
    })
    await agent.get('/start')
    store.failWith(new Error('down'), ['update'])
    const cookie = `Cookie: sessionId=${agent.cookie('sessionId')}`
    const connection = rawRequest(app.port, ['GET /stream HTTP/1.1', 'Host: a', cookie])
    await connection.until(/begin/)
    finish()
    await connection.closed
    expect(connection.text).not.toMatch(/end/)
    expect(events.map(({ type }) => type)).toContain('late-write-dropped')
  })

  test('a client that hangs up early: what its handler changed is still saved', async () => {
    let change = (): void => {}
    const arrived: (() => void)[] = []
    const { app, agent, store } = await run({
      'GET /start': ({ session }) => void (session['a'] = 1),
      'GET /slow': ({ session, raw }) =>
        new Promise((resolve) => {
          raw.res.once('close', () => {
            change = () => {
              session['b'] = 2
              resolve('too late')
            }
            arrived.shift()!()
          })
          arrived.shift()!()
        }),
      'GET /early': ({ session, raw }) => {
        session['c'] = 3
        return new Promise((resolve) => {
          raw.res.once('close', () => resolve(undefined))
          arrived.shift()!()
        })
      },
      'GET /data': ({ session }) => ({ ...session }),
    })
    await agent.get('/start')
    const cookie = `Cookie: sessionId=${agent.cookie('sessionId')}`
    const handling = new Promise<void>((resolve) => arrived.push(resolve))
    const gone = new Promise<void>((resolve) => arrived.push(resolve))
    const slow = rawRequest(app.port, ['GET /slow HTTP/1.1', 'Host: a', cookie])
    await handling
    slow.socket.destroy()
    await gone
    const saved = store.hold('update', 'after')
    change()
    await saved.reached
    saved.open()
    const early = new Promise<void>((resolve) => arrived.push(resolve))
    const other = rawRequest(app.port, ['GET /early HTTP/1.1', 'Host: a', cookie])
    await early
    const savedToo = store.hold('update', 'after')
    other.socket.destroy()
    await savedToo.reached
    savedToo.open()
    expect(await (await agent.get('/data')).json()).toEqual({ a: 1, b: 2, c: 3 })
  })

  test('a handler that throws: the error answer waits for the session as well', async () => {
    const { agent, store } = await run({
      'GET /throw': ({ session }) => {
        session['seen'] = true
        throw new Error('handler')
      },
      'GET /seen': ({ session }) => session['seen'],
    })
    const response = await agent.get('/throw')
    expect(response.status).toBe(500)
    expect(response.headers.getSetCookie()).toHaveLength(1)
    expect(store.calls.create).toBe(1)
    expect(await (await agent.get('/seen')).json()).toBe(true)
  })

  test(`a verb that nobody waits for is done before the head leaves (${platform})`, async () => {
    const { agent, store } = await run({
      'GET /start': ({ session }) => void (session['a'] = 1),
      'GET /bye': ({ session }) => void session.destroy(),
      'GET /data': ({ session }) => ({ ...session }),
    })
    await agent.get('/start')
    const thief = agent.copy()
    const gate = store.hold('delete')
    const bye = agent.get('/bye')
    await gate.reached
    gate.open()
    expect((await bye).headers.getSetCookie()).toHaveLength(1)
    expect(await (await thief.get('/data')).json()).toEqual({})
  })
})
