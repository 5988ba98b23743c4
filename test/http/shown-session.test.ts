import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import express, { type Express, type Request } from 'express'
import { sessions } from 'latchkey/express'
import { MemoryStore } from 'latchkey/stores/memory'
import { expect, test } from 'vitest'

type Kept = { session?: unknown }

/** Asks an app once, and answers its text. */
async function ask(app: Express): Promise<string> {
  const server = app.listen(0, '127.0.0.1')
  await once(server, 'listening')
  try {
    return await (await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)).text()
  } finally {
    server.closeAllConnections()
    server.close()
  }
}

function withSessions(): Express {
  const app = express()
  app.use(sessions({ secret: 'a secret of more than 32 characters', store: new MemoryStore(), log: false }))
  return app
}

test('a request has its session wherever it goes, also in an app that gives it another prototype', async () => {
  const app = withSessions()
  const other = express()
  other.get('/', (request, response) => void response.send(request.session.handle))
  app.use((request, response, next) => other(request, response, next))
  expect(await ask(app)).toMatch(/^[\w-]{16}$/)
})

test('an app without sessions beside one with them has none on its requests, and may put there what it likes', async () => {
  const first = withSessions()
  first.get('/', (request, response) => void response.send(typeof request.session.id))
  expect(await ask(first)).toBe('string')

  const other = express()
  other.get('/', (request: Request, response) => {
    const kept = request as Kept
    const before = kept.session
    kept.session = { user: 1 }
    const after = { ...request } as Kept
    kept.session = undefined
    response.json([before === undefined, after.session, kept.session === undefined, Object.hasOwn(request, 'session')])
  })
  expect(JSON.parse(await ask(other))).toEqual([true, { user: 1 }, true, true])
})

test('what somebody has put on a request before gives way to the session', async () => {
  const app = express()
  app.use((request, _response, next) => {
    ;(request as Kept).session = { of: 'another' }
    next()
  })
  app.use(withSessions())
  app.use(sessions({ secret: 'a secret of more than 32 characters', store: new MemoryStore(), log: false }))
  app.get('/', (request, response) => void response.send(typeof request.session.save))
  expect(await ask(app)).toBe('function')
})

test('a request that another copy of the library has been at has its session all the same', async () => {
  const app = express()
  app.use((request, _response, next) => {
    // As a copy does it that tells its visits by a symbol of its own.
    Object.assign(request, { [Symbol.for('latchkey.visit.1')]: { kind: Symbol('latchkey.exchange') } })
    next()
  })
  app.use(sessions({ secret: 'a secret of more than 32 characters', store: new MemoryStore(), log: false }))
  app.get('/', (request, response) => void response.send(request.session.handle))
  expect(await ask(app)).toMatch(/^[\w-]{16}$/)
})
