import { describe, expect, test } from 'vitest'
import { ANSWERED, type Handler } from '../support/platforms.js'
import { rawRequest } from '../support/raw.js'
import { dataOf, everywhere, HandlerGate, type Place, type Scene } from './everywhere.js'

interface HungUp extends Scene {
  /** Sends a request that the client ends while its handler waits at the gate; then lets the handler go on. */
  hangUp(path: string): Promise<void>
}

/** A signed-in session, and routes whose handler does its work when its client has gone. */
async function signedIn(start: Place['start'], work: Handler, before: Handler = () => {}): Promise<HungUp> {
  const gate = new HandlerGate()
  const gone = new HandlerGate()
  const scene = await start({
    'GET /slow': async (context) => {
      await before(context)
      context.raw.res.once('close', () => gone.open())
      await gate.pass()
      return work(context)
    },
  })
  await scene.browser.get('/login?user=42')
  return {
    ...scene,
    async hangUp(path) {
      const cookie = `Cookie: sessionId=${scene.browser.cookie('sessionId')}`
      const { socket } = rawRequest(scene.app.port, [`GET ${path} HTTP/1.1`, 'Host: a', cookie])
      await gate.reached
      socket.destroy()
      await gone.pass()
      gate.open()
    },
  }
}

describe('a client that hangs up early: what its handler changed is still saved', () => {
  everywhere(({ start }) => {
    test('what it changed before', async () => {
      const { browser, store, hangUp } = await signedIn(
        start,
        () => new Promise(() => {}),
        ({ session }) => void (session['before'] = 1),
      )
      const saved = store.hold('update', 'after')
      await hangUp('/slow')
      await saved.reached
      saved.open()
      expect(await dataOf(browser)).toEqual({ userId: '42', before: 1 })
    })

    test.each<[string, Handler]>([
      ['and answers', () => 'too late'],
      [
        'and ends the response by hand',
        ({ raw }) => {
          raw.res.end('too late')
          return ANSWERED
        },
      ],
      [
        'and streams',
        ({ raw }) => {
          raw.res.write('too')
          raw.res.end('late')
          return ANSWERED
        },
      ],
    ])('what it changes after, %s', async (_name, answer) => {
      const { browser, store, hangUp } = await signedIn(start, (context) => {
        context.session['after'] = 1
        return answer(context)
      })
      const saved = store.hold('update', 'after')
      await hangUp('/slow')
      await saved.reached
      saved.open()
      expect(await dataOf(browser)).toEqual({ userId: '42', after: 1 })
    })

    test('what it saves by itself', async () => {
      const done = new HandlerGate()
      const { browser, hangUp } = await signedIn(start, async ({ session }) => {
        session['after'] = 1
        await session.save()
        await session.update((draft: Record<string, unknown>) => void (draft['count'] = 1))
        done.open()
      })
      await hangUp('/slow')
      await done.pass()
      expect(await dataOf(browser)).toEqual({ userId: '42', after: 1, count: 1 })
    })

    test('a save that is under way when the client goes', async () => {
      const { app, browser, store } = await signedIn(start, () => {})
      const save = store.hold('update')
      const cookie = `Cookie: sessionId=${browser.cookie('sessionId')}`
      const { socket } = rawRequest(app.port, ['GET /set?under=way HTTP/1.1', 'Host: a', cookie])
      await save.reached
      const saved = store.hold('update', 'after')
      socket.destroy()
      save.open()
      saved.open()
      await expect.poll(() => dataOf(browser)).toEqual({ userId: '42', under: 'way' })
    })

    test('a logout', async () => {
      const { browser, store, hangUp, kept } = await signedIn(start, ({ session }) => session.destroy())
      const ended = store.hold('delete', 'after')
      await hangUp('/slow')
      await ended.reached
      ended.open()
      expect(await dataOf(browser)).toEqual({})
      expect((await kept()).sessions).toBe(0)
    })

    test('but no session under an id that nobody got: a login whose client has gone leaves the session as it was', async () => {
      const codes: unknown[] = []
      const done = new HandlerGate()
      const { browser, events, hangUp, kept } = await signedIn(start, async ({ session }) => {
        session['userId'] = '43'
        await session.save().catch((error: { code?: unknown }) => codes.push(error.code))
        done.open()
      })
      await hangUp('/slow')
      await done.pass()
      expect(codes).toEqual(['HEADERS_SENT'])
      expect(await dataOf(browser)).toEqual({ userId: '42' })
      await expect.poll(() => events.map(({ type }) => type)).toContain('commit-failed')
      expect((await kept()).sessions).toBe(1)
    })
  })
})
