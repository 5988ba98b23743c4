import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { seconds } from 'latchkey/express'
import { RedisStore } from 'latchkey/stores/redis'
import { SqliteStore } from 'latchkey/stores/sqlite'
import { CookieAgent, ManualClock } from 'latchkey/testing'
import { afterAll, describe, expect, test } from 'vitest'
import { everywhere, json, ROUTES, secret, type Routes, type Scene } from '../acceptance/everywhere.js'
import { platforms, type TestApp } from '../support/platforms.js'
import { startRedis } from '../support/redis-server.js'

const routes: Routes = {
  'GET /rotate': ({ session }) => session.rotate(),
  'GET /regenerate': ({ session }) => session.regenerate(),
  'GET /end': ({ session }) => void (session.cookie.maxAge = 0),
}

/** What each of these tokens gets, as a cookie and as a bearer token. */
async function ask(app: TestApp, ...tokens: readonly string[]): Promise<readonly unknown[]> {
  const answers: unknown[] = []
  for (const token of tokens) {
    for (const headers of [{ cookie: `sessionId=${token}` }, { authorization: `Bearer ${token}` }]) {
      answers.push(await json(fetch(`${app.base}/data`, { headers })))
    }
  }
  return answers
}

const tokenOf = (browser: CookieAgent): string => browser.cookie('sessionId')!

/** How a session ends, or its id does. Answers the tokens that are dead from then on. */
const ENDS: readonly (readonly [string, (scene: Scene) => Promise<readonly string[]>])[] = [
  [
    'logout',
    async ({ browser }) => {
      await browser.get('/login?user=42')
      const token = tokenOf(browser)
      await browser.get('/logout')
      return [token]
    },
  ],
  [
    'a sign-in, which leaves the id from before it',
    async ({ browser }) => {
      await browser.get('/set?cart=1')
      const token = tokenOf(browser)
      await browser.get('/login?user=42')
      return [token]
    },
  ],
  [
    'a rotation and its grace',
    async ({ browser, clock }) => {
      await browser.get('/login?user=42')
      const first = tokenOf(browser)
      await browser.get('/rotate')
      await browser.get('/data')
      const second = tokenOf(browser)
      expect(second).not.toBe(first)
      await browser.get('/rotate')
      await browser.get('/data')
      clock.advance(seconds(11))
      expect(await json(browser.get('/data'))).toEqual({ userId: '42' })
      return [first, second]
    },
  ],
  [
    'regenerate',
    async ({ browser }) => {
      await browser.get('/login?user=42')
      const token = tokenOf(browser)
      await browser.get('/regenerate')
      return [token]
    },
  ],
  [
    'the idle timeout',
    async ({ browser, clock }) => {
      await browser.get('/login?user=42')
      clock.advance(30 * 60_000)
      return [tokenOf(browser) ?? '']
    },
  ],
  [
    'the end of its lifetime, however busy',
    async ({ browser, clock }) => {
      await browser.get('/login?user=42')
      const token = tokenOf(browser)
      for (let minutes = 0; minutes < 24 * 60; minutes += 29) {
        await browser.get('/data')
        clock.advance(29 * 60_000)
      }
      return [token]
    },
  ],
  [
    'a lifetime put into the past',
    async ({ browser }) => {
      await browser.get('/login?user=42')
      const token = tokenOf(browser)
      await browser.get('/end')
      return [token]
    },
  ],
]

describe('a token that was recorded and is sent again', () => {
  everywhere(({ start }) => {
    test.each(ENDS)('is dead after %s, also in another process on the same store', async (_what, end) => {
      const scene = await start(routes, { transports: ['cookie', 'bearer'] })
      const tokens = await end(scene)
      const other = await scene.again({})
      for (const app of [scene.app, other]) {
        expect(await ask(app, ...tokens)).toEqual([...tokens, ...tokens].map(() => ({})))
        // Whatever a dead token writes begins a session of its own.
        for (const token of tokens) {
          const thief = new CookieAgent(app.base, { clock: scene.clock.now })
          thief.take(`sessionId=${token}; Path=/`)
          await thief.get('/set?stolen=1')
          expect(tokenOf(thief)).not.toBe(token)
        }
        expect(await ask(app, ...tokens)).toEqual([...tokens, ...tokens].map(() => ({})))
      }
    })
  })
})

interface Ground {
  open(name: string, clock: () => number): SqliteStore | RedisStore
  stop(): Promise<void>
}

const GROUNDS: Readonly<Record<string, () => Promise<Ground>>> = {
  async sqlite() {
    const path = await mkdtemp(join(tmpdir(), 'latchkey-replays-'))
    return {
      open: (name, clock) => new SqliteStore({ path: join(path, `${name}.db`), clock }),
      stop: () => rm(path, { recursive: true, force: true }),
    }
  },
  async redis() {
    const server = await startRedis()
    return {
      open: (prefix, clock) => new RedisStore({ url: server.url, prefix, clock }),
      stop: () => server.stop(),
    }
  },
}

describe.each(Object.keys(GROUNDS))('after a restart of the application, on %s', (name) => {
  const grounds: Ground[] = []
  afterAll(async () => {
    for (const ground of grounds) await ground.stop()
  })

  test.each(platforms)('what was dead stays so, and what was alive stays so, on $name', async (platform) => {
    const ground = await GROUNDS[name]!()
    grounds.push(ground)
    const clock = new ManualClock()
    const file = randomUUID()
    const run = (): Promise<TestApp> =>
      platform.start(
        {
          store: ground.open(file, clock.now),
          secret,
          clock: clock.now,
          storeTimeout: 10_000,
          transports: ['cookie', 'bearer'],
          log: false,
        },
        { ...ROUTES, ...routes },
      )
    const first = await run()
    const [alive, out, rotated, guest] = [1, 2, 3, 4].map(() => new CookieAgent(first.base, { clock: clock.now }))
    for (const browser of [alive!, out!, rotated!]) await browser.get('/login?user=42')
    const dead = [tokenOf(out!), tokenOf(rotated!)]
    await out!.get('/logout')
    await rotated!.get('/rotate')
    await rotated!.get('/data')
    clock.advance(seconds(11))
    await guest!.get('/set?cart=1')
    dead.push(tokenOf(guest!))
    await guest!.get('/login?user=43')
    const kept = [tokenOf(alive!), tokenOf(rotated!)]
    await first.close()

    const second = await run()
    expect(await ask(second, ...dead)).toEqual([...dead, ...dead].map(() => ({})))
    expect(await ask(second, ...kept)).toEqual([...kept, ...kept].map(() => ({ userId: '42' })))
    clock.advance(30 * 60_000)
    await second.close()

    const third = await run()
    expect(await ask(third, ...kept)).toEqual([...kept, ...kept].map(() => ({})))
    await third.close()
  })
})
