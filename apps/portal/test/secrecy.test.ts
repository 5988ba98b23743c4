import { inspect } from 'node:util'
import type { LoggerService } from '@nestjs/common'
import { getDataSourceToken } from '@nestjs/typeorm'
import { minutes } from 'latchkey'
import { keyOf } from 'latchkey/core'
import type { CookieAgent } from 'latchkey/testing'
import type { DataSource } from 'typeorm'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { PortalLogger } from '../src/create-app.js'
import { UsersService } from '../src/users/users.service.js'
import { ada, adapters, startPortal, type Portal } from './support/portal.js'

beforeAll(() => void vi.useFakeTimers({ toFake: ['Date'] }))
afterAll(() => void vi.useRealTimers())

describe.each(adapters)('on %s', (adapter) => {
  let portal: Portal
  /** All that the log was told, with whatever hangs on it. */
  let lines: string[]
  /** All that left the server, but for the cookies. */
  let answers: string[]
  let tokens: Set<string>

  async function start(logger?: LoggerService): Promise<void> {
    lines = []
    answers = []
    tokens = new Set()
    const line = (...said: unknown[]): void =>
      void lines.push(said.map((part) => inspect(part, { depth: 8 })).join(' '))
    const all: LoggerService = { log: line, warn: line, error: line, debug: line, verbose: line, fatal: line }
    portal = await startPortal({ adapter }, logger ?? all)
  }

  afterEach(() => portal.stop())

  async function ask(browser: CookieAgent, method: string, path: string, body?: object): Promise<unknown> {
    const json = { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }
    const response = await browser.request(path, { method, ...(body && json) })
    for (const cookie of response.headers.getSetCookie()) {
      const [, token] = /^sessionId=([^;]+)/.exec(cookie) ?? []
      if (token !== undefined) tokens.add(token)
    }
    const headers = [...response.headers].filter(([name]) => name !== 'set-cookie')
    const text = await response.text()
    answers.push(`${method} ${path} ${response.status} ${JSON.stringify(headers)} ${text}`)
    return text === '' ? undefined : JSON.parse(text)
  }

  /** What of a token lets its reader in, or leads to where the session is kept. */
  function secrets(): readonly string[] {
    return [...tokens].flatMap((token) => {
      const [id, signature] = token.split('.') as [string, string]
      return [token, id, signature, keyOf(id)]
    })
  }

  function expectNoSecret(texts: readonly string[]): void {
    for (const secret of secrets()) for (const text of texts) expect(text).not.toContain(secret)
  }

  test('no id, no token and no key is in an answer', async () => {
    await start()
    const [browser, second, third, eve] = [portal.browser(), portal.browser(), portal.browser(), portal.browser()]
    for (const user of [ada, { ...ada, email: 'eve@example.com' }]) await ask(browser, 'POST', '/auth/register', user)
    for (const agent of [browser, second, third]) {
      await ask(agent, 'POST', '/auth/login', { ...ada, remember: agent === third })
    }
    await ask(eve, 'POST', '/auth/login', { ...ada, email: 'eve@example.com' })
    for (const path of ['/auth/me', '/auth/profile', '/profile', '/health', '/']) {
      await browser.get(path).then(async (response) => answers.push(await response.text()))
    }
    const { sessions } = (await ask(second, 'GET', '/auth/sessions')) as { sessions: { handle: string }[] }
    expect(sessions).toHaveLength(3)
    for (const { handle } of sessions) await ask(eve, 'DELETE', `/auth/sessions/${handle}`)
    await ask(second, 'DELETE', `/auth/sessions/${sessions[2]!.handle}`)
    await ask(second, 'DELETE', '/auth/sessions')
    await ask(second, 'GET', '/auth/sessions')
    vi.setSystemTime(Date.now() + minutes(5))
    await ask(second, 'POST', '/auth/password', { newPassword: 'battery staple' })
    await ask(second, 'POST', '/auth/login', ada)
    await ask(second, 'POST', '/auth/password', { newPassword: 'battery staple', currentPassword: 'wrong' })
    await ask(second, 'POST', '/auth/password', { newPassword: 'battery staple' })
    await ask(second, 'POST', '/auth/logout')
    for (const [method, path] of [
      ['GET', '/auth/sessions'],
      ['POST', '/auth/password'],
      ['GET', '/auth/me'],
    ] as const) {
      await ask(browser, method, path)
    }
    // Three sign-ins, Eve's, one more, and the new id after the change.
    expect(tokens.size).toBe(6)
    expect(answers.join('\n')).toContain(sessions[0]!.handle)
    expectNoSecret(answers)
  })

  test('nor in a line of the log, whatever fails', async () => {
    await start()
    const browser = portal.browser()
    await ask(browser, 'POST', '/auth/register', ada)
    await ask(browser, 'POST', '/auth/login', ada)
    await portal.app.get<DataSource>(getDataSourceToken()).query('DROP TABLE users')
    await ask(browser, 'POST', '/auth/password', { newPassword: 'battery staple' })
    await ask(browser, 'GET', '/auth/me')
    await ask(browser, 'POST', '/auth/login', ada)
    expect(answers.filter((answer) => / 500 /.test(answer))).toHaveLength(3)
    expect(lines.filter((line) => line.includes('no such table: users'))).toHaveLength(3)
    expect(tokens.size).toBeGreaterThan(0)
    expectNoSecret(lines)
    expectNoSecret(answers)
  })

  test("nor a password's hash, where the database fails", async () => {
    await start(new PortalLogger({ logLevels: ['error'] }))
    const written = vi.spyOn(process.stderr, 'write').mockReturnValue(true)
    try {
      const browser = portal.browser()
      await ask(browser, 'POST', '/auth/register', ada)
      await ask(browser, 'POST', '/auth/login', ada)
      const { passwordHash } = (await portal.app.get(UsersService).findByEmail(ada.email))!
      const database = portal.app.get<DataSource>(getDataSourceToken())
      for (const change of ['UPDATE', 'INSERT']) {
        const name = `no_${change.toLowerCase()}`
        await database.query(
          `CREATE TRIGGER ${name} BEFORE ${change} ON users BEGIN SELECT RAISE(ABORT, '${name}'); END`,
        )
      }
      await ask(browser, 'POST', '/auth/password', { newPassword: 'battery staple' })
      await ask(browser, 'POST', '/auth/register', { ...ada, email: 'eve@example.com' })
      const log = written.mock.calls.map(([text]) => String(text)).join('')
      for (const cause of ['no_update', 'no_insert']) expect(log).toContain(cause)
      expect(passwordHash).toMatch(/^\$argon2id/)
      expect(log).not.toMatch(/argon2id/)
      expectNoSecret([log, ...answers])
    } finally {
      written.mockRestore()
    }
  })
})
