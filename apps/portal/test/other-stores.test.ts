import { rm } from 'node:fs/promises'
import type { SessionModuleOptions } from 'latchkey'
import type { SessionStore } from 'latchkey/core'
import { fromExpressStore } from 'latchkey/stores/express'
import { afterAll, describe, expect, test, vi } from 'vitest'
import { theirStores } from '../../../test/support/express-stores.js'
import type { PortalConfig } from '../src/config/settings.js'
import { ada, adapters, answer, startPortal, temporaryFolder, type Portal } from './support/portal.js'

/** The store that the next portal keeps its sessions in. */
const next = vi.hoisted(() => ({ store: undefined as SessionStore | undefined }))

vi.mock(import('../src/config/sessions.js'), async (original) => {
  const { sessionSecret } = await original()
  const sessionOptions = (config: PortalConfig): SessionModuleOptions => {
    return { secret: sessionSecret(config), store: next.store!, storeTimeout: 10_000 }
  }
  return { sessionSecret, sessionOptions }
})

describe.each(theirStores)('on $name', ({ open, stop }) => {
  afterAll(stop)

  test.each(adapters)('and %s, a user signs up, signs in, is known after a restart, signs out', async (adapter) => {
    const theirs = await open()
    const dataFolder = await temporaryFolder()
    const start = (): Promise<Portal> => {
      next.store = fromExpressStore(theirs)
      return startPortal({ adapter, dataFolder })
    }
    const { email, password, name } = ada
    const nobody = { status: 200, body: { authenticated: false } }
    const known = { status: 200, body: { authenticated: true, user: { id: 1, email, name, role: 'user' } } }

    let portal = await start()
    const first = portal.browser()
    expect(await answer(first.post('/auth/register', ada))).toMatchObject({ status: 201, body: { id: 1 } })
    expect(await answer(first.get('/auth/me'))).toEqual(nobody)
    expect(await answer(first.post('/auth/login', { email, password }))).toMatchObject({ status: 200 })
    expect(await answer(first.get('/auth/me'))).toEqual(known)
    expect(await answer(first.get('/profile'))).toEqual({ status: 200, body: { user: { id: 1, email, role: 'user' } } })

    const old = first.copy()
    await first.post('/auth/login', { email, password })
    expect(await answer(old.get('/auth/me')), 'the id from before a login is dead after it').toEqual(nobody)
    await portal.stop()

    portal = await start()
    const browser = portal.browser()
    for (const { name, value } of first.cookies) browser.take(`${name}=${value}; Path=/`)
    const copy = browser.copy()
    expect(await answer(browser.get('/auth/me'))).toEqual(known)
    expect(await answer(browser.post('/auth/logout'))).toEqual({ status: 200, body: { message: 'Logout successful' } })
    expect(browser.cookies).toEqual([])
    expect(await answer(copy.get('/auth/me')), 'the copies of the cookie are dead too').toEqual(nobody)
    await portal.stop()
    await rm(dataFolder, { recursive: true, force: true })
  })
})
