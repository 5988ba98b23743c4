import type { Socket } from 'node:net'
import type { StoreVerb } from 'latchkey/testing'
import { describe, expect, test } from 'vitest'
import { ANSWERED, type Handler } from '../support/platforms.js'
import { rawRequest } from '../support/raw.js'
import { dataOf, everywhere, json, type Routes } from './everywhere.js'

/** Routes that sign in and answer in a way of their own, and keep the connection that the answer goes to. */
function signIns(sockets: Socket[]): Routes {
  return {
    'GET /redirect': ({ session, raw, redirect }) => {
      sockets.push(raw.req.socket)
      session['userId'] = '42'
      redirect('/data')
      return ANSWERED
    },
    'GET /plain': ({ session, raw }) => {
      sockets.push(raw.req.socket)
      session['userId'] = '42'
      return 'welcome'
    },
    'GET /stream': ({ session, raw }) => {
      sockets.push(raw.req.socket)
      session['userId'] = '42'
      raw.res.writeHead(200, { 'content-type': 'text/plain' })
      raw.res.write('wel')
      raw.res.end('come')
      return ANSWERED
    },
  }
}

const cookieIn = (text: string): string => /set-cookie: (sessionId=[^;]+)/i.exec(text)?.[1] ?? 'none'

/** All that an answer without a gate would have needed has time to happen. */
async function turns(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate)
}

describe('redirect after login arrives before the session is saved: anonymous', () => {
  everywhere(({ start }) => {
    test.each<[string, string, StoreVerb, RegExp]>([
      ['a redirect, by a visitor without a session', '/redirect', 'create', /^HTTP\/1\.1 302 .*location: \/data/is],
      ['a redirect, by a visitor with a cart', '/redirect', 'rotate', /^HTTP\/1\.1 302 .*location: \/data/is],
      ['a plain answer', '/plain', 'create', /^HTTP\/1\.1 200 /],
      ['a plain answer, by a visitor with a cart', '/plain', 'rotate', /^HTTP\/1\.1 200 /],
      ['a stream', '/stream', 'create', /^HTTP\/1\.1 200 /],
      ['a stream, by a visitor with a cart', '/stream', 'rotate', /^HTTP\/1\.1 200 /],
    ])('%s: no byte leaves before the save, and then the cookie signs in', async (_name, path, verb, head) => {
      const sockets: Socket[] = []
      const { app, browser, store } = await start(signIns(sockets))
      if (verb === 'rotate') await browser.get('/set?cart=1')
      const gate = store.hold(verb)
      const cookie = verb === 'rotate' ? [`Cookie: sessionId=${browser.cookie('sessionId')}`] : []
      const connection = rawRequest(app.port, [`GET ${path} HTTP/1.1`, 'Host: a', ...cookie])
      await gate.reached
      await turns()
      expect(sockets.map(({ bytesWritten }) => bytesWritten)).toEqual([0])
      expect(connection.text).toBe('')
      gate.open()
      const text = await connection.until(/\r\n\r\n/)
      connection.socket.destroy()
      expect(text).toMatch(head)
      const next = fetch(`${app.base}/data`, { headers: { cookie: cookieIn(text) } })
      expect(await json(next)).toEqual({ userId: '42', ...(verb === 'rotate' ? { cart: '1' } : {}) })
    })

    test('a logout, too, is answered when the session is gone and not before', async () => {
      const sockets: Socket[] = []
      const { app, browser, store } = await start({
        'GET /bye': ({ session, raw }) => {
          sockets.push(raw.req.socket)
          void session.destroy()
          return 'bye'
        },
      })
      await browser.get('/login?user=42')
      const cookie = `sessionId=${browser.cookie('sessionId')}`
      const gate = store.hold('delete')
      const connection = rawRequest(app.port, ['GET /bye HTTP/1.1', 'Host: a', `Cookie: ${cookie}`])
      await gate.reached
      await turns()
      expect(sockets.map(({ bytesWritten }) => bytesWritten)).toEqual([0])
      gate.open()
      expect(await connection.until(/\r\n\r\n/)).toMatch(/set-cookie: sessionId=;/i)
      connection.socket.destroy()
      expect(await json(fetch(`${app.base}/data`, { headers: { cookie } }))).toEqual({})
    })
  })
})

