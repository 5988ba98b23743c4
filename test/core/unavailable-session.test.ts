import { SessionEngine, SessionError } from 'latchkey/core'
import { MemoryStore } from 'latchkey/stores/memory'
import { expect, test } from 'vitest'

const error = new SessionError('STORE_UNAVAILABLE', 'away')

const unavailable = () => new SessionEngine({ secret: 's'.repeat(32), store: new MemoryStore() }).unavailable(error)

test('a session that can not be had leaves the cookie alone, and has nothing to save', () => {
  const open = unavailable()
  expect(open).toMatchObject({ tokenChange: 'keep', isUnsettled: false, isAvailable: false, lastError: undefined })
  expect(() => open.commit()).not.toThrow()
})

test('it has an id and a handle of no session, the same each time, and to read them is no use of it', () => {
  const { session } = unavailable()
  const open = unavailable()
  expect(open.id).toMatch(/^[\w-]{51}$/)
  expect(open.handle).toMatch(/^[\w-]{16}$/)
  expect([open.id, open.handle]).toEqual([open.id, open.handle])
  expect([session.id, session.handle]).not.toEqual([open.id, open.handle])
  expect(open.session.authenticatedAt).toBeUndefined()
  expect(open.isUsed).toBe(false)
})

test('a value of undefined is nothing that could be lost, another one is', () => {
  const open = unavailable()
  const session: Record<string, unknown> = open.session as never
  session['userId'] = undefined
  expect(open.isUsed).toBe(false)
  session['userId'] = null
  expect(open.isUsed).toBe(true)
  expect(() => open.commit()).toThrow(error)
})

test('a sign-in is refused with the cause, and so is what follows', async () => {
  const open = unavailable()
  await expect(open.signIn()).rejects.toBe(error)
  expect(open.isUsed).toBe(true)
  expect(() => open.commit()).toThrow(error)
})
