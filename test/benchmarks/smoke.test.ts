import { execFile } from 'node:child_process'
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { load } from './support/modules.js'

// The whole comparison, with a few requests of each kind. It takes three minutes of two cores: `npm run bench:smoke` runs it.

const script = fileURLToPath(new URL('../../benchmarks/compare.mjs', import.meta.url))

let folder = ''

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'latchkey-comparison-'))
})

afterEach(() => rm(folder, { recursive: true, force: true }))

/** Runs it with few requests, and with this folder for its own files. */
async function smoke(...args: string[]): Promise<Result> {
  const out = join(folder, 'results')
  const env = { ...process.env, TMPDIR: folder }
  await promisify(execFile)(process.execPath, [script, '--smoke', '--out', out, ...args], { env, maxBuffer: 2 ** 24 })
  expect(await readdir(folder)).toEqual(['results'])
  expect((await readdir(out)).toSorted()).toEqual(['comparison.json', 'comparison.md', 'comparison.svg'])
  expect(await readFile(join(out, 'comparison.md'), 'utf8')).toContain('Its figures mean nothing')
  expect(await readFile(join(out, 'comparison.svg'), 'utf8')).toMatch(/^<svg /)
  return JSON.parse(await readFile(join(out, 'comparison.json'), 'utf8')) as Result
}

interface Result {
  readonly variants: readonly { readonly name: string; readonly holdsLarge: boolean }[]
  readonly figures: Readonly<Record<string, Readonly<Record<string, readonly { readonly processor: number }[]>>>>
  readonly counts: Readonly<Record<string, Readonly<Record<string, { readonly commands: number }>>>>
  readonly bytes: Readonly<Record<string, { readonly record: number }>>
  readonly added: Readonly<Record<string, number>>
  readonly goals: readonly { readonly what: string; readonly measured?: number | null }[]
}

const platforms = ['express', 'fastify', 'nest-express', 'nest-fastify']
const ours = ['latchkey memory', 'latchkey sqlite', 'latchkey redis']
const theirs = {
  express: 'express-session',
  fastify: '@fastify/session',
  'nest-express': 'nestjs-session',
  'nest-fastify': '@fastify/session',
}

test(
  'the profile tells the parts of every server apart, and leaves nothing but its results',
  { timeout: 120_000 },
  async () => {
    const out = join(folder, 'results')
    const profile = fileURLToPath(new URL('../../benchmarks/profile.mjs', import.meta.url))
    const args = [profile, '--requests', '40', '--warm-up', '0', '--out', out]
    await promisify(execFile)(process.execPath, args, { env: { ...process.env, TMPDIR: folder }, maxBuffer: 2 ** 24 })
    expect(await readdir(folder)).toEqual(['results'])
    expect((await readdir(out)).toSorted()).toEqual(['profile.json', 'profile.md'])
    const { figures } = JSON.parse(await readFile(join(out, 'profile.json'), 'utf8')) as {
      figures: Record<string, { read: { parts: Record<string, number>; functions: Record<string, number> } }>
    }
    for (const platform of ['express', 'fastify']) {
      for (const name of ['bare', 'empty']) expect(figures[`${platform} ${name}`]!.read.functions).toEqual({})
      const { parts, functions } = figures[`${platform} latchkey redis`]!.read
      for (const part of ['library', 'client', 'node', 'platform']) expect(parts[part]).toBeGreaterThan(0)
      expect(Object.keys(functions).join()).toContain(' in http/')
      const [theirs] = Object.keys(figures).filter(
        (name) => name.startsWith(`${platform} `) && /session memory/.test(name),
      )
      expect(figures[theirs!]!.read.parts['library']).toBeGreaterThan(0)
    }
  },
)

describe('the comparison', { timeout: 300_000 }, () => {
  test('measures every library on every platform and leaves nothing but its results', async () => {
    const { variants, figures, counts, bytes, added, goals } = await smoke()
    const names = variants.map(({ name }) => name)
    for (const [platform, other] of Object.entries(theirs)) {
      const here = ['bare', ...ours, `${other} memory`, `${other} redis`, 'iron-session']
      expect(names).toEqual(expect.arrayContaining(here.map((name) => `${platform} ${name}`)))
    }
    for (const { name, holdsLarge } of variants) {
      expect(Object.keys(figures[name]!), name).toHaveLength(holdsLarge ? 6 : 5)
      for (const rounds of Object.values(figures[name]!))
        expect(rounds.map(({ processor }) => processor > 0)).toEqual([true])
    }
    expect(counts['express latchkey redis']).toMatchObject({ read: { commands: 1 }, visit: { commands: 0 } })
    expect(counts['express express-session redis']).toMatchObject({ read: { commands: 2 }, visit: { commands: 0 } })
    expect(bytes['express latchkey sqlite']!.record).toBeGreaterThan(100)
    expect(counts['express get redis']).toMatchObject({ read: { commands: 1 }, visit: { commands: 0 } })
    expect(bytes).not.toHaveProperty('express get redis')
    expect(Object.keys(added)).toEqual([
      'express get redis',
      'express latchkey redis',
      'express latchkey redis-near',
      'express express-session redis',
    ])
    expect(goals.filter(({ measured }) => measured !== undefined).length).toBeGreaterThan(8)
  })

  test('takes only what it is asked for, and the bare framework of it', async () => {
    const { variants } = await smoke('--only', 'nest-fastify latchkey memory')
    expect(variants.map(({ name }) => name)).toEqual(['nest-fastify bare', 'nest-fastify latchkey memory'])
  })

  test.each(platforms)('measures nothing on %s that keeps no sessions', async (platform) => {
    const { check } = await load('check')
    const { variants } = await load('variants')
    const bare = variants.find(({ name }) => name === `${platform} bare`)
    await expect(check({ ...bare, hasSessions: true }, {})).rejects.toThrow('does not do what is measured')
  })
})
