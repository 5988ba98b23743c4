// One process with six applications: both platforms, each with a Redis store over a URL, a client of the package redis
// and a client of ioredis, as an application hands them in: without a listener for errors. Prints where they listen.
// Uses the built library.
import express from 'express'
import fastify from 'fastify'
import { Redis } from 'ioredis'
import { createClient } from 'redis'
import { sessions as onExpress } from '../../dist/http/express.js'
import { sessions as onFastify } from '../../dist/http/fastify.js'
import { RedisStore } from '../../dist/stores/redis.js'

const [url, storeTimeout] = process.argv.slice(2)
const secret = 'a secret of more than 32 characters'

const connections = {
  url: () => ({ url }),
  redis: () => ({ client: createClient({ url }) }),
  ioredis: () => ({ client: new Redis(url) }),
}

const login = (session, user) => void (session.userId = user)

const platforms = {
  async express(options) {
    const app = express()
    app.use(onExpress(options))
    app.get('/health', (_request, response) => response.json('alive'))
    app.get('/login', (request, response) => response.json(login(request.session, request.query.user) ?? null))
    app.get('/data', (request, response) => response.json({ ...request.session }))
    return new Promise((resolve) => {
      const server = app.listen(0, '127.0.0.1', () => resolve(server.address().port))
    })
  },
  async fastify(options) {
    const app = fastify()
    await app.register(onFastify, options)
    app.get('/health', (_request, reply) => reply.type('application/json').send('"alive"'))
    app.get('/login', (request, reply) => reply.send(login(request.session, request.query.user) ?? 'done'))
    app.get('/data', (request) => ({ ...request.session }))
    await app.listen({ port: 0, host: '127.0.0.1' })
    return app.server.address().port
  },
}

const ports = {}
for (const [platform, start] of Object.entries(platforms)) {
  for (const [kind, connect] of Object.entries(connections)) {
    const store = new RedisStore({ ...connect(), prefix: `${platform}-${kind}` })
    ports[`${platform} ${kind}`] = await start({ secret, store, storeTimeout: Number(storeTimeout), log: false })
  }
}

// Ends with the test that started it.
process.once('disconnect', () => process.exit())
process.send(ports)
