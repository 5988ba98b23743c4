import type { IncomingHttpHeaders } from 'node:http'
import { describe, expect, test } from 'vitest'
import { CrossSiteCheck, isHttps, isStateChanging, resolveTrustedOrigins } from '../../src/http/cross-site.js'
import type { ConnectionFacts } from '../../src/http/exchange.js'

test.each(['GET', 'HEAD', 'OPTIONS', 'TRACE'])('%s changes nothing', (method) => {
  expect(isStateChanging(method)).toBe(false)
})

test.each(['POST', 'PUT', 'get', '', undefined])('%s may change something', (method) => {
  expect(isStateChanging(method)).toBe(true)
})

describe('whether the client came over HTTPS', () => {
  test.each<[string, ConnectionFacts, boolean]>([
    ['a platform that says https', { protocol: 'https' }, true],
    ['a platform that says http, whatever the socket is', { protocol: 'http', socket: { encrypted: true } }, false],
    ['no platform, and a socket with TLS', { socket: { encrypted: true } }, true],
    ['no platform, and a plain socket', { socket: {} }, false],
    ['no platform, and a socket that says something else', { socket: { encrypted: 'yes' } }, false],
    ['nothing known', {}, false],
  ])('is known by %s', (_what, connection, is) => {
    expect(isHttps(connection)).toBe(is)
  })
})

describe('the host that a page of our own has', () => {
  const check = new CrossSiteCheck(new Set())
  const isForeign = (origin: string, headers: IncomingHttpHeaders, connection: ConnectionFacts): boolean =>
    check.isForeign({ method: 'POST', headers: { ...headers, origin } }, connection)

  test.each<[string, IncomingHttpHeaders, ConnectionFacts, string]>([
    ['the one of the platform', { host: 'inner:80' }, { host: 'app.example:8443' }, 'app.example:8443'],
    ['else that of the header', { host: 'app.example:8443' }, {}, 'app.example:8443'],
    ['also where the platform has an empty one', { host: 'app.example' }, { host: '', hostname: '' }, 'app.example'],
    ['also where the platform has none that is text', { host: 'app.example' }, { host: 5, hostname: 5 }, 'app.example'],
    ['that of HTTP/2', { ':authority': 'app.example' } as IncomingHttpHeaders, {}, 'app.example'],
    [
      'that of the header with its port, where the name is the same',
      { host: 'app.example:8443' },
      { hostname: 'app.example' },
      'app.example:8443',
    ],
    ['the same without a port', { host: 'app.example' }, { hostname: 'app.example' }, 'app.example'],
    ['the name that a trusted proxy gives', { host: 'inner:3000' }, { hostname: 'app.example' }, 'app.example'],
    ['the same where no header names one', {}, { hostname: 'app.example' }, 'app.example'],
  ])('is %s', (_what, headers, connection, host) => {
    expect(isForeign(`https://${host}`, headers, connection)).toBe(false)
    for (const other of ['inner:80', 'inner:3000', 'app.example:1', 'evil.example']) {
      expect(isForeign(`https://${other}`, headers, connection), other).toBe(true)
    }
  })

  test('is none where nothing names one, or what names it is no host', () => {
    for (const host of [undefined, 'a b', 'a/b', '[', 'a@b']) {
      const headers = host === undefined ? {} : { host }
      for (const origin of ['https://app.example', 'https://b', 'https://undefined']) {
        expect(isForeign(origin, headers, {}), `${host} ${origin}`).toBe(true)
      }
    }
  })

  test('a name that only begins like the one of the header is another host', () => {
    expect(isForeign('https://app.example:8443', { host: 'app.example:8443' }, { hostname: 'app' })).toBe(true)
  })
})

test.each([' https://app.example', 'xx https://app.example', 'https://app.example '])(
  'a trusted origin has nothing around it: %j',
  (origin) => {
    expect(() => resolveTrustedOrigins([origin])).toThrow(expect.objectContaining({ code: 'OPTIONS_INVALID' }))
  },
)
