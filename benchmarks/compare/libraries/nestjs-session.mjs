import { SessionModule } from 'nestjs-session'
import { connectRedis } from './connect-redis.mjs'
import { optionsOf } from './express-session.mjs'
import { verbs } from './settings.mjs'

/** express-session as a module of Nest. */
export const nestjsSession = {
  ...verbs,
  async nest(settings) {
    const { store, close } = await connectRedis(settings)
    return { imports: [SessionModule.forRoot({ session: optionsOf(settings, store) })], close }
  },
}
