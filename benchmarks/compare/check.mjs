import { strictEqual } from 'node:assert/strict'
import { setTimeout as wait } from 'node:timers/promises'
import { CookieAgent } from 'latchkey/testing'
import { COOKIE } from './libraries/settings.mjs'
import { LARGE, readBody } from './pages.mjs'
import { serve } from './serve.mjs'

/** The idle timeouts that variants are checked with, in milliseconds: the next one where the machine was too slow for it. */
const IDLE = [3000, 10_000, 30_000]

/**
 * Shows that a variant does what is measured: one that does less than the others would pass for the faster one.
 *
 * @param {Partial<import('./libraries/settings.mjs').Settings>} settings
 */
export async function check(variant, settings) {
  for (const idleTimeout of IDLE) {
    const served = await serve(variant, { ...settings, idleTimeout })
    const browser = new CookieAgent(`http://127.0.0.1:${served.port}`)
    const pace = new Pace(idleTimeout)
    try {
      await (variant.hasSessions ? checkSessions(browser, variant, pace) : checkBare(browser))
      return
    } catch (error) {
      pace.step()
      if (pace.isKept) throw new Error(`${variant.name} does not do what is measured.`, { cause: error })
    } finally {
      await served.close()
    }
  }
  throw new Error(`The machine is too slow to check whether the sessions of ${variant.name} roll.`)
}

/** The Expires of a cookie is in whole seconds, so one may end earlier by that much. */
const SECOND = 1000

/** Whether the requests that have to come within the idle timeout of each other did. */
class Pace {
  isKept = true
  #last = 0

  constructor(idleTimeout) {
    this.idleTimeout = idleTimeout
  }

  begin() {
    this.#last = performance.now()
  }

  /** Once a request is answered. */
  step() {
    const now = performance.now()
    if (now - this.#last >= this.idleTimeout - SECOND) this.isKept = false
    this.#last = now
  }
}

async function checkBare(browser) {
  await reads(browser, undefined)
  strictEqual(await (await browser.get('/read', { headers: { cookie: 'a=b' } })).text(), readBody(1))
}

async function checkSessions(browser, variant, pace) {
  pace.begin()
  const first = await browser.get('/read')
  strictEqual(await first.text(), readBody(undefined))
  strictEqual(first.headers.getSetCookie().length, 0, 'A visitor without data gets no cookie.')

  await posts(browser, '/sign-in/7', { user: 7 })
  const before = browser.cookie(COOKIE)
  await reads(browser, 7)
  await posts(browser, '/change', { visits: 1 })
  await posts(browser, '/change', { visits: 2 })
  await checkSignature(browser)
  pace.step()

  pace.begin()
  await posts(browser, '/sign-in/8', { user: 8 })
  strictEqual(browser.cookie(COOKIE) === before, false, 'Another user has another cookie.')
  if (variant.holdsLarge) await posts(browser, '/fill', { filled: LARGE.keys })
  pace.step()
  await checkRolling(browser, pace)

  await posts(browser, '/sign-in/9', { user: 9 })
  await posts(browser, '/sign-out', { user: null })
  await reads(browser, undefined)
}

async function checkSignature(browser) {
  const [name, value] = [COOKIE, browser.cookie(COOKIE)]
  const changed = value.slice(0, -12) + (value.at(-12) === 'x' ? 'y' : 'x') + value.slice(-11)
  const answer = await browser.copy().get('/read', { headers: { cookie: `${name}=${changed}` } })
  strictEqual(await answer.text(), readBody(undefined), 'A changed cookie is nobody.')
}

/** Use prolongs a session beyond the first idle timeout; without use it ends. */
async function checkRolling(browser, pace) {
  pace.begin()
  await reads(browser, 8)
  for (let time = 0; time < 2; time++) {
    await wait(pace.idleTimeout * 0.55)
    const answer = await browser.get('/read')
    pace.step()
    strictEqual(await answer.text(), readBody(8), 'Use prolongs a session.')
  }
  await wait(pace.idleTimeout * 1.1)
  pace.begin()
  await reads(browser, undefined)
}

async function reads(browser, user) {
  strictEqual(await (await browser.get('/read')).text(), readBody(user))
}

async function posts(browser, path, body) {
  strictEqual(await (await browser.post(path)).text(), JSON.stringify(body))
}
