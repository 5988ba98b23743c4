import {
  Body,
  Controller,
  Get,
  Inject,
  Injectable,
  Post,
  Req,
  Session as NestSession,
  UnauthorizedException,
  UseGuards,
  type Type,
} from '@nestjs/common'
import { CACHE_MANAGER, type Cache, minutes, SessionAuthGuard } from 'latchkey'
import { describe, expect, test } from 'vitest'
import { everywhereInNest, type NestScene, type StartNest } from './everywhere-nest.js'

interface User {
  readonly id: number
  readonly email: string
  readonly role: string
}

const ann: User = { id: 42, email: 'ann@example.com', role: 'editor' }

/** What express-session's types would say of the recipe's session. */
type RecipeSession = Record<string, unknown> & { destroy(callback: (error?: unknown) => void): void }

/** The recipe's controller, without one line about ids, cookies or regeneration. */
@Controller('auth')
class AuthController {
  @Post('login')
  login(@Body() { password }: { password: string }, @NestSession() session: RecipeSession): object {
    if (password !== 'right') throw new UnauthorizedException()
    session['userId'] = ann.id
    session['email'] = ann.email
    session['role'] = ann.role
    return { message: 'Login successful', user: { id: ann.id, email: ann.email } }
  }

  @Post('logout')
  logout(@NestSession() session: RecipeSession): Promise<object> {
    return new Promise((resolve, reject) => {
      session.destroy((error) => {
        if (error) reject(error as Error)
        else resolve({ message: 'Logout successful' })
      })
    })
  }

  @Get('me')
  me(@NestSession() session: RecipeSession): object {
    if (!session['userId']) return { authenticated: false }
    return { authenticated: true, user: session['email'] }
  }

  @Post('cart')
  cart(@NestSession() session: RecipeSession): object {
    session['cart'] = 1
    return {}
  }

  @Get('data')
  data(@NestSession() session: RecipeSession): object {
    return { id: session['id'], data: { ...session } }
  }
}

@Controller('profile')
@UseGuards(SessionAuthGuard)
class ProfileController {
  @Get()
  profile(@Req() request: { user: unknown }): object {
    return { user: request.user }
  }
}

/** The recipe's service, over what it takes for a cache manager. */
@Injectable()
class RecipeSessionService {
  constructor(@Inject(CACHE_MANAGER) private readonly cacheManager: Cache) {}

  async getSession(sessionId: string): Promise<Record<string, unknown> | undefined> {
    return this.cacheManager.get(`session:${sessionId}`)
  }

  async setSession(sessionId: string, data: object, ttl?: number): Promise<void> {
    await this.cacheManager.set(`session:${sessionId}`, data, ttl)
  }

  async destroySession(sessionId: string): Promise<void> {
    await this.cacheManager.del(`session:${sessionId}`)
  }

  async updateSession(sessionId: string, data: object): Promise<void> {
    const session = await this.getSession(sessionId)
    await this.setSession(sessionId, { ...session, ...data })
  }

  async getUserFromSession(sessionId: string): Promise<unknown> {
    const session = await this.getSession(sessionId)
    return session?.['user']
  }
}

const controllers: readonly Type[] = [AuthController, ProfileController]
const credentials = { password: 'right' }

describe("the recipe's controllers, pasted in unchanged, are safe", () => {
  everywhereInNest((start) => {
    test('login: a new id, the old one is dead, and the guard lets in', async () => {
      const { browser } = await start(controllers)
      await browser.post('/auth/cart')
      const before = browser.copy()
      expect((await browser.post('/auth/login', { password: 'wrong' })).status).toBe(401)
      expect(await (await browser.post('/auth/login', credentials)).json()).toMatchObject({
        message: 'Login successful',
      })
      expect(await (await browser.get('/profile')).json()).toEqual({ user: ann })
      expect((await before.get('/profile')).status).toBe(401)
      expect(await (await before.get('/auth/me')).json()).toEqual({ authenticated: false })
    })

    test('logout: the cookie leaves the browser, a copy of it is worth nothing, also to a request in flight', async () => {
      const { browser, store } = await start(controllers)
      await browser.post('/auth/login', credentials)
      const [copy, other] = [browser.copy(), browser.copy()]
      const write = store.hold('update')
      const slow = other.post('/auth/cart')
      await write.reached
      expect(await (await browser.post('/auth/logout')).json()).toEqual({ message: 'Logout successful' })
      write.open()
      expect((await slow).status).toBe(201)
      expect(browser.cookies).toEqual([])
      expect(await (await copy.get('/auth/me')).json()).toEqual({ authenticated: false })
      expect((await copy.get('/profile')).status).toBe(401)
    })

    test('a store that is down: 503, and never 401 or 200', async () => {
      const { browser, store } = await start(controllers)
      await browser.post('/auth/login', credentials)
      store.failWith(new Error('down'))
      const answers = [
        browser.get('/profile'),
        browser.get('/auth/me'),
        browser.post('/auth/login', credentials),
        browser.post('/auth/logout'),
      ]
      for (const answer of await Promise.all(answers)) {
        expect(answer.status).toBe(503)
        expect(answer.headers.getSetCookie()).toEqual([])
      }
      store.heal()
      store.failWith(new Error('down'), ['delete'])
      expect((await browser.post('/auth/logout')).status).toBe(503)
      store.heal()
      expect((await browser.get('/profile')).status).toBe(200)
    })

    test('one store call per read, none for a visit without a session', async () => {
      const { browser, store } = await start(controllers)
      await browser.get('/auth/me')
      expect(store.calls).toMatchObject({ load: 0, create: 0 })
      await browser.post('/auth/login', credentials)
      await browser.get('/profile')
      expect(store.calls).toMatchObject({ load: 1, create: 1, update: 0, touch: 0, rotate: 0 })
    })
  })
})

