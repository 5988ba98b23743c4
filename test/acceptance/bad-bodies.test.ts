import express from 'express'
import { describe, expect, test } from 'vitest'
import type { PlatformOptions } from '../support/platforms.js'
import { dataOf, everywhere, type Place, type Routes, type Scene } from './everywhere.js'

const parser = express.json()

/** Where the body parser of an Express application may stand. Fastify reads bodies after the session was opened. */
const MOUNTED: readonly (readonly [string, PlatformOptions])[] = [
  ['before the sessions', { before: [parser] }],
  ['after the sessions', { after: [parser] }],
]

const routes: Routes = {
  'POST /body': ({ session, body }) => void Object.assign(session, body),
  'GET /entries': ({ session }) => Object.entries(session),
}

async function signedIn(start: Place['start'], more: PlatformOptions): Promise<Scene> {
  const scene = await start(routes, {}, more)
  await scene.browser.get('/login?user=42')
  return scene
}

const post = (scene: Scene, body: string, type = 'application/json'): Promise<Response> =>
  scene.browser.post('/body', body, { headers: { 'content-type': type } })

describe('bad input: bodies, while signed in', () => {
  everywhere(({ platform, start }) => {
    test.each(platform === 'express' ? MOUNTED : MOUNTED.slice(0, 1))(
      'what is no JSON is refused by the platform with its own answer, and the session stays (read %s)',
      async (_name, more) => {
        const scene = await signedIn(start, more)
        // A touch that is due is no reason to treat the request otherwise.
        scene.clock.advance(120_000)
        for (const body of ['{"a":', '{a:1}', "{'a':1}", '\0', '{"a":1}}', 'undefined']) {
          const response = await post(scene, body)
          expect(response.status).toBe(400)
          expect(response.headers.getSetCookie()).toEqual([])
        }
        expect((await post(scene, `{"a":"${'x'.repeat(2_000_000)}"}`)).status).toBe(413)
        expect((await post(scene, '{"a":1}', 'application/json; charset=nonsense')).status).toBeLessThan(500)
        expect(scene.store.calls).toMatchObject({ create: 1, delete: 0, rotate: 0 })
        expect(await dataOf(scene.browser)).toMatchObject({ userId: '42' })
      },
    )

    test.each<[string, string, string]>([
      ['the name id, which the session has itself', '{"id":"x"}', 'VALUE_NOT_STORABLE'],
      ['the name cookie, which the session has itself', '{"cookie":{"maxAge":1}}', 'VALUE_NOT_STORABLE'],
      ['the name of a verb', '{"save":1}', 'VALUE_NOT_STORABLE'],
      ['a user that is no name', '{"userId":{"$ne":null}}', 'SUBJECT_INVALID'],
      ['data nested too deep', `{"deep":${'['.repeat(200)}${']'.repeat(200)}}`, 'VALUE_NOT_STORABLE'],
      ['a key with half a character', '{"\\ud800":1}', 'VALUE_NOT_STORABLE'],
    ])('%s is refused with nothing half saved', async (_what, body, code) => {
      const codes: unknown[] = []
      const scene = await start(
        {
          'POST /body': ({ session, body: given }) => {
            try {
              Object.assign(session, { before: 1 }, given)
            } catch (error) {
              codes.push((error as { code?: unknown }).code)
              throw error
            }
          },
        },
        { onEvent: (event) => void ('error' in event && codes.push(event.error.code)) },
        MOUNTED[1]![1],
      )
      await scene.browser.get('/login?user=42')
      const token = scene.browser.cookie('sessionId')
      expect((await post(scene, body)).status).toBe(500)
      expect(codes).toContain(code)
      expect(scene.browser.cookie('sessionId')).toBe(token)
      expect(await dataOf(scene.browser)).toMatchObject({ userId: '42' })
      expect((await scene.kept()).sessions).toBe(1)
    })

    test('names and values of every kind are data like others', async () => {
      const scene = await signedIn(start, MOUNTED[1]![1])
      const data = {
        '': 'empty',
        constructor: 1,
        toString: 2,
        hasOwnProperty: 3,
        'a.b[0]': 4,
        '~n': 5,
        '%41': 6,
        '"quoted"': 7,
        'new\nline': 8,
        'a\0b': 9,
        '🗝': '🗝',
        отчёт: 'half: \ud800',
        long: 'x'.repeat(60_000),
      }
      expect((await post(scene, JSON.stringify(data))).status).toBe(200)
      const entries = (await (await scene.browser.get('/entries')).json()) as [string, unknown][]
      expect(new Map(entries)).toEqual(new Map(Object.entries({ userId: '42', ...data })))
      expect(({} as { polluted?: unknown }).polluted).toBeUndefined()
    })

    if (platform === 'express') {
      test('__proto__ in a body is data, and pollutes nothing', async () => {
        const scene = await signedIn(start, MOUNTED[1]![1])
        // Object.assign would set a prototype: what comes as an own property is copied as one.
        expect((await post(scene, '{"__proto__":{"polluted":1}}')).status).toBe(200)
        expect(({} as { polluted?: unknown }).polluted).toBeUndefined()
        const entries = (await (await scene.browser.get('/entries')).json()) as [string, unknown][]
        expect(new Map(entries).get('__proto__')).toEqual({ polluted: 1 })
      })
    }
  })
})
