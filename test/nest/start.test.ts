import { Module, type Type } from '@nestjs/common'
import { SessionModule, type SessionModuleOptions } from 'latchkey'
import { MemoryStore } from 'latchkey/stores/memory'
import { FailingStore } from 'latchkey/testing'
import { describe, expect, test } from 'vitest'
import { adapters, factories } from '../support/nest.js'

function moduleWith(options: Partial<SessionModuleOptions>): Type {
  const secret = 'a secret of more than 32 characters'
  @Module({ imports: [SessionModule.forRoot({ secret, store: new MemoryStore(), log: false, ...options })] })
  class AppModule {}
  return AppModule
}

const everywhere = adapters.flatMap((adapter) => factories.map((factory) => ({ adapter, factory })))

describe.each(everywhere)('a Nest application on $adapter.name made by $factory.name', ({ adapter, factory }) => {
  test('is initialized when its store has proved itself', async () => {
    const store = new FailingStore(new MemoryStore())
    const gate = store.hold('probe')
    const app = await factory.make(moduleWith({ store }), adapter)
    let isReady = false
    const ready = app.init().then(() => (isReady = true))
    await gate.reached
    await new Promise((resolve) => setTimeout(resolve, 0))
    expect(isReady).toBe(false)
    gate.open()
    await ready
    await app.close()
  })

  test('does not start while its store is away, says what to do, and lets go of the store', async () => {
    const inner = new MemoryStore()
    const store = new FailingStore(inner)
    store.failWith(new Error('connect ECONNREFUSED 127.0.0.1:6379'))
    const app = await factory.make(moduleWith({ store, startTimeout: 200 }), adapter)
    await expect(app.listen(0, '127.0.0.1')).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
      message: expect.stringMatching(
        /could not be used within 200 ms of the start.*ECONNREFUSED.*startWithoutStore/,
      ) as string,
    })
    expect(() => inner.load('key')).toThrow('closed')
    await app.close()
  })

  test('starts without its store where it is told to', async () => {
    const store = new FailingStore(new MemoryStore())
    store.failWith(new Error('away'))
    const app = await factory.make(moduleWith({ store, startTimeout: 200, startWithoutStore: true }), adapter)
    await app.listen(0, '127.0.0.1')
    const answer = await fetch(await app.getUrl())
    expect(answer.status).toBe(404)
    await app.close()
  })
})
