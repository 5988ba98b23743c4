import cookie from '@fastify/cookie'
import session from '@fastify/session'
import { connectRedis } from './connect-redis.mjs'
import { COOKIE, cookieOptions, SECRET, verbs } from './settings.mjs'

export const fastifySession = {
  ...verbs,
  async fastify(instance, settings) {
    const { store, close } = await connectRedis(settings)
    await instance.register(cookie)
    await instance.register(session, {
      cookieName: COOKIE,
      secret: SECRET,
      rolling: true,
      saveUninitialized: false,
      cookie: cookieOptions(settings),
      ...(store && { store }),
    })
    return close
  },
}
