import type { RequestHandler } from 'express'
import { sessions } from 'latchkey/express'
import { MemoryStore } from 'latchkey/stores/memory'
import { CookieAgent } from 'latchkey/testing'
import { afterEach, expect, test } from 'vitest'
import { platforms, type TestApp } from '../support/platforms.js'

const secret = 'a secret of more than 32 characters'

const running: TestApp[] = []

afterEach(async () => {
  for (const app of running.splice(0)) await app.close()
})

const express = platforms.find(({ name }) => name === 'express')!

const ROUTES = { 'GET /set': ({ session }: { session: Record<string, unknown> }) => void (session['a'] = 1) }

function passedOver(): { readonly middleware: RequestHandler; readonly lines: readonly string[] } {
  const lines: string[] = []
  const log = (line: string): void => void lines.push(line)
  return { middleware: sessions({ secret, store: new MemoryStore(), cookie: { name: 'second' }, log }), lines }
}

test('two sessions() on one request: the first one counts, and the second one says so, once', async () => {
  const { middleware, lines } = passedOver()
  const app = await express.start({ secret, store: new MemoryStore() }, ROUTES, { after: [middleware] })
  running.push(app)
  const browser = new CookieAgent(app.base)
  await browser.get('/set')
  await browser.get('/set')
  expect(browser.cookies.map(({ name }) => name)).toEqual(['sessionId'])
  expect(lines).toEqual([expect.stringMatching(/from another sessions\(\).*passed over.*Mount one alone/)])
})

test('the same sessions() twice is no mistake to speak of', async () => {
  const { middleware, lines } = passedOver()
  const app = await express.start({ secret, store: new MemoryStore() }, ROUTES, { before: [middleware, middleware] })
  running.push(app)
  const browser = new CookieAgent(app.base)
  await browser.get('/set')
  expect(browser.cookies.map(({ name }) => name)).toEqual(['second'])
  expect(lines).toEqual([])
})
