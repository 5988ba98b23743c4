import express from 'express'
import { change, fill, read, signIn } from '../pages.mjs'

/** The pages on Express. Answers the server's listener and how to close it. */
export async function openExpress(library, settings) {
  const app = express()
  const close = await library.express?.(app, settings)
  const { sessionOf, renew, keep, end } = library
  const answer = keep
    ? (request, response, body) => void keep(sessionOf(request)).then(() => response.json(body))
    : (_request, response, body) => void response.json(body)

  app.get('/read', (request, response) => answer(request, response, read(sessionOf(request))))
  app.post('/change', (request, response) => answer(request, response, change(sessionOf(request))))
  app.post('/fill', (request, response) => answer(request, response, fill(sessionOf(request))))
  app.post('/sign-in/:user', (request, response, next) => {
    renew(request, (error) => {
      if (error) next(error)
      else answer(request, response, signIn(sessionOf(request), Number(request.params.user)))
    })
  })
  app.post('/sign-out', (request, response, next) => {
    end(request, (error) => {
      if (error) next(error)
      else response.json({ user: null })
    })
  })
  const server = app.listen(0, '127.0.0.1')
  await new Promise((resolve, reject) => server.once('listening', resolve).once('error', reject))
  return {
    server,
    async close() {
      server.closeAllConnections()
      await close?.()
    },
  }
}
