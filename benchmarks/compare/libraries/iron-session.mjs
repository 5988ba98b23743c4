import { getIronSession } from 'iron-session'
import { COOKIE, cookieOptions, SECRET, verbs } from './settings.mjs'

/** Until how long after the cookie has ended its content is still good, in seconds: what iron-session takes off for it. */
const SKEW = 60

/** Everything is in the cookie, encrypted; there is no store. */
export const ironSession = {
  ...verbs,
  renew: (_request, done) => done(),
  end(request, done) {
    request.session.destroy()
    done()
  },
  /** Its session rolls when it is saved, which it does not do by itself. A visitor without data gets no cookie. */
  async keep(session) {
    if (Object.keys(session).length > 0) await session.save()
  },
  express(app, settings) {
    const options = optionsOf(settings)
    app.use((request, response, next) => {
      void getIronSession(request, response, options).then((session) => {
        request.session = session
        next()
      }, next)
    })
  },
  fastify(instance, settings) {
    const options = optionsOf(settings)
    instance.decorateRequest('session', null)
    instance.addHook('onRequest', async (request, reply) => {
      request.session = await getIronSession(request.raw, reply.raw, options)
    })
  },
}

function optionsOf(settings) {
  const { maxAge, ...attributes } = cookieOptions(settings)
  return { cookieName: COOKIE, password: SECRET, ttl: maxAge / 1000 + SKEW, cookieOptions: attributes }
}
