import { EventEmitter } from 'node:events'
import { inherits } from 'node:util'
import session, { Cookie, Session, Store, type SessionData, type StoredSession } from 'latchkey/express-session'
import { MemoryStore } from 'latchkey/stores/memory'
import { describe, expect, test } from 'vitest'
import { body, done, kinds, site, type SiteHandler, type SiteRequest } from './support.js'

const visit: SiteHandler = ({ session }, response) => {
  session['views'] = Number(session['views'] ?? 0) + 1
  response.end(String(session['views']))
}

/** What a verb of a store calls back with. */
function answer<T>(call: (callback: (error?: unknown, value?: T) => void) => unknown): Promise<T | undefined> {
  return new Promise((resolve, reject) => call((error, value) => (error ? reject(error as Error) : resolve(value))))
}

type Sessions = Record<string, string>

/** A store as those were written that are years old: a call on its own object, and callbacks at once. */
function OldStore(this: { sessions: Sessions }): void {
  ;(session.Store as unknown as (this: object) => void).call(this)
  this.sessions = {}
}
inherits(OldStore, session.Store as never)
Object.assign((OldStore as unknown as { prototype: object }).prototype, {
  get(this: { sessions: Sessions }, sid: string, callback: (error: unknown, session: unknown) => void): void {
    callback(null, JSON.parse(this.sessions[sid]!))
  },
  set(this: { sessions: Sessions }, sid: string, value: SessionData, callback: () => void): void {
    this.sessions[sid] = JSON.stringify(value)
    callback()
  },
  destroy(this: { sessions: Sessions }, sid: string, callback: () => void): void {
    delete this.sessions[sid]
    callback()
  },
})

/** A store as they are written today: a class. */
class NewStore extends session.Store {
  readonly sessions = new Map<string, string>()
  readonly asked: string[] = []

  override get(sid: string, callback: (error?: unknown, session?: StoredSession | null) => void): void {
    this.asked.push('get')
    const text = this.sessions.get(sid)
    if (text) return void setImmediate(callback, null, JSON.parse(text))
    setImmediate(callback, Object.assign(new Error('no such file'), { code: 'ENOENT' }))
  }

  override set(sid: string, value: SessionData, callback?: () => void): void {
    this.asked.push('set')
    this.sessions.set(sid, JSON.stringify(value))
    if (callback) setImmediate(callback)
  }

  override destroy(sid: string, callback?: () => void): void {
    this.asked.push('destroy')
    this.sessions.delete(sid)
    if (callback) setImmediate(callback)
  }
}

