import { Controller, Get, Inject, Req, Session as NestSession } from '@nestjs/common'
import { SessionService, type Session } from 'latchkey'
import { MemoryStore } from 'latchkey/stores/memory'
import { CookieAgent, FailingStore, type StoreVerb } from 'latchkey/testing'
import { describe, expect, test } from 'vitest'
import { everywhereInNest } from '../acceptance/everywhere-nest.js'
import { ending, ROUTES, secret, type Routes } from '../acceptance/everywhere.js'
import { platforms } from '../support/platforms.js'

/** What a store may say of itself, and no client is to see. */
const MARKER = 'marker-of-the-store'

function storeError(): Error {
  const cause = new Error(`connect ECONNREFUSED 10.1.2.3:6379 ${MARKER}`)
  return Object.assign(new Error(`WRONGPASS invalid username-password pair ${MARKER}`, { cause }), {
    code: `SQLITE_${MARKER}`,
    sql: `SELECT ${MARKER}`,
    statusCode: 418,
    expose: true,
    headers: { 'x-store': MARKER },
  })
}

/** An answer with a code and a general sentence, and with nothing of what was behind it. */
async function isGeneral(response: Response): Promise<void> {
  const text = [...response.headers].flat().join('\n') + (await response.clone().text())
  expect(text).not.toContain(MARKER)
  expect(text).not.toMatch(/redis|sqlite|ECONN|WRONGPASS|NOSCRIPT|SELECT /i)
  expect(text).not.toMatch(/\bat .+:\d+|node_modules|\.[tj]s\b/)
  const body = (await response.json()) as Record<string, unknown>
  expect(Object.keys(body)).toEqual(['statusCode', 'code', 'error', 'message'])
  expect(body['statusCode']).toBe(response.status)
  expect(body['code']).toMatch(/^[A-Z_]+$/)
  expect(body['message']).toMatch(/^Your session .+\.$/)
}

const routes: Routes = {
  'GET /save': async ({ session }) => {
    session['a'] = 1
    await session.save()
  },
  'GET /update': ({ session }) => session.update((data) => void Object.assign(data, { b: 1 })),
  'GET /reload': ({ session }) => session.reload(),
  'GET /touch': ({ session }) => session.touch(),
  'GET /rotate': ({ session }) => session.rotate(),
  'GET /regenerate': ({ session }) => session.regenerate(),
  'GET /token': ({ session }) => session.token(),
  'GET /swallow': async ({ session }) => {
    session['a'] = 1
    await session.save().catch(() => {})
    return 'saved'
  },
  'GET /unstorable': ({ session }) => void (session['bad'] = () => MARKER),
  'GET /named': ({ session }) => void (session[`${MARKER}\ud800`] = 1),
  'GET /large': ({ session }) => void (session[MARKER] = 'x'.repeat(70_000)),
}

const FAILURES: readonly (readonly [path: string, verbs: readonly StoreVerb[], status: number])[] = [
  ['/data', ['load'], 503],
  ['/set?a=1', ['update'], 503],
  ['/login?user=43', ['rotate'], 503],
  ['/logout', ['delete'], 503],
  ['/save', ['update'], 503],
  ['/update', ['update'], 503],
  ['/touch', ['touch'], 503],
  ['/rotate', ['rotate'], 503],
  ['/regenerate', ['delete'], 503],
  ['/swallow', ['update'], 503],
  ['/unstorable', [], 500],
  ['/named', [], 500],
  ['/large', [], 413],
]

describe.each(platforms)('an error that reaches a client has a code and a general sentence, on $name', (platform) => {
  test.each(FAILURES)('of %s, where %s fail: %i', async (path, verbs, status) => {
    const store = new FailingStore(new MemoryStore())
    const app = ending(await platform.start({ store, secret, log: false }, { ...ROUTES, ...routes }))
    const browser = new CookieAgent(app.base)
    await browser.get('/login?user=42')
    // A client that has shown its id may be given another.
    await browser.get('/data')
    if (verbs.length > 0) store.failWith(storeError(), verbs)
    const response = await browser.get(path)
    expect(response.status).toBe(status)
    await isGeneral(response)
  })

  test('of an error of the application that the session meets, such as one of its option subject', async () => {
    const subject = (data: { readonly userId?: unknown }): unknown => {
      if (data.userId === 'bad') throw storeError()
      return data.userId
    }
    const app = ending(await platform.start({ store: new MemoryStore(), secret, log: false, subject }, ROUTES))
    const response = await new CookieAgent(app.base).get('/login?user=bad')
    expect(response.status).toBe(500)
    await isGeneral(response)
  })

  test('of a connection that can not carry the cookie', async () => {
    const app = ending(
      await platform.start({ store: new MemoryStore(), secret, log: false, cookie: { secure: true } }, ROUTES),
    )
    const response = await new CookieAgent(app.base).get('/login?user=42')
    expect(response.status).toBe(500)
    await isGeneral(response)
  })
})

@Controller()
class FailingController {
  constructor(@Inject(SessionService) private readonly service: SessionService) {}

  @Get('login')
  async login(@Req() request: object): Promise<void> {
    await this.service.login(request, { id: 42 })
  }

  @Get('set')
  set(@NestSession() session: Record<string, unknown>): void {
    session['a'] = Math.random()
  }

  @Get('save')
  async save(@NestSession() session: Session): Promise<void> {
    Object.assign(session, { a: Math.random() })
    await session.save()
  }

  @Get('large')
  large(@NestSession() session: Record<string, unknown>): void {
    session[MARKER] = 'x'.repeat(70_000)
  }

  @Get('service')
  async byService(): Promise<unknown> {
    return (await this.service.list(42)).length
  }
}

describe('an error that reaches a client has a code and a general sentence', () => {
  everywhereInNest((start) => {
    test.each<[string, readonly StoreVerb[], number]>([
      ['set', ['load'], 503],
      ['set', ['update'], 503],
      ['save', ['update'], 503],
      ['login', ['rotate'], 503],
      ['service', ['list'], 503],
      ['large', [], 413],
    ])('of %s, where %s fail: %i', async (path, verbs, status) => {
      const { browser, store } = await start([FailingController])
      await browser.get('/login')
      if (verbs.length > 0) store.failWith(storeError(), verbs)
      const response = await browser.get(`/${path}`)
      expect(response.status).toBe(status)
      await isGeneral(response)
    })
  })
})
