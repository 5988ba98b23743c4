import fc from 'fast-check'
import { newId, type SessionEvent } from 'latchkey/core'
import { MemoryStore } from 'latchkey/stores/memory'
import { CookieAgent, FailingStore } from 'latchkey/testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { TokenSigner } from '../../src/core/token.js'
import { cookieValues } from '../../src/http/cookie-text.js'
import { secret } from '../acceptance/everywhere.js'
import { runs, timeFor } from '../properties/counts.js'
import { platforms, type Handler, type TestApp } from '../support/platforms.js'
import { rawRequest } from '../support/raw.js'

/** Every byte, those that HTTP forbids included. */
const byte = fc.integer({ min: 0, max: 0xff }).map((code) => String.fromCharCode(code))

/** What is written where a token is expected. `GOOD` stands for a token that signs in. */
const GOOD = '<good>'

const piece = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...'; ;; = == , " \\ %3B %00 \t . $Version=1 $Path=/'.split(' '), ' ') },
  {
    weight: 3,
    arbitrary: fc.constantFrom('sessionId', 'sessionId=', '__Host-sessionId=', 'SESSIONID=', 'sessionId ='),
  },
  { weight: 2, arbitrary: fc.constantFrom('x'.repeat(95), `${'x'.repeat(51)}.${'x'.repeat(43)}`, '"'.repeat(95)) },
  { weight: 1, arbitrary: byte },
  { weight: 1, arbitrary: fc.string({ unit: byte, maxLength: 120 }) },
)

const garbage = fc.array(piece, { maxLength: 40 }).map((parts) => parts.join(''))

/** A cookie that is well-formed as far as HTTP goes, and none of ours. */
const otherCookie = fc
  .tuple(
    fc.constantFrom('a', 'sessionid', 'xsessionId', 'sessionId2', '', '__Host-sessionId'),
    fc.string({ maxLength: 20 }),
  )
  .map(([name, value]) => `${name}=${value.replace(/[^\x21-\x7e]|;/g, '')}`)

describe('reading the Cookie header', () => {
  test('finds what the plainest reading finds, in whatever is sent', () => {
    const plain = (header: string): string[] => {
      const trim = (text: string): string => text.replace(/^[ \t]+|[ \t]+$/g, '')
      const values = header
        .split(';')
        .filter((pair) => pair.includes('='))
        .map((pair) => [trim(pair.slice(0, pair.indexOf('='))), trim(pair.slice(pair.indexOf('=') + 1))] as const)
        .filter(([name]) => name === 'sessionId')
      return [...new Set(values.map(([, value]) => value))].slice(0, 3)
    }
    let found = 0
    fc.assert(
      fc.property(garbage, (header) => {
        const values = cookieValues(header, 'sessionId', 3)
        expect(values).toEqual(plain(header))
        found += values.length
      }),
      runs(5000),
    )
    expect(found).toBeGreaterThan(300)
  })

  const LONG: readonly (readonly [string, (count: number) => string])[] = [
    ['semicolons', (count) => ';'.repeat(count)],
    ['blanks', (count) => ' '.repeat(count)],
    ['blanks after a name', (count) => `sessionId${' '.repeat(count)}`],
    ['blanks around a value', (count) => `sessionId=${' '.repeat(count)}a${' '.repeat(count)}`],
    ['names without a value', (count) => 'sessionId;'.repeat(count)],
    ['names of ours, nearly', (count) => 'sessionI;sessionIdd=1;'.repeat(count)],
    ['the same value', (count) => 'sessionId=a;'.repeat(count)],
    ['equals signs', (count) => `sessionId${'='.repeat(count)}`],
  ]

  test.each(LONG)('takes time in proportion to its length: %s', (_what, header) => {
    const time = (count: number): number => {
      const text = header(count)
      const taken = [1, 2, 3, 4, 5].map(() => {
        // Of the processor: the machine may be busy with others.
        const before = process.cpuUsage()
        cookieValues(text, 'sessionId', 3)
        const { user, system } = process.cpuUsage(before)
        return (user + system) / 1000
      })
      return Math.min(...taken)
    }
    time(100_000)
    // In proportion it is 16 times as long. If each character looked at all others, it would be 256 times.
    expect(time(1_600_000)).toBeLessThan(100 * time(100_000) + 20)
  })
})

