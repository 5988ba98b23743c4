import { execFile } from 'node:child_process'
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { startRedis } from '../support/redis-server.js'

const script = fileURLToPath(new URL('../../benchmarks/load-sessions.mjs', import.meta.url))

let folder = ''

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'latchkey-benchmark-'))
})

afterEach(() => rm(folder, { recursive: true, force: true }))

/** Runs it with few sessions, and with this folder for its own files. */
async function run(...args: string[]): Promise<Record<string, unknown>> {
  const out = join(folder, 'results')
  const all = [script, '--count', '2000', '--rounds', '1', '--out', out, '--no-limits', ...args]
  await promisify(execFile)(process.execPath, all, { env: { ...process.env, TMPDIR: folder } })
  expect(await readdir(folder)).toEqual(['results'])
  const [name] = (await readdir(out)).filter((file) => file.endsWith('.json'))
  return JSON.parse(await readFile(join(out, name!), 'utf8')) as Record<string, unknown>
}

describe('the loader of many sessions', { timeout: 60_000 }, () => {
  test.each(['redis', 'sqlite'])('fills %s, measures, writes what it found and leaves nothing else', async (store) => {
    const { count, rows, ...result } = await run('--store', store)
    expect(result).toMatchObject({ store, base: 1000, filling: { sessions: 2000 } })
    expect(count).toBe(2000)
    expect((rows as { ratio: number }[]).map(({ ratio }) => ratio > 0)).toEqual([true, true, true, true, true])
  })

  test('leaves nothing in a Redis that it was given', async () => {
    const server = await startRedis()
    try {
      const { filling } = await run('--store', 'redis', '--url', server.url)
      expect(filling).toMatchObject({ sessions: 1000 })
      expect(await server.command('DBSIZE')).toBe(0)
    } finally {
      await server.stop()
    }
  })
})
