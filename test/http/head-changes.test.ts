import { IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import { describe, expect, test } from 'vitest'
import { changeHead, type HeadChanges } from '../../src/http/head.js'

const NOTHING: HeadChanges = {
  cookieName: 's',
  setCookie: undefined,
  token: undefined,
  vary: undefined,
  isStopgap: false,
}
const COOKIE: HeadChanges = { ...NOTHING, setCookie: 's=new', vary: 'Cookie' }

function responseWith(headers: Readonly<Record<string, string | string[]>> = {}): ServerResponse {
  const response = new ServerResponse(new IncomingMessage(new Socket()))
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value)
  return response
}

/** The headers of a response, after the changes, with these arguments of `writeHead`. */
function changed(changes: HeadChanges, headers: Readonly<Record<string, string | string[]>>, args: unknown[] = []) {
  const response = responseWith(headers)
  const rest = changeHead(response, changes, args)
  return { ...response.getHeaders(), args: rest }
}

describe('a cookie of ours', () => {
  test('goes out once, beside those of others, and is never kept by a cache', () => {
    expect(changed(COOKIE, {})).toEqual({
      'set-cookie': ['s=new'],
      'cache-control': 'no-store',
      vary: 'Cookie',
      args: [],
    })
    const cookies = ['a=1', 's=old', 'ss=2', 's2=3']
    expect(changed(COOKIE, { 'Set-Cookie': cookies })).toMatchObject({ 'set-cookie': ['a=1', 'ss=2', 's2=3', 's=new'] })
    expect(changed(COOKIE, { 'set-cookie': 'a=1' })).toMatchObject({ 'set-cookie': ['a=1', 's=new'] })
  })

  test('that does not change leaves the cookies and the caching as they are', () => {
    const headers = { 'set-cookie': ['s=of the app'], 'cache-control': 'public' }
    expect(changed({ ...NOTHING, vary: 'Cookie' }, headers)).toEqual({ ...headers, vary: 'Cookie', args: [] })
    expect(changed(NOTHING, headers)).toEqual({ ...headers, args: [] })
  })
})

test('a token goes out in a header of its own, and is never kept by a cache', () => {
  expect(changed({ ...NOTHING, token: 't', vary: 'Authorization' }, { 'Set-Cookie': 's=1' })).toEqual({
    'session-token': 't',
    'cache-control': 'no-store',
    'set-cookie': 's=1',
    vary: 'Authorization',
    args: [],
  })
})

test.each([
  ['public, max-age=60', 'no-store'],
  ['private', 'no-store'],
  ['x-no-stored', 'no-store'],
  ['private, No-Store', 'private, No-Store'],
  [
    ['private', 'no-store'],
    ['private', 'no-store'],
  ],
])('of Cache-Control: %s there is left %s', (asked, left) => {
  expect(changed(COOKIE, { 'Cache-Control': asked })).toMatchObject({ 'cache-control': left })
})

test.each([
  ['Accept', 'Accept, Cookie'],
  ['Accept , Origin', 'Accept , Origin, Cookie'],
  [['Accept', 'Origin'], 'Accept, Origin, Cookie'],
  ['Accept,  cookie ', 'Accept,  cookie '],
  ['COOKIE', 'COOKIE'],
  ['*', '*'],
  ['Accept, *', 'Accept, *'],
  ['Cookies', 'Cookies, Cookie'],
  ['', 'Cookie'],
])('Vary: %s becomes %s', (present, then) => {
  expect(changed(COOKIE, { Vary: present })).toMatchObject({ vary: then })
})

describe('headers that are given to writeHead', () => {
  test('go on as they are where there are none', () => {
    for (const args of [[], ['OK'], [undefined], ['OK', null]]) expect(changed(COOKIE, {}, args).args).toEqual(args)
  })

  test('as an object get what the session adds, in their own spelling, and the object stays as it was', () => {
    const constant = Object.freeze({ 'SET-cookie': ['a=1', 's=old'], vary: 'Accept', 'X-A': '1' })
    expect(changed(COOKIE, { 'Cache-Control': 'private' }, ['OK', constant])).toEqual({
      'cache-control': 'private',
      args: ['OK', { 'SET-cookie': ['a=1', 's=new'], vary: 'Accept, Cookie', 'X-A': '1', 'Cache-Control': 'no-store' }],
    })
  })

  test('as an object are all passed on, also under a name that assigning would lose', () => {
    const headers = JSON.parse('{"X-A":"1","__proto__":"2"}') as Record<string, string>
    const [rest] = changed({ ...NOTHING, vary: 'Cookie' }, {}, [headers]).args as [Record<string, string>]
    expect(Object.entries(rest)).toContainEqual(['__proto__', '2'])
  })

  test('as an object stand before those of the response, which count where the object has none', () => {
    expect(changed(COOKIE, { 'Set-Cookie': 'b=2', Vary: 'Origin' }, [{ vary: 'Accept' }]).args).toEqual([
      { 'Set-Cookie': ['b=2', 's=new'], 'Cache-Control': 'no-store', vary: 'Accept, Cookie' },
    ])
  })

  test.each([
    ['a flat list', ['Set-Cookie', 'a=1', 'X-A', '1', 'set-cookie', 's=old', 'x-a', '2', 'X-B', 3]],
    [
      'a list of pairs',
      [
        ['Set-Cookie', 'a=1'],
        ['X-A', '1'],
        ['set-cookie', 's=old'],
        ['x-a', '2'],
        ['X-B', 3],
      ],
    ],
  ])('as %s move to the response, in the place of those of the same name', (_what, list) => {
    expect(changed(COOKIE, { 'X-A': 'before', 'X-C': 'stays' }, ['OK', list])).toEqual({
      'set-cookie': ['a=1', 's=new'],
      'cache-control': 'no-store',
      vary: 'Cookie',
      'x-a': ['1', '2'],
      'x-b': '3',
      'x-c': 'stays',
      args: ['OK'],
    })
  })

  test('as a list keep the values of one header together, and pass over a name without a value', () => {
    expect(changed(NOTHING, {}, [['X-A', ['1', '2'], 'X-B']])).toEqual({ 'x-a': ['1', '2'], args: [] })
    expect(changed(NOTHING, {}, [[]])).toEqual({ args: [] })
  })
})
