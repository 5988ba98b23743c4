import { inspect } from 'node:util'
import { keyOf, type SessionEvent } from 'latchkey/core'
import type { LogFields, SessionOptions } from 'latchkey/express'
import type { CookieAgent } from 'latchkey/testing'
import { afterEach, expect } from 'vitest'
import { json, type Place, type Routes, type Scene } from '../acceptance/everywhere.js'

const ID_LENGTH = 51

/** An application whose observer keeps all it is told, and then fails. */
export interface Watched extends Scene {
  /** What was told since the last time somebody asked. */
  told(): readonly SessionEvent[]
  /** The fields of what was logged. */
  readonly fields: readonly LogFields[]
  /** Visits pages one after the other, and answers the last status. */
  visit(browser: CookieAgent, ...paths: readonly string[]): Promise<number>
}

/** What was told and logged in this test, and the tokens that were sent meanwhile. */
const heard: { texts: unknown[]; tokens: Set<string> } = { texts: [], tokens: new Set() }

afterEach(() => {
  const text =
    inspect(heard.texts, { depth: 20, showHidden: true, maxStringLength: null }) + JSON.stringify(heard.texts)
  for (const token of heard.tokens) {
    const id = token.slice(0, ID_LENGTH)
    for (const secret of [token, id, id.slice(8), token.slice(ID_LENGTH + 1), keyOf(id).slice(8)]) {
      expect(text.includes(secret), 'an id, a token or a key was told').toBe(false)
    }
  }
  heard.texts = []
  heard.tokens.clear()
})

/** Starts an application in this place, and holds everything it says of ids, tokens and keys after the test. */
export async function watch(
  start: Place['start'],
  options: Partial<SessionOptions> = {},
  routes: Routes = {},
): Promise<Watched> {
  const told: SessionEvent[] = []
  const fields: LogFields[] = []
  const scene = await start(routes, {
    onEvent: (event) => {
      told.push(event)
      heard.texts.push(event)
      throw new Error('The observer has failed.')
    },
    log: (line, more) => {
      fields.push(more)
      heard.texts.push(line, more)
      throw new Error('The log has failed.')
    },
    ...options,
  })
  const visit: Watched['visit'] = async (browser, ...paths) => {
    let status = 0
    for (const path of paths) {
      const response = await browser.get(path)
      await response.text()
      status = response.status
      const token = browser.cookie('sessionId')
      if (token) heard.tokens.add(token)
    }
    return status
  }
  return { ...scene, told: () => told.splice(0), fields, visit }
}

/** The public name of the session of a browser. */
export async function handleOf(browser: CookieAgent): Promise<string> {
  return ((await json(browser.get('/id'))) as { handle: string }).handle
}
