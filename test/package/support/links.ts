import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { prose, textOf } from './markdown.js'
import { root } from './root.js'

/** Links of a page that lead nowhere within the repository: `target`. Links to other sites are not followed. */
export function deadLinks(page: string, text: string = textOf(page)): readonly string[] {
  return linksIn(page, text).filter((link) => !/^[a-z]+:/.test(link) && !leadsSomewhere(page, link))
}

/** What stands in the brackets of a link, or after the label of one. */
function linksIn(page: string, text: string): readonly string[] {
  const plain = prose(page, text).replace(/`[^`\n]*`/g, '')
  const inline = [...plain.matchAll(/\]\(([^)\s]+)[^)]*\)/g)]
  const labelled = [...plain.matchAll(/^\[[^\]]+\]: (\S+)/gm)]
  return [...inline, ...labelled].map(([, link]) => link!)
}

function leadsSomewhere(page: string, link: string): boolean {
  const [path = '', anchor] = link.split('#')
  const target = path === '' ? page : join(dirname(page), path)
  if (target.startsWith('..') || !existsSync(join(root, target))) return false
  return anchor === undefined || (target.endsWith('.md') && anchorsOf(target).includes(anchor))
}

/** The anchors of a page's headings, as GitHub makes them. */
function anchorsOf(page: string): readonly string[] {
  return [...prose(page).matchAll(/^#+ (.+)$/gm)].map(([, heading]) =>
    heading!
      .toLowerCase()
      .replace(/[^\p{Letter}\p{Number}\s_-]/gu, '')
      .replaceAll(' ', '-'),
  )
}
