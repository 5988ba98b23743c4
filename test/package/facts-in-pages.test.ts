import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, inject, test } from 'vitest'
import type { SessionErrorCode } from '../../src/core/errors.js'
import { SessionError } from '../../src/core/errors.js'
import { failureOf } from '../../src/http/failure.js'
import { entryPoints } from './support/entry-points.js'
import { firstCells, quotedIn, section, tableRows, textOf, unquoted } from './support/markdown.js'
import { literalsIn, literalsOf, propertiesOf, publicApi, membersOf, type PublicApi } from './support/public-api.js'
import { root } from './support/root.js'

const { nest12 } = inject('consumers')

let api: PublicApi
beforeAll(() => {
  api = publicApi(nest12, Object.keys(entryPoints))
})

const sorted = (names: Iterable<string>): readonly string[] => [...names].toSorted()

describe('errors.md', () => {
  const page = 'docs/reference/errors.md'
  const codes = (): readonly string[] => literalsOf(api, 'latchkey', 'SessionErrorCode')

  test('has a section for every code, and no other', () => {
    const headings = [...section(page, 'Codes').matchAll(/^### `(.+)`$/gm)].map(([, code]) => code!)
    expect(sorted(headings)).toEqual(sorted(codes()))
  })

  test('says of every code that a client sees with what status, and of no other', () => {
    const seen = new Map<string, string>()
    for (const code of codes()) {
      const failure = failureOf(new SessionError(code as SessionErrorCode, ''))
      seen.set((JSON.parse(failure.body) as { code: string }).code, String(failure.statusCode))
    }
    const told = tableRows(section(page, 'What a client sees')).map(([code = '', status = '']) => [
      unquoted(code),
      status,
    ])
    expect(new Map(told as [string, string][])).toEqual(seen)
  })

  test('shows the answer of a store that is down as it is', () => {
    const { body, retryAfter } = failureOf(new SessionError('STORE_UNAVAILABLE', ''))
    expect(section(page, 'What a client sees')).toContain(JSON.stringify(JSON.parse(body), null, 2))
    expect(section(page, 'What a client sees')).toContain(`\`Retry-After: ${retryAfter}\``)
  })
})

test('events.md says of every reason what it means', () => {
  const items = section('docs/reference/events.md', 'Reasons').split('\n- Of ').map(quotedIn)
  const told = new Map(items.map(([type = '', ...names]) => [type, names]))
  const reasons = literalsIn(api, 'latchkey', 'SessionEvent', 'type', 'reason')
  expect(reasons.size).toBeGreaterThan(2)
  for (const [type, names] of reasons) expect(told.get(type)).toEqual(expect.arrayContaining([...names]))
})

test('events.md has a row for every event, with what comes with it, and no other', () => {
  const rows = tableRows(textOf('docs/reference/events.md'))
  const told = rows.map(([type = '', fields = '']) => [unquoted(type), sorted(quotedIn(fields))] as const)
  const events = [...membersOf(api, 'latchkey', 'SessionEvent', 'type')]
  expect(new Map(told)).toEqual(new Map(events.map(([type, fields]) => [type, sorted(fields)])))
  expect(told).toHaveLength(events.length)
})

describe('metrics.md', () => {
  const page = 'docs/reference/metrics.md'

  test('has every instrument with its unit, and no other', () => {
    const source = readFileSync(join(root, 'src/observe/opentelemetry.ts'), 'utf8')
    const made = [...source.matchAll(/create(\w+)\('([\w.]+)', \{[^}]*?unit: '(.+?)'/g)]
    const rows = tableRows(section(page, 'Instruments'))
    const told = rows.map(([name = '', kind, unit = '']) => `${unquoted(name)} ${kind} ${unquoted(unit)}`)
    expect(made.length).toBeGreaterThan(5)
    expect(sorted(told)).toEqual(sorted(made.map(([, kind, name, unit]) => `${name} ${spelled(kind!)} ${unit}`)))
  })

  test('says every outcome', () => {
    const told = quotedIn(section(page, 'Outcomes'))
    for (const name of ['StoreCallOutcome', 'OpenOutcome', 'CommitOutcome']) {
      expect(told).toEqual(expect.arrayContaining([...literalsOf(api, 'latchkey/core', name)]))
    }
  })
})

/** As a page calls it: `ObservableGauge` is a gauge. */
function spelled(kind: string): string {
  return kind.replace('Observable', '').toLowerCase()
}

test('watching-sessions.md has every reason of an explanation, and no other', () => {
  const told = firstCells(section('docs/guide/watching-sessions.md', 'Why there is no session'))
  expect(sorted(told)).toEqual(sorted(literalsOf(api, 'latchkey', 'ExplanationReason')))
})

test('a session has the verbs and properties of session.md, and no others', () => {
  const page = 'docs/reference/session.md'
  const told = firstCells(section(page, 'Verbs')).map((name) => name.replace(/\(.*\)$/, ''))
  expect(sorted(told)).toEqual(sorted(propertiesOf(api, 'latchkey', 'SessionVerbs')))
  expect(sorted(firstCells(section(page, 'How long it lives')))).toEqual(
    sorted(propertiesOf(api, 'latchkey', 'SessionCookie')),
  )
})

describe('nest.md', () => {
  const page = 'docs/reference/nest.md'
  const told = (heading: string): readonly string[] => firstCells(section(page, heading))

  test('has the methods of the service, and no others', () => {
    const methods = told('SessionService').filter((name) => name.includes('('))
    const own = propertiesOf(api, 'latchkey', 'SessionService').filter((name) => !name.includes('#'))
    expect(sorted(methods.map((name) => name.replace(/\(.*\)$/, '')))).toEqual(sorted(own))
  })

  test('has what a check of the health says, and nothing else', () => {
    expect(sorted(told('SessionHealthIndicator'))).toEqual(sorted(propertiesOf(api, 'latchkey', 'SessionHealth')))
  })

  test('has the options of login, and what a list says of a session, and nothing else', () => {
    const options = told('Signing in and out').filter((name) => !name.includes('('))
    expect(sorted(options)).toEqual(sorted(propertiesOf(api, 'latchkey', 'LoginOptions')))
    const properties = told('By subject').filter((name) => !name.includes('('))
    expect(sorted(properties)).toEqual(sorted(propertiesOf(api, 'latchkey', 'SessionInfo')))
  })
})

test('testing.md names every verb that a test can disturb', () => {
  const told = quotedIn(section('docs/reference/testing.md', 'FailingStore'))
  expect(told).toEqual(expect.arrayContaining([...literalsOf(api, 'latchkey/testing', 'StoreVerb')]))
})

test('a store has the verbs and abilities of writing-a-store.md, and no others', () => {
  const page = 'docs/reference/writing-a-store.md'
  const verbs = propertiesOf(api, 'latchkey/core', 'SessionStore').filter(
    (name) => !['name', 'abilities', 'adopting'].includes(name),
  )
  const contract = tableRows(textOf(page).split('\n## ')[0]!).map(([verb = '']) => unquoted(verb).replace(/\(.*/, ''))
  expect(sorted(contract)).toEqual(sorted(verbs))
  expect(sorted(firstCells(section(page, 'Abilities')))).toEqual(sorted(literalsOf(api, 'latchkey/core', 'Ability')))
  for (const [ability, methods] of tableRows(section(page, 'Abilities')).map(([, name, cell = '']) => [name, cell])) {
    const own = propertiesOf(api, 'latchkey/core', unquoted(ability!))
    expect(sorted(quotedIn(methods!).map((name) => name.replace(/\(.*/, '')))).toEqual(sorted(own))
  }
  const bySubject = firstCells(section(page, 'By subject')).map((name) => name.replace(/\(.*/, ''))
  expect(sorted(bySubject)).toEqual(sorted(propertiesOf(api, 'latchkey/core', 'BySubject')))
  for (const field of propertiesOf(api, 'latchkey/core', 'FormerKey')) {
    expect(quotedIn(section(page, 'Rotating'))).toContain(field)
  }
  for (const field of propertiesOf(api, 'latchkey/core', 'SessionRecord')) {
    expect(quotedIn(section(page, 'The record'))).toContain(field)
  }
})

describe('the versions in the README are those of package.json', () => {
  const rows = new Map(
    tableRows(section('README.md', 'Compatibility')).map(([name = '', versions = '']) => [name, versions]),
  )
  const { engines, peerDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    engines: { node: string }
    peerDependencies: Readonly<Record<string, string>>
  }
  const majors = (range: string): string => [...range.matchAll(/\^(\d+)\.0\.0/g)].map(([, major]) => major).join(', ')

  test.each([
    ['Nest', ['@nestjs/common', '@nestjs/core']],
    ['Express', ['express']],
    ['Fastify', ['fastify']],
    ['`redis`, `ioredis`', ['redis', 'ioredis']],
  ])('of %s', (row, packages) => {
    for (const name of packages) expect(majors(peerDependencies[name]!)).toBe(rows.get(row))
  })

  test('of Node', () => {
    expect(engines.node).toBe('^20.19.0 || ^22.12.0 || >=24.0.0')
    expect(rows.get('Node')).toBe('20 from 20.19, 22 from 22.12, 24 and later')
  })
})
