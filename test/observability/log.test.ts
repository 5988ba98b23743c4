import { SessionError, type SessionEvent } from 'latchkey/core'
import { seconds, sessions, type LogFields, type SessionLog } from 'latchkey/express'
import { MemoryStore } from 'latchkey/stores/memory'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { everywhere, type Routes } from '../acceptance/everywhere.js'
import { handleOf, watch } from './watched.js'

const secret = 's'.repeat(32)

afterEach(() => void vi.restoreAllMocks())

describe('the log says in fields what it says in words', () => {
  everywhere(({ start }) => {
    test('of a store that fails, of an id that came back, and of what could not be saved', async () => {
      const routes: Routes = {
        'GET /rotate': ({ session }) => session.rotate(),
        'GET /function': ({ session }) => void (session['bad'] = () => {}),
      }
      const { browser, store, clock, fields, visit } = await watch(start, {}, routes)
      await visit(browser, '/login?user=42')
      const thief = browser.copy()
      await visit(browser, '/data', '/rotate', '/data')
      clock.advance(seconds(10))
      const handle = await handleOf(browser)
      await visit(thief, '/data')
      await visit(browser, '/function')
      store.failWith(new Error('down'), ['load'])
      await visit(browser, '/data')
      const expected: readonly LogFields[] = [
        { level: 'warn', type: 'reuse-detected', handle },
        { level: 'error', type: 'commit-failed', code: 'VALUE_NOT_STORABLE' },
        { level: 'warn', type: 'store-failed', verb: 'load', code: 'STORE_UNAVAILABLE' },
      ]
      expect(fields).toEqual(expected)
      expect(JSON.parse(JSON.stringify(fields))).toEqual(expected)
    })

    test('of an error of an option, which is no event', async () => {
      const subject = (data: { readonly bad?: unknown }): unknown => {
        if (data.bad !== undefined) throw new Error('The directory is away.')
        return undefined
      }
      const { browser, fields, told, visit } = await watch(start, { subject })
      expect(await visit(browser, '/set?bad=1')).toBe(500)
      expect(fields).toEqual([{ level: 'error', type: 'option-failed' }])
      expect(told()).toEqual([])
    })

    test('of a store that answers what is no record, which would be no failure of it', async () => {
      const { browser, fields, told, visit, store } = await watch(start)
      await visit(browser, '/login?user=42')
      told()
      vi.spyOn(store, 'load').mockReturnValue({} as never)
      expect([await visit(browser, '/data'), await visit(browser, '/data')]).toEqual([500, 500])
      expect(fields).toEqual([{ level: 'error', type: 'option-failed' }])
      expect(told()).toEqual([])
    })

    test('and nothing of what is no trouble', async () => {
      const { app, browser, fields, visit } = await watch(start, { maxSessions: 1 })
      await visit(browser, '/login?user=42', '/login?user=43', '/logout')
      await fetch(`${app.base}/data`, { headers: { cookie: 'sessionId=garbage' } })
      expect(fields).toEqual([])
    })
  })
})

const failed = new SessionError('STORE_UNAVAILABLE', 'The store did not load.', { cause: new Error('ECONNREFUSED') })

function logged() {
  const lines: [string, LogFields][] = []
  const { engine } = sessions({ store: new MemoryStore(), secret, log: (...line) => void lines.push(line) })
  let now = 1_000_000
  vi.spyOn(performance, 'now').mockImplementation(() => now)
  return { lines, emit: engine.emit.bind(engine), advance: (by: number) => (now += by) }
}

describe('the line of an event says what happened, and what to do where something is to be done', () => {
  const errorOf = (code: SessionError['code']) => new SessionError(code, 'Why.', { cause: new Error('Below.') })

  test.each<[SessionEvent, LogFields['level'], RegExp]>([
    [{ type: 'store-failed', verb: 'load', error: failed }, 'warn', /^The store did not load\. Cause: ECONNREFUSED$/],
    [
      { type: 'store-down', error: failed },
      'error',
      /^The session store is down\. It is not asked any more, .* in the background\. The store did not load\./,
    ],
    [{ type: 'store-up', downFor: 2345 }, 'info', /^The session store is back\. It was down for 2\.3 s\.$/],
    [
      { type: 'commit-failed', error: errorOf('VALUE_NOT_STORABLE') },
      'error',
      /^A session was not saved, and the client was told so\. Why\. Cause: Below\.$/,
    ],
    [
      { type: 'late-write-dropped', error: new SessionError('HEADERS_SENT', 'Why.') },
      'error',
      /^A session changed after its headers had left, and that change is lost\. Why\.$/,
    ],
    [
      { type: 'record-unreadable', error: errorOf('RECORD_UNREADABLE') },
      'error',
      /^A stored session can't be read and counts as absent\. Why\. Cause: Below\.$/,
    ],
    [
      { type: 'reuse-detected', handle: 'h' },
      'warn',
      /^An id came back that the session h has left behind: .*With onReuse 'revoke' the session is ended; without, end it/,
    ],
    [
      { type: 'cross-site-refused', method: 'POST', site: 'other' },
      'warn',
      /^A POST with a session cookie was refused, .* \(Sec-Fetch-Site: an unknown value\)\. If that page is yours, .* trustedOrigins/,
    ],
    [
      { type: 'cross-site-refused', method: 'POST', site: 'same-site' },
      'warn',
      /page of another site \(Sec-Fetch-Site: same-site\)\./,
    ],
  ])('%o', (event, level, line) => {
    const { lines, emit } = logged()
    emit(event)
    expect(lines).toEqual([
      [expect.stringMatching(line), expect.objectContaining({ level, type: event.type }) as LogFields],
    ])
  })

  test.each(['STORE_UNAVAILABLE', 'COOKIE_UNDELIVERABLE'] as const)(
    'a commit that failed with %s has none: its cause has one',
    (code) => {
      const { lines, emit } = logged()
      emit({ type: 'commit-failed', error: errorOf(code) })
      expect(lines).toEqual([])
    },
  )
})

