import { days, hours, minutes, type Session } from 'latchkey/core'
import { describe, expect, test } from 'vitest'
import { MAX_DURATION } from '../../src/core/duration.js'
import { setUp } from '../support/engine.js'

const NOW = 1_700_000_000_000

/** A session one minute after it was stored, with a lifetime of 2 hours. */
async function stored(): Promise<{ session: Session; again: () => Promise<Session> }> {
  const { open, clock, stored: store } = setUp({ lifetime: hours(2), idleTimeout: minutes(30) })
  clock.set(NOW)
  const token = await store({ a: 1 })
  clock.advance(minutes(1))
  const visit = await open(token)
  return {
    session: visit.session,
    again: async () => {
      await visit.commit()
      return (await open(visit.signedToken)).session
    },
  }
}

test('a cookie tells what is left of the lifetime, when it ends and how long it was', async () => {
  const { cookie } = (await stored()).session
  expect(cookie.maxAge).toBe(minutes(119))
  expect(cookie.expires).toEqual(new Date(NOW + hours(2)))
  expect(cookie.originalMaxAge).toBe(hours(2))
  expect(JSON.parse(JSON.stringify(cookie))).toEqual({
    maxAge: minutes(119),
    expires: new Date(NOW + hours(2)).toISOString(),
    originalMaxAge: hours(2),
  })
})

test.each([null, undefined, false])('a maxAge of %s makes a cookie that goes with the browser', async (value) => {
  const { session, again } = await stored()
  session.cookie.maxAge = value as null
  expect({ ...session.cookie, ...JSON.parse(JSON.stringify(session.cookie)) }).toEqual({
    maxAge: null,
    expires: null,
    originalMaxAge: null,
  })
  expect((await again()).cookie.maxAge).toBeNull()
})

test.each([null, undefined, false])('so does an end of %s', async (value) => {
  const { session, again } = await stored()
  session.cookie.expires = value as null
  expect(session.cookie.expires).toBeNull()
  expect((await again()).cookie.expires).toBeNull()
})

test('a date as the end is the end', async () => {
  const { session, again } = await stored()
  session.cookie.expires = new Date(NOW + minutes(11))
  expect(session.cookie.maxAge).toBe(minutes(10))
  expect(session.cookie.originalMaxAge).toBe(minutes(10))
  expect((await again()).cookie.expires).toEqual(new Date(NOW + minutes(11)))
})

test('a cookie that was to go with the browser lives again when it is given a length', async () => {
  const { session, again } = await stored()
  session.cookie.maxAge = null
  session.cookie.maxAge = minutes(5)
  expect((await again()).cookie.maxAge).toBe(minutes(5))
})

test.each([
  ['maxAge', '1d', /^cookie\.maxAge is "1d"\. Give a number of milliseconds up to 3153600000000/],
  ['maxAge', '60000', /^cookie\.maxAge is "60000"/],
  ['maxAge', Number.NaN, /^cookie\.maxAge is NaN/],
  ['maxAge', MAX_DURATION + 1, /^cookie\.maxAge is 3153600000001/],
  ['maxAge', -MAX_DURATION - 1, /^cookie\.maxAge is -3153600000001/],
  ['expires', 5, /^cookie\.expires is 5\. Give a valid Date/],
  ['expires', new Date(Number.NaN), /^cookie\.expires is an object\. Give a valid Date/],
  ['expires', new Date(NOW + MAX_DURATION + days(1)), /^cookie\.maxAge is \d+/],
] as const)('a cookie whose %s is %s is refused, and nothing is changed', async (name, value, message) => {
  const { session } = await stored()
  expect(() => Object.assign(session.cookie, { [name]: value })).toThrow(
    expect.objectContaining({ code: 'OPTIONS_INVALID', message: expect.stringMatching(message) }) as Error,
  )
  expect(session.cookie.maxAge).toBe(minutes(119))
})

test('the longest duration is taken as a maxAge', async () => {
  const { session } = await stored()
  session.cookie.maxAge = MAX_DURATION
  expect(session.cookie.maxAge).toBe(MAX_DURATION)
})

test('a property that would be lost is refused', async () => {
  const { session } = await stored()
  expect(() => Object.assign(session.cookie, { sameSite: 'none' })).toThrow(TypeError)
})

describe('an end in the past', () => {
  test.each([0, -1])('(a maxAge of %s) ends the session and deletes its record', async (maxAge) => {
    const { open, stored: store, events, engine } = setUp()
    const visit = await open(await store({ a: 1 }))
    const { id, handle } = visit
    visit.cookie.maxAge = maxAge
    await visit.commit()
    expect(visit.tokenChange).toBe('clear')
    expect(events.at(-1)).toEqual({ type: 'expired', handle, reason: 'lifetime' })
    expect(await engine.read(id)).toBeUndefined()
    expect(visit.isStored).toBe(false)
  })
})

describe('the idle timeout of a session that is given a length', () => {
  test.each([
    ['as long as the lifetime', hours(2), minutes(30)],
    ['longer than the lifetime', hours(2) + 1, hours(2) + 1],
    ['shorter than the lifetime', hours(1), minutes(30)],
  ])('%s', async (_what, maxAge, idleFor) => {
    const { open, stored: store, clock, engine } = setUp({ lifetime: hours(2), idleTimeout: minutes(30) })
    const visit = await open(await store({ a: 1 }))
    visit.cookie.maxAge = maxAge
    await visit.commit()
    clock.advance(idleFor - 1)
    expect(await engine.read(visit.id)).toEqual({ a: 1 })
    clock.advance(1)
    expect(await engine.read(visit.id)).toBeUndefined()
  })
})
