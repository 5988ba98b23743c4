import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { section, tableRows, textOf } from './support/markdown.js'
import { root } from './support/root.js'

const page = 'docs/reference/security.md'

/** A test as the page names it: a file, and the title in it. */
interface NamedTest {
  readonly file: string
  readonly title: string
}

function testsIn(text: string): readonly NamedTest[] {
  return [...text.matchAll(/`([\w./-]+\.test\.ts)`: "([^"]+)"/g)].map(([, file = '', title = '']) => ({ file, title }))
}

function isThere({ file, title }: NamedTest): boolean {
  const path = join(root, file)
  if (!existsSync(path)) return false
  const titles = readFileSync(path, 'utf8').matchAll(
    /(?:\btest(?:\.each\b[\s\S]*?\))?|^\s*\]\))\(\s*(['"`])(.*?)(?<!\\)\1,/gm,
  )
  return [...titles].some(([, , found = '']) => found.replaceAll("\\'", "'") === title)
}

test('every test that security.md names is there, under this title', () => {
  const named = testsIn(textOf(page))
  expect(named.length).toBeGreaterThan(40)
  expect(named.filter((each) => !isThere(each))).toEqual([])
  // Each mention of a file is one of a test.
  expect(textOf(page).match(/\.test\.ts/g)).toHaveLength(named.length)
})

test('a test that is not there would be seen', () => {
  expect(isThere({ file: 'test/core/gone.test.ts', title: 'x' })).toBe(false)
  expect(isThere({ file: 'test/core/token.test.ts', title: 'ids' })).toBe(false)
  expect(isThere({ file: 'test/core/token.test.ts', title: 'an id has a tag' })).toBe(false)
})

/** The requirements of ASVS 5.0.0, sections V7.1 to V7.6 and V3.3. */
const REQUIREMENTS: Readonly<Record<string, readonly number[]>> = {
  'ASVS 5.0, chapter 7: session management': [3, 4, 2, 5, 3, 2],
  'ASVS 5.0, chapter 3: cookies': [0, 0, 5],
}

describe.each(Object.entries(REQUIREMENTS))('%s', (heading, counts) => {
  const rows = tableRows(section(page, heading))

  test('has a row for each requirement, in order', () => {
    const chapter = /chapter (\d)/.exec(heading)![1]!
    const wanted = counts.flatMap((count, part) =>
      Array.from({ length: count }, (_, index) => `${chapter}.${part + 1}.${index + 1}`),
    )
    expect(rows.map(([requirement]) => requirement)).toEqual(wanted)
  })

  test('says of each which test shows it, or that it is left to the application', () => {
    for (const [requirement, , what = '', shown = ''] of rows) {
      expect(testsIn(shown).length > 0 || /\*\*yours/i.test(what), requirement).toBe(true)
    }
  })
})
