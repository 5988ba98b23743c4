import { execFileSync } from 'node:child_process'
import { cp, mkdir, mkdtemp, readdir, readFile, realpath, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { root } from './root.js'

/** The package as it would be published, and folders in which somebody has installed it. */
export interface Consumers {
  readonly tarball: string
  /** What `npm pack` says is in it. */
  readonly files: readonly string[]
  /** An ES module project with Nest 12 and all optional peers. */
  readonly nest12: string
  /** The same with Nest 11. */
  readonly nest11: string
}

declare module 'vitest' {
  interface ProvidedContext {
    readonly consumers: Consumers
  }
}

/** Packs once for all tests, and installs the tarball into empty folders. The peers are those of this checkout. */
export default async function setUp(project: TestProject): Promise<() => Promise<void>> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'latchkey-package-')))
  const { tarball, files } = pack(folder)
  const nest12 = await install(tarball, join(folder, 'nest-12'))
  const nest11 = join(folder, 'nest-11')
  await cp(nest12, nest11, { recursive: true })
  await link(join(root, 'test/nest-11/node_modules'), join(nest11, 'node_modules'))
  await link(join(root, 'node_modules'), join(nest11, 'node_modules'))
  await link(join(root, 'node_modules'), join(nest12, 'node_modules'))
  project.provide('consumers', { tarball, files, nest12, nest11 })
  return () => rm(folder, { recursive: true, force: true })
}

function pack(folder: string): Pick<Consumers, 'tarball' | 'files'> {
  const report = npm(['pack', '--ignore-scripts', '--json', '--pack-destination', folder], root)
  const [{ filename, files }] = JSON.parse(report) as [{ filename: string; files: { path: string }[] }]
  return { tarball: join(folder, filename), files: files.map(({ path }) => path) }
}

/** `--offline`: what the package depends on is that of this checkout too, so no registry is asked. */
async function install(tarball: string, folder: string): Promise<string> {
  const { dependencies: needed } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as {
    dependencies: Readonly<Record<string, string>>
  }
  const dependencies = Object.fromEntries(
    Object.keys(needed).map((name) => [name, `file:${join(root, 'node_modules', name)}`]),
  )
  await mkdir(folder)
  await writeFile(join(folder, 'package.json'), JSON.stringify({ private: true, type: 'module', dependencies }))
  npm(['install', '--offline', '--no-audit', '--no-fund', tarball], folder)
  return folder
}

function npm(args: readonly string[], cwd: string): string {
  return execFileSync('npm', args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] })
}

/** Links every package of `from` that `to` does not have. */
async function link(from: string, to: string): Promise<void> {
  for (const entry of await readdir(from)) {
    if (entry.startsWith('.')) continue
    const names = entry.startsWith('@') ? (await readdir(join(from, entry))).map((name) => join(entry, name)) : [entry]
    if (entry.startsWith('@')) await mkdir(join(to, entry), { recursive: true })
    for (const name of names) {
      await symlink(await realpath(join(from, name)), join(to, name)).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'EEXIST') throw error
      })
    }
  }
}
