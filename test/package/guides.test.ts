import { days } from 'latchkey/core'
import { CookieAgent } from 'latchkey/testing'
import { describe, expect, inject, test } from 'vitest'
import { codeBlocks, section } from './support/markdown.js'
import { ABOUT_USERS, build, emptyFolder, programsOf, secret, started } from './support/page-program.js'
import { json, serve } from './support/program.js'

const { nest11, nest12 } = inject('consumers')

const firefox = { 'user-agent': 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0' }
const safari = {
  'user-agent':
    'Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1',
}

/** The first block of JSON in a section of a page. */
function jsonIn(page: string, heading: string): unknown {
  return JSON.parse(codeBlocks(page, section(page, heading)).find(({ language }) => language === 'json')!.text)
}

describe.each([
  ['Nest 12', nest12],
  ['Nest 11', nest11],
])('the app of devices.md, with %s', (_, consumer) => {
  const ann = { email: 'ann@example.com', password: 'correct horse' }

  async function start() {
    const { base } = await serve(emptyFolder('devices'), build(consumer, 'docs/guide/devices.md', 'devices'), secret)
    const signedIn = async (
      user: object,
      headers: Readonly<Record<string, string>> = firefox,
    ): Promise<CookieAgent> => {
      const agent = new CookieAgent(base, { headers })
      expect((await agent.post('/auth/login', user)).status).toBe(201)
      return agent
    }
    const status = async (agent: CookieAgent, path: string, method = 'GET'): Promise<number> =>
      (await agent.request(path, { method })).status
    return { signedIn, status }
  }

  test('lists the devices of a user, and ends one or all others', async () => {
    const { signedIn, status } = await start()
    const [laptop, phone, tablet] = [await signedIn(ann), await signedIn(ann, safari), await signedIn(ann, {})]
    const devices = (await json(phone.get('/devices'))) as { handle: string; device?: string; current: boolean }[]
    expect(devices.map(({ device, current }) => [device, current])).toEqual([
      ['Firefox on Linux', false],
      ['Safari on iOS', true],
      [undefined, false],
    ])
    const shown = (jsonIn('docs/guide/devices.md', 'A whole controller') as typeof devices)[0]!
    expect(Object.keys(devices[0]!)).toEqual(Object.keys(shown))
    expect(devices[0]!.handle).toHaveLength(shown.handle.length)

    expect(await status(phone, `/devices/${devices[0]!.handle}`, 'DELETE')).toBe(204)
    expect([await status(laptop, '/auth/me'), await status(phone, '/auth/me')]).toEqual([401, 200])
    expect(await status(phone, `/devices/${devices[0]!.handle}`, 'DELETE')).toBe(404)
    expect(await json(phone.request('/devices', { method: 'DELETE' }))).toEqual({ ended: 1 })
    expect([await status(tablet, '/auth/me'), await status(phone, '/auth/me')]).toEqual([401, 200])
    expect(await status(phone, `/devices/${devices[1]!.handle}`, 'DELETE')).toBe(204)
    expect(phone.cookies).toEqual([])
  })

  test("answers 404 to the handle of somebody else's session", async () => {
    const { signedIn, status } = await start()
    const [laptop, bob] = [
      await signedIn(ann),
      await signedIn({ email: 'bob@example.com', password: 'battery staple' }),
    ]
    const [{ handle }] = (await json(laptop.get('/devices'))) as [{ handle: string }]
    expect(await status(bob, `/devices/${handle}`, 'DELETE')).toBe(404)
    expect(await status(laptop, '/auth/me')).toBe(200)
  })

  test('gives a new password a new id, and ends the sessions of the other devices', async () => {
    const { signedIn, status } = await start()
    const [laptop, phone] = [await signedIn(ann), await signedIn(ann, safari)]
    const copy = laptop.copy()
    const response = await laptop.request('/password', {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ password: 'new' }),
    })
    expect(await response.json()).toEqual({ ended: 1 })
    const statuses = []
    for (const agent of [laptop, phone, copy]) statuses.push(await status(agent, '/auth/me'))
    expect(statuses).toEqual([200, 401, 401])
  })

  test('changes a role on all devices at once, and lets only an administrator do it', async () => {
    const { signedIn } = await start()
    const [laptop, phone] = [await signedIn(ann), await signedIn(ann, safari)]
    const bob = await signedIn({ email: 'bob@example.com', password: 'battery staple' })
    const change = (agent: CookieAgent): Promise<Response> =>
      agent.request('/users/1/role', {
        method: 'PUT',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ role: 'editor' }),
      })
    expect((await change(laptop)).status).toBe(403)
    expect(await json(change(bob))).toEqual({ sessions: 2 })
    for (const agent of [laptop, phone]) expect(await json(agent.get('/auth/me'))).toMatchObject({ role: 'editor' })
  })

  test('signs the first device out at the sixth sign-in', async () => {
    const { signedIn, status } = await start()
    const agents = []
    for (let count = 0; count < 6; count++) agents.push(await signedIn(ann))
    const statuses = []
    for (const agent of agents) statuses.push(await status(agent, '/auth/me'))
    expect(statuses).toEqual([401, 200, 200, 200, 200, 200])
  })
})

describe.each([
  ['Nest 12', nest12],
  ['Nest 11', nest11],
])('the app of signing-in.md, with %s', (_, consumer) => {
  const ann = { email: 'ann@example.com', password: 'correct horse' }
  const maxAge = (response: Response): number => Number(/Max-Age=(\d+)/.exec(response.headers.getSetCookie()[0]!)?.[1])

  async function start(folder: string, edit?: (code: string) => string): Promise<string> {
    const file = build(consumer, 'docs/guide/signing-in.md', 'signing-in', edit)
    return (await serve(folder, file, secret)).base
  }

  test('signs in, remembers who wants it, and signs out', async () => {
    const agent = new CookieAgent(await start(emptyFolder('signing-in')))
    expect(maxAge(await agent.post('/auth/login', ann))).toBe(days(1) / 1000)
    expect(maxAge(await agent.post('/auth/login', { ...ann, remember: true }))).toBe(days(30) / 1000)
    expect((await agent.post('/auth/api-keys')).status).toBe(201)
    expect((await agent.post('/auth/logout')).status).toBe(201)
    expect(agent.cookies).toEqual([])
    expect((await agent.post('/auth/api-keys')).status).toBe(401)
    expect((await agent.post('/auth/logout')).status).toBe(201)
  })

  test('asks who signed in too long ago for the password, by the answer that errors.md shows', async () => {
    const folder = emptyFolder('signing-in')
    const before = new CookieAgent(await start(folder))
    await before.post('/auth/login', ann)
    expect((await before.post('/auth/api-keys')).status).toBe(201)
    const later = 'forRoot({ clock: () => Date.now() + 300_000, store'
    const agent = new CookieAgent(
      await start(folder, (code) => code.replace('forRoot({ store', later)),
      {},
      before.cookies,
    )
    const response = await agent.post('/auth/api-keys')
    expect(response.status).toBe(403)
    expect(await response.json()).toEqual(jsonIn('docs/reference/errors.md', 'What a guard answers'))
    expect((await agent.post('/auth/confirm', { password: 'wrong' })).status).toBe(401)
    expect((await agent.post('/auth/confirm', { password: ann.password })).status).toBe(201)
    expect((await agent.post('/auth/api-keys')).status).toBe(201)
  })
})

test('every program of these guides is started', () => {
  expect(started()).toEqual(programsOf(ABOUT_USERS))
})
