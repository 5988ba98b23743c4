import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'

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
    expect(Object.keys(added)).toEqual(['express latchkey redis', 'express express-session redis'])
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
    await expect(check({ ...bare, isBare: false }, {})).rejects.toThrow('does not do what is measured')
  })
})

describe('the network to Redis', { timeout: 60_000 }, () => {
  test('takes as long as it is told, and counts commands and bytes', async () => {
    const { startChild } = await load('child')
    const { startServer } = await loadFile('redis-server')
    const [redis, proxy] = [await startServer(), await startChild('./redis-proxy.mjs')]
    try {
      const client = new Asker((await proxy.ask('open', { port: redis.port })) as number)
      const ping = '*1\r\n$4\r\nPING\r\n'
      await client.ask(ping)
      expect(await proxy.ask('count')).toEqual({ commands: 1, sent: ping.length, received: '+PONG\r\n'.length })
      await proxy.ask('delay', { roundTrip: 40 })
      const started = performance.now()
      await client.ask(ping)
      expect(performance.now() - started).toBeGreaterThan(39)
      client.close()
    } finally {
      await proxy.stop()
      await redis.stop()
    }
  })

  test('counts commands that come in pieces, whatever is in them', async () => {
    const { RespCounter } = await load('resp-counter')
    const text = Buffer.from('*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$10\r\n*1\r\n$4\r\nPI\r\n*1\r\n$4\r\nPING\r\n')
    for (let cut = 0; cut <= text.length; cut++) {
      const counter = new RespCounter()
      counter.take(text.subarray(0, cut))
      counter.take(text.subarray(cut))
      expect(counter.commands, `cut at ${cut}`).toBe(2)
    }
  })
})

describe('what is said of the figures', () => {
  test('a cost that the other has lost in the noise meets no goal and misses none', async () => {
    const { goalsOf } = await load('goals')
    const goal = (cost: number) => {
      const summary = { 'express latchkey memory': { read: { cost: 10 }, visit: { cost: 1 } } }
      const other = { 'express express-session memory': { read: { cost }, visit: { cost: 1 } } }
      const rest = { counts: {}, bytes: {}, added: {}, signOut: {}, scale: undefined }
      const [first] = goalsOf({ summary: { ...summary, ...other }, ...rest })
      return [first!.measured, first!.isMet]
    }
    expect(goal(100)).toEqual([0.1, true])
    expect(goal(20)).toEqual([0.5, false])
    expect(goal(-3)).toEqual([NaN, undefined])
  })

  test('a cost counts as a loss only where the rounds are apart', async () => {
    const { lossesOf } = await load('losses')
    const losses = (low: number) => {
      const other = { read: { cost: 40, low: 30, high: 50 } }
      const summary = { 'fastify latchkey redis': { read: { cost: 60, low, high: 70 } }, 'fastify iron-session': other }
      return lossesOf({ summary, counts: {}, bytes: {}, added: {} })
    }
    expect(losses(55)).toHaveLength(1)
    expect(losses(45)).toHaveLength(0)
  })
})

/** A client that waits for each answer. */
class Asker {
  readonly #socket: Socket

  constructor(port: number) {
    this.#socket = connect({ port, host: '127.0.0.1', noDelay: true })
  }

  async ask(text: string): Promise<void> {
    const answered = once(this.#socket, 'data')
    this.#socket.write(text)
    await answered
  }

  close(): void {
    this.#socket.destroy()
  }
}

/** What is used of the modules that the comparison is made of. They are no part of the library, and have no types. */
interface Exports {
  readonly variants: Result['variants']
  check(variant: object, settings: object): Promise<void>
  startChild(module: string): Promise<Child>
  startServer(): Promise<{ readonly port: number; stop(): Promise<void> }>
  readonly RespCounter: new () => { readonly commands: number; take(chunk: Buffer): void }
  goalsOf(measured: object): readonly { readonly measured: number; readonly isMet?: boolean }[]
  lossesOf(measured: object): readonly unknown[]
}

interface Child {
  ask(name: string, question?: object): Promise<unknown>
  stop(): Promise<void>
}

function load(name: string): Promise<Exports> {
  return loadFile(`compare/${name}`)
}

async function loadFile(name: string): Promise<Exports> {
  return (await import(new URL(`../../benchmarks/${name}.mjs`, import.meta.url).href)) as Exports
}
