// One application in a process of its own, which a test may kill: one platform on one store. It is told which by a JSON text,
// and says where it listens. Uses the built library, so that what is measured is what is published.
import { sessions as onExpress } from '../../dist/http/express.js'
import { sessions as onFastify } from '../../dist/http/fastify.js'
import { RedisStore } from '../../dist/stores/redis.js'
import { SqliteStore } from '../../dist/stores/sqlite.js'

const { platform, redis, sqlite, port = 0, options = {} } = JSON.parse(process.argv[2])
const store = redis === undefined ? new SqliteStore({ path: sqlite }) : new RedisStore({ url: redis })
const given = { secret: 'a secret of more than 32 characters', store, log: false, ...options }

/** What the process holds, after it has let go of what it need not. */
async function held() {
  // Twice: what the first has finished is only then free.
  for (let round = 0; round < 2; round++) {
    globalThis.gc?.()
    await new Promise(setImmediate)
  }
  const resources = process.getActiveResourcesInfo()
  return { heap: process.memoryUsage().heapUsed, handles: resources.length }
}

const routes = {
  '/health': () => 'alive',
  '/held': held,
  '/data': (session) => ({ ...session }),
  '/login': (session, query) => void (session.userId = query.user),
  '/set': (session, query) => void Object.assign(session, query),
  '/logout': (session) => session.destroy(),
}

const starts = {
  async express() {
    const { default: express } = await import('express')
    const app = express()
    app.use(onExpress(given))
    for (const [path, handle] of Object.entries(routes)) {
      app.get(path, async (request, response) => response.json((await handle(request.session, request.query)) ?? null))
    }
    return new Promise((resolve) => {
      const server = app.listen(port, '127.0.0.1', () => resolve(server.address().port))
    })
  },
  async fastify() {
    const { default: fastify } = await import('fastify')
    const app = fastify()
    await app.register(onFastify, given)
    for (const [path, handle] of Object.entries(routes)) {
      app.get(path, async (request, reply) =>
        reply.type('application/json').send(JSON.stringify((await handle(request.session, request.query)) ?? null)),
      )
    }
    await app.listen({ port, host: '127.0.0.1' })
    return app.server.address().port
  },
}

// Ends with the test that started it.
process.once('disconnect', () => process.exit())
process.send(await starts[platform]())