describe('what may come with every request', () => {
  test('has a line at most every ten seconds for each type, which counts those in between', () => {
    const { lines, emit, advance } = logged()
    for (let count = 0; count < 4; count++) emit({ type: 'store-failed', verb: 'load', error: failed })
    emit({ type: 'reuse-detected', handle: 'h' })
    advance(seconds(10) - 1)
    emit({ type: 'store-failed', verb: 'touch', error: failed })
    advance(1)
    emit({ type: 'store-failed', verb: 'load', error: failed })
    advance(seconds(10))
    emit({ type: 'store-failed', verb: 'load', error: failed })
    expect(lines.map(([, fields]) => fields)).toEqual([
      { level: 'warn', type: 'store-failed', verb: 'load', code: 'STORE_UNAVAILABLE' },
      { level: 'warn', type: 'reuse-detected', handle: 'h' },
      { level: 'warn', type: 'store-failed', verb: 'load', code: 'STORE_UNAVAILABLE', more: 4 },
      { level: 'warn', type: 'store-failed', verb: 'load', code: 'STORE_UNAVAILABLE' },
    ])
    expect(lines[0]![0]).toBe('The store did not load. Cause: ECONNREFUSED')
    expect(lines[2]![0]).toContain('4 more since the last line')
    expect(lines[3]![0]).not.toContain('more')
  })

  test('has a line once where only a restart mends it', () => {
    const { lines, emit, advance } = logged()
    const error = new SessionError('COOKIE_UNDELIVERABLE', 'It is Secure.')
    for (let count = 0; count < 3; count++) {
      emit({ type: 'cookie-undeliverable', error })
      advance(seconds(3600))
    }
    expect(lines).toEqual([['It is Secure.', { level: 'error', type: 'cookie-undeliverable', code: error.code }]])
  })

  test('has a line for each code, whoever else has filled the log', () => {
    const { lines, emit } = logged()
    const byClients = ['SESSION_TOO_LARGE', 'SESSION_LIMIT_REACHED', 'SESSION_GONE'] as const
    const codes = [...byClients, ...byClients, 'VALUE_NOT_STORABLE', 'VALUE_NOT_STORABLE', ...byClients] as const
    for (const code of codes) emit({ type: 'commit-failed', error: new SessionError(code, 'Not saved.') })
    expect(lines.map(([, { code }]) => code)).toEqual([...byClients, 'VALUE_NOT_STORABLE', 'VALUE_NOT_STORABLE'])
  })

  test('but what is lost has a line each time', () => {
    const { lines, emit } = logged()
    const error = new SessionError('HEADERS_SENT', 'Too late.')
    for (let count = 0; count < 3; count++) emit({ type: 'late-write-dropped', error })
    expect(lines).toHaveLength(3)
  })
})

test.each<[string, SessionLog]>([
  [
    'throws',
    () => {
      throw new Error('log')
    },
  ],
  ['rejects', (() => Promise.reject(new Error('log'))) as unknown as SessionLog],
])('a log that %s neither ends the process nor keeps the observer from being told', async (_how, log) => {
  const unhandled: unknown[] = []
  const listener = (reason: unknown): void => void unhandled.push(reason)
  process.on('unhandledRejection', listener)
  const told: string[] = []
  const { engine } = sessions({ store: new MemoryStore(), secret, log, onEvent: ({ type }) => void told.push(type) })
  engine.emit({ type: 'record-unreadable', error: new SessionError('RECORD_UNREADABLE', 'unreadable') })
  for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate)
  process.off('unhandledRejection', listener)
  expect(told).toEqual(['record-unreadable'])
  expect(unhandled).toEqual([])
})

test.each(['onEvent', 'log', 'metrics'])('%s that is no such thing is refused at start-up', (name) => {
  expect(() => sessions({ store: new MemoryStore(), secret, [name]: 5 })).toThrow(new RegExp(`^${name} is 5`))
})

test('without a log of its own the line goes to console.warn, alone', () => {
  const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
  const { engine } = sessions({ store: new MemoryStore(), secret })
  engine.emit({ type: 'reuse-detected', handle: 'h' })
  expect(warn.mock.calls).toEqual([[expect.stringMatching(/^\[latchkey\] An id came back that the session h/)]])
})
