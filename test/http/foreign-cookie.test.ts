import { Signer } from '@fastify/cookie'
import { describe, expect, test } from 'vitest'
import { expressCookieValue, readExpressCookie, readFastifyCookie } from '../../src/http/foreign-cookie.js'

const [newer, older] = ['a newer secret', 'an older secret']
/** The package cookie-signature of express-session signs as this one does. */
const sign = (id: string, secret: string): string => new Signer(secret).sign(id)
const sid = 'qGoiGdA3Z1OjzxFfmIrWeQxEpyLh9hbC'

describe('a cookie of express-session', () => {
  const signed = (id: string, secret: string): string => encodeURIComponent(`s:${sign(id, secret)}`)

  test('is read, whichever of the secrets signed it', () => {
    expect(readExpressCookie(signed(sid, newer), [newer, older])).toEqual({ sid, secret: 0 })
    expect(readExpressCookie(signed(sid, older), [newer, older])).toEqual({ sid, secret: 1 })
  })

  test('is read with ids that an application made itself', () => {
    for (const own of ['tenant:7/a b', 'with.dots.in.it', 'Grüße', '=+/']) {
      expect(readExpressCookie(signed(own, newer), [newer])).toEqual({ sid: own, secret: 0 })
    }
  })

  test('is read in quotes, and where nothing was percent-encoded', () => {
    const plain = `s:${sign(sid, newer)}`
    expect(readExpressCookie(`"${plain}"`, [newer])?.sid).toBe(sid)
    expect(readExpressCookie(plain, [newer])?.sid).toBe(sid)
  })

  test('is none with a signature that no secret made, another form, or no signature', () => {
    const good = `s:${sign(sid, newer)}`
    const wrong = [
      signed(sid, 'a secret of somebody else'),
      good.slice(2),
      good.slice(0, -1),
      `${good}=`,
      `${good.slice(0, -1)}${good.endsWith('A') ? 'B' : 'A'}`,
      `s:${sid}`,
      `s:.${sign('', newer).slice(1)}`,
      's:',
      '',
      '%E0%A4%A',
    ]
    for (const value of wrong) expect(readExpressCookie(value, [newer]), value).toBeUndefined()
    expect(readExpressCookie(good, [])).toBeUndefined()
  })

  test('is written as express-session writes it', () => {
    expect(expressCookieValue(sid, newer)).toBe(signed(sid, newer))
  })
})

describe('a cookie of @fastify/session', () => {
  const signed = (id: string, secret: string): string => encodeURIComponent(sign(id, secret))

  test('is read, whichever of the secrets signed it', () => {
    expect(readFastifyCookie(signed(sid, newer), [newer, older])).toEqual({ sid, secret: 0 })
    expect(readFastifyCookie(signed(sid, older), [newer, older])).toEqual({ sid, secret: 1 })
  })

  test('is read with the prefix that makes it one of express-session', () => {
    expect(readFastifyCookie(encodeURIComponent(`s:${sign(sid, newer)}`), [newer])?.sid).toBe(sid)
  })

  test('is none with a signature that no secret made', () => {
    expect(readFastifyCookie(signed(sid, 'a secret of somebody else'), [newer, older])).toBeUndefined()
    expect(readFastifyCookie(sid, [newer])).toBeUndefined()
  })
})
