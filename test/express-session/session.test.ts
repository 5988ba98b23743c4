import type { ServerResponse } from 'node:http'
import session from 'latchkey/express-session'
import { CookieAgent } from 'latchkey/testing'
import { describe, expect, test } from 'vitest'
import { body, done, kinds, listening, secret, sidIn, site, type SiteHandler, type SiteRequest } from './support.js'

const count: SiteHandler = ({ session }, response) => {
  session['views'] = Number(session['views'] ?? 0) + 1
  response.end(String(session['views']))
}

describe.each(kinds)('on $kind', ({ make }) => {
  test('req.session keeps what a handler puts there, also nested', async () => {
    const { browser } = await site({ store: make() }, ({ session, url }, response) => {
      if (url === '/begin') session['cart'] = { items: [] }
      else (session['cart'] as { items: string[] }).items.push(url!)
      response.end(JSON.stringify(session['cart']))
    })
    await browser.get('/begin')
    await browser.get('/a')
    expect(await body(browser.get('/b'))).toBe('{"items":["/a","/b"]}')
  })

  test('req.session has data and cookie as its own properties, and no more', async () => {
    const { browser } = await site({ store: make() }, ({ session }, response) => {
      session['a'] = 1
      const names: string[] = []
      for (const name in session) names.push(name)
      response.end(names.toSorted().join())
    })
    expect(await body(browser.get('/'))).toBe('a,cookie')
    expect(await body(browser.get('/'))).toBe('a,cookie')
  })

  test('req.session takes names that Latchkey has for itself elsewhere', async () => {
    const { browser } = await site({ store: make() }, ({ session, url }, response) => {
      if (url === '/set') Object.assign(session, { token: 'a', handle: 'b', update: 'c', '~token': 'd' })
      if (url === '/drop') delete session['handle']
      const { token, handle, update, '~token': tilde } = session as Record<string, unknown>
      response.end(JSON.stringify([token, handle, update, tilde]))
    })
    await browser.get('/set')
    expect(await body(browser.get('/'))).toBe('["a","b","c","d"]')
    await browser.get('/drop')
    expect(await body(browser.get('/'))).toBe('["a",null,"c","d"]')
  })

  test('req.session keeps of an object of a class what its JSON says, and of Date, Map and BigInt all', async () => {
    class User {
      readonly name = 'ada'
      secret = (): void => {}
    }
    class Id {
      toJSON(): string {
        return 'abc'
      }
    }
    const { browser } = await site({ store: make() }, ({ session, url }, response) => {
      if (url === '/set') {
        Object.assign(session, { user: new User(), id_: new Id(), none: NaN, big: 1n, at: new Date(5) })
        session['map'] = new Map([['a', new Set([1])]])
      }
      const { user, id_, none, big, at, map } = session as Record<string, unknown>
      response.end(
        `${JSON.stringify([user, id_, none])} ${typeof big} ${Number(at)} ${String((map as Map<string, Set<number>>).get('a')?.has(1))}`,
      )
    })
    await browser.get('/set')
    expect(await body(browser.get('/'))).toBe('[{"name":"ada"},"abc",null] bigint 5 true')
  })

  test('req.session keeps a hole of an array as null, as its JSON says', async () => {
    const { browser } = await site({ store: make() }, ({ session, url }, response) => {
      if (url === '/set') session['days'] = Object.assign([], { 0: 1, 2: 3 })
      response.end(JSON.stringify(session['days']))
    })
    await browser.get('/set')
    expect(await body(browser.get('/'))).toBe('[1,null,3]')
  })

  test('a WebSocket server may give any object as the response: the session is there, and save() stores it', async () => {
    const middleware = session({ store: make(), secret, resave: false, saveUninitialized: false })
    const base = await listening((request, response) => {
      const sent = request.url === '/upgrade' ? {} : response
      middleware(request, sent as ServerResponse, () => {
        const held = (request as SiteRequest).session
        if (request.url === '/set') held['userId'] = 7
        if (request.url !== '/upgrade') return response.end(JSON.stringify([held['userId'], held['seen'] ?? null]))
        held['seen'] = true
        held.save((error) => response.end(error ? 'failed' : String(held['userId'])))
      })
    })
    const browser = new CookieAgent(base)
    await browser.get('/set')
    expect(await body(browser.get('/upgrade'))).toBe('7')
    expect(await body(browser.get('/'))).toBe('[7,true]')
  })

  test('req.session refuses a cycle with its path, and the answer says that nothing was saved', async () => {
    const { browser, events } = await site({ store: make() }, ({ session }, response) => {
      const cart: { self?: unknown } = {}
      cart.self = cart
      session['cart'] = cart
      response.end('saved')
    })
    const answer = await browser.get('/')
    expect([answer.status, answer.headers.getSetCookie()]).toEqual([500, []])
    expect(events.find(({ type }) => type === 'commit-failed')).toMatchObject({
      error: { code: 'VALUE_NOT_STORABLE', message: expect.stringContaining('cart.self') as string },
    })
  })

  test('Session.regenerate(callback) gives a new id and an empty session, and the old id is dead', async () => {
    const { browser, another } = await site({ store: make() }, async (request, response) => {
      const before = request.session
      const id = request.sessionID
      if (request.url === '/regenerate') await done((callback) => request.session.regenerate(callback))
      else request.session['views'] ??= 1
      response.end(
        JSON.stringify([
          request.session === before,
          request.sessionID === id,
          request.session.id === request.sessionID,
          request.session['views'] ?? null,
        ]),
      )
    })
    await browser.get('/')
    const thief = browser.copy()
    expect(await body(browser.get('/regenerate'))).toBe('[false,false,true,null]')
    expect(await body(browser.get('/'))).toBe('[true,true,true,1]')
    expect(browser.cookie('connect.sid')).not.toBe(thief.cookie('connect.sid'))
    expect(await body(thief.get('/regenerate'))).toBe('[false,false,true,null]')
    expect(another().cookies).toEqual([])
  })

  test('Session.regenerate(callback) hands on what is later written to the old object', async () => {
    const { browser } = await site({ store: make() }, async ({ session, url }, response) => {
      if (url === '/in') {
        await done((callback) => session.regenerate(callback))
        session['userId'] = 7
      }
      response.end(String(session['userId']))
    })
    await browser.get('/in')
    expect(await body(browser.get('/'))).toBe('7')
  })

  test('Session.destroy(callback) takes req.session away at once, ends the session and its cookie', async () => {
    const store = make()
    const { browser } = await site({ store }, async (request, response) => {
      if (request.url !== '/out') return count(request, response)
      const { session } = request
      const ended = done((callback) => session.destroy(callback))
      const isThere = 'session' in request && request.session !== undefined
      await ended
      response.end(`${String(isThere)} ${typeof request.session}`)
    })
    await browser.get('/')
    const thief = browser.copy()
    expect(await body(browser.get('/out'))).toBe('false undefined')
    expect(browser.cookies).toEqual([])
    expect(await body(thief.get('/'))).toBe('1')
  })

  test('Session.destroy(callback) of a visitor without a cookie sends none', async () => {
    const { setCookies } = await site({ store: make(), saveUninitialized: true }, ({ session }, response) => {
      session.destroy(() => response.end())
    })
    expect(await setCookies()).toEqual([])
  })

  test('Session.reload(callback) puts a new object with what is stored on the request', async () => {
    let inside = (): Promise<unknown> => Promise.resolve()
    const { browser } = await site({ store: make() }, async (request, response) => {
      if (request.url !== '/reload') return count(request, response)
      const before = request.session
      request.session['mine'] = true
      await inside()
      await done((callback) => before.reload(callback))
      response.end(
        JSON.stringify([request.session === before, request.session['views'], request.session['mine'] ?? null]),
      )
    })
    await browser.get('/')
    inside = () => browser.copy().get('/')
    expect(await body(browser.get('/reload'))).toBe('[false,2,null]')
    expect(await body(browser.get('/'))).toBe('3')
  })

  test('Session.reload(callback) fails for a session that is gone, in the words of express-session', async () => {
    let inside = (): Promise<unknown> => Promise.resolve()
    const { browser } = await site({ store: make() }, async (request, response) => {
      if (request.url === '/out') return request.session.destroy(() => response.end())
      if (request.url !== '/reload') return count(request, response)
      await inside()
      request.session.reload((error) => response.end((error as Error).message))
    })
    await browser.get('/')
    inside = () => browser.copy().get('/out')
    expect(await body(browser.get('/reload'))).toBe('failed to load session')
  })

  test('Session.save(callback) has stored it when it calls back, and the cookie goes with the answer', async () => {
    const store = make()
    let inside: (sid: string) => Promise<string> = () => Promise.resolve('')
    const { browser, another } = await site({ store }, async (request, response) => {
      if (request.url === '/read') return response.end(JSON.stringify(request.session['views'] ?? 'none'))
      request.session['views'] = 5
      expect(request.session.save()).toBe(request.session)
      await done((callback) => request.session.save(callback))
      response.end(await inside(request.sessionID))
    })
    await browser.get('/')
    inside = () => body(browser.copy().get('/read'))
    expect(await body(browser.get('/'))).toBe('5')
    expect(await body(another().get('/read'))).toBe('"none"')
  })

  test('Session.save(callback) stores an empty session, also with saveUninitialized false', async () => {
    const { setCookies } = await site({ store: make() }, ({ session }, response) => {
      session.save(() => response.end())
    })
    expect(await setCookies()).toHaveLength(1)
  })

  test('Session.touch() gives the session its whole time again', async () => {
    const { browser, events } = await site(
      { store: make(), cookie: { maxAge: 60_000 } },
      async ({ session }, response) => {
        session['views'] = 1
        const left = session.cookie.maxAge!
        await new Promise((resolve) => setTimeout(resolve, 20))
        const later = session.cookie.maxAge!
        expect(session.touch()).toBe(session)
        response.end(JSON.stringify([left > later, session.cookie.maxAge! > later, session.cookie.originalMaxAge]))
      },
    )
    expect(await body(browser.get('/'))).toBe('[true,true,60000]')
    expect(await body(browser.get('/'))).toBe('[true,true,60000]')
    expect(events.map(({ type }) => type)).toEqual(['created'])
  })

  test('req.session.id is req.sessionID and what the cookie brings', async () => {
    const { setCookies, browser } = await site({ store: make() }, (request, response) => {
      request.session['views'] = 1
      response.end(`${request.session.id} ${request.sessionID}`)
    })
    const sid = sidIn((await setCookies())[0])
    expect(await body(browser.get('/'))).toBe(`${sid} ${sid}`)
  })

  test('req.session.id can not be assigned', async () => {
    const { browser } = await site({ store: make() }, ({ session }, response) => {
      let refused = ''
      try {
        ;(session as { id: string }).id = 'mine'
      } catch (error) {
        refused = (error as Error).name
      }
      response.end(refused)
    })
    expect(await body(browser.get('/'))).toBe('TypeError')
  })

  test('req.sessionID that is no text any more keeps everything from being saved', async () => {
    const { setCookies } = await site({ store: make(), saveUninitialized: true }, (request, response) => {
      ;(request as { sessionID: unknown }).sessionID = () => {}
      request.session['views'] = 1
      response.end()
    })
    expect(await setCookies()).toEqual([])
  })

  test('req.session that is another object is refused, instead of saving nothing without a word', async () => {
    const { browser } = await site({ store: make() }, (request, response) => {
      ;(request as { session: unknown }).session = { views: 1 }
      response.end('saved')
    })
    expect((await browser.get('/')).status).toBe(500)
  })

  test('req.session that is there already is left alone', async () => {
    const { setCookies } = await site(
      { store: make(), saveUninitialized: true },
      ({ session }, response) => response.end(JSON.stringify(session)),
      (request) => void ((request as { session: unknown }).session = {}),
    )
    expect(await setCookies()).toEqual([])
  })
})
