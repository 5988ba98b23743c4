import { getDataSourceToken } from '@nestjs/typeorm'
import type { DataSource } from 'typeorm'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { UsersService } from '../src/users/users.service.js'
import { ada, answer, startPortal, type Portal } from './support/portal.js'
import { startPostgres, type PostgresServer } from './support/postgres-server.js'

let postgres: PostgresServer

beforeAll(async () => {
  postgres = await startPostgres()
})

afterAll(() => postgres.stop())

const databases = [
  { name: 'SQLite', databaseUrl: () => Promise.resolve(undefined) },
  { name: 'PostgreSQL', databaseUrl: () => postgres.createDatabase() },
]

describe.each(databases)('users in $name', ({ databaseUrl }) => {
  let portal: Portal

  beforeAll(async () => {
    portal = await startPortal({ databaseUrl: await databaseUrl() })
  })

  afterAll(() => portal.stop())

  test('a user signs up, signs in and is known', async () => {
    const browser = portal.browser()
    const registration = await answer(browser.post('/auth/register', ada))
    const user = { id: expect.any(Number) as number, email: ada.email, name: ada.name, role: 'user' }
    expect(registration).toEqual({ status: 201, body: user })
    expect((await browser.post('/auth/login', ada)).status).toBe(200)
    expect(await answer(browser.get('/auth/me'))).toEqual({ status: 200, body: { authenticated: true, user } })
  })

  test('a taken address is a 409', async () => {
    expect((await portal.browser().post('/auth/register', { ...ada, email: 'ADA@example.com' })).status).toBe(409)
  })

  test('of several registrations of one address at once, one wins', async () => {
    const bob = { ...ada, email: 'bob@example.com' }
    const attempts = Array.from({ length: 4 }, () => portal.browser().post('/auth/register', bob))
    const statuses = (await Promise.all(attempts)).map((response) => response.status)
    expect(statuses.toSorted((a, b) => a - b)).toEqual([201, 409, 409, 409])
  })

  test('of several changes of one password at once, one wins', async () => {
    const users = portal.app.get(UsersService)
    const stored = await users.create({ email: 'dora@example.com', name: 'Dora', passwordHash: 'first' })
    const changes = ['a', 'b', 'c', 'd'].map((newHash) => users.changePassword(stored, newHash))
    expect((await Promise.all(changes)).filter(Boolean)).toHaveLength(1)
    expect((await users.findById(stored.id))!.passwordHash).toMatch(/^[abcd]$/)
    await dataSourceOf(portal).query('DELETE FROM users WHERE id = $1', [stored.id])
    expect(await users.changePassword(stored, 'e')).toBe(false)
  })

  test('a user changes the password, and signs in with the new one', async () => {
    const browser = portal.browser()
    const user = { ...ada, email: 'fay@example.com' }
    await browser.post('/auth/register', user)
    await browser.post('/auth/login', user)
    expect((await browser.post('/auth/password', { newPassword: 'battery staple' })).status).toBe(200)
    expect((await browser.post('/auth/login', user)).status).toBe(401)
    expect((await browser.post('/auth/login', { ...user, password: 'battery staple' })).status).toBe(200)
  })

  test('what a database does not take is a 400 or a 401, never a 500', async () => {
    const browser = portal.browser()
    for (const text of ['\0', '\ud800', '\u{10ffff}', "' OR 1=1 --", '\ufe0f'.repeat(500)]) {
      const registration = await browser.post('/auth/register', { ...ada, name: text, email: `x${text}@example.com` })
      expect(registration.status, text).toBe(400)
      const login = await browser.post('/auth/login', { email: `x${text}@example.com`, password: text })
      expect(login.status, text).toBe(401)
    }
  })

  test('somebody who is in the session and no longer in the database is not signed in', async () => {
    const browser = portal.browser()
    const eve = { ...ada, email: 'eve@example.com' }
    await browser.post('/auth/register', eve)
    await browser.post('/auth/login', eve)
    await dataSourceOf(portal).query("DELETE FROM users WHERE email = 'eve@example.com'")
    expect(await answer(browser.get('/auth/me'))).toEqual({ status: 200, body: { authenticated: false } })
  })

  test('the migrations make what the entities say', async () => {
    const { upQueries } = await dataSourceOf(portal).driver.createSchemaBuilder().log()
    expect(upQueries.map(({ query }) => query)).toEqual([])
  })

  test('another error of the database is not taken for a duplicate', async () => {
    const users = portal.app.get(UsersService)
    await expect(users.create({ ...ada, email: 'carl@example.com', passwordHash: null as never })).rejects.toThrow(
      /null/i,
    )
  })
})

test('two portals that start at once on an empty PostgreSQL both start', async () => {
  const databaseUrl = await postgres.createDatabase()
  const portals = await Promise.all([startPortal({ databaseUrl }), startPortal({ databaseUrl })])
  for (const portal of portals) expect((await portal.browser().get('/health')).status).toBe(200)
  for (const portal of portals) await portal.stop()
})

function dataSourceOf(portal: Portal): DataSource {
  return portal.app.get<DataSource>(getDataSourceToken())
}
