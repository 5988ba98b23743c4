import { days, hours, minutes, tagOf } from 'latchkey/core'
import { describe, expect, test } from 'vitest'
import { subjectText } from '../../src/core/subject.js'
import { setUp } from '../support/engine.js'

const invalid = (message: RegExp): Error =>
  expect.objectContaining({ code: 'SUBJECT_INVALID', message: expect.stringMatching(message) }) as Error

describe('a subject', () => {
  test.each([
    [undefined, undefined],
    [null, undefined],
    ['', undefined],
    ['ann', 'ann'],
    [0, '0'],
    [4.5, '4.5'],
    [12n, '12'],
  ])('that is given as %s is stored as %s', (given, stored) => {
    expect(subjectText(given)).toBe(stored)
  })

  test.each([
    [Number.NaN, /^The subject of a session is NaN\. Give a string, a finite number or a bigint/],
    [Infinity, /^The subject of a session is Infinity\. Give/],
    [true, /^The subject of a session is a boolean that can't name anybody\. Give/],
    [{ id: 1 }, /is a object that can't name anybody/],
    ['\ud800', /is a string that can't name anybody/],
  ])('that can be nobody (%s) is refused, with what to give', (given, message) => {
    expect(() => subjectText(given)).toThrow(invalid(message))
  })

  test('begins the id of its sessions with its tag, also of one that begins signed in', async () => {
    const { open, stored } = setUp()
    const began = await open()
    const before = began.id
    Object.assign(began.session, { userId: 42 })
    await began.commit()
    const anonymous = await open(await stored({ a: 1 }))
    expect(anonymous.id.startsWith(tagOf('42'))).toBe(false)
    await anonymous.signIn({ userId: 42 })
    for (const { id } of [began, anonymous]) expect(id.startsWith(tagOf('42'))).toBe(true)
    expect(began.id).not.toBe(before)
  })

  test('of nobody leaves a new session the id that its handler has seen', async () => {
    const { open } = setUp()
    const visit = await open()
    const { id } = visit
    Object.assign(visit.session, { a: 1 })
    await visit.commit()
    expect(visit.id).toBe(id)
  })
})

describe('authenticatedAt', () => {
  test('is the moment of the last sign-in, through writes and new ids, and of nobody there is none', async () => {
    const { open, clock } = setUp()
    const visit = await open()
    Object.assign(visit.session, { a: 1 })
    await visit.session.save()
    expect(visit.authenticatedAt).toBeUndefined()
    clock.advance(1000)
    const at = clock.now()
    await visit.signIn({ userId: 1 })
    expect(visit.authenticatedAt).toBe(at)
    clock.advance(1000)
    const next = await open(visit.signedToken)
    Object.assign(next.session, { b: 1 })
    await next.session.rotate()
    expect(next.authenticatedAt).toBe(at)
    Object.assign(next.session, { userId: undefined })
    await next.session.save()
    expect(next.authenticatedAt).toBeUndefined()
    expect((await open(next.signedToken)).authenticatedAt).toBeUndefined()
  })

  test('of a session that begins signed in is its beginning', async () => {
    const { open, clock } = setUp()
    const visit = await open()
    Object.assign(visit.session, { userId: 1 })
    await visit.session.save()
    expect(visit.authenticatedAt).toBe(clock.now())
  })
})

test('who signs out by taking the subject away keeps the end that the session has', async () => {
  const { open, stored, clock } = setUp({ lifetime: days(1), idleTimeout: days(1) })
  const token = await stored({ userId: 1 })
  clock.advance(hours(20))
  const visit = await open(token)
  Object.assign(visit.session, { userId: undefined })
  await visit.commit()
  expect((await open(visit.signedToken)).cookie.maxAge).toBe(hours(4))
})

test('how many sessions there may be is asked for somebody who signs in, and for nobody else', async () => {
  const asked: string[] = []
  const { open, clock } = setUp({
    rotateEvery: minutes(1),
    maxSessions: (subject) => {
      asked.push(subject)
      return undefined
    },
  })
  const visit = await open()
  Object.assign(visit.session, { a: 1 })
  await visit.session.save()
  expect(asked).toEqual([])
  await visit.signIn({ userId: 1 })
  expect(asked).toEqual(['1'])
  const next = await open(visit.signedToken)
  await next.session.rotate()
  clock.advance(minutes(1))
  const due = await open(next.signedToken)
  await due.commit()
  expect(due.tokenChange).toBe('set')
  Object.assign(due.session, { userId: undefined })
  await due.session.save()
  expect(asked).toEqual(['1'])
})

test('one request writes twice without a conflict with itself', async () => {
  const { open, stored, events, data } = setUp()
  const visit = await open(await stored({ count: 0 }))
  for (const count of [1, 2]) {
    Object.assign(visit.session, { count })
    await visit.session.save()
    await visit.session.update((draft) => void Object.assign(draft, { ['seen' + count]: true }))
  }
  await visit.session.rotate()
  await visit.session.update((draft) => void Object.assign(draft, { last: true }))
  expect(events.map(({ type }) => type)).not.toContain('write-conflict')
  expect(await data(visit.signedToken)).toEqual({ count: 2, seen1: true, seen2: true, last: true })
})
