import { randomBytes } from 'node:crypto'
import { IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import { newId } from 'latchkey/core'
import { sessions } from 'latchkey/express'
import { MemoryStore } from 'latchkey/stores/memory'
import { FailingStore } from 'latchkey/testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { isPromise } from '../../src/core/calls.js'
import { TokenSigner } from '../../src/core/token.js'
import { secret } from '../acceptance/everywhere.js'
import { heapInUse } from '../support/heap.js'
import { platforms, type TestApp } from '../support/platforms.js'
import { rawRequest } from '../support/raw.js'
import { setUp } from '../support/engine.js'

/** As many as somebody sends who tries, as the soak test does; in `npm test` as many as show that nothing is kept. */
const MANY = process.env['PROPERTY_RUNS'] === undefined ? 20_000 : 100_000

/** Of what differs only in how early it is refused. */
const FEWER = process.env['PROPERTY_RUNS'] === undefined ? 5_000 : MANY

/** What many requests may leave in the heap: of 20,000 less than 75 bytes each, of 100,000 less than 15. */
const NOTHING = 1_500_000

const forger = new TokenSigner(['another secret of more than 32 characters'])

/** Each is another one: whatever is kept of one would be kept of all. */
const SENT: readonly (readonly [what: string, make: () => string, many: number])[] = [
  ['forged tokens', () => forger.sign(newId(undefined)), MANY],
  ['garbage of the form of a token', () => `${'x'.repeat(51)}.${randomBytes(32).toString('base64url')}`, FEWER],
  ['garbage', () => randomBytes(60).toString('base64url'), FEWER],
]

/** How often, so that what is compiled and kept once is there. */
const WARM_UP = 2000

/** Runs `once` so often, and answers by how much the heap has grown meanwhile. */
async function growth(many: number, once: () => void): Promise<number> {
  for (let count = 0; count < WARM_UP; count++) once()
  const before = await heapInUse()
  for (let count = 0; count < many; count++) once()
  return (await heapInUse()) - before
}

describe(
  'a flood of tokens that are not ours costs no store call and leaves nothing behind',
  { timeout: 120_000 },
  () => {
    test.each(SENT)('%s, at the engine', async (_what, make, many) => {
      let told = 0
      const { engine, store } = setUp({ onEvent: () => void told++ })
      const open = (): void => {
        const opened = engine.open([make()], { presented: true, assertReachable() {} })
        // Whoever needs no store is answered at once.
        if (isPromise(opened)) throw new Error('It waited for something.')
      }
      expect(await growth(many, open)).toBeLessThan(NOTHING)
      expect(told).toBe(WARM_UP + many)
      expect(Object.values(store.calls).reduce((sum, count) => sum + count, 0)).toBe(0)
    })

    test.each(SENT)('cookies of %s, at the door', async (_what, make, most) => {
      const many = Math.min(most, FEWER)
      const store = new FailingStore(new MemoryStore())
      const middleware = sessions({ store, secret, log: false })
      const socket = new Socket()
      let handled = 0
      const visit = (): void => {
        const request = new IncomingMessage(socket)
        request.headers.cookie = `a=1; sessionId=${make()}`
        const response = new ServerResponse(request)
        middleware(request as never, response as never, () => {
          handled += (request as unknown as { session: { userId?: unknown } }).session.userId === undefined ? 1 : 0
          response.end('ok')
        })
        expect.assert(response.headersSent && !response.hasHeader('set-cookie'))
      }
      expect(await growth(many, visit)).toBeLessThan(NOTHING)
      expect(handled).toBe(WARM_UP + many)
      expect(Object.values(store.calls).reduce((sum, count) => sum + count, 0)).toBe(0)
      await middleware.close()
    })

    test('and what does leave something behind would be seen', async () => {
      const { engine } = setUp()
      const left: unknown[] = []
      const open = (): void =>
        void left.push(engine.open([forger.sign(newId(undefined))], { presented: true, assertReachable() {} }))
      expect(await growth(FEWER, open)).toBeGreaterThan(NOTHING)
    })
  },
)

describe.each(platforms)('a flood over real connections, on $name', ({ start }) => {
  const store = new FailingStore(new MemoryStore())
  let app: TestApp
  beforeAll(async () => {
    app = await start({ store, secret, log: false }, { 'GET /data': ({ session }) => ({ ...session }) })
  })
  afterAll(() => app.close())

  test.each(SENT)('of 1,000 %s: each is answered as a visit without a session', async (_what, make) => {
    const heads = Array.from({ length: 1000 }, () => `GET /data HTTP/1.1\r\nHost: a\r\nCookie: sessionId=${make()}\r\n`)
    const connection = rawRequest(app.port, [heads.join('\r\n') + 'Connection: close'])
    await connection.closed
    expect(connection.text.match(/HTTP\/1\.1 200 OK/g)).toHaveLength(1000)
    expect(connection.text).not.toMatch(/set-cookie/i)
    expect(Object.values({ ...store.calls, probe: 0 }).reduce((sum, count) => sum + count, 0)).toBe(0)
  })
})
