import { hours, minutes } from 'latchkey/core'
import { expect, test } from 'vitest'
import { setUp } from '../support/engine.js'

test('a sign-in over the session of somebody else takes nothing along that was written for that one meanwhile', async () => {
  const { engine, open, stored, data, store } = setUp()
  const visit = await open(await stored({ userId: 'ann' }))
  await engine.subjects.updateAll('ann', { role: 'admin' })
  const gate = store.hold('rotate')
  const signingIn = visit.signIn({ userId: 'bob' })
  await gate.reached
  await engine.subjects.updateAll('ann', { staff: true })
  gate.open()
  await signingIn
  expect(await data(visit.signedToken)).toEqual({ userId: 'bob' })
})

test('a sign-in over the session of somebody else, which has moved to a new id meanwhile, takes it over from there', async () => {
  const { open, stored, data } = setUp()
  const token = await stored({ userId: 'ann', cart: 1 })
  const [visit, rotating] = [await open(token), await open(token)]
  await rotating.session.rotate()
  await visit.signIn({ userId: 'bob' })
  expect(await data(visit.signedToken)).toEqual({ userId: 'bob' })
  expect(await data(rotating.signedToken)).toEqual({})
  expect(await data(token)).toEqual({})
})

test('a sign-in over the session of somebody else, which was ended meanwhile, is over with it', async () => {
  const { engine, open, stored } = setUp()
  const visit = await open(await stored({ userId: 'ann' }))
  await engine.subjects.revokeAll('ann')
  await expect(visit.signIn({ userId: 'bob' })).rejects.toMatchObject({ code: 'SESSION_GONE' })
  await visit.commit()
  expect(visit.tokenChange).toBe('clear')
  expect(await engine.subjects.count('bob')).toBe(0)
})

test('a sign-in over the session of somebody else that the limit refuses leaves it with what was written meanwhile', async () => {
  const { engine, open, stored, data } = setUp({ maxSessions: 1, onLimit: 'refuse' })
  await stored({ userId: 'bob' })
  const token = await stored({ userId: 'ann' })
  const visit = await open(token)
  await engine.subjects.updateAll('ann', { role: 'admin' })
  await expect(visit.signIn({ userId: 'bob' })).rejects.toMatchObject({ code: 'SESSION_LIMIT_REACHED' })
  await visit.commit()
  expect(await data(token)).toEqual({ userId: 'ann', role: 'admin' })
})

test('a subject that is set in a session whose lifetime ends during the request is signed in all the same', async () => {
  const { open, stored, data, clock } = setUp({ lifetime: hours(1), idleTimeout: hours(2) })
  const visit = await open(await stored({ cart: 1 }))
  Object.assign(visit.session, { userId: 'ann' })
  clock.advance(hours(1))
  await visit.commit()
  expect(visit.tokenChange).toBe('set')
  expect(await data(visit.signedToken)).toEqual({ userId: 'ann' })
})

test('a session that was stored, has expired and is refused its sign-in sends no id', async () => {
  const { open, stored, clock } = setUp({ maxSessions: 1, onLimit: 'refuse', idleTimeout: minutes(30) })
  const visit = await open()
  Object.assign(visit.session, { cart: 1 })
  await visit.session.save()
  clock.advance(minutes(30))
  await stored({ userId: 'ann' })
  await expect(visit.signIn({ userId: 'ann' })).rejects.toMatchObject({ code: 'SESSION_LIMIT_REACHED' })
  await visit.commit()
  expect(visit.tokenChange).toBe('clear')
})