describe('Store', () => {
  test('is a base for classes, for constructors of old, and an EventEmitter', async () => {
    const old = new (OldStore as unknown as new () => Store)()
    for (const store of [new NewStore(), old]) {
      expect([store instanceof Store, store instanceof EventEmitter]).toEqual([true, true])
      const { browser } = await site({ store }, visit)
      await browser.get('/')
      expect(await body(browser.get('/'))).toBe('2')
    }
  })

  test('store.get with ENOENT is no session', async () => {
    const store = new NewStore()
    const { browser } = await site({ store }, visit)
    await browser.get('/')
    store.sessions.clear()
    expect(await body(browser.get('/'))).toBe('1')
  })

  test('store.set is called once for a new session, without a look before it, and with a cookie that express-session reads', async () => {
    const store = new NewStore()
    const { browser } = await site({ store, cookie: { maxAge: 60_000, sameSite: 'lax' } }, visit)
    await browser.get('/')
    expect(store.asked).toEqual(['set'])
    const [kept] = [...store.sessions.values()].map((text) => JSON.parse(text) as StoredSession)
    expect(kept).toMatchObject({
      views: 1,
      cookie: { originalMaxAge: 60_000, httpOnly: true, path: '/', sameSite: 'lax' },
    })
    expect(Date.parse(String(kept!.cookie.expires)) - Date.now()).toBeGreaterThan(50_000)
  })

  test('store.set that fails is a 503 and no cookie, not a success', async () => {
    const store = new NewStore()
    store.set = (_sid, _session, callback) => (callback as (error: Error) => void)(new Error('disk full'))
    const { browser } = await site({ store }, visit)
    const response = await browser.get('/')
    expect([response.status, response.headers.get('retry-after'), browser.cookies]).toEqual([503, '1', []])
  })

  test('store.get that fails is given to the application, as an error that says 503', async () => {
    const store = new NewStore()
    const { browser } = await site({ store }, visit)
    await browser.get('/')
    store.get = (_sid, callback) => callback(new Error('gone away'))
    const response = await browser.get('/')
    expect([response.status, await response.text()]).toEqual([503, expect.stringContaining('failed at get')])
    expect(browser.cookies).toHaveLength(1)
  })

  test('store.destroy that fails is a 503: nobody is told that he is signed out', async () => {
    const store = new NewStore()
    const { browser } = await site({ store }, (request, response) => {
      if (request.url === '/') return visit(request, response)
      request.session.destroy(() => response.end('signed out'))
    })
    await browser.get('/')
    store.destroy = (_sid, callback) => (callback as (error: Error) => void)(new Error('gone away'))
    expect((await browser.get('/out')).status).toBe(503)
  })

  test('store.touch is called for use, with a cookie, and never with data', async () => {
    const touched: object[] = []
    const store = Object.assign(new NewStore(), {
      touch(_sid: string, value: SessionData, callback: () => void): void {
        touched.push(value)
        callback()
      },
    })
    const { browser } = await site({ store, resave: true, cookie: { maxAge: 60_000 } }, ({ session }, response) => {
      session['a'] ??= 1
      response.end()
    })
    await browser.get('/')
    store.asked.length = 0
    await browser.get('/')
    expect([store.asked, touched]).toEqual([
      ['get'],
      [{ cookie: expect.objectContaining({ originalMaxAge: expect.any(Number) as number }) as object }],
    ])
  })

  test('store.touch never brings back what another process has ended', async () => {
    const store = new session.MemoryStore()
    const { browser } = await site({ store, resave: true }, async (request, response) => {
      if (request.url === '/') return visit(request, response)
      await done((callback) => store.destroy(request.sessionID, callback))
      response.end()
    })
    await browser.get('/')
    await browser.get('/ended-elsewhere')
    expect(await answer((callback) => store.length(callback))).toBe(0)
  })

  test("store 'disconnect' takes req.session away, 'connect' gives it again", async () => {
    const store = new session.MemoryStore()
    const { browser } = await site({ store }, (request, response) => response.end(typeof request.session))
    store.emit('disconnect')
    expect(await body(browser.get('/'))).toBe('undefined')
    store.emit('connect')
    expect(await body(browser.get('/'))).toBe('object')
  })
})

describe('MemoryStore', () => {
  async function filled(): Promise<{ store: InstanceType<typeof session.MemoryStore>; sids: string[] }> {
    const store = new session.MemoryStore()
    const sids: string[] = []
    const { another } = await site({ store, cookie: { maxAge: 60_000 } }, (request, response) => {
      sids.push(request.sessionID)
      visit(request, response)
    })
    await another().get('/')
    await another().get('/')
    return { store, sids }
  }

  test('store.all(callback) and store.length(callback)', async () => {
    const { store, sids } = await filled()
    const all = await answer<Record<string, StoredSession>>((callback) => store.all(callback))
    expect(Object.keys(all!).toSorted()).toEqual(sids.toSorted())
    expect(all![sids[0]!]).toMatchObject({ views: 1, cookie: { originalMaxAge: 60_000 } })
    expect(await answer((callback) => store.length(callback))).toBe(2)
  })

  test('store.clear(callback)', async () => {
    const { store } = await filled()
    await done((callback) => store.clear(callback))
    expect(await answer((callback) => store.length(callback))).toBe(0)
  })

  test('store.get(sid, callback), store.set(sid, session, callback) and store.destroy(sid, callback)', async () => {
    const { store, sids } = await filled()
    const kept = await answer<StoredSession | null>((callback) => store.get(sids[0]!, callback))
    expect(kept).toMatchObject({ views: 1 })
    await done((callback) => store.set('other', kept as never, callback))
    expect(await answer((callback) => store.get('other', callback))).toEqual(kept)
    await done((callback) => store.destroy('other', callback))
    expect(await answer((callback) => store.get('other', callback))).toBe(undefined)
  })

  test('store.touch(sid, session, callback) takes the cookie and no data', async () => {
    const { store, sids } = await filled()
    const cookie = new Cookie({ maxAge: 90_000 })
    await done((callback) => store.touch(sids[0]!, { cookie, views: 9 } as never, callback))
    const kept = await answer<StoredSession | null>((callback) => store.get(sids[0]!, callback))
    expect(kept).toMatchObject({ views: 1, cookie: { originalMaxAge: 90_000 } })
    await done((callback) => store.touch('none', { cookie } as never, callback))
    expect(await answer((callback) => store.length(callback))).toBe(2)
  })

  test('gives out no session whose cookie is over, and does not keep it', async () => {
    const store = new session.MemoryStore()
    await done((callback) => store.set('a', { cookie: new Cookie({ expires: new Date(0) }) }, callback))
    expect(await answer((callback) => store.get('a', callback))).toBe(undefined)
    expect(Object.keys((store as unknown as { sessions: object }).sessions)).toEqual([])
  })

  test('does not keep expired sessions that nobody asks for', () => {
    const store = new session.MemoryStore()
    const over = { cookie: new Cookie({ expires: new Date(0) }) }
    for (let index = 0; index < 2500; index++) store.set(`sid-${index}`, over)
    expect(Object.keys((store as unknown as { sessions: object }).sessions).length).toBeLessThan(1001)
  })
})