describe("the recipe's SessionService, with CACHE_MANAGER of Latchkey, sees real sessions", () => {
  everywhereInNest((start: StartNest) => {
    async function signedIn(): Promise<NestScene & { service: RecipeSessionService; cache: Cache; id: string }> {
      const scene = await start(controllers)
      await scene.browser.post('/auth/login', credentials)
      const { id } = (await (await scene.browser.get('/auth/data')).json()) as { id: string }
      const cache = scene.app.get<Cache>(CACHE_MANAGER)
      return { ...scene, cache, service: new RecipeSessionService(cache), id }
    }

    const seen = async ({ browser }: NestScene): Promise<unknown> =>
      ((await (await browser.get('/auth/data')).json()) as { data: unknown }).data
    const held = { userId: ann.id, email: ann.email, role: ann.role }

    test('it reads what a request wrote, and a request what it wrote', async () => {
      const scene = await signedIn()
      const { service, id } = scene
      expect(await service.getSession(id)).toEqual(held)
      expect(await service.getUserFromSession(id)).toBeUndefined()
      await service.updateSession(id, { role: 'admin', user: { name: 'Ann' } })
      expect(await seen(scene)).toEqual({ ...held, role: 'admin', user: { name: 'Ann' } })
      expect(await service.getUserFromSession(id)).toEqual({ name: 'Ann' })
    })

    test('a set without a get before it is all that the session holds from then on', async () => {
      const scene = await signedIn()
      await scene.service.setSession(scene.id, { userId: ann.id, tags: new Set(['a']) })
      expect(await scene.service.getSession(scene.id)).toEqual({ userId: ann.id, tags: new Set(['a']) })
      expect(Object.keys((await seen(scene)) as object)).toEqual(['userId', 'tags'])
    })

    test('a set after a get removes what the value no longer has, and two in a row count', async () => {
      const { cache, id } = await signedIn()
      const key = `session:${id}`
      await cache.get(key)
      await cache.set(key, { userId: ann.id, a: 1 })
      expect(await cache.get(key)).toEqual({ userId: ann.id, a: 1 })
      await cache.set(key, { userId: ann.id, a: 2, b: [1] })
      await cache.set(key, { userId: ann.id, a: 1 })
      expect(await cache.get(key)).toEqual({ userId: ann.id, a: 1 })
    })

    test('its update and the write of a request that came in between are both kept', async () => {
      const scene = await signedIn()
      const { store, browser, service, id } = scene
      const [read, write] = [store.hold('load'), store.hold('load')]
      const update = service.updateSession(id, { role: 'admin' })
      await read.reached
      read.open()
      await write.reached
      await browser.post('/auth/cart')
      write.open()
      await update
      expect(await seen(scene)).toEqual({ ...held, role: 'admin', cart: 1 })
    })

    test('two updates at once are both kept', async () => {
      const scene = await signedIn()
      const { service, id } = scene
      await Promise.all([service.updateSession(id, { a: 1 }), service.updateSession(id, { b: 2 })])
      expect(await seen(scene)).toEqual({ ...held, a: 1, b: 2 })
    })

    test('what it destroys stays destroyed, whatever it or a request still writes', async () => {
      const { service, cache, id, browser, store } = await signedIn()
      const write = store.hold('update')
      const slow = browser.copy().post('/auth/cart')
      await write.reached
      await service.destroySession(id)
      write.open()
      await slow
      await service.updateSession(id, { role: 'admin' })
      await service.setSession(id, held)
      expect(await cache.set(`session:${id}`, held)).toBeUndefined()
      expect(await service.getSession(id)).toBeUndefined()
      expect(await cache.del(`session:${id}`)).toBe(false)
      expect((await browser.get('/profile')).status).toBe(401)
    })

    test('a ttl ends the session that long from now, and 0 changes nothing', async () => {
      const { service, id, clock } = await signedIn()
      await service.setSession(id, held, 0)
      await service.setSession(id, held, minutes(1))
      clock.advance(minutes(1) - 1)
      expect(await service.getSession(id)).toEqual(held)
      clock.advance(1)
      expect(await service.getSession(id)).toBeUndefined()
    })

    test('it makes nobody another user, and takes nothing that can not be kept', async () => {
      const scene = await signedIn()
      const { service, id } = scene
      await expect(service.updateSession(id, { userId: 1 })).rejects.toMatchObject({ code: 'SUBJECT_CHANGE_REFUSED' })
      for (const value of [null, 'text', 1]) {
        await expect(service.setSession(id, value as never)).rejects.toMatchObject({ code: 'VALUE_NOT_STORABLE' })
      }
      await expect(service.updateSession(id, { f: () => {} })).rejects.toThrow("can't keep f:")
      expect(await seen(scene)).toEqual(held)
    })

    test('other keys have no value, take none, and an error shows none of them', async () => {
      const { cache, id, store } = await signedIn()
      const { load } = store.calls
      for (const key of [id, `sess:${id}`, 'session:', `session:${id}x`, 'user:1', undefined as never]) {
        expect(await cache.get(key)).toBeUndefined()
        expect(await cache.del(key)).toBe(false)
      }
      expect(store.calls.load).toBe(load)
      await expect(cache.set(`sess:${id}`, {})).rejects.toSatisfy(
        (error: Error & { code?: string }) => error.code === 'OPTIONS_INVALID' && !error.message.includes(id),
      )
    })

    test('a store that is down is a 503, and no absence', async () => {
      const { service, store, id } = await signedIn()
      store.failWith(new Error('down'))
      const calls = [service.getSession(id), service.setSession(id, {}), service.destroySession(id)]
      for (const call of calls) await expect(call).rejects.toMatchObject({ status: 503 })
    })
  })
})
