import { expect, test } from 'vitest'
import { setUp } from '../support/engine.js'

test('closing an engine waits for what is under way besides requests, and then closes the store', async () => {
  const { engine, store, stored, open } = setUp()
  const id = (await open(await stored({ a: 1 }))).id
  const gate = store.hold('delete', 'after')
  const revoked = engine.revoke(id)
  await gate.reached
  let isClosed = false
  const closed = engine.close().then(() => (isClosed = true))
  await new Promise((resolve) => setTimeout(resolve, 0))
  expect(isClosed).toBe(false)
  await store.load('key')
  gate.open()
  expect(await revoked).toBe(true)
  await closed
  expect(() => store.load('key')).toThrow('closed')
  await engine.close()
})

test('closing twice at once is not an error, also while the store hangs', async () => {
  const { engine, store } = setUp({ storeTimeout: 50 })
  store.hang()
  const listing = engine.subjects.list('ann')
  await Promise.all([
    engine.close(),
    engine.close(),
    expect(listing).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' }),
  ])
})
