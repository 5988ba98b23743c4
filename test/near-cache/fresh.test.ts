import { SessionEngine } from 'latchkey/core'
import { MemoryStore } from 'latchkey/stores/memory'
import { CookieAgent } from 'latchkey/testing'
import { afterEach, describe, expect, test } from 'vitest'
import { carrier } from '../support/engine.js'
import { platforms, type TestApp } from '../support/platforms.js'
import { staleOver } from '../support/stale-store.js'
import { ROUTES, secret } from '../acceptance/everywhere.js'

const apps: TestApp[] = []

afterEach(async () => {
  for (const app of apps.splice(0)) await app.close()
})

describe.each(platforms)('the option fresh on $name', (platform) => {
  const start = async (fresh: (request: { readonly url?: string }) => boolean) => {
    const stale = staleOver(new MemoryStore())
    const lines: string[] = []
    const options = { secret, store: stale.store, log: (line: string) => void lines.push(line), fresh }
    const app = await platform.start(options, ROUTES, {})
    apps.push(app)
    const browser = new CookieAgent(app.base)
    await browser.get('/login?user=ann')
    const data = async (query = ''): Promise<unknown> => (await browser.get(`/data${query}`)).json()
    expect(await data()).toEqual({ userId: 'ann' })
    const another = new CookieAgent(app.base)
    another.take(`sessionId=${browser.cookie('sessionId')!}; Path=/`)
    stale.stale()
    await another.get('/logout')
    return { data, lines }
  }

  test('reads past a near cache for the requests that it names, and for no other', async () => {
    const { data } = await start(({ url }) => url?.includes('?fresh') === true)
    expect(await data()).toEqual({ userId: 'ann' })
    expect(await data('?fresh')).toEqual({})
  })

  test('reads past it where the function fails, and says so once', async () => {
    const { data, lines } = await start(({ url }) => {
      if (url?.includes('?bad')) throw new Error('not today')
      return false
    })
    for (let count = 0; count < 3; count++) expect(await data('?bad')).toEqual({})
    expect(lines.filter((line) => line.includes('fresh failed'))).toHaveLength(1)
  })
})

test('a fresh that is no function is refused', async () => {
  const [platform] = platforms
  const options = { secret, store: new MemoryStore(), fresh: true as never }
  await expect(async () => platform!.start(options, ROUTES, {})).rejects.toThrow(/fresh is true. Give a function/)
})

describe('what is written, and what a write is decided by, is never taken from a near cache', () => {
  /** An engine that has seen a session, and that will not hear of what another does to it. */
  async function apart() {
    const store = new MemoryStore()
    const stale = staleOver(store)
    const [engine, other] = [stale.store, store].map(
      (each) => new SessionEngine({ store: each, secret: 's'.repeat(32) }),
    )
    const begun = await other!.open([], carrier)
    Object.assign(begun.session, { userId: 'ann', n: 1 })
    await begun.commit()
    const token = begun.signedToken
    await engine!.open([token], carrier)
    stale.stale()
    return { engine: engine!, other: other!, token, id: token.slice(0, 51) }
  }

  test('reload', async () => {
    const { engine, other, token, id } = await apart()
    const open = await engine.open([token], carrier)
    await other.write(id, { n: 2 }, 'merge')
    await open.session.reload()
    expect({ ...open.session }).toEqual({ userId: 'ann', n: 2 })
    await other.revoke(id)
    await expect(open.session.reload()).rejects.toThrow(expect.objectContaining({ code: 'SESSION_GONE' }))
  })

  test('update tries again on what is stored now', async () => {
    const { engine, other, token, id } = await apart()
    const open = await engine.open([token], carrier)
    await other.write(id, { n: 5 }, 'merge')
    await open.session.update((data) => {
      const counted = data as { n: number }
      counted.n++
    })
    expect(await other.read(id)).toEqual({ userId: 'ann', n: 6 })
  })

  test('a session that has moved on is followed', async () => {
    const { engine, other, token } = await apart()
    const open = await engine.open([token], carrier)
    await (await other.open([token], carrier)).session.rotate()
    Object.assign(open.session, { late: true })
    await open.commit()
    expect(await other.read(token.slice(0, 51))).toMatchObject({ late: true })
  })

  test('writing and ending by id', async () => {
    const { engine, other, id } = await apart()
    await other.write(id, { extra: 1 }, 'merge')
    expect(await engine.write(id, { userId: 'ann' }, 'replace')).toBe(true)
    expect(await other.read(id)).toEqual({ userId: 'ann' })
    expect(await engine.revoke(id)).toBe(true)
    expect(await engine.write(id, { n: 1 }, 'merge')).toBe(false)
    expect(await engine.revoke(id)).toBe(false)
  })
})
