import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, inject, test } from 'vitest'
import { complaints, programOf } from './support/compile.js'
import { run } from './support/program.js'

const { nest12 } = inject('consumers')

/** What a consumer prints that asks twice with the cookie of the first answer. */
const journey = `
const server = require('node:http').createServer((request, response) =>
  session({ secret: 'a', store, resave: false, saveUninitialized: false, log: false })(request, response, () => {
    request.session.views = (request.session.views ?? 0) + 1
    response.end(String(request.session.views))
  }))
server.listen(0, async () => {
  const base = 'http://127.0.0.1:' + server.address().port
  const first = await fetch(base)
  const cookie = first.headers.getSetCookie()[0].split(';')[0]
  const second = await fetch(base, { headers: { cookie } })
  console.log(cookie.split('=')[0], await second.text())
  server.close()
  server.closeAllConnections()
})`

describe('the packed drop-in', () => {
  test.each([
    ['require', 'cjs', "const session = require('latchkey/express-session')\nconst store = new session.MemoryStore()"],
    [
      'import',
      'mjs',
      "import { createRequire } from 'node:module'\nimport session, { MemoryStore } from 'latchkey/express-session'\n" +
        'const require = createRequire(import.meta.url)\nconst store = new MemoryStore()',
    ],
  ])('is a function for %s, with its classes behind its name', async (_, extension, head) => {
    const file = join(nest12, `drop-in.${extension}`)
    writeFileSync(file, head + journey)
    const { stdout } = await run(nest12, [file])
    expect(stdout.trim()).toBe('connect.sid 2')
  })

  test("has express-session's types under its name, and takes data by declaration merging", () => {
    const file = join(nest12, 'drop-in.ts')
    writeFileSync(
      file,
      `import express, { type Request } from 'express'
import session, { Store, type SessionData } from 'latchkey/express-session'
import { RedisStore } from 'latchkey/stores/redis'
import { createClient } from 'redis'
declare module 'latchkey/express-session' {
  interface SessionData { userId: number; email: string }
}
class Mine extends session.Store {
  override get(_: string, callback: (error?: unknown, session?: session.StoredSession | null) => void): void { callback() }
  override set(_: string, __: session.SessionData, callback?: () => void): void { callback?.() }
  override destroy(_: string, callback?: () => void): void { callback?.() }
}
const options: session.SessionOptions = {
  store: new RedisStore({ client: createClient() }),
  secret: ['a'],
  genid: (request) => request.path,
  cookie: (request) => ({ secure: request.secure, maxAge: 1 }),
}
const middleware: ReturnType<typeof session> = session(options)
express().use(middleware).get('/', (request: Request, response) => {
  const id: number | undefined = request.session.userId
  // @ts-expect-error no such property
  request.session.nobody
  const held: session.Session = request.session
  const data: Partial<SessionData> = request.session
  held.regenerate((error) => void error).touch()
  request.session.cookie.maxAge = 5
  request.sessionStore.destroy(request.sessionID)
  response.json([id, data.email, new Mine() instanceof Store])
})
`,
    )
    expect(complaints(programOf(nest12, [file]), nest12)).toEqual([])
  })

  test('is typed for require, too', () => {
    const file = join(nest12, 'drop-in.cts')
    writeFileSync(
      file,
      "import session = require('latchkey/express-session')\n" +
        "const middleware = session({ secret: 'a', store: new session.MemoryStore() })\nexport = middleware\n",
    )
    expect(complaints(programOf(nest12, [file]), nest12)).toEqual([])
  })
})
