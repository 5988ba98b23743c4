import { SessionError } from 'latchkey/core'
import { RedisStore, type AdoptOptions } from 'latchkey/stores/redis'
import { describe, expect, test } from 'vitest'
import { everyLibrary } from './side-by-side.js'

const url = 'redis://127.0.0.1:1'

function messageOf(adopt: unknown, more: object = { url }): string {
  try {
    void new RedisStore({ ...more, adopt: adopt as AdoptOptions })
  } catch (error) {
    expect(error).toBeInstanceOf(SessionError)
    expect(error).toMatchObject({ code: 'OPTIONS_INVALID' })
    return (error as SessionError).message
  }
  return 'nothing was refused'
}

describe('the option adopt', () => {
  test('has the names that each library has by default', () => {
    const cookies = (adopt: AdoptOptions['from'] | AdoptOptions) => new RedisStore({ url, adopt }).adopting?.cookies
    expect(cookies('connect-redis')).toMatchObject({ name: 'connect.sid', path: '/', secrets: undefined })
    expect(cookies('@fastify/session')).toMatchObject({ name: 'sessionId' })
    expect(cookies({ from: 'connect-redis', secret: 'a,b' })).toMatchObject({ secrets: ['a,b'] })
    expect(new RedisStore({ url }).adopting).toBeUndefined()
  })

  test.each([
    ['express-session', "'connect-redis' or '@fastify/session'"],
    [{}, "'connect-redis' or '@fastify/session'"],
    [{ from: 'connect-redis', cookie: 'sid' }, 'Unknown option of adopt "cookie"'],
    [{ from: 'connect-redis', prefix: 7 }, 'adopt.prefix is 7'],
    [{ from: 'connect-redis', cookieName: 'a name' }, 'adopt.cookieName is "a name"'],
    [{ from: 'connect-redis', cookiePath: '/;' }, 'adopt.cookiePath is "/;"'],
    [{ from: 'connect-redis', cookieDomain: '' }, 'adopt.cookieDomain is ""'],
    [{ from: 'connect-redis', rolling: 'yes' }, 'adopt.rolling is "yes"'],
    [{ from: 'connect-redis', convert: {} }, 'adopt.convert is an object'],
    [{ from: 'connect-redis', secret: [] }, 'adopt.secret is no secret'],
    [{ from: 'connect-redis', secret: ['a', ''] }, 'adopt.secret is no secret'],
  ])('%j is refused', (adopt, said) => {
    expect(messageOf(adopt)).toContain(said)
  })

  test('a secret is in no message', () => {
    expect(messageOf({ from: 'connect-redis', secret: ['correct horse', 7] })).not.toContain('horse')
  })

  test('a Redis Cluster is refused', () => {
    const nothing = (): void => {}
    const cluster = {
      on: nothing,
      listenerCount: () => 1,
      isOpen: true,
      connect: nothing,
      sendCommand: nothing,
      getRandomNode: nothing,
    }
    expect(messageOf('connect-redis', { client: cluster })).toContain('Redis Cluster')
  })
})

everyLibrary((sides) => {
  const withCookie = async (app: { readonly base: string }, headers: Record<string, string>, method = 'GET') => {
    const old = await sides.startOld()
    const ann = sides.browser()
    await ann.get(old, '/login?user=ann')
    const { cookieName } = sides.library
    const cookie = `${cookieName}=${ann.cookie(cookieName)}`
    return fetch(`${app.base}/data`, { method, headers: { cookie, ...headers } })
  }

  test('a page of another site can not use the old cookie either', async () => {
    const now = await sides.startNew({ routes: { 'POST /data': ({ session }) => ({ ...session }) } })
    const response = await withCookie(now, { 'sec-fetch-site': 'cross-site' }, 'POST')
    expect(response.status).toBe(403)
    expect((await sides.keys()).filter((key) => key.startsWith('sess:'))).toHaveLength(1)
  })

  test('where our cookie would not get back to us, nothing is taken over, and the log says why', async () => {
    const now = await sides.startNew({ options: { cookie: { name: 'sid', secure: true } } })
    expect(await (await withCookie(now, {})).json()).toEqual({})
    expect((await sides.keys()).filter((key) => key.startsWith('sess:'))).toHaveLength(1)
    expect(now.lines).toHaveLength(1)
    expect(now.events).toMatchObject([{ type: 'cookie-undeliverable' }])
  })

  test('a token in Authorization counts, and the old cookie beside it does not', async () => {
    const now = await sides.startNew({ options: { transports: ['cookie', 'bearer'] } })
    const authorization = `Bearer ${'x'.repeat(51)}.${'y'.repeat(43)}`
    expect(await (await withCookie(now, { authorization })).json()).toEqual({})
    expect((await sides.keys()).filter((key) => key.startsWith('sess:'))).toHaveLength(1)
  })

  test('a store that takes nothing over passes the old cookies over', async () => {
    const now = await sides.startNew({
      around: (store) => new RedisStore({ url: sides.redis.url, prefix: store.name }),
    })
    expect(await (await withCookie(now, {})).json()).toEqual({})
    expect((await sides.keys()).filter((key) => key.startsWith('sess:'))).toHaveLength(1)
  })
})
