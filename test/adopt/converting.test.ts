import { Signer } from '@fastify/cookie'
import { ManualClock } from 'latchkey/testing'
import { expect, test } from 'vitest'
import { everyLibrary, secret, type Browser, type NewApp, type StartNew } from './side-by-side.js'

const HOUR = 3_600_000

everyLibrary((sides) => {
  /** A browser with a session as the other library keeps it, or something else in its place. */
  async function planted(text: string, seconds?: number, signedBy = secret): Promise<Browser> {
    const browser = sides.browser()
    const { cookieName, from } = sides.library
    await sides.redis.command('SET', 'sess:an-id', text, ...(seconds === undefined ? [] : ['EX', String(seconds)]))
    const signed = new Signer(signedBy).sign('an-id')
    browser.take(`${cookieName}=${encodeURIComponent(from === 'connect-redis' ? `s:${signed}` : signed)}; Path=/`)
    return browser
  }

  const written = (data: object, cookie: object = {}): string =>
    JSON.stringify({ cookie: { originalMaxAge: null, expires: null, httpOnly: true, path: '/', ...cookie }, ...data })

  const isLeft = async (): Promise<boolean> => (await sides.redis.command('EXISTS', 'sess:an-id')) === 1

  const look = (browser: Browser, app: NewApp) =>
    browser.json(app, '/look') as Promise<{ maxAge: number | null; authenticatedAt: number | undefined }>

  /** Looks with a new application at a session that can't be taken over. */
  async function refused(text: string, start: StartNew = {}): Promise<NewApp> {
    const browser = await planted(text, 100)
    const now = await sides.startNew(start)
    expect(await browser.json(now, '/data')).toEqual({})
    expect(await isLeft()).toBe(true)
    expect(browser.cookies).toEqual([sides.library.cookieName])
    return now
  }

  test('it ends when it would have ended', async () => {
    const expires = new Date(Date.now() + HOUR).toISOString()
    const browser = await planted(written({ userId: 'ann' }, { expires, originalMaxAge: 2 * HOUR }), 3600)
    const now = await sides.startNew()
    const { maxAge } = await look(browser, now)
    expect(maxAge).toBeGreaterThan(HOUR - 20_000)
    expect(maxAge).toBeLessThanOrEqual(HOUR)
    const [key] = (await sides.keys()).filter((each) => each.includes(':s:') && !each.includes('sess:'))
    expect(key).toBeDefined()
    const [record] = await now.store.list('ann')
    expect(record).toMatchObject({ persistent: true })
    expect(record!.lastSeenAt + record!.idleTimeout).toBeGreaterThanOrEqual(record!.expiresAt)
  })

  test('one that rolled goes on rolling, as a new one does', async () => {
    const expires = new Date(Date.now() + HOUR / 2).toISOString()
    const browser = await planted(written({ userId: 'ann' }, { expires, originalMaxAge: HOUR }), 1800)
    const now = await sides.startNew({ adopt: { rolling: true } })
    await browser.get(now, '/data')
    const [record] = await now.store.list('ann')
    expect(record).toMatchObject({ idleTimeout: HOUR })
    expect(record!.expiresAt - record!.createdAt).toBe(24 * HOUR)
  })

  test('a cookie that goes with the browser still does', async () => {
    const browser = await planted(written({ userId: 'ann' }), 86_400)
    const now = await sides.startNew()
    expect(await look(browser, now)).toMatchObject({ maxAge: null })
    expect(await now.store.list('ann')).toMatchObject([{ persistent: false }])
  })

  test('one without an end anywhere gets that of a new one', async () => {
    const browser = await planted(written({ userId: 'ann' }))
    const now = await sides.startNew()
    await browser.get(now, '/data')
    const [record] = await now.store.list('ann')
    expect(record!.expiresAt - record!.createdAt).toBe(24 * HOUR)
  })

  test('a date in the past counts as the library itself has it', async () => {
    const expires = new Date(Date.now() - HOUR).toISOString()
    const browser = await planted(written({ userId: 'ann' }, { expires, originalMaxAge: HOUR }), 600)
    const now = await sides.startNew()
    // express-session leaves the end to Redis, which it prolongs with each request; @fastify/session goes by the date.
    const isGood = sides.library.from === 'connect-redis'
    expect(await browser.json(now, '/data')).toEqual(isGood ? { userId: 'ann' } : {})
    if (isGood) expect((await look(browser, now)).maxAge).toBeLessThanOrEqual(600_000)
  })

  test('when its subject signed in is not known, and counts as long ago', async () => {
    const browser = await planted(written({ userId: 'ann' }), 600)
    const now = await sides.startNew()
    expect(await look(browser, now)).toMatchObject({ authenticatedAt: 0 })
  })

  test('it belongs to whom the option `subject` says, as with Passport', async () => {
    const browser = await planted(
      written({ passport: { user: 'ann' }, flash: { error: ['no'] }, __proto__: null }),
      600,
    )
    const subject = (data: Readonly<Record<string, unknown>>): unknown =>
      (data['passport'] as { user?: unknown } | undefined)?.user
    const now = await sides.startNew({ options: { subject } })
    expect(await browser.json(now, '/data')).toEqual({ passport: { user: 'ann' }, flash: { error: ['no'] } })
    expect(await now.store.count('ann')).toBe(1)
  })

  test('the limit of a subject is kept as at a sign-in', async () => {
    const now = await sides.startNew({ options: { maxSessions: 1 } })
    const other = sides.browser()
    await other.get(now, '/login?user=ann')
    const browser = await planted(written({ userId: 'ann' }), 600)
    expect(await browser.json(now, '/data')).toEqual({ userId: 'ann' })
    expect(await now.store.count('ann')).toBe(1)
    expect(now.events.map(({ type }) => type)).toEqual(['created', 'evicted', 'adopted'])
    expect(await other.json(now, '/data')).toEqual({})
  })

  test('one more than the limit lets in is left as it is', async () => {
    const options = { maxSessions: 1, onLimit: 'refuse' } as const
    const now = await sides.startNew({ options })
    await sides.browser().get(now, '/login?user=ann')
    const browser = await planted(written({ userId: 'ann' }), 600)
    expect(await browser.json(now, '/data')).toEqual({})
    expect(await isLeft()).toBe(true)
    expect(now.events.at(-1)).toMatchObject({ type: 'adoption-failed', error: { code: 'SESSION_LIMIT_REACHED' } })
  })

  test('one that holds nothing is no session, and is left to end by itself', async () => {
    const now = await refused(written({}))
    expect(now.events).toEqual([])
  })

  test('what can not be converted is left as it is, and the operator is told why', async () => {
    const unreadable = ['no JSON', '[1]', '"text"', 'null', '17', '\u0000\u0001', '{"userId":"ann"']
    for (const text of unreadable) {
      const now = await refused(text)
      expect(now.events, text).toMatchObject([{ type: 'adoption-failed', error: { code: 'RECORD_UNREADABLE' } }])
      expect(now.lines).toHaveLength(1)
      expect(now.lines[0]).toContain('is left where it is')
      await now.close()
    }
    const named = await refused(written({ userId: 'ann', token: 'abc' }))
    expect(named.events).toMatchObject([{ type: 'adoption-failed', error: { code: 'VALUE_NOT_STORABLE' } }])
    expect(named.lines[0]).toContain('"token"')
    const large = await refused(written({ userId: 'ann', text: 'x'.repeat(70_000) }))
    expect(large.events).toMatchObject([{ type: 'adoption-failed', error: { code: 'SESSION_TOO_LARGE' } }])
    const huge = await refused(written({ userId: 'ann', text: 'x'.repeat(1_000_000) }))
    expect(huge.events).toMatchObject([{ type: 'adoption-failed', error: { code: 'SESSION_TOO_LARGE' } }])
    const strange = await refused(written({ userId: { id: 'ann' } }))
    expect(strange.events).toMatchObject([{ type: 'adoption-failed', error: { code: 'SUBJECT_INVALID' } }])
  })

  test('a key of another type is left as it is', async () => {
    const browser = await planted('x')
    await sides.redis.command('DEL', 'sess:an-id')
    await sides.redis.command('HSET', 'sess:an-id', 'a', '1')
    const now = await sides.startNew()
    expect(await browser.json(now, '/data')).toEqual({})
    expect(now.events).toMatchObject([{ type: 'adoption-failed', error: { code: 'RECORD_UNREADABLE' } }])
    expect(await isLeft()).toBe(true)
  })

  test('data with a name of ours are taken over once `convert` gives them another', async () => {
    const browser = await planted(written({ userId: 'ann', token: 'abc' }), 600)
    const convert = ({ token, ...data }: Record<string, unknown>): Record<string, unknown> => ({ ...data, key: token })
    const now = await sides.startNew({ adopt: { convert } })
    expect(await browser.json(now, '/data')).toEqual({ userId: 'ann', key: 'abc' })
  })

  test('a `convert` that throws leaves the session as it is', async () => {
    const convert = (): never => {
      throw new TypeError('a mistake of the application')
    }
    const now = await refused(written({ userId: 'ann' }), { adopt: { convert } })
    expect(now.lines[0]).toContain('a mistake of the application')
  })

  test('a cookie that their secret did not sign leads to nothing, and costs no look at Redis', async () => {
    const browser = await planted(written({ userId: 'ann' }), 600, 'a secret of somebody else, long enough')
    const now = await sides.startNew()
    const before = await commands()
    expect(await browser.json(now, '/data')).toEqual({})
    expect(await commands()).toBe(before)
    expect(await isLeft()).toBe(true)
  })

  test('their secret may be another one, and several', async () => {
    const browser = await planted(written({ userId: 'ann' }), 600, 'short')
    const now = await sides.startNew({ adopt: { secret: ['newer', 'short'] } })
    expect(await browser.json(now, '/data')).toEqual({ userId: 'ann' })
  })

  test('their prefix and the name of their cookie may be others', async () => {
    const cookieName = 'old.sid'
    const old = await sides.startOld({}, { cookieName })
    const browser = sides.browser()
    await browser.get(old, '/login?user=ann')
    const [key] = await sides.keys()
    await sides.redis.command('RENAME', key!, key!.replace('sess:', 'app:'))
    const now = await sides.startNew({ adopt: { prefix: 'app:', cookieName } })
    expect(await browser.json(now, '/data')).toMatchObject({ userId: 'ann' })
    expect(browser.cookies).toEqual(['sid'])
  })

  test('the old cookie is good until the new one has come back, and for five minutes in any case', async () => {
    const clock = new ManualClock()
    const browser = await planted(written({ userId: 'ann' }), 7200)
    const theirs = browser.cookie(sides.library.cookieName)
    const now = await sides.startNew({ clock: clock.now })
    const withTheirs = async (): Promise<unknown> => {
      const old = sides.browser()
      old.take(`${sides.library.cookieName}=${theirs}; Path=/`)
      return old.json(now, '/data')
    }
    await browser.get(now, '/data')
    await browser.get(now, '/data')
    clock.advance(290_000)
    // An old instance may have sent it once more.
    expect(await withTheirs()).toEqual({ userId: 'ann' })
    clock.advance(11_000)
    expect(await withTheirs()).toEqual({})
    expect(now.events.map(({ type }) => type)).toContain('reuse-detected')
    expect(await browser.json(now, '/data')).toEqual({ userId: 'ann' })
  })

  test('the old cookie is good for as long as the new one has not come back', async () => {
    const clock = new ManualClock()
    const browser = await planted(written({ userId: 'ann' }), 7200)
    const theirs = browser.cookie(sides.library.cookieName)
    const now = await sides.startNew({ clock: clock.now })
    await browser.get(now, '/data')
    clock.advance(HOUR)
    browser.forget()
    browser.take(`${sides.library.cookieName}=${theirs}; Path=/`)
    expect(await browser.json(now, '/data')).toEqual({ userId: 'ann' })
    expect(browser.cookies).toEqual(['sid'])
  })

  test('a session is looked after for five minutes, and then once more', async () => {
    const clock = new ManualClock()
    const browser = await planted(written({ userId: 'ann' }), 7200)
    const now = await sides.startNew({ clock: clock.now })
    await browser.get(now, '/data')
    await browser.get(now, '/data')
    clock.advance(299_000)
    await sides.redis.command('SET', 'sess:an-id', written({ userId: 'ann', colour: 'red' }), 'EX', '600')
    clock.advance(60_000)
    expect(await browser.json(now, '/data')).toEqual({ userId: 'ann', colour: 'red' })
    expect(await isLeft()).toBe(false)
    const before = await commands()
    expect(await browser.json(now, '/data')).toEqual({ userId: 'ann', colour: 'red' })
    expect((await commands()) - before).toBe(1)
  })

  test('nothing in Redis tells the id of theirs afterwards', async () => {
    const browser = await planted(written({ userId: 'ann' }), 600)
    const now = await sides.startNew()
    await browser.get(now, '/data')
    for (const key of await sides.keys()) {
      expect(key).not.toContain('an-id')
      if (!key.endsWith(':u')) expect(JSON.stringify(await sides.redis.command('HGETALL', key))).not.toContain('an-id')
    }
  })

  /** How many commands on keys Redis has had from the application. */
  async function commands(): Promise<number> {
    const stats = (await sides.redis.command('INFO', 'commandstats')) as string
    const counted = [...stats.matchAll(/cmdstat_(evalsha|hgetall):calls=(\d+)/g)]
    return counted.reduce((sum, [, , calls]) => sum + Number(calls), 0)
  }
})
