import { describe, expect, test } from 'vitest'
import { ANSWERED, type Handler } from '../support/platforms.js'
import { dataOf, everywhere } from './everywhere.js'

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