describe.each(kinds)('on $kind', ({ make }) => {
  test('req.sessionStore gets a session by its id, and sets and destroys it', async () => {
    const { browser } = await site({ store: make() }, async (request, response) => {
      const { sessionStore: store, sessionID: sid, url } = request
      if (url === '/') return visit(request, response)
      const kept = await answer<StoredSession | null>((callback) => store.get(sid, callback))
      if (url === '/set') await done((callback) => store.set(sid, { ...kept, views: 41 } as never, callback))
      if (url === '/destroy') await done((callback) => store.destroy(sid, callback))
      response.end(String(kept?.['views']))
    })
    await browser.get('/')
    expect(await body(browser.get('/set'))).toBe('1')
    expect(await body(browser.get('/'))).toBe('42')
    expect(await body(browser.get('/destroy'))).toBe('42')
    expect(await body(browser.get('/'))).toBe('1')
  })

  test('store.load(sid, callback) gives a session with verbs, as WebSocket servers use it', async () => {
    let request: SiteRequest | undefined
    const { browser } = await site({ store: make() }, (now, response) => {
      request = now
      visit(now, response)
    })
    await browser.get('/')
    const { sessionStore: store, sessionID: sid } = request!
    type Loaded = Session & Record<string, unknown>
    const loaded = (await answer<object>((callback) => store.load(sid, callback as never))) as Loaded
    expect([loaded instanceof Session, loaded.id, loaded['views']]).toEqual([true, sid, 1])
    loaded['views'] = 10
    await done((callback) => loaded.save(callback))
    await done((callback) => loaded.reload(callback))
    expect(await body(browser.get('/'))).toBe('11')
    await done((callback) => loaded.destroy(callback))
    expect(await answer((callback) => store.load(sid, callback))).toBe(undefined)
  })

  test('store.regenerate(req, callback) and store.generate(req) give the request a new session', async () => {
    const { browser } = await site({ store: make() }, async (request, response) => {
      const { sessionStore: store, sessionID: sid, url } = request
      if (url === '/regenerate') await done((callback) => store.regenerate(request as never, callback))
      if (url === '/generate') store.generate(request as never)
      response.setHeader('X-New', String(request.sessionID !== sid))
      visit(request, response)
    })
    for (const path of ['/regenerate', '/generate']) {
      await browser.get('/')
      await browser.get('/')
      const thief = browser.copy()
      const response = await browser.get(path)
      expect([response.headers.get('x-new'), await response.text()]).toEqual(['true', '1'])
      expect(await body(browser.get('/'))).toBe('2')
      // What generate leaves is still there, as ever.
      expect(await body(thief.get('/'))).toBe(path === '/generate' ? '5' : '1')
    }
  })
})

test('a store of Latchkey is known by what it can, although stores of express-session have a method `load` too', async () => {
  const ours = new MemoryStore()
  const { browser } = await site({ store: ours }, (request, response) => {
    request.session['a'] = 1
    response.end(String(request.sessionStore === (ours as unknown)))
  })
  expect(await body(browser.get('/'))).toBe('false')
})