describe.each(platforms)('bad input: raw headers, on $name', (platform) => {
  const store = new FailingStore(new MemoryStore())
  const events: SessionEvent[] = []
  const lines: string[] = []
  let app: TestApp
  let proxied: TestApp
  let good = ''

  beforeAll(async () => {
    app = await platform.start(
      {
        store,
        secret,
        transports: ['cookie', 'bearer'],
        storeTimeout: 10_000,
        onEvent: (event) => void events.push(event),
        log: (line) => void lines.push(line),
      },
      {
        'GET /data': ({ session }) => ({ ...session }),
        'GET /login': ({ session }) => void (session['userId'] = 42),
      },
    )
    const data: Handler = ({ session }) => ({ ...session })
    proxied = await platform.start({ store, secret, log: false }, { 'GET /data': data }, { trustProxy: true })
    const browser = new CookieAgent(app.base)
    await browser.get('/login')
    good = browser.cookie('sessionId')!
  })
  afterAll(async () => {
    await app.close()
    await proxied.close()
  })

  /** Sends these header lines byte for byte, and answers the status, the head and the body. */
  async function send(...headers: readonly string[]): Promise<{ status: number; head: string; body: string }> {
    const connection = rawRequest(app.port, [])
    connection.socket.end(
      Buffer.from(['GET /data HTTP/1.1', 'Host: a', ...headers, 'Connection: close', '', ''].join('\r\n'), 'latin1'),
    )
    await connection.closed
    const [head = '', body = ''] = connection.text.split('\r\n\r\n')
    return { status: Number(head.slice(9, 12)), head, body }
  }

  const sample = runs(150)

  async function harmless(...headers: readonly string[]): Promise<void> {
    const { load, create } = store.calls
    const { status, head, body } = await send(...headers)
    expect([200, 400, 431]).toContain(status)
    expect(head).not.toMatch(/set-cookie|session-token/i)
    if (status === 200) expect(JSON.parse(body)).toEqual({})
    expect(store.calls).toMatchObject({ load, create })
  }

  test(
    'no Cookie header, whatever its bytes, costs a store call, gets a cookie, or an answer of 500',
    async () => {
      await fc.assert(
        fc.asyncProperty(garbage, (cookie) => harmless(`Cookie: ${cookie}`)),
        sample,
      )
    },
    timeFor(sample),
  )

  test(
    'nor does an Authorization header',
    async () => {
      const scheme = fc.constantFrom('Bearer ', 'bearer ', 'BEARER\t', 'Bearer', 'Bearer  ', 'Basic ', 'Digest ', '')
      await fc.assert(
        fc.asyncProperty(scheme, garbage, (name, value) => harmless(`Authorization: ${name}${value}`)),
        sample,
      )
    },
    timeFor(sample),
  )

  test(
    'nor do any header lines at all',
    async () => {
      const line = fc.oneof(
        garbage.map((value) => `Cookie: ${value}`),
        garbage.map((value) => `Authorization: Bearer ${value}`),
        garbage.map((value) => `User-Agent: ${value}`),
        garbage.map((value) => `X-Forwarded-Proto: ${value}`),
        garbage.map((value) => ` ${value}`),
        garbage,
      )
      await fc.assert(
        fc.asyncProperty(fc.array(line, { minLength: 1, maxLength: 4 }), (all) => harmless(...all)),
        sample,
      )
    },
    timeFor(sample),
  )

  test(
    'a good cookie is found among others, whatever they are',
    async () => {
      const others = fc.array(otherCookie, { maxLength: 30 })
      await fc.assert(
        fc.asyncProperty(others, others, async (before, after) => {
          const header = [...before, `sessionId=${good}`, ...after].join('; ')
          const { status, body } = await send(`Cookie: ${header}`)
          expect([status, body]).toEqual([200, '{"userId":42}'])
        }),
        sample,
      )
    },
    timeFor(sample),
  )

  test.each<[string, number, readonly string[]]>([
    ['two Cookie headers, of which the second has the session', 200, ['Cookie: a=1', `Cookie: sessionId=${GOOD}`]],
    ['a folded Cookie header', 400, ['Cookie: a=1;', ` sessionId=${GOOD}`]],
    ['a Cookie header whose name ends in a blank', 400, [`Cookie : sessionId=${GOOD}`]],
    ['two Authorization headers', 200, [`Authorization: Bearer ${GOOD}`, 'Authorization: Bearer x']],
    ['thousands of semicolons before it', 200, [`Cookie: ${';'.repeat(10_000)}sessionId=${GOOD}`]],
    ['a header that is larger than the server takes', 431, [`Cookie: ${'a=1;'.repeat(10_000)}sessionId=${GOOD}`]],
    ['a cookie that ends in the middle', 200, [`Cookie: sessionId=${GOOD}; sessionId="`]],
  ])('%s is answered %s', async (_what, status, headers) => {
    const answer = await send(...headers.map((line) => line.replace(GOOD, good)))
    expect(answer.status).toBe(status)
    if (status === 200) expect(answer.body).toBe('{"userId":42}')
    else expect(answer.body).not.toContain('42')
  })

  test('the name with __Host- counts on a secure connection only, and the one without it never there', async () => {
    const ask = async (cookie: string, protocol: string): Promise<unknown> => {
      const headers = { cookie: `${cookie}=${good}`, 'x-forwarded-proto': protocol }
      return (await fetch(`${proxied.base}/data`, { headers })).json()
    }
    expect(await ask('sessionId', 'http')).toEqual({ userId: 42 })
    expect(await ask('__Host-sessionId', 'https')).toEqual({ userId: 42 })
    // A site beside this one could set such a cookie for it.
    expect(await ask('sessionId', 'https')).toEqual({})
    for (const name of ['__Host-sessionId', '__host-sessionId', '__Secure-sessionId']) {
      expect(await ask(name, 'http')).toEqual({})
    }
    expect(await ask('__host-sessionId', 'https')).toEqual({})
  })

  test('and after all that the session is there, nothing else is, and nobody was told anything but of rejected tokens', async () => {
    expect((await send(`Cookie: sessionId=${good}`)).body).toBe('{"userId":42}')
    expect(new Set(events.map(({ type }) => type))).toEqual(new Set(['created', 'token-rejected']))
    expect(lines).toEqual([])
    // A good signature under an id that never was costs one look.
    const { load } = store.calls
    await send(`Cookie: sessionId=${new TokenSigner([secret]).sign(newId(undefined))}`)
    expect(store.calls).toMatchObject({ load: load + 1, create: 1, update: 0, delete: 0, rotate: 0 })
  })
})
