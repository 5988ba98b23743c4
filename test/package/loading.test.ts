import { copyFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, inject, test } from 'vitest'
import { entryPoints } from './support/entry-points.js'
import { run } from './support/program.js'
import { root } from './support/root.js'

const { nest12 } = inject('consumers')

/** What the library works with when its user has it, and never loads by itself. */
const OPTIONAL = [
  'express',
  'fastify',
  'redis',
  '@redis/client',
  'ioredis',
  'libsql',
  'better-sqlite3',
  '@opentelemetry/api',
  '@nestjs/terminus',
  'express-session',
  'cache-manager',
  '@nestjs/passport',
  'passport',
]

/** What a stranger may see of a module of ours. */
interface Loaded {
  /** Files of the library, from `dist` on. */
  readonly ours: readonly string[]
  /** Names of other packages. */
  readonly packages: readonly string[]
  /** Modules of Node's own, without `node:`. */
  readonly builtins: readonly string[]
}

beforeAll(() => {
  copyFileSync(join(root, 'test/package/support/loaded-by.mjs'), join(nest12, 'loaded-by.mjs'))
})

async function loadedBy(module: string): Promise<Loaded> {
  const { stdout } = await run(nest12, ['loaded-by.mjs', module])
  const { scripts, builtins } = JSON.parse(stdout) as { scripts: string[]; builtins: string[] }
  const files = scripts
    .map((url) => /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\/(.*)/.exec(url))
    .filter((found) => found !== null)
  const packages = new Set(files.map(([, name]) => name!))
  packages.delete('latchkey')
  return {
    ours: files.filter(([, name]) => name === 'latchkey').map(([, , file]) => file!),
    packages: [...packages],
    builtins: builtins.map((name) => /^NativeModule (.*)/.exec(name)?.[1]).filter((name) => name !== undefined),
  }
}

test('importing "latchkey" loads no store, no client, no driver and no platform', async () => {
  const { ours, packages, builtins } = await loadedBy('latchkey')
  expect(ours).toContain('dist/index.js')
  expect(ours.filter((file) => /^dist\/(stores|observe|testing|http\/(express|fastify)\.js)/.test(file))).toEqual([])
  expect(packages).toContain('@nestjs/common')
  expect(packages.filter((name) => OPTIONAL.includes(name))).toEqual([])
  expect(builtins).not.toContain('sqlite')
})

const plain = Object.keys(entryPoints).filter((name) => name !== 'latchkey')

/** What the doors name the devices of clients with, and what a path is for. */
const NEEDED: Readonly<Record<string, readonly string[]>> = {
  'latchkey/express': ['bowser'],
  'latchkey/express-session': ['bowser'],
  'latchkey/fastify': ['bowser'],
  'latchkey/opentelemetry': ['@opentelemetry/api'],
}

test.each(plain)(
  'importing "%s" loads no package that it can do without, and no store that was not asked for',
  async (name) => {
    const { ours, packages, builtins } = await loadedBy(name)
    expect(ours.length).toBeGreaterThan(0)
    expect(packages).toEqual(NEEDED[name] ?? [])
    expect(builtins).not.toContain('sqlite')
    expect(ours.filter((file) => file.startsWith('dist/nest/'))).toEqual([])
    // What is common to several stores is in a folder of its own.
    const stores = ours
      .map((file) => /^dist\/stores\/([\w-]+)/.exec(file)?.[1])
      .filter((store) => store !== undefined && store !== 'keyed')
    const asked =
      /^latchkey\/stores\/(.*)/.exec(name)?.[1] ?? (name === 'latchkey/express-session' ? 'express' : undefined)
    expect([...new Set(stores)]).toEqual(asked === undefined ? [] : [asked])
  },
)

describe('what would break this is seen', () => {
  test.each(['express', 'fastify', 'redis', 'ioredis', 'libsql', '@opentelemetry/api', '@nestjs/terminus'])(
    'an import of %s',
    async (name) => {
      writeFileSync(join(nest12, 'eager.mjs'), `import 'latchkey'\nimport '${name}'\n`)
      expect((await loadedBy('./eager.mjs')).packages).toContain(name)
    },
  )

  test('a require out of a CommonJS file', async () => {
    writeFileSync(join(nest12, 'eager.cjs'), "require('libsql')\n")
    expect((await loadedBy('./eager.cjs')).packages).toContain('libsql')
  })

  test('a module of Node', async () => {
    writeFileSync(join(nest12, 'eager.mjs'), "import 'node:dns/promises'\n")
    expect((await loadedBy('./eager.mjs')).builtins).toContain('dns/promises')
  })

  test('a store', async () => {
    writeFileSync(join(nest12, 'eager.mjs'), "import 'latchkey'\nimport 'latchkey/stores/redis'\n")
    expect((await loadedBy('./eager.mjs')).ours).toContain('dist/stores/redis.js')
  })
})
