import {
  Body,
  Controller,
  Get,
  Post,
  Req,
  Session as NestSession,
  UnauthorizedException,
  UseGuards,
  type Type,
} from '@nestjs/common'
import { SessionAuthGuard } from 'latchkey'
import { describe, expect, test } from 'vitest'
import { everywhereInNest } from './everywhere-nest.js'

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
}

@Controller('profile')
@UseGuards(SessionAuthGuard)
class ProfileController {
  @Get()
  profile(@Req() request: { user: unknown }): object {
    return { user: request.user }
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