describe('promise 3: a response that says success was saved', () => {
  everywhere(({ start }) => {
    test('also what its handler changed between the first byte and the last, while the first was waiting', async () => {
      const { browser, store } = await start({
        'GET /two-steps': ({ session, raw }) => {
          session['first'] = 1
          raw.res.write('one')
          session['second'] = 2
          raw.res.end('two')
          return ANSWERED
        },
      })
      await browser.get('/set?cart=1')
      const gate = store.hold('update')
      const answer = browser.get('/two-steps')
      await gate.reached
      gate.open()
      expect(await (await answer).text()).toBe('onetwo')
      expect(await json(browser.get('/data'))).toEqual({ cart: '1', first: 1, second: 2 })
    })

    test('and if that second save fails, the answer is no success', async () => {
      const { browser, store } = await start({
        'GET /two-steps': ({ session, raw }) => {
          session['first'] = 1
          raw.res.write('one')
          session['second'] = () => {}
          raw.res.end('two')
          return ANSWERED
        },
      })
      await browser.get('/set?cart=1')
      const gate = store.hold('update')
      const answer = browser.get('/two-steps')
      await gate.reached
      gate.open()
      const { status } = await answer
      expect(status).toBe(500)
    })
  })
})

/** Answers that Node refuses to send, each after a change of the session. */
const REFUSED: Readonly<Record<string, (raw: Parameters<Handler>[0]['raw']) => unknown>> = {
  'a header with a line break': ({ res }) => res.writeHead(200, { 'x-name': 'a\r\nset-cookie: b=1' }),
  'a header in another alphabet': ({ res }) => res.writeHead(200, 'Fine', { 'x-name': 'отчёт' }),
  'a header without a value': ({ res }) => res.writeHead(200, { 'x-name': undefined }),
  'a list with a wrong header': ({ res }) => res.writeHead(200, ['x-name', 'a\nb']),
  'a list of pairs with a wrong name': ({ res }) => res.writeHead(200, [['x name', 'a']] as never),
  'a reason with a line break': ({ res }) => res.writeHead(200, 'a\nb'),
  'a status that is none': ({ res }) => res.writeHead(1000),
  'a status that is none, on the response': ({ res }) => {
    res.statusCode = 42
    res.end()
  },
  'a chunk that is a number': ({ res }) => res.write(42 as never),
  'a chunk that is null': ({ res }) => res.write(null as never),
  'an end that is an object': ({ res }) => res.end({} as never),
}

describe('promise 6: an answer that Node refuses to send is refused to its handler, and ends no process', () => {
  everywhere(({ platform, start }) => {
    test.each(Object.entries(REFUSED))('%s', async (_name, send) => {
      const { browser, store } = await start({
        'GET /refused': ({ session, raw }) => {
          session['before'] = 'kept'
          try {
            send(raw)
          } catch (error) {
            raw.res.statusCode = 400
            return { refused: (error as { code?: unknown }).code }
          }
          return ANSWERED
        },
      })
      const answer = await browser.get('/refused')
      expect(await answer.json()).toEqual({ refused: expect.stringMatching(/^ERR_/) })
      // The answer that is given instead brings the cookie.
      expect(await dataOf(browser)).toEqual({ before: 'kept' })
      expect(store.calls.create).toBe(1)
    })

    test('what Node refuses only when it is sent cuts off its own connection, and the log says why', async () => {
      const { browser, store, lines } = await start({
        'GET /late': ({ session, raw }) => {
          session['before'] = 'kept'
          raw.res.end('x', 'no encoding' as never)
          return ANSWERED
        },
      })
      await browser.get('/set?a=1')
      const gate = store.hold('update')
      const answer = browser.get('/late').then(
        () => 'answered',
        () => 'cut off',
      )
      await gate.reached
      gate.open()
      expect(await answer).toBe('cut off')
      expect(lines).toEqual([expect.stringMatching(/could not be sent.*Cause: Unknown encoding/)])
      expect(await dataOf(browser)).toEqual({ a: '1', before: 'kept' })
    })

    if (platform === 'fastify') {
      test('a wrong header of a reply of Fastify is answered by Fastify', async () => {
        const { browser } = await start({
          'GET /reply': ({ session, header }) => {
            session['before'] = 'kept'
            header('x-name', 'отчёт')
            return 'done'
          },
        })
        const answer = await browser.get('/reply')
        expect(answer.status).toBe(500)
        expect(await answer.json()).toMatchObject({ code: 'ERR_INVALID_CHAR' })
        expect(await dataOf(browser)).toEqual({ before: 'kept' })
      })
    }
  })
})
