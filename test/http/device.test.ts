import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import express from 'express'
import { sessions } from 'latchkey/express'
import { MemoryStore } from 'latchkey/stores/memory'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { deviceLabel } from '../../src/http/device.js'

const WEBKIT = 'AppleWebKit/537.36 (KHTML, like Gecko)'

describe('the label of a device', () => {
  test.each([
    ['Firefox on Linux', 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0'],
    ['Chrome on Android', `Mozilla/5.0 (Linux; Android 14; Pixel 8) ${WEBKIT} Chrome/137.0.0.0 Mobile Safari/537.36`],
    [
      'Microsoft Edge on Windows',
      `Mozilla/5.0 (Windows NT 10.0; Win64; x64) ${WEBKIT} Chrome/137.0.0.0 Safari/537.36 Edg/137.0.0.0`,
    ],
    [
      'Safari on macOS',
      'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.4 Safari/605.1.15',
    ],
    ['Googlebot', 'Googlebot/2.1 (+http://www.google.com/bot.html)'],
    ['Linux', 'Robot (Linux)'],
    ['Shop on iOS', 'Shop/4.2 (iPhone; iOS 18.5)'],
  ])('is %s', (label, userAgent) => {
    expect(deviceLabel(userAgent)).toBe(label)
  })

  test.each([undefined, '', ' ', 'node', 'curl/8.14.1', '()', '\u00ff\u0080/1'])('is none for %j', (userAgent) => {
    expect(deviceLabel(userAgent)).toBeUndefined()
  })

  test('is none for a text that is longer than any browser sends', () => {
    const userAgent = 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0'
    expect(deviceLabel(userAgent + ' '.repeat(512 - userAgent.length))).toBe('Firefox on Linux')
    expect(deviceLabel(userAgent + ' '.repeat(513 - userAgent.length))).toBeUndefined()
  })

  test('takes no more than 40 characters of what a client calls itself', () => {
    expect(deviceLabel(`${'x'.repeat(100)}/1 (Linux)`)).toBe(`${'x'.repeat(40)} on Linux`)
  })

  test('is short and well-formed, or none, for whatever is sent', () => {
    const letter = fc.integer({ min: 0x20, max: 0xff }).map((code) => String.fromCharCode(code))
    const part = fc.oneof(fc.constantFrom('Mozilla/5.0 (', '/', ' (', ')', 'Linux', 'Firefox/', 'Version/'), letter)
    fc.assert(
      fc.property(fc.array(part, { maxLength: 80 }), (parts) => {
        const label = deviceLabel(parts.join(''))
        if (label === undefined) return
        expect(label).not.toBe('')
        expect(label.length).toBeLessThan(80)
        expect(label.isWellFormed()).toBe(true)
      }),
    )
  })
})

test('an IPv4 address is kept as such, also where the server listens for IPv6 as well', async () => {
  const middleware = sessions({ secret: 's'.repeat(32), store: new MemoryStore() })
  const app = express().use(middleware)
  app.get('/', (request, response) => {
    Object.assign(request.session, { userId: 1 })
    response.end()
  })
  const server = app.listen(0)
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  await fetch(`http://127.0.0.1:${port}/`, { headers: { connection: 'close' } })
  expect(await middleware.engine.subjects.list(1)).toMatchObject([{ ip: '127.0.0.1' }])
  server.close()
  await middleware.close()
})
