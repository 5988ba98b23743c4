import { afterEach, describe, expect, test } from 'vitest'
import { startRedis } from '../../../test/support/redis-server.js'
import { ada, adapters, answer, startPortal, type Portal } from './support/portal.js'
import { freePort } from './support/ports.js'
import { startPostgres } from './support/postgres-server.js'

const cleanUps: (() => Promise<unknown>)[] = []

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).toReversed()) await cleanUp()
})

describe.each(adapters)('on %s', (adapter) => {
  async function start(settings: Parameters<typeof startPortal>[0] = {}): Promise<Portal> {
    const portal = await startPortal({ adapter, ...settings })
    cleanUps.push(() => portal.stop())
    return portal
  }

  test('a portal that can work says so', async () => {
    const health = await (await start()).browser().get('/health')
    expect(health.headers.get('cache-control')).toBe('no-store')
    expect(await answer(Promise.resolve(health))).toEqual({
      status: 200,
      body: { status: 'ok', users: 'up', sessions: 'up' },
    })
  })

  test('without its Redis it says so, answers whom it can, and works again when Redis is back', async () => {
    const redis = await startRedis()
    cleanUps.push(() => redis.stop())
    const portal = await start({ redisUrl: redis.url })
    const browser = portal.browser()
    await browser.post('/auth/register', ada)
    await browser.post('/auth/login', ada)
    expect((await browser.get('/profile')).status).toBe(200)

    await redis.stop()
    const down = { status: 503, body: { status: 'error', users: 'up', sessions: 'down' } }
    expect(await answer(portal.browser().get('/health'))).toEqual(down)
    expect((await browser.get('/profile')).status).toBe(503)
    expect((await portal.browser().post('/auth/login', ada)).status).toBe(503)
    expect((await portal.browser().get('/auth/me')).status).toBe(200)

    const again = await startRedis({ port: redis.port })
    cleanUps.push(() => again.stop())
    await expect.poll(() => portal.browser().get('/health'), { timeout: 10_000 }).toMatchObject({ status: 200 })
    expect((await portal.browser().post('/auth/login', ada)).status).toBe(200)
  })
})

test('a portal whose Redis is not there yet starts, and has it once it is', async () => {
  const port = await freePort()
  const portal = await startPortal({ redisUrl: `redis://127.0.0.1:${port}` })
  cleanUps.push(() => portal.stop())
  expect((await portal.browser().get('/health')).status).toBe(503)
  const redis = await startRedis({ port })
  cleanUps.push(() => redis.stop())
  await expect.poll(() => portal.browser().get('/health'), { timeout: 10_000 }).toMatchObject({ status: 200 })
})

test('without its PostgreSQL it says so, and sessions go on', async () => {
  const postgres = await startPostgres()
  cleanUps.push(() => postgres.stop())
  const portal = await startPortal({ databaseUrl: await postgres.createDatabase() })
  cleanUps.push(() => portal.stop())
  const browser = portal.browser()
  await browser.post('/auth/register', ada)
  await browser.post('/auth/login', ada)

  await postgres.stop()
  const down = { status: 503, body: { status: 'error', users: 'down', sessions: 'up' } }
  expect(await answer(browser.get('/health'))).toEqual(down)
  expect((await browser.get('/profile')).status).toBe(200)
})
