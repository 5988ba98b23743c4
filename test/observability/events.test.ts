import { SessionError, type SessionEvent } from 'latchkey/core'
import { hours, minutes, seconds } from 'latchkey/express'
import { describe, expect, test } from 'vitest'
import { everywhere, HandlerGate, type Routes } from '../acceptance/everywhere.js'
import { ANSWERED } from '../support/platforms.js'
import { handleOf, watch } from './watched.js'

const ROUTES: Routes = {
  'GET /rotate': ({ session }) => session.rotate(),
  'GET /regenerate': ({ session }) => session.regenerate(),
  'GET /past': ({ session }) => void (session.cookie.maxAge = -1),
  'GET /function': ({ session }) => void (session['bad'] = () => {}),
  'GET /twice': async ({ session }) => {
    session['a'] = 1
    await session.save().catch(() => {})
    await session.save().catch(() => {})
  },
}

/** One that `browser` was given, changed in its last place, which the signature covers. */
const forged = (token: string): string => token.slice(0, -1) + (token.endsWith('A') ? 'B' : 'A')

describe('each kind of event is told once, also to an observer that fails', () => {
  everywhere(({ start }) => {
    test('created: a new session was stored', async () => {
      const { browser, told, visit } = await watch(start)
      await visit(browser, '/', '/data', '/set?a=1', '/set?a=2', '/data')
      expect(told()).toEqual([{ type: 'created', handle: await handleOf(browser) }])
    })

    test('rotated: its subject changed, a handler asked, or it was due', async () => {
      const { browser, clock, told, visit } = await watch(
        start,
        { rotateEvery: hours(1), idleTimeout: hours(5) },
        ROUTES,
      )
      await visit(browser, '/set?a=1')
      const handle = await handleOf(browser)
      told()
      await visit(browser, '/login?user=42')
      expect(told()).toEqual([{ type: 'rotated', handle, reason: 'subject' }])
      await visit(browser, '/data', '/rotate')
      expect(told()).toEqual([{ type: 'rotated', handle, reason: 'asked' }])
      await visit(browser, '/data')
      clock.advance(hours(1))
      await visit(browser, '/data')
      expect(told()).toEqual([{ type: 'rotated', handle, reason: 'due' }])
    })

    test('revoked: its handler destroyed it or began another in its place', async () => {
      const { browser, told, visit } = await watch(start, {}, ROUTES)
      await visit(browser, '/login?user=42')
      let handle = await handleOf(browser)
      told()
      await visit(browser, '/regenerate')
      expect(told()).toEqual([{ type: 'revoked', handle, reason: 'regenerated' }])
      await visit(browser, '/login?user=42')
      handle = await handleOf(browser)
      told()
      const other = browser.copy()
      await visit(browser, '/logout')
      expect(told()).toEqual([{ type: 'revoked', handle, reason: 'destroyed' }])
      await visit(other, '/logout')
      expect(told()).toEqual([])
    })

    test('evicted: its subject signed in once more than maxSessions allows', async () => {
      const { browser, another, told, visit } = await watch(start, { maxSessions: 1 })
      await visit(browser, '/login?user=42')
      const handle = await handleOf(browser)
      told()
      const second = another()
      await visit(second, '/login?user=42')
      expect(told()).toEqual([
        { type: 'evicted', handle },
        { type: 'created', handle: await handleOf(second) },
      ])
    })

    test('reuse-detected, and revoked where that is asked for: an id came back that was left behind', async () => {
      const { browser, clock, told, visit, again } = await watch(start, { rotationGrace: seconds(10) }, ROUTES)
      await visit(browser, '/login?user=42')
      const thief = browser.copy()
      await visit(browser, '/data', '/rotate', '/data')
      clock.advance(seconds(10))
      const handle = await handleOf(browser)
      told()
      await visit(thief, '/data')
      expect(told()).toEqual([{ type: 'reuse-detected', handle }])
      const strict = await again({ onReuse: 'revoke' })
      await fetch(`${strict.base}/data`, { headers: { cookie: `sessionId=${thief.cookie('sessionId')}` } })
      expect(told()).toEqual([
        { type: 'reuse-detected', handle },
        { type: 'revoked', handle, reason: 'reused' },
      ])
    })

    test.each([
      ['idle', minutes(20), minutes(60)],
      ['lifetime', minutes(60), minutes(20)],
    ] as const)('expired: its deadline passed while a request ran (%s)', async (reason, idleTimeout, lifetime) => {
      const gate = new HandlerGate()
      const slow: Routes = {
        'GET /slow': async ({ session }) => {
          await gate.pass()
          session['late'] = true
        },
      }
      const { browser, clock, told, visit } = await watch(start, { idleTimeout, lifetime }, slow)
      await visit(browser, '/login?user=42')
      const handle = await handleOf(browser)
      told()
      const answer = visit(browser, '/slow')
      await gate.reached
      clock.advance(minutes(21))
      gate.open()
      await answer
      expect(told()).toEqual([{ type: 'expired', handle, reason }])
    })

    test('expired: its deadline passed before its use was noted', async () => {
      const { browser, clock, store, told, visit } = await watch(start, { idleTimeout: minutes(20) })
      await visit(browser, '/login?user=42')
      const handle = await handleOf(browser)
      clock.advance(minutes(19))
      told()
      const gate = store.hold('touch')
      const answer = visit(browser, '/data')
      await gate.reached
      clock.advance(minutes(2))
      gate.open()
      await answer
      expect(told()).toEqual([{ type: 'expired', handle, reason: 'idle' }])
    })

    test('expired: the store still has it, but by the clock of the application it is over', async () => {
      const { app, browser, clock, told, visit, again } = await watch(start)
      await visit(browser, '/login?user=42')
      const handle = await handleOf(browser)
      const ahead = await again({ clock: () => clock.now() + minutes(31) })
      told()
      const headers = { cookie: `sessionId=${browser.cookie('sessionId')}` }
      expect(await (await fetch(`${ahead.base}/data`, { headers })).json()).toEqual({})
      expect(told()).toEqual([{ type: 'expired', handle, reason: 'idle' }])
      expect(await (await fetch(`${app.base}/data`, { headers })).json()).toEqual({ userId: '42' })
      expect(told()).toEqual([])
    })

    test('expired: by the clock of the application it is over while a request holds it', async () => {
      let ahead = 0
      const { browser, clock, told, visit, again } = await watch(
        start,
        {},
        {
          'GET /reload': async ({ session }) => {
            ahead = minutes(31)
            await session.reload().catch(() => {})
          },
        },
      )
      await visit(browser, '/login?user=42')
      const handle = await handleOf(browser)
      const app = await again({ clock: () => clock.now() + ahead })
      told()
      await fetch(`${app.base}/reload`, { headers: { cookie: `sessionId=${browser.cookie('sessionId')}` } })
      expect(told()).toEqual([{ type: 'expired', handle, reason: 'idle' }])
    })

    test('expired: a handler put the end of its lifetime into the past', async () => {
      const { browser, told, visit } = await watch(start, {}, ROUTES)
      await visit(browser, '/login?user=42')
      const handle = await handleOf(browser)
      told()
      await visit(browser, '/past')
      expect(told()).toEqual([{ type: 'expired', handle, reason: 'lifetime' }])
    })

    test.each(['before', 'after'] as const)(
      'revoked-during-request: somebody ended it while a request ran, %s that noted its use',
      async (when) => {
        const gate = new HandlerGate()
        const slow: Routes = {
          'GET /slow': async ({ session }) => {
            await gate.pass()
            session['late'] = true
          },
        }
        const { browser, clock, told, visit } = await watch(start, { idleTimeout: minutes(20) }, slow)
        await visit(browser, '/login?user=42')
        const handle = await handleOf(browser)
        const other = browser.copy()
        clock.advance(when === 'before' ? 0 : minutes(19))
        told()
        const answer = visit(browser, '/slow')
        await gate.reached
        clock.advance(minutes(2))
        await visit(other, '/logout')
        gate.open()
        await answer
        expect(told()).toEqual([
          { type: 'revoked', handle, reason: 'destroyed' },
          { type: 'revoked-during-request', handle, reason: 'gone' },
        ])
      },
    )

    test('revoked-during-request: a sign-in took it along to an id that this request does not know', async () => {
      const gate = new HandlerGate()
      const slow: Routes = {
        'GET /slow': async ({ session }) => {
          await gate.pass()
          session['late'] = true
        },
      }
      const { browser, told, visit } = await watch(start, {}, slow)
      await visit(browser, '/set?a=1')
      const handle = await handleOf(browser)
      const other = browser.copy()
      told()
      const answer = visit(browser, '/slow')
      await gate.reached
      await visit(other, '/login?user=42')
      gate.open()
      await answer
      expect(told()).toEqual([
        { type: 'rotated', handle, reason: 'subject' },
        { type: 'revoked-during-request', handle, reason: 'rotated' },
      ])
    })

    test('write-conflict: update() met another writer', async () => {
      const gate = new HandlerGate()
      let isFirst = true
      const slow: Routes = {
        'GET /count': ({ session }) =>
          session.update(async (data: Record<string, unknown>) => {
            if (isFirst) {
              isFirst = false
              await gate.pass()
            }
            data['count'] = Number(data['count'] ?? 0) + 1
          }),
      }
      const { browser, told, visit } = await watch(start, {}, slow)
      await visit(browser, '/set?a=1')
      const handle = await handleOf(browser)
      told()
      const answer = visit(browser, '/count')
      await gate.reached
      await visit(browser.copy(), '/count')
      gate.open()
      await answer
      expect(told()).toEqual([{ type: 'write-conflict', handle, attempt: 1 }])
    })

    test('token-rejected: malformed, or with a signature of another secret', async () => {
      const { app, browser, store, told, visit } = await watch(start)
      await visit(browser, '/set?a=1')
      const token = browser.cookie('sessionId')!
      told()
      const { load } = store.calls
      const tell = async (cookie: string) => {
        await fetch(`${app.base}/data`, { headers: { cookie } })
        return told()
      }
      expect(await tell('sessionId=garbage')).toEqual([{ type: 'token-rejected', reason: 'malformed' }])
      expect(await tell(`sessionId=${'x'.repeat(95)}`)).toEqual([{ type: 'token-rejected', reason: 'malformed' }])
      expect(await tell(`sessionId=${forged(token)}`)).toEqual([{ type: 'token-rejected', reason: 'signature' }])
      expect(await tell(`sessionId=${forged(token)}; sessionId=; sessionId=${token}`)).toEqual([
        { type: 'token-rejected', reason: 'signature' },
        { type: 'token-rejected', reason: 'malformed' },
      ])
      expect(store.calls.load).toBe(load + 1)
    })

    test('record-unreadable: a record counts as absent', async () => {
      const { browser, store, told, visit } = await watch(start)
      await visit(browser, '/set?a=1')
      told()
      store.failWith(new SessionError('RECORD_UNREADABLE', 'It is of a newer format.'), ['load'])
      expect(await visit(browser, '/data')).toBe(200)
      expect(told()).toEqual([{ type: 'record-unreadable', error: expect.any(SessionError) as unknown }])
    })

    test('cookie-undeliverable: once for a request, however often its handler tries', async () => {
      const { browser, told, visit } = await watch(start, { cookie: { secure: true } }, ROUTES)
      expect(await visit(browser, '/twice')).toBe(500)
      expect(told()).toEqual([
        { type: 'cookie-undeliverable', error: expect.objectContaining({ code: 'COOKIE_UNDELIVERABLE' }) as unknown },
        { type: 'commit-failed', error: expect.objectContaining({ code: 'COOKIE_UNDELIVERABLE' }) as unknown },
      ])
    })

    test('store-failed: a call of the store failed', async () => {
      const { browser, store, told, visit } = await watch(start)
      await visit(browser, '/set?a=1')
      told()
      store.failWith(new Error('down'), ['load'])
      expect(await visit(browser, '/data')).toBe(503)
      expect(told()).toMatchObject([{ type: 'store-failed', verb: 'load', error: { code: 'STORE_UNAVAILABLE' } }])
    })

    test('store-down and store-up: it only failed, and was back', async () => {
      const { browser, fields, store, told, visit } = await watch(start)
      await visit(browser, '/set?a=1')
      told()
      store.failWith(new Error('down'))
      for (let count = 0; count < 9; count++) expect(await visit(browser, '/data')).toBe(503)
      expect(told().map(({ type }) => type)).toEqual([...Array<string>(5).fill('store-failed'), 'store-down'])
      store.heal()
      const later: SessionEvent[] = []
      await expect.poll(() => later.push(...told())).toBeGreaterThan(0)
      expect(later).toEqual([{ type: 'store-up', downFor: expect.any(Number) as number }])
      expect(await visit(browser, '/data')).toBe(200)
      expect(told()).toEqual([])
      expect(fields).toMatchObject([
        { level: 'warn', type: 'store-failed', verb: 'load' },
        { level: 'error', type: 'store-down', code: 'STORE_UNAVAILABLE' },
        { level: 'info', type: 'store-up', downFor: expect.any(Number) as number },
      ])
    })

    test('commit-failed: what a request changed could not be saved', async () => {
      const { browser, told, visit } = await watch(start, {}, ROUTES)
      expect(await visit(browser, '/function')).toBe(500)
      expect(told()).toMatchObject([{ type: 'commit-failed', error: { code: 'VALUE_NOT_STORABLE' } }])
    })

    test('late-write-dropped: a session began after its headers had left', async () => {
      const { browser, told, visit } = await watch(
        start,
        {},
        {
          'GET /stream': async ({ raw, session }) => {
            raw.res.writeHead(200, { 'content-type': 'text/plain' })
            raw.res.write('one')
            await new Promise(setImmediate)
            session['late'] = true
            raw.res.end('two')
            return ANSWERED
          },
        },
      )
      await visit(browser, '/stream').catch(() => {})
      expect(told()).toMatchObject([{ type: 'late-write-dropped', error: { code: 'HEADERS_SENT' } }])
    })

    test('a client that leaves while its answer waits for a store that fails is told of once', async () => {
      const closed = new HandlerGate()
      const { browser, store, told, visit } = await watch(
        start,
        {},
        {
          'GET /stream': async ({ raw, session }) => {
            session['a'] = 1
            raw.res.writeHead(200, { 'content-type': 'text/plain' })
            raw.res.write('one')
            await new Promise((resolve) => raw.res.once('close', resolve))
            void closed.pass()
            return ANSWERED
          },
        },
      )
      const gate = store.hold('create')
      const leaving = new AbortController()
      const answer = browser.get('/stream', { signal: leaving.signal }).catch(() => {})
      await gate.reached
      store.failWith(new Error('down'), ['create'])
      leaving.abort()
      await answer
      await closed.reached
      gate.open()
      await expect.poll(() => told().map(({ type }) => type)).toEqual(['store-failed', 'commit-failed'])
      await visit(browser, '/', '/')
      expect(told()).toEqual([])
    })
  })
})
