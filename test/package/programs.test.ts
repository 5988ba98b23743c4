import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { CookieAgent } from 'latchkey/testing'
import { describe, expect, inject, onTestFinished, test } from 'vitest'
import { startRedis } from '../support/redis-server.js'
import { complaints, programOf } from './support/compile.js'
import { codeBlocks, pages } from './support/markdown.js'
import { ABOUT_USERS, build, emptyFolder, programsOf, secret, started } from './support/page-program.js'
import { isFragment, word, writePage } from './support/page-project.js'
import { json, run, serve } from './support/program.js'

const { nest11, nest12 } = inject('consumers')

/** What the README says to change for Fastify. */
function onFastify(code: string): string {
  const fragment = codeBlocks('README.md').find((block) => isFragment(block) && block.text.includes('FastifyAdapter'))
  const [importLine = '', createLine = ''] = fragment?.text.split('\n') ?? []
  const changed = code.replace('const app = await NestFactory.create(AppModule)', createLine)
  return changed === code ? code : `${importLine}\n${changed}`
}

describe.each([
  ['Nest 12', nest12],
  ['Nest 11', nest11],
])("the README's whole app with %s", (_, consumer) => {
  test.each([
    ['Express', (code: string) => code],
    ['Fastify', onFastify],
  ])('on %s signs in, is signed in after kill -9 and a restart, and signs out', async (platform, edit) => {
    const file = build(consumer, 'README.md', 'app', edit)
    expect(readFileSync(file, 'utf8').includes('FastifyAdapter')).toBe(platform === 'Fastify')
    const folder = emptyFolder('app')

    const server = await serve(folder, file, secret)
    const first = new CookieAgent(server.base)
    expect((await first.post('/login/ann')).status).toBe(201)
    expect(await json(first.get('/me'))).toEqual({ id: 'ann' })
    await server.kill()

    const ann = new CookieAgent((await serve(folder, file, secret)).base, {}, first.cookies)
    const thief = ann.copy()
    expect(await json(ann.get('/me'))).toEqual({ id: 'ann' })
    expect((await ann.post('/logout')).status).toBe(201)
    expect(ann.cookies).toEqual([])
    expect(await json(thief.get('/me'))).toMatchObject({ statusCode: 401, message: 'Session not found' })
  })
})

test("the README's app compiles on Fastify as well", () => {
  const under = join(nest12, 'programs', 'types')
  const { files } = writePage(under, 'README.md', onFastify)
  expect(complaints(programOf(nest12, files), under)).toEqual([])
})

test("the README's app has at most 25 lines of code", () => {
  const app = codeBlocks('README.md').find((block) => word(block, 'run') === 'app')
  expect(app!.text.split('\n').filter((line) => line.trim() !== '').length).toBeLessThanOrEqual(25)
  expect(app!.line).toBeLessThan(30)
})

test("the README's Express app counts visits in Redis", async () => {
  const redis = await startRedis()
  onTestFinished(() => redis.stop())
  const file = build(nest12, 'README.md', 'express')
  const env = { ...secret, REDIS_URL: redis.url }
  const agent = new CookieAgent((await serve(emptyFolder('express'), file, env)).base)
  expect(await json(agent.get('/'))).toEqual({ visits: 1 })
  expect(await json(agent.get('/'))).toEqual({ visits: 2 })
  const again = new CookieAgent((await serve(emptyFolder('express'), file, env)).base, {}, agent.cookies)
  expect(await json(again.get('/'))).toEqual({ visits: 3 })
})

test("the README's Fastify app counts visits in a file", async () => {
  const file = build(nest12, 'README.md', 'fastify')
  const folder = emptyFolder('fastify')
  const agent = new CookieAgent((await serve(folder, file, secret)).base)
  expect(await json(agent.get('/'))).toEqual({ visits: 1 })
  const again = new CookieAgent((await serve(folder, file, secret)).base, {}, agent.cookies)
  expect(await json(again.get('/'))).toEqual({ visits: 2 })
})

test.each([
  ['Nest 12', nest12],
  ['Nest 11', nest11],
])('the app of getting-started answers as its page says, with %s', async (_, consumer) => {
  const file = build(consumer, 'docs/guide/getting-started.md', 'getting-started')
  const { base } = await serve(emptyFolder('getting-started'), file, secret)
  const ann = new CookieAgent(base)
  expect((await ann.post('/auth/login', { email: 'ann@example.com', password: 'wrong' })).status).toBe(401)
  expect(await json(ann.post('/auth/login', { email: 'ann@example.com', password: 'correct horse' }))).toEqual({
    message: 'Login successful',
  })
  expect(await json(ann.get('/auth/profile'))).toEqual({ id: 1, email: 'ann@example.com', role: 'user' })
  expect(await json(ann.get('/auth/audit'))).toMatchObject({
    statusCode: 403,
    message: 'Your role does not allow this',
  })
  expect(await json(new CookieAgent(base).get('/auth/profile'))).toMatchObject({
    statusCode: 401,
    message: 'Session not found',
  })
  expect(await json(ann.post('/auth/logout'))).toEqual({ message: 'Logout successful' })
  expect((await ann.get('/auth/profile')).status).toBe(401)
})

describe.each([
  ['proxy-express', "app.set('trust proxy', 1)", /^app\.set\('trust proxy'.*$/m],
  ['proxy-fastify', 'new FastifyAdapter({ trustProxy: true })', /\{ trustProxy: true \}/],
])('behind a proxy, the program %s', (name, setting, inPage) => {
  const page = 'docs/guide/behind-a-proxy.md'
  const production = { ...secret, NODE_ENV: 'production' }
  const byProxy = { method: 'POST', headers: { 'x-forwarded-proto': 'https' } }

  test('sets a __Host- cookie', async () => {
    const { base } = await serve(emptyFolder(name), build(nest12, page, name), production)
    const response = await fetch(`${base}/visit`, byProxy)
    expect(response.status).toBe(201)
    expect(response.headers.get('set-cookie')).toMatch(/^__Host-sessionId=.*; HttpOnly; Secure; SameSite=Lax$/)
  })

  test('without its setting answers 500, and names the setting', async () => {
    const file = build(nest12, page, name, (code) => code.replace(inPage, ''))
    const server = await serve(emptyFolder(name), file, production)
    const response = await fetch(`${server.base}/visit`, byProxy)
    expect(response.status).toBe(500)
    expect(await response.json()).toMatchObject({ code: 'COOKIE_UNDELIVERABLE' })
    expect(server.output()).toContain(`the app is not told to trust it: ${setting}`)
  })
})

test.each([
  ['docs/reference/writing-a-store.md', 'conformance'],
  ['docs/reference/testing.md', 'clock'],
])('the test file of %s passes', async (page, name) => {
  const file = build(nest12, page, name)
  const { code, stdout } = await run(emptyFolder(name), ['--test', '--test-reporter=tap', file])
  expect(stdout).toMatch(/^# pass [1-9]/m)
  expect(stdout).toMatch(/^# fail 0$/m)
  expect(code).toBe(0)
})

test('every program of a page is started, here or beside', () => {
  expect(started()).toEqual(programsOf(pages.filter((page) => !ABOUT_USERS.includes(page))))
})
