import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, inject, test } from 'vitest'
import { resolveEngineOptions } from '../../src/core/options.js'
import { resolveTrustedOrigins } from '../../src/http/cross-site.js'
import { resolveCookieOptions, resolveCrossSite, resolveStoreDown, resolveTransports } from '../../src/http/options.js'
import { MemoryStore } from '../../src/stores/memory.js'
import { entryPoints } from './support/entry-points.js'
import { firstCells, section, tableRows, textOf, unquoted } from './support/markdown.js'
import { propertiesOf, publicApi, type PublicApi } from './support/public-api.js'
import { root } from './support/root.js'

const { nest12 } = inject('consumers')

let api: PublicApi
beforeAll(() => {
  api = publicApi(nest12, Object.keys(entryPoints))
})

const sorted = (names: Iterable<string>): readonly string[] => [...names].toSorted()

describe('every option is on its page, and no other', () => {
  const page = 'docs/reference/options.md'

  test('of sessions', () => {
    expect(sorted(firstCells(section(page, 'Sessions')))).toEqual(
      sorted(propertiesOf(api, 'latchkey', 'SessionOptions')),
    )
  })

  test('of the cookie', () => {
    expect(sorted(firstCells(section(page, 'Cookie')))).toEqual(sorted(propertiesOf(api, 'latchkey', 'CookieOptions')))
  })

  test('of the module', () => {
    const inherited = propertiesOf(api, 'latchkey', 'SessionOptions')
    const own = propertiesOf(api, 'latchkey', 'SessionModuleOptions').filter((name) => !inherited.includes(name))
    // Nest adds it to what `forRoot` takes.
    expect(sorted(firstCells(section(page, 'Nest')))).toEqual(sorted([...own, 'isGlobal']))
  })

  test('of the environment', () => {
    expect(sorted(firstCells(section(page, 'Environment')))).toEqual(sorted(environmentOf('src')))
  })

  test.each([
    ['memory', 'MemoryStoreOptions', undefined],
    ['sqlite', 'SqliteStoreOptions', 'Options'],
    ['redis', 'RedisStoreOptions', 'Options'],
    ['express', 'FromExpressStoreOptions', 'fromExpressStore'],
    ['express', 'ToExpressStoreOptions', 'toExpressStore'],
    ['cache-manager', 'CacheManagerStoreOptions', undefined],
  ])('of the %s store, %s', (store, name, heading) => {
    const path = `docs/reference/stores-${store}.md`
    const text = heading === undefined ? textOf(path) : section(path, heading)
    expect(sorted(firstCells(text))).toEqual(sorted(propertiesOf(api, `latchkey/stores/${store}`, name)))
  })

  test('of sessions of another library', () => {
    expect(sorted(firstCells(section('docs/reference/stores-redis.md', 'Sessions of another library')))).toEqual(
      sorted(propertiesOf(api, 'latchkey/stores/redis', 'AdoptOptions')),
    )
  })

  test('of the suite for stores', () => {
    expect(sorted(firstCells(section('docs/reference/writing-a-store.md', 'The suite')))).toEqual(
      sorted(propertiesOf(api, 'latchkey/testing', 'StoreConformanceOptions')),
    )
  })
})

/** The variables that the sources read, however they come by the environment. */
function environmentOf(folder: string): ReadonlySet<string> {
  const files = readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.ts'),
  )
  const texts = files.map((name) => readFileSync(join(root, folder, name), 'utf8'))
  return new Set(
    texts.flatMap((text) =>
      [...text.matchAll(/(?:process\.env|environment)(?:\['(\w+)'\]|\.(\w+))/g)].map((m) => m[1] ?? m[2]!),
    ),
  )
}

describe('the defaults on the pages are those of the code', () => {
  const engine = resolveEngineOptions({ store: new MemoryStore(), secret: 'for tests' }, {})
  const cookie = resolveCookieOptions(undefined, {})
  const transports = [...resolveTransports(undefined)].map((name) => `'${name}'`).join(', ')
  const defaults: Readonly<Record<string, string>> = {
    secret: '`SESSION_SECRET`',
    idleTimeout: spoken(engine.idleTimeout),
    lifetime: spoken(engine.lifetime),
    touchInterval: spoken(engine.touchInterval),
    storeTimeout: spoken(engine.storeTimeout),
    maxBytes: engine.maxBytes.toLocaleString('en'),
    rememberFor: spoken(engine.rememberFor),
    maxSessions: engine.maxSessions === undefined ? 'any number' : 'one',
    onLimit: quoted(engine.onLimit),
    rotateEvery: engine.rotateEvery === undefined ? 'never' : 'at times',
    rotationGrace: spoken(engine.rotationGrace),
    onReuse: quoted(engine.onReuse),
    transports: `\`[${transports}]\``,
    onStoreDown: quoted(resolveStoreDown(undefined)),
    csrf: quoted(resolveCrossSite({}) !== undefined),
    trustedOrigins: resolveTrustedOrigins(undefined).size === 0 ? 'none' : 'some',
    'cookie.name': quoted(cookie.name),
    'cookie.path': quoted(cookie.path),
    'cookie.domain': cookie.domain ?? 'none',
    'cookie.secure': quoted(cookie.secure),
    'cookie.sameSite': quoted(cookie.sameSite),
    'cookie.httpOnly': quoted(cookie.httpOnly),
    'cookie.partitioned': quoted(cookie.partitioned),
  }

  test('in the README', () => {
    const told = defaultsIn(section('README.md', 'Defaults'))
    expect(Object.keys(told).length).toBeGreaterThan(10)
    expect(defaults).toMatchObject(told)
  })

  test('in options.md', () => {
    const page = 'docs/reference/options.md'
    const told = { ...defaultsIn(section(page, 'Sessions')), ...defaultsIn(section(page, 'Cookie'), 'cookie.') }
    expect(told).toMatchObject(defaults)
  })

  test('and a wrong one would be seen', () => {
    expect(defaults).not.toMatchObject(defaultsIn('| `lifetime` | 2 days | |'))
  })
})

function defaultsIn(text: string, prefix = ''): Readonly<Record<string, string>> {
  return Object.fromEntries(tableRows(text).map(([name = '', value = '']) => [prefix + unquoted(name), value]))
}

function spoken(milliseconds: number): string {
  for (const [unit, length] of [
    ['day', 86_400_000],
    ['hour', 3_600_000],
    ['minute', 60_000],
    ['second', 1000],
  ] as const) {
    const count = milliseconds / length
    if (Number.isInteger(count)) return `${count} ${unit}${count === 1 ? '' : 's'}`
  }
  return `${milliseconds} ms`
}

function quoted(value: unknown): string {
  return `\`${String(value)}\``
}
