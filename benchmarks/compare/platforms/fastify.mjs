import Fastify from 'fastify'
import { change, fill, read, signIn } from '../pages.mjs'

/** The pages on Fastify. Answers the server's listener and how to close it. */
export async function openFastify(library, settings) {
  const app = Fastify({ forceCloseConnections: true })
  const close = await library.fastify?.(app, settings)
  const { sessionOf, renew, keep, end } = library
  const answer = keep
    ? (request, reply, body) => void keep(sessionOf(request)).then(() => reply.send(body))
    : (_request, reply, body) => void reply.send(body)

  app.get('/read', (request, reply) => answer(request, reply, read(sessionOf(request))))
  app.post('/change', (request, reply) => answer(request, reply, change(sessionOf(request))))
  app.post('/fill', (request, reply) => answer(request, reply, fill(sessionOf(request))))
  app.post('/sign-in/:user', (request, reply) => {
    renew(request, (error) => {
      const { user } = /** @type {{ user: string }} */ (request.params)
      if (error) void reply.send(error)
      else answer(request, reply, signIn(sessionOf(request), Number(user)))
    })
  })
  app.post('/sign-out', (request, reply) => {
    end(request, (error) => void reply.send(error ?? { user: null }))
  })
  await app.listen({ port: 0, host: '127.0.0.1' })
  return {
    server: app.server,
    async close() {
      await app.close()
      await close?.()
    },
  }
}
