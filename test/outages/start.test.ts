import express from 'express'
import fastify from 'fastify'
import { sessions as onExpress, type SessionOptions } from 'latchkey/express'
import { sessions as onFastify } from 'latchkey/fastify'
import { MemoryStore } from 'latchkey/stores/memory'
import { RedisStore } from 'latchkey/stores/redis'
import { FailingStore } from 'latchkey/testing'
import { describe, expect, test } from 'vitest'
import { freePort, startRedis } from '../support/redis-server.js'

const secret = 'a secret of more than 32 characters'

interface Started {
  ready(): Promise<unknown>
  close(): Promise<unknown>
}

const platforms: Readonly<Record<string, (options: SessionOptions) => Started>> = {
  express(options) {
    const middleware = onExpress(options)
    express().use(middleware)
    return middleware
  },
  fastify(options) {
    const app = fastify()
    void app.register(onFastify, options)
    return { ready: async () => app.ready(), close: () => app.close() }
  },
}

describe.each(Object.keys(platforms))('a start on %s', (name) => {
  const start = (options: Partial<SessionOptions>): Started =>
    platforms[name]!({ secret, store: new MemoryStore(), log: false, startTimeout: 300, ...options })

  test('is ready when the store is', async () => {
    const store = new FailingStore(new MemoryStore())
    const gate = store.hold('probe')
    const app = start({ store })
    let isReady = false
    const ready = app.ready().then(() => (isReady = true))
    await gate.reached
    await new Promise((resolve) => setTimeout(resolve, 0))
    expect(isReady).toBe(false)
    gate.open()
    await ready
    await app.close()
  })

  test('fails with one clear error where nobody is at the address of the store, and lets go of it', async () => {
    const port = await freePort()
    const app = start({ store: new RedisStore({ url: `redis://127.0.0.1:${port}` }), startTimeout: 1500 })
    await expect(app.ready()).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
      message: expect.stringMatching(
        /could not be used within 1500 ms of the start\. The last try said: .*ECONNREFUSED.*startWithoutStore: true/,
      ) as string,
    })
    await app.close()
  })

  test('goes on without the store where it is told to, says so once, and uses it when it is there', async () => {
    const port = await freePort()
    const lines: string[] = []
    const store = new RedisStore({ url: `redis://127.0.0.1:${port}` })
    const app = start({ store, startWithoutStore: true, log: (line) => void lines.push(line) })
    await app.ready()
    expect(lines).toEqual([expect.stringContaining('The session store is down.')])
    const server = await startRedis({ port })
    await expect.poll(() => lines.at(-1), { timeout: 5000 }).toMatch(/^The session store is back\. It was down for /)
    await app.close()
    await server.stop()
  })
})
