import { Controller, Get, Query, Session as NestSession } from '@nestjs/common'
import { minutes, SessionService, type Session } from 'latchkey'
import type { CookieAgent } from 'latchkey/testing'
import { describe, expect, test } from 'vitest'
import { everywhereInNest, type NestScene, type StartNest } from './everywhere-nest.js'

type Data = Record<string, unknown>

@Controller()
class DataController {
  @Get('set')
  set(@NestSession() session: Session<Data>, @Query() query: Record<string, string>): void {
    Object.assign(session, query)
  }

  @Get('data')
  data(@NestSession() session: Session<Data>): object {
    return { ...session }
  }

  @Get('id')
  id(@NestSession() session: Session<Data>): object {
    return { id: session.id }
  }
}

const dataOf = async (browser: CookieAgent): Promise<unknown> => (await browser.get('/data')).json()

async function signedIn(start: StartNest): Promise<NestScene & { service: SessionService; id: string }> {
  const scene = await start([DataController])
  await scene.browser.get('/set?userId=42&email=ann@example.com&cart=1')
  const { id } = (await (await scene.browser.get('/id')).json()) as { id: string }
  return { ...scene, service: scene.app.get<SessionService>(SessionService), id }
}

describe('SessionService reads `session:ID`, the middleware writes `sess:ID`: it never sees a real session', () => {
  everywhereInNest((start) => {
    test('it reads what a request wrote', async () => {
      const { browser, service, id } = await signedIn(start)
      expect(await service.getSession<Data>(id)).toEqual({ userId: '42', email: 'ann@example.com', cart: '1' })
      expect(await service.getUserFromSession(id)).toEqual({ id: '42', email: 'ann@example.com' })
      await browser.get('/set?cart=2')
      expect(await service.getSession<Data>(id)).toMatchObject({ cart: '2' })
    })

    test('a request reads what it wrote, key by key and as a whole', async () => {
      const { browser, service, id } = await signedIn(start)
      expect(await service.updateSession<Data>(id, { role: 'admin', cart: undefined })).toBe(true)
      expect(await dataOf(browser)).toEqual({ userId: '42', email: 'ann@example.com', role: 'admin' })
      expect(await service.setSession<Data>(id, { userId: '42', tags: new Set(['a']) })).toBe(true)
      expect(await service.getSession<Data>(id)).toEqual({ userId: '42', tags: new Set(['a']) })
      expect(Object.keys((await dataOf(browser)) as object)).toEqual(['userId', 'tags'])
    })

    test('its write and that of a request at the same time are both kept, whichever comes first', async () => {
      const { browser, store, service, id } = await signedIn(start)
      const update = (data: Data): Promise<boolean> => service.updateSession<Data>(id, data)
      const write = store.hold('update')
      const slow = browser.get('/set?cart=2')
      await write.reached
      await update({ role: 'admin' })
      write.open()
      await slow
      expect(await dataOf(browser)).toMatchObject({ cart: '2', role: 'admin' })
      const next = store.hold('update')
      const updated = update({ role: 'owner' })
      await next.reached
      await browser.get('/set?cart=3')
      next.open()
      await updated
      expect(await dataOf(browser)).toMatchObject({ cart: '3', role: 'owner' })
    })

    test('what it ends is over for the browser, and for a request in flight', async () => {
      const { browser, store, service, id } = await signedIn(start)
      const write = store.hold('update')
      const slow = browser.copy().get('/set?cart=2')
      await write.reached
      expect(await service.destroySession(id)).toBe(true)
      write.open()
      await slow
      expect(await dataOf(browser)).toEqual({})
      expect(await service.getSession(id)).toBeUndefined()
      expect(await service.destroySession(id)).toBe(false)
    })

    test('its ttl is the end of the session for requests too', async () => {
      const { browser, service, clock, id } = await signedIn(start)
      await service.setSession<Data>(id, { userId: '42' }, minutes(5))
      clock.advance(minutes(4))
      expect(await dataOf(browser)).toEqual({ userId: '42' })
      clock.advance(minutes(1))
      expect(await dataOf(browser)).toEqual({})
      expect(await service.getSession(id)).toBeUndefined()
    })

    test('the id of a session that is over, or that moved, gives nothing and brings nothing back', async () => {
      const { browser, service, store, id } = await signedIn(start)
      await browser.get('/set?userId=43')
      const { create } = store.calls
      expect(await service.getSession(id)).toBeUndefined()
      expect(await service.updateSession<Data>(id, { role: 'admin' })).toBe(false)
      expect(await service.setSession<Data>(id, { role: 'admin' })).toBe(false)
      expect(store.calls.create).toBe(create)
      expect(await dataOf(browser)).not.toHaveProperty('role')
    })
  })
})
