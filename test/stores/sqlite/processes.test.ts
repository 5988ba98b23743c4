import { fork, spawn, type ChildProcess } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { SqliteStore } from 'latchkey/stores/sqlite'
import { ManualClock } from 'latchkey/testing'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { newRecord, patchOf } from '../../../src/testing/conformance/samples.js'
import { loaded } from '../../../src/testing/conformance/suite.js'

let folder = ''
const children: ChildProcess[] = []

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'latchkey-sqlite-'))
})

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
  rmSync(folder, { recursive: true, force: true })
})

describe('several processes on one file', () => {
  const writer = fileURLToPath(new URL('../../support/sqlite-writer.mjs', import.meta.url))

  /** A process that writes keys to one record, one after the other, and says each when it is stored. */
  function startWriter(
    path: string,
    key: string,
    name: string,
    count: number,
  ): { child: ChildProcess; lines: AsyncIterable<string> } {
    const child = spawn(process.execPath, [writer, path, key, name, String(count)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    children.push(child)
    return { child, lines: createInterface({ input: child.stdout }) }
  }

  test('that write different keys of one record at once: all are kept', async () => {
    const path = join(folder, 'sessions.db')
    const store = new SqliteStore({ path })
    const record = { ...newRecord(new ManualClock()), data: new Map() }
    store.create(record)
    const writers = ['a', 'b', 'c'].map((name) => startWriter(path, record.key, name, 100))
    await Promise.all(
      writers.map(async ({ lines }) => {
        for await (const line of lines) expect(line).toMatch(/^[abc]\d+ updated$/)
      }),
    )
    expect((await loaded(store, record.key)).data.size).toBe(300)
    store.close()
  })

  test('kill -9 in a write loop: every acknowledged write is there afterwards', async () => {
    const path = join(folder, 'sessions.db')
    const store = new SqliteStore({ path })
    const record = { ...newRecord(new ManualClock()), data: new Map() }
    store.create(record)
    store.close()
    const { child, lines } = startWriter(path, record.key, 'k', 100_000)
    const acknowledged: string[] = []
    for await (const line of lines) {
      acknowledged.push(line.split(' ')[0]!)
      if (acknowledged.length === 200) child.kill('SIGKILL')
    }
    expect(acknowledged.length).toBeGreaterThanOrEqual(200)
    const again = new SqliteStore({ path })
    const { data } = await loaded(again, record.key)
    expect(acknowledged.filter((key) => !data.has(key))).toEqual([])
    expect(again.update(record.key, patchOf([['after', '1']]))).toBe('updated')
    again.close()
  })

  // Sixty processes: on a machine that is busy they take a while.
  test('that start on a file which is not there yet: all can use it', { timeout: 60_000 }, async () => {
    const starters = Array.from({ length: 6 }, start)
    await Promise.all(starters.map(answer))
    for (let round = 0; round < 20; round++) {
      const path = join(folder, `${round}`, 'sessions.db')
      const answers = starters.map(answer)
      starters.forEach((starter, at) => starter.send({ path, isBuiltIn: at > 0 }))
      expect(await Promise.all(answers)).toEqual(starters.map(() => 'started'))
    }
  })

  test('that may not write the file: the start says so and names it', async () => {
    const path = join(folder, 'sessions.db')
    new SqliteStore({ path }).close()
    chmodSync(path, 0o444)
    chmodSync(folder, 0o777)
    const starter = start()
    await answer(starter)
    const answered = answer(starter)
    // Root may write everything, so it becomes nobody.
    starter.send({ path, user: process.getuid?.() === 0 ? 65_534 : undefined })
    expect(await answered).toMatch(/^STORE_UNAVAILABLE The SQLite file .*sessions\.db can't be used/)
  })

  function start(): ChildProcess {
    const child = fork(fileURLToPath(new URL('../../support/sqlite-starter.mjs', import.meta.url)))
    children.push(child)
    return child
  }

  /** The next message of a child; it fails when the child ends before. */
  function answer(child: ChildProcess): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const ended = (code: number | null, signal: string | null): void => {
        reject(new Error(`The child ended with ${code ?? signal}.`))
      }
      child.once('exit', ended)
      child.once('error', reject)
      child.once('message', (message) => {
        child.off('exit', ended).off('error', reject)
        resolve(message)
      })
    })
  }
})
