import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CookieAgent } from 'latchkey/testing'
import { describe, expect, test } from 'vitest'
import { startApp } from '../support/outage-app.js'
import { afterwards, answers, dataOf } from './outage.js'

const platforms = ['express', 'fastify'] as const

describe.each(platforms)('kill -9 in the midst of writes, on %s with a SQLite file', (platform) => {
  test('every write that was answered is there afterwards, and everybody is signed in as before', async () => {
    const folder = afterwards(mkdtempSync(join(tmpdir(), 'latchkey-kill-')), (each) =>
      rmSync(each, { recursive: true }),
    )
    const options = { platform, sqlite: join(folder, 'sessions.db') }
    let app = afterwards(await startApp(options), (each) => each.kill())
    const browsers = Array.from({ length: 8 }, () => new CookieAgent(app.base))
    for (const [at, browser] of browsers.entries()) await answers(browser, `/login?user=${at}`)
    const kept: Record<string, string>[] = browsers.map((_, at) => ({ userId: String(at) }))
    for (let round = 0; round < 3; round++) {
      let written = 0
      const writers = browsers.map(async (browser, at) => {
        for (let turn = 0; ; turn++) {
          const response = await browser.get(`/set?r${round}t${turn}=1`).catch(() => undefined)
          if (response === undefined) return
          expect(response.status).toBe(200)
          Object.assign(kept[at]!, { [`r${round}t${turn}`]: '1' })
          if (++written === 60) void app.kill()
        }
      })
      await Promise.all(writers)
      app = afterwards(await startApp({ ...options, port: app.port }), (each) => each.kill())
      for (const [at, browser] of browsers.entries()) {
        expect(await dataOf(browser)).toEqual(expect.objectContaining(kept[at]))
      }
    }
  })
})
