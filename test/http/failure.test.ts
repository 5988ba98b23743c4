import { IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import { SessionError, type SessionErrorCode } from 'latchkey/core'
import { describe, expect, test } from 'vitest'
import { answer, failureOf } from '../../src/http/failure.js'

const response = (): ServerResponse => new ServerResponse(new IncomingMessage(new Socket()))

describe('what a client is told of a session that could not be opened or saved', () => {
  test.each<[SessionErrorCode, number, string, RegExp, number | undefined]>([
    ['STORE_UNAVAILABLE', 503, 'Service Unavailable', /could not be read or saved just now\. Try again/, 1],
    ['VALUE_NOT_STORABLE', 500, 'Internal Server Error', /it holds a value that can not be stored/, undefined],
    ['COOKIE_UNDELIVERABLE', 500, 'Internal Server Error', /its cookie can not be delivered/, undefined],
    ['SESSION_GONE', 401, 'Unauthorized', /has ended meanwhile\. Sign in again/, undefined],
    ['SESSION_LIMIT_REACHED', 409, 'Conflict', /signed in on as many devices as you may be/, undefined],
  ])('%s is a %i, in general words', (code, statusCode, error, message, retryAfter) => {
    const failure = failureOf(new SessionError(code, 'with a secret of the store', { cause: new Error('and a stack') }))
    expect(failure).toMatchObject({ statusCode, retryAfter })
    expect(JSON.parse(failure.body)).toEqual({ statusCode, code, error, message: expect.stringMatching(message) })
    expect(failure.body).not.toMatch(/secret|stack/)
  })

  test.each([
    ['an error of ours that has no answer', new SessionError('WRITE_CONFLICT', 'x')],
    ['an error of somebody else', Object.assign(new Error('x'), { code: 'ECONNREFUSED' })],
    ['an error without a code', new Error('x')],
    ['no error at all', undefined],
  ])('%s is a 500 without a reason', (_what, error) => {
    const failure = failureOf(error)
    expect(failure).toMatchObject({ statusCode: 500, retryAfter: undefined })
    expect(JSON.parse(failure.body)).toEqual({
      statusCode: 500,
      code: 'SESSION_FAILED',
      error: 'Internal Server Error',
      message: 'Your session could not be saved.',
    })
  })
})

describe('the answer in the place of another', () => {
  test('has nothing of the one before but what is not about its body', () => {
    const held = response()
    const about = {
      'Content-Type': 'text/html',
      'Content-Encoding': 'gzip',
      'Content-Disposition': 'attachment',
      'Transfer-Encoding': 'chunked',
      ETag: '"1"',
      'Last-Modified': 'yesterday',
      'Cache-Control': 'public',
      Expires: 'tomorrow',
      Location: '/next',
      'Set-Cookie': ['a=1', 'sessionId=x'],
      'Session-Token': 'x',
      'Accept-Ranges': 'bytes',
      Trailer: 'x',
      Link: '</a>',
      'Content-X-Content-Security-Policy': 'x',
    }
    const kept = {
      'Content-Security-Policy': "default-src 'self'",
      'Content-Security-Policy-Report-Only': "default-src 'none'",
      'Access-Control-Allow-Origin': '*',
      'X-Content-Type-Options': 'nosniff',
      'X-Etag': '1',
      'X-Location': '1',
      Linked: '1',
      'Transfer-Encoding-Before': 'x',
      'ETag-Before': 'x',
      'Last-Modified-Before': 'x',
      'Cache-Control-Before': 'x',
      'Expires-Before': 'x',
      'Location-Before': 'x',
      'Set-Cookie2': 'x',
      'Session-Token-Before': 'x',
      'Accept-Ranges-Before': 'x',
      Trailers: 'x',
      'Retry-After': '7',
    }
    for (const [name, value] of Object.entries({ ...about, ...kept })) held.setHeader(name, value)
    const failure = failureOf(new Error('x'))
    answer(held, failure)
    expect(held.statusCode).toBe(500)
    expect({ ...held.getHeaders() }).toEqual({
      ...Object.fromEntries(Object.entries(kept).map(([name, value]) => [name.toLowerCase(), value])),
      'content-type': 'application/json; charset=utf-8',
      'content-length': Buffer.byteLength(failure.body),
      'cache-control': 'no-store',
    })
    expect(held.writableEnded).toBe(true)
  })

  test('says when to try again, where that helps', () => {
    const held = response()
    answer(held, failureOf(new SessionError('STORE_UNAVAILABLE', 'x')))
    expect(held.getHeader('Retry-After')).toBe(1)
  })

  test('is sent by the methods given, so that nobody dresses it up', () => {
    const held = response()
    const calls: unknown[] = []
    const failure = failureOf(undefined)
    answer(held, failure, {
      writeHead(this: unknown, ...args: never[]) {
        calls.push(['writeHead', this, args])
      },
      end(this: unknown, ...args: never[]) {
        calls.push(['end', this, args])
      },
    })
    expect(calls).toEqual([
      ['writeHead', held, [500]],
      ['end', held, [failure.body]],
    ])
  })

  test('is not sent where one has left already', () => {
    const held = response()
    held.writeHead(204)
    answer(held, failureOf(undefined))
    expect(held.statusCode).toBe(204)
    expect(held.writableEnded).toBe(false)
  })
})
