import { createServer } from 'node:net'
import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { CookieAgent } from 'latchkey/testing'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { startRedis } from '../../../test/support/redis-server.js'
import { startMain, startPortalProcess } from './support/portal-process.js'
import { freePort } from './support/ports.js'
import { ada, adapters, answer, isThorough, temporaryFolder } from './support/portal.js'

const cleanUps: (() => Promise<unknown>)[] = []
let dataFolder: string

beforeEach(async () => {
  dataFolder = await temporaryFolder()
  cleanUps.push(() => rm(dataFolder, { recursive: true, force: true }))
})

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).toReversed()) await cleanUp()
})

async function start(environment: Readonly<Record<string, string>> = {}): ReturnType<typeof startPortalProcess> {
  const portal = await startPortalProcess({ DATA_DIR: dataFolder, ...environment })
  cleanUps.push(() => portal.end('SIGKILL'))
  return portal
}

/** Each adapter and each store once: that a session outlives the process is shown for all of them together in test/outages. */
const places = adapters
  .flatMap((adapter) => ['SQLite', 'Redis'].map((where) => [adapter, where] as const))
  .filter(([adapter, where]) => isThorough || (adapter === 'express') === (where === 'SQLite'))

describe.each(places)('on %s with sessions in %s', (adapter, where) => {
  test('who has just signed in still is, after kill -9 and a new start', async () => {
    const environment: Record<string, string> = { ADAPTER: adapter }
    const redis = where === 'Redis' ? await startRedis() : undefined
    if (redis) {
      cleanUps.push(() => redis.stop())
      environment['REDIS_URL'] = redis.url
    }
    const first = await start(environment)
    expect(first.output).toContain(`On ${adapter}, users in SQLite, sessions in ${where}`)
    const browser = new CookieAgent(first.base)
    await browser.post('/auth/register', ada)
    const login = await browser.post('/auth/login', ada)
    process.kill(first.pid, 'SIGKILL')
    expect(login.status).toBe(200)
    expect(await first.ended).toEqual({ code: null, signal: 'SIGKILL' })

    await start({ ...environment, PORT: String(first.port) })
    expect(await answer(browser.get('/auth/me'))).toMatchObject({
      status: 200,
      body: { authenticated: true, user: { email: ada.email, name: ada.name } },
    })
    if (redis) expect(await redis.command('DBSIZE')).toBeGreaterThan(0)
  })
})

test('the secret made in development is told of once, and is not in the log', async () => {
  const first = await start()
  expect(first.output).toContain(`It is kept in ${join(dataFolder, 'session-secret')}`)
  const secret = (await readFile(join(dataFolder, 'session-secret'), 'utf8')).trim()
  expect(first.output).not.toContain(secret)
  expect(await first.end('SIGINT')).toEqual({ code: 0, signal: null })
  const second = await start()
  expect(second.output).not.toContain('SESSION_SECRET')
  expect((await readFile(join(dataFolder, 'session-secret'), 'utf8')).trim()).toBe(secret)
})

describe('a start that can not work ends with one line', () => {
  async function refused(environment: Readonly<Record<string, string>>): Promise<string> {
    const child = startMain({ DATA_DIR: dataFolder, ...environment })
    cleanUps.push(() => child.end('SIGKILL'))
    expect(await child.ended).toEqual({ code: 1, signal: null })
    const lines = child.output.split('\n').filter((line) => line !== '' && !/^\[Nest\].* LOG /.test(line))
    expect(lines).toHaveLength(1)
    return lines[0]!
  }

  test('in production without a secret', async () => {
    expect(await refused({ NODE_ENV: 'production' })).toMatch(
      /^The portal did not start: SESSION_SECRET is not set\. In production it must be/,
    )
  })

  test('in production with a short secret', async () => {
    expect(await refused({ NODE_ENV: 'production', SESSION_SECRET: 'short' })).toMatch(
      /^The portal did not start: The secret has 5 characters\. In production it must have at least 32/,
    )
  })

  test('with a port that is taken', async () => {
    const port = await freePort()
    const taken = createServer().listen(port, '127.0.0.1')
    cleanUps.push(() => new Promise((resolve) => taken.close(resolve)))
    const child = startMain({ DATA_DIR: dataFolder, PORT: String(port) })
    cleanUps.push(() => child.end('SIGKILL'))
    expect(await child.ended).toEqual({ code: 1, signal: null })
    expect(child.output).toMatch(new RegExp(`The portal did not start: .*EADDRINUSE.*${port}`))
  })
})
