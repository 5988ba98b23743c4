import { expect, test } from 'vitest'
import { CookieAgent, FailingStore } from 'latchkey/testing'
import { MemoryStore } from 'latchkey/stores/memory'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import express from 'express'
import fastify from 'fastify'
import { sessions as onExpress } from 'latchkey/express'
import { sessions as onFastify } from 'latchkey/fastify'
import { HandlerGate } from '../acceptance/everywhere.js'

const secret = 'a secret of more than 32 characters'

/** An application whose only handler waits at a gate and then counts. */
interface Started {
  readonly base: string
  /** Closes the sessions, while the server listens. */
  close(): Promise<unknown>
  end(): Promise<unknown>
}

interface Counting {
  count?: number
}

type Start = (store: FailingStore, gate: HandlerGate) => Promise<Started>

const platforms: Readonly<Record<string, Start>> = {
  async express(store, gate) {
    const middleware = onExpress({ secret, store, log: false })
    const app = express()
    app.use(middleware)
    app.get('/', async ({ session }, response) => {
      await gate.pass()
      ;(session as Counting).count = 1
      response.json('counted')
    })
    const server = createServer(app)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return {
      base: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      close: () => middleware.close(),
      end: () => new Promise((resolve) => server.close(resolve)),
    }
  },
  async fastify(store, gate) {
    // Otherwise the connection that is busy when the server closes would stay open for more than a minute.
    const app = fastify({ keepAliveTimeout: 100 })
    await app.register(onFastify, { secret, store, log: false })
    app.get('/', async ({ session }) => {
      await gate.pass()
      ;(session as Counting).count = 1
      return JSON.stringify('counted')
    })
    const base = await app.listen({ port: 0, host: '127.0.0.1' })
    return { base, close: () => app.close(), end: () => app.close() }
  },
}

test.each(Object.keys(platforms))(
  'on %s, a request that is under way when the sessions are closed is still saved',
  async (name) => {
    const inner = new MemoryStore()
    const store = new FailingStore(inner)
    const [handler, create] = [new HandlerGate(), store.hold('create')]
    const app = await platforms[name]!(store, handler)
    const browser = new CookieAgent(app.base)
    const answer = browser.get('/')
    await handler.reached
    let isClosed = false
    const closed = app.close().then(() => (isClosed = true))
    handler.open()
    await create.reached
    await new Promise((resolve) => setTimeout(resolve, 0))
    expect(isClosed).toBe(false)
    create.open()
    const response = await answer
    expect([response.status, await response.json()]).toEqual([200, 'counted'])
    expect(browser.cookie('sessionId')).toBeDefined()
    await closed
    await expect(async () => inner.load('key')).rejects.toMatchObject({ code: 'STORE_CLOSED' })
    await app.end()
  },
)

test.each(Object.keys(platforms))('on %s, answers that were given keep nobody from closing', async (name) => {
  const store = new FailingStore(new MemoryStore())
  const gate = new HandlerGate()
  gate.open()
  const app = await platforms[name]!(store, gate)
  const browser = new CookieAgent(app.base)
  expect((await browser.get('/')).status).toBe(200)
  store.failWith(new Error('away'), ['load', 'create'])
  expect((await browser.get('/')).status).toBe(503)
  expect((await new CookieAgent(app.base).get('/')).status).toBe(503)
  store.heal()
  const aborted = new AbortController()
  const held = store.hold('create')
  const gone = fetch(app.base, { signal: aborted.signal }).catch(() => 'gone')
  await held.reached
  aborted.abort()
  expect(await gone).toBe('gone')
  held.open()
  const began = performance.now()
  await app.close()
  // Requests that are under way would be waited for, for five seconds.
  expect(performance.now() - began).toBeLessThan(2500)
  await app.end()
})
