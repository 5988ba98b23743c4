import { MemoryStore } from 'latchkey/stores/memory'
import { CookieAgent, FailingStore } from 'latchkey/testing'
import { describe, expect, test } from 'vitest'
import { HandlerGate } from '../acceptance/everywhere.js'
import { ANSWERED, platforms } from '../support/platforms.js'

describe.each(platforms)('on $name, a client that leaves while its session is loaded', (platform) => {
  test('is not signed in by its request, and nobody waits for it', async () => {
    const store = new FailingStore(new MemoryStore())
    const types: string[] = []
    const handled = new HandlerGate()
    handled.open()
    const app = await platform.start(
      { secret: 's'.repeat(32), store, log: false, onEvent: ({ type }) => void types.push(type) },
      {
        'GET /set': ({ session }) => void (session['note'] = 'kept'),
        'GET /login': async ({ session }) => {
          session['userId'] = 'ann'
          await session.save().catch(() => {})
          await handled.pass()
          return ANSWERED
        },
      },
    )
    const browser = new CookieAgent(app.base)
    await browser.get('/set')
    const gate = store.hold('load')
    const aborted = new AbortController()
    const cookie = `sessionId=${browser.cookie('sessionId')}`
    const gone = fetch(`${app.base}/login`, { signal: aborted.signal, headers: { cookie } }).catch(() => 'gone')
    await gate.reached
    aborted.abort()
    expect(await gone).toBe('gone')
    // The server has seen the end of the connection when it answers over another one that was opened after it.
    await expect.poll(() => fetch(`${app.base}/nowhere`).then(({ status }) => status)).toBe(404)
    await new Promise((resolve) => setTimeout(resolve, 50))
    gate.open()
    await handled.reached
    expect(types).not.toContain('rotated')
    expect((await browser.get('/set')).status).toBe(200)
    const began = performance.now()
    await app.close()
    expect(performance.now() - began).toBeLessThan(4000)
  })
})
