import fastify, { type FastifyInstance } from 'fastify'
import { sessions } from 'latchkey/fastify'
import { MemoryStore } from 'latchkey/stores/memory'
import { afterEach, expect, test } from 'vitest'

const options = { secret: 's'.repeat(32), store: new MemoryStore(), log: false } as const

let app: FastifyInstance

afterEach(() => app.close())

test('the plugin says its name and the versions of Fastify that it is for', async () => {
  app = fastify()
  await app.register(sessions, options)
  expect(app.hasPlugin('latchkey')).toBe(true)
  expect(app.printPlugins()).toMatch(/latchkey/)
  const said = sessions as unknown as Readonly<Record<symbol, unknown>>
  expect(said[Symbol.for('fastify.display-name')]).toBe('latchkey')
  expect(said[Symbol.for('plugin-meta')]).toEqual({ name: 'latchkey', fastify: '5.x' })
})

test('a second one on the same instance is refused, with what to do', async () => {
  app = fastify()
  await app.register(sessions, options)
  await expect(async () => await app.register(sessions, options)).rejects.toMatchObject({
    code: 'OPTIONS_INVALID',
    message: expect.stringMatching(/have a session already\. Register sessions once, and without @fastify\/session/),
  })
})
