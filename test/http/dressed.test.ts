import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import { connect, createServer as createHttp2Server } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import compression from 'compression'
import express, { type RequestHandler } from 'express'
import { afterEach, describe, expect, test } from 'vitest'
import { holdHead, type HeadKeeper } from '../../src/http/hold.js'

const closing: (() => void)[] = []

afterEach(() => {
  for (const close of closing.splice(0)) close()
})

/** Whose work takes a moment. */
class Slow implements HeadKeeper {
  gone = 0

  async settle(): Promise<void> {
    for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate)
  }

  headChanges() {
    return { cookieName: 's', setCookie: 's=1', token: undefined, vary: undefined, isStopgap: false }
  }

  headGone(): void {
    this.gone++
  }

  refuse() {
    return { statusCode: 503, retryAfter: 1, body: '{}' }
  }

  failedLate(): void {}
}

const holding: RequestHandler = (_request, response, next) => {
  holdHead(response, new Slow())
  next()
}

/** As compression did it until its release 1.7: it looks for the head itself, not for what the response says of it. */
const older: RequestHandler = (_request, response, next) => {
  const own = response as unknown as { _header: unknown; _implicitHeader(): void }
  const { write, end } = response
  const first = (): void => void (own._header || own._implicitHeader())
  const before = (method: (...args: never[]) => unknown) =>
    function (this: unknown, ...args: never[]) {
      first()
      return Reflect.apply(method, this, args)
    }
  Object.assign(response, { write: before(write), end: before(end) })
  next()
}

/** Sets a cookie when the head leaves, as a listener of on-headers does it. */
const setting: RequestHandler = (_request, response, next) => {
  const writeHead = response.writeHead.bind(response) as (...args: unknown[]) => typeof response
  response.writeHead = (...args: unknown[]) => {
    response.setHeader('Set-Cookie', 'lang=en')
    return writeHead(...args)
  }
  next()
}

async function ask(handlers: readonly RequestHandler[]): Promise<{ cookie: string | null; body: string }> {
  const app = express()
  for (const handler of handlers) app.use(handler)
  const server = createServer(app as RequestListener).listen(0, '127.0.0.1')
  closing.push(() => (server.closeAllConnections(), server.close()))
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as AddressInfo
  const response = await fetch(`http://127.0.0.1:${port}/`, { signal: AbortSignal.timeout(2000) })
  return { cookie: response.headers.get('set-cookie'), body: await response.text() }
}

const LONG = 'whole '.repeat(50_000)

const streamed: RequestHandler = (_request, response) => {
  response.type('text/plain')
  Readable.from(LONG.match(/.{1,10000}/g)!).pipe(response)
}

const flushed: RequestHandler = (_request, response) => {
  response.type('text/plain')
  response.flushHeaders()
  response.write(LONG.slice(0, 100))
  setImmediate(() => response.end(LONG.slice(100)))
}

const headed: RequestHandler = (_request, response) => {
  response.writeHead(200, { 'Content-Type': 'text/plain' })
  response.write(LONG.slice(0, 100))
  response.end(LONG.slice(100))
}

describe('an answer arrives whole, with its cookie', () => {
  test.each([
    ['is compressed before it is held', [compression(), holding]],
    ['is compressed after it is held', [holding, compression()]],
    ['looks for its head itself', [holding, older]],
  ])('that %s', async (_what, before) => {
    for (const handler of [streamed, flushed, headed]) {
      expect(await ask([...before, handler])).toEqual({ cookie: 's=1', body: LONG })
    }
  })
})

/** Whose work is done at once. */
const heldAtOnce: RequestHandler = (_request, response, next) => {
  holdHead(response, Object.assign(new Slow(), { settle: () => undefined }) as HeadKeeper)
  next()
}

test.each([
  ['its work is done at once', heldAtOnce],
  ['its work takes a moment', holding],
])(
  'a cookie that is set while the head leaves does not take the place of that of the session: %s',
  async (_what, hold) => {
    for (const handler of [streamed, flushed]) {
      expect(await ask([hold, setting, handler])).toEqual({ cookie: 'lang=en, s=1', body: LONG })
    }
    expect(await ask([hold, setting, (_request, response) => response.end('short')])).toEqual({
      cookie: 'lang=en, s=1',
      body: 'short',
    })
  },
)

test('the same in HTTP/2', async () => {
  const server = createHttp2Server((request, response) => {
    const pass = (handler: RequestHandler, next: () => void): void =>
      void handler(request as never, response as never, next)
    pass(holding, () => pass(setting, () => response.end(LONG)))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const client = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  closing.push(() => (client.destroy(), server.close()))
  const stream = client.request({ ':path': '/' })
  const [headers] = (await once(stream, 'response')) as [Record<string, unknown>]
  expect(headers['set-cookie']).toEqual(['lang=en', 's=1'])
  expect(await text(stream)).toBe(LONG)
})

test('what is no response, as for a request that becomes a WebSocket, has no head to hold', () => {
  const keeper = new Slow()
  holdHead({} as never, keeper)
  expect(keeper.gone).toBe(1)
})
