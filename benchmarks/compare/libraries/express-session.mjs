import session from 'express-session'
import { connectRedis } from './connect-redis.mjs'
import { COOKIE, cookieOptions, SECRET, verbs } from './settings.mjs'

export const expressSession = {
  ...verbs,
  async express(app, settings) {
    const { store, close } = await connectRedis(settings)
    app.use(session(optionsOf(settings, store)))
    return close
  },
}

/** The settings, in the words of express-session. */
export function optionsOf(settings, store) {
  return {
    name: COOKIE,
    secret: SECRET,
    resave: false,
    saveUninitialized: false,
    rolling: true,
    cookie: cookieOptions(settings),
    ...(store && { store }),
  }
}
