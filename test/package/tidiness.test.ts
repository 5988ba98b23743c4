import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { deadLinks } from './support/links.js'
import { pages, pagesBeside, textOf } from './support/markdown.js'
import { root } from './support/root.js'

test('every link between pages leads somewhere', () => {
  expect(pages.length).toBeGreaterThan(15)
  const all = [...pages, ...pagesBeside]
  expect(all.flatMap((page) => deadLinks(page).map((link) => `${page}: ${link}`))).toEqual([])
})

test('every page that a source names is there', () => {
  const named = filesOf('src').flatMap(
    (file) => readFileSync(join(root, file), 'utf8').match(/\bdocs\/[\w/-]+\.md/g) ?? [],
  )
  expect(named.length).toBeGreaterThan(2)
  expect(named.filter((page) => !pages.includes(page))).toEqual([])
})

test('every page of docs is in the table of contents', () => {
  const contents = textOf('docs/README.md')
  const missing = pages.filter(
    (page) => /^docs\/.*\//.test(page) && !contents.includes(`](${page.slice('docs/'.length)})`),
  )
  expect(missing).toEqual([])
})

test.each(['[gone](gone.md)', '[gone](session.md#gone)', '[gone](#gone)', '[gone][1]\n\n[1]: ../gone.md'])(
  'the dead link %s is found',
  (text) => {
    expect(deadLinks('docs/reference/session.md', text)).toHaveLength(1)
  },
)

/** Paths of one machine, and hosts that only one network has. */
const OF_ONE_MACHINE = /(?<![\w.])\/(?:work|root|home|Users|tmp)\/|\bregistry\.[a-z]/

describe('no page and no source', () => {
  const files = ['src', 'test', 'docs', 'apps', 'benchmarks', 'scripts', '.']
    .flatMap((folder) => filesOf(folder))
    .filter((file) => /\.(md|[cm]?[jt]s|html|css|sh)$/.test(file))

  test('names a path of one machine, or the host of a registry', () => {
    expect(files).toContain('src/core/engine.ts')
    expect(files).toContain('README.md')
    expect(files.filter((file) => OF_ONE_MACHINE.test(readFileSync(join(root, file), 'utf8')))).toEqual([])
  })

  test.each([['work', 'x'].join('/'), ['home', 'ann', 'x'].join('/')])('could hide /%s', (path) => {
    expect(`see /${path}`).toMatch(OF_ONE_MACHINE)
    expect(`see test/${path}`).not.toMatch(OF_ONE_MACHINE)
  })
})

/** The files below a folder, but for what is installed or built; of the root itself only its own. */
function filesOf(folder: string): readonly string[] {
  const isRoot = folder === '.'
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = isRoot ? entry.name : join(folder, entry.name)
    if (!entry.isDirectory()) return entry.isFile() ? [path] : []
    return isRoot || ['node_modules', 'dist', 'data', 'results'].includes(entry.name) ? [] : filesOf(path)
  })
}
