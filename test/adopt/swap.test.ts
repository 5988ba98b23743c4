import { Controller, Get, Module, Query, Session } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import { ExpressAdapter } from '@nestjs/platform-express'
import { FastifyAdapter } from '@nestjs/platform-fastify'
import { Agent, get } from 'node:http'
import { SessionModule } from 'latchkey'
import { RedisStore } from 'latchkey/stores/redis'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { NestApp } from '../support/nest.js'
import { startRedis, type RedisServer } from '../support/redis-server.js'
import { expressSession, fastifySession, libraries } from './old-apps.js'

const USERS = 1000
/** Those of them who are looked at more closely. */
const SOME = Array.from({ length: 25 }, (_, index) => index * 40)
const secret = 'a secret of more than 32 characters'

/** The controller of the application, before and after: not a line of it changes. */
@Controller()
class AccountController {
  @Get('login')
  login(@Session() session: Record<string, unknown>, @Query('user') user: string): void {
    session['userId'] = user
    session['cart'] = [{ item: user, count: 2 }]
    session['passport'] = { user }
  }

  @Get('me')
  me(@Session() session: Record<string, unknown>): object {
    return { userId: session['userId'], cart: session['cart'], passport: session['passport'] }
  }
}

/** What goes out with a request, and comes back. */
interface Answer {
  readonly body: unknown
  readonly cookies: readonly string[]
}

const agent = new Agent({ keepAlive: true, maxSockets: 16 })

function ask(base: string, path: string, cookie?: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const headers = cookie === undefined ? {} : { cookie }
    get(base + path, { agent, headers }, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (part: string) => (text += part))
      response.once('end', () => {
        const cookies = (response.headers['set-cookie'] ?? []).map((line) => line.split(';', 1)[0]!)
        resolve({ body: text === '' ? undefined : JSON.parse(text), cookies })
      })
    }).once('error', reject)
  })
}

/** The id in a cookie of either library. */
function sidIn(cookie: string): string {
  return decodeURIComponent(cookie.split('=')[1]!).replace(/^s:/, '').split('.', 1)[0]!
}

/** Each of the users, some at a time. */
async function everybody<T>(visit: (user: string, index: number) => Promise<T>): Promise<T[]> {
  const results: T[] = []
  for (let at = 0; at < USERS; at += 16) {
    const some = Array.from({ length: Math.min(16, USERS - at) }, (_, index) => at + index)
    results.push(...(await Promise.all(some.map((index) => visit(`user-${index}`, index)))))
  }
  return results
}

for (const { from, cookieName } of libraries) {
  const isExpress = from === 'connect-redis'

  describe(`a Nest application on ${from}`, () => {
    let redis: RedisServer
    beforeAll(async () => {
      redis = await startRedis()
    })
    afterAll(async () => {
      agent.destroy()
      await redis.stop()
    })

    const adapter = (): never => (isExpress ? new ExpressAdapter() : new FastifyAdapter()) as never

    async function started(module: unknown, before?: (app: NestApp) => Promise<void>) {
      const app = (await NestFactory.create(module as never, adapter(), { logger: false })) as unknown as NestApp
      await before?.(app)
      await app.listen(0, '127.0.0.1')
      return { base: (await app.getUrl()).replace('[::1]', '127.0.0.1'), close: () => app.close() }
    }

    async function startOld() {
      @Module({ controllers: [AccountController] })
      class OldModule {}

      const options = { url: redis.url, secret, maxAge: 7_200_000 }
      if (isExpress) {
        const { handler, end } = await expressSession(options)
        const app = await started(OldModule, async (nest) => void nest.use(handler))
        return { ...app, close: () => app.close().then(end) }
      }
      return started(OldModule, (nest) =>
        fastifySession(
          (nest as unknown as { getHttpAdapter(): { getInstance(): never } }).getHttpAdapter().getInstance(),
          options,
        ),
      )
    }

    async function startNew() {
      const store = new RedisStore({ url: redis.url, adopt: from })

      @Module({
        imports: [SessionModule.forRoot({ secret, store, cookie: { name: cookieName }, storeTimeout: 10_000 })],
        controllers: [AccountController],
      })
      class NewModule {}

      return { ...(await started(NewModule)), store }
    }

    test(`${USERS} users stay signed in, with their data and the time that they had left`, async () => {
      const old = await startOld()
      const cookies = await everybody(async (user) => (await ask(old.base, `/login?user=${user}`)).cookies[0]!)
      await old.close()
      expect(await redis.command('DBSIZE')).toBe(USERS)
      // Some have been away for a while, each as long as no other.
      const away = await Promise.all(
        SOME.map(async (index) => {
          const key = `sess:${sidIn(cookies[index]!)}`
          await redis.command('EXPIRE', key, String(7000 - index * 7))
          return { index, left: Number(await redis.command('PTTL', key)), at: Date.now() }
        }),
      )

      const now = await startNew()
      const answers = await everybody((_, index) => ask(now.base, '/me', cookies[index]))
      answers.forEach(({ body }, index) => {
        const user = `user-${index}`
        expect(JSON.stringify(body)).toBe(
          JSON.stringify({ userId: user, cart: [{ item: user, count: 2 }], passport: { user } }),
        )
      })
      expect(await redis.command('KEYS', 'sess:*')).toEqual([])
      for (const { index, left, at } of away) {
        const [record, ...others] = await now.store.list(`user-${index}`)
        expect(others).toEqual([])
        expect(Math.abs(record!.expiresAt - at - left)).toBeLessThan(1000)
        expect(record!.lastSeenAt + record!.idleTimeout).toBeGreaterThanOrEqual(record!.expiresAt)
        const again = await ask(now.base, '/me', answers[index]!.cookies[0])
        expect(again.body).toMatchObject({ userId: `user-${index}` })
        expect(again.cookies).toEqual([])
      }
      await now.close()
    }, 60_000)
  })
}
