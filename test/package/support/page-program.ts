import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { inject } from 'vitest'
import { transpile } from './compile.js'
import { codeBlocks } from './markdown.js'
import { word, writePage } from './page-project.js'

/** The guides whose programs are those of users who sign in: they have tests of their own. */
export const ABOUT_USERS: readonly string[] = ['docs/guide/devices.md', 'docs/guide/signing-in.md']

/** What a program of a page needs of its environment. */
export const secret = { SESSION_SECRET: 'the secret of the tests of the pages' }

const names = new Set<string>()

/** The programs that were built in this file, in order. */
export function started(): readonly string[] {
  return [...names].toSorted()
}

/** The programs that these pages name, in order. */
export function programsOf(pages: readonly string[]): readonly string[] {
  const blocks = pages.flatMap((page) => codeBlocks(page))
  return blocks.flatMap((block) => word(block, 'run') ?? []).toSorted()
}

/** Writes a page into a folder of its own, and answers the JavaScript of one of its programs. */
export function build(consumer: string, page: string, name: string, edit?: (code: string) => string): string {
  names.add(name)
  const project = writePage(join(consumer, 'programs', name), page, edit)
  for (const file of project.files) transpile(file)
  return project.entry(name).replace(/\.ts$/, '.js')
}

/** An empty folder to run in: what a program keeps stays there. */
export function emptyFolder(name: string): string {
  folders++
  const folder = join(inject('consumers').nest12, 'runs', `${name}-${folders}`)
  mkdirSync(folder, { recursive: true })
  return folder
}
let folders = 0
