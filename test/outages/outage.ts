import type { SessionStore } from 'latchkey/core'
import type { SessionOptions } from 'latchkey/express'
import { CookieAgent } from 'latchkey/testing'
import { afterEach, describe, expect } from 'vitest'
import { ROUTES, ending, secret, type Routes } from '../acceptance/everywhere.js'
import { platforms, type TestApp } from '../support/platforms.js'

/** The deadline of a store call in these applications, in milliseconds: that of an application which says nothing. */
export const DEADLINE = 500

/** What the promise leaves to a request besides, in milliseconds. */
export const MARGIN = 100

/** What a machine that is busy may add. Without a deadline a request would hang for 5 s and more. */
export const SLACK = 2_500

/** An application on a store that fails. */
export interface Site {
  readonly app: TestApp
  /** A browser of somebody who is not signed in. */
  browser(): CookieAgent
  /** A browser of somebody who is. */
  signedIn(user: string): Promise<CookieAgent>
  /** What the application has logged. */
  readonly lines: readonly string[]
}

/** Starts an application of one platform. It ends after the test, and the store with it. */
export type Start = (store: SessionStore, options?: Partial<SessionOptions>, routes?: Routes) => Promise<Site>

/** Declares the tests for each platform. */
export function onBoth(tests: (start: Start, platform: string) => void): void {
  for (const platform of platforms) {
    const start: Start = async (store, options = {}, routes = {}) => {
      const lines: string[] = []
      const given: SessionOptions = { secret, store, log: (line) => void lines.push(line), ...options }
      const app = ending(await platform.start(given, { ...ROUTES, ...OTHERS, ...routes }))
      const browser = (): CookieAgent => new CookieAgent(app.base)
      const signedIn = async (user: string): Promise<CookieAgent> => {
        const agent = browser()
        await answers(agent, `/login?user=${user}`)
        return agent
      }
      return { app, browser, signedIn, lines }
    }
    describe(`on ${platform.name}`, () => tests(start, platform.name))
  }
}

const OTHERS: Routes = {
  'GET /health': () => 'alive',
}

const endings: (() => unknown)[] = []

afterEach(async () => {
  for (const end of endings.splice(0).toReversed()) await end()
})

/** Lets go of something after the test, the last one first. */
export function afterwards<T>(thing: T, end: (thing: T) => unknown): T {
  endings.push(() => end(thing))
  return thing
}

/**
 * The answer to a request that succeeds. Where the store is well, a call that passes its deadline only shows that the machine
 * is busy: it is asked again. A 503 that comes sooner is one too many.
 */
export async function answers(browser: CookieAgent, path: string): Promise<unknown> {
  const end = performance.now() + 15_000
  for (;;) {
    const began = performance.now()
    const response = await browser.get(path)
    const now = performance.now()
    const body: unknown = await response.json()
    if (response.status === 200) return body
    expect([path, response.status, body, now - began]).toEqual([path, 503, body, expect.toSatisfy(isLate)])
    expect(now).toBeLessThan(end)
  }
}

/** Timers may fire a little early by another clock. */
function isLate(took: number): boolean {
  return took > DEADLINE - 20
}

/** The data of the session of a browser. */
export function dataOf(browser: CookieAgent): Promise<unknown> {
  return answers(browser, '/data')
}

/** Asks for something that needs the store: a 503 within the deadline that leaves the cookie alone. Answers how long it took. */
export async function refused(browser: CookieAgent, path: string, within = DEADLINE + MARGIN + SLACK): Promise<number> {
  const began = performance.now()
  const response = await browser.get(path)
  const took = performance.now() - began
  expect([response.status, await response.json()]).toEqual([
    503,
    expect.objectContaining({ code: 'STORE_UNAVAILABLE' }),
  ])
  expect(response.headers.get('retry-after')).toBe('1')
  expect(response.headers.getSetCookie()).toEqual([])
  expect(took).toBeLessThan(within)
  return took
}

/**
 * Logins in a row that the store refuses, with no answer between, and more of them than a store that is not there would be
 * asked for: it may well read.
 */
export async function refusesLogins(site: Site): Promise<void> {
  for (let turn = 0; turn < 6; turn++) await refused(site.browser(), '/login?user=eve')
}

/** Waits until somebody is signed in as before: the same cookie, the same data. In between there are only 503s. */
export async function comesBack(browser: CookieAgent, data: unknown, timeout = 15_000): Promise<void> {
  const cookie = browser.cookie('sessionId')
  const end = performance.now() + timeout
  for (;;) {
    const response = await browser.get('/data')
    const body: unknown = await response.json()
    expect(response.headers.getSetCookie()).toEqual([])
    if (response.status === 200) {
      expect(body).toEqual(data)
      expect(browser.cookie('sessionId')).toBe(cookie)
      return
    }
    expect([response.status, body]).toEqual([503, expect.objectContaining({ code: 'STORE_UNAVAILABLE' })])
    expect(performance.now()).toBeLessThan(end)
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
}

/** The value under which so many of them are. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((one, other) => one - other)
  return sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)] ?? 0
}
