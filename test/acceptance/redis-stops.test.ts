import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { CookieAgent } from 'latchkey/testing'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type RedisServer, startRedis } from '../support/redis-server.js'

/** The deadline of a store call in these applications, in milliseconds. */
const DEADLINE = 300

/** What a machine that is busy may add. Without a deadline a request would hang for 5 s and more. */
const SLACK = 2_500

const NAMES = ['express url', 'express redis', 'express ioredis', 'fastify url', 'fastify redis', 'fastify ioredis']

let server: RedisServer
let child: ChildProcess
let browsers: ReadonlyMap<string, CookieAgent>

beforeEach(async () => {
  server = await startRedis()
  child = fork(new URL('../support/redis-app.mjs', import.meta.url), [server.url, String(DEADLINE)], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  const [ports] = (await once(child, 'message')) as [Record<string, number>]
  browsers = new Map(Object.entries(ports).map(([name, port]) => [name, new CookieAgent(`http://127.0.0.1:${port}`)]))
  await everyBrowser(async (browser) => {
    // Redis is well: only a machine that is busy is too late.
    await expect.poll(async () => (await browser.get('/login?user=42')).status, { timeout: 15_000 }).toBe(200)
    await expect.poll(async () => (await browser.get('/data')).json(), { timeout: 15_000 }).toEqual({ userId: '42' })
  })
})

afterEach(async () => {
  child.kill('SIGKILL')
  await server.kill()
})

/** Asks all six applications at once. */
async function everyBrowser(ask: (browser: CookieAgent) => Promise<unknown>): Promise<void> {
  expect([...browsers.keys()]).toEqual(NAMES)
  await Promise.all([...browsers.values()].map(ask))
}

/** The answer to a request that needs Redis: a 503 within the deadline. Answers how long it took. */
async function refused(browser: CookieAgent, path: string): Promise<number> {
  const began = performance.now()
  const response = await browser.get(path)
  const took = performance.now() - began
  expect(response.status).toBe(503)
  expect(response.headers.get('retry-after')).toBe('1')
  expect(response.headers.getSetCookie()).toEqual([])
  expect(await response.json()).toMatchObject({ code: 'STORE_UNAVAILABLE' })
  expect(took).toBeLessThan(DEADLINE + SLACK)
  return took
}

function lives(): void {
  expect(child.exitCode ?? child.signalCode).toBeNull()
}

describe('Redis stops: process exits, or every request hangs 5 s', () => {
  test('killed: the process lives, what needs it gets a 503 within the deadline, and it is used again when it is back', async () => {
    await server.kill()
    await everyBrowser(async (browser) => {
      await refused(browser, '/data')
      await refused(browser, '/login?user=43')
      // Nobody was told that they are logged out, and who brings no session needs no Redis.
      const stranger = browser.copy()
      expect(stranger.cookie('sessionId')).toBeDefined()
      stranger.forget()
      await refused(stranger, '/login?user=44')
      expect(await (await stranger.get('/health')).json()).toBe('alive')
      expect(await (await stranger.get('/data')).json()).toEqual({})
    })
    lives()
    server = await startRedis({ port: server.port })
    await everyBrowser(async (browser) => {
      await expect.poll(async () => (await browser.get('/login?user=45')).status, { timeout: 10_000 }).toBe(200)
      expect(await (await browser.get('/data')).json()).toEqual({ userId: '45' })
    })
    lives()
  })

  test('stopped in its tracks: a 503 at the deadline, and nobody is logged out when it goes on', async () => {
    process.kill(server.pid, 'SIGSTOP')
    try {
      await everyBrowser(async (browser) => {
        expect(await refused(browser, '/data')).toBeGreaterThan(DEADLINE - 50)
        const stranger = browser.copy()
        stranger.forget()
        expect(await refused(stranger, '/login?user=43')).toBeGreaterThan(DEADLINE - 50)
      })
      lives()
    } finally {
      process.kill(server.pid, 'SIGCONT')
    }
    await everyBrowser((browser) =>
      expect.poll(async () => (await browser.get('/data')).json(), { timeout: 10_000 }).toEqual({ userId: '42' }),
    )
  })
})
