import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import Database from 'libsql'
import { SqliteStore } from 'latchkey/stores/sqlite'
import { ManualClock } from 'latchkey/testing'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { SessionRecord, SubjectLimit } from '../../../src/core/record.js'
import { newRecord, signedIn } from '../../../src/testing/conformance/samples.js'

let folder = ''
let path = ''
const children: ChildProcess[] = []

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'latchkey-sqlite-'))
  path = join(folder, 'sessions.db')
})

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
  rmSync(folder, { recursive: true, force: true })
})

/** A sign-in: of the anonymous session under `from`, or of none. */
interface Login {
  readonly record: SessionRecord
  readonly limit: SubjectLimit
  readonly from?: string | undefined
}

/** A process that signs in, and says one thing after the other. */
interface Process {
  readonly signIn: (login: Login) => void
  readonly said: () => Promise<unknown>
}

async function start(make: 'path' | 'database', ...more: string[]): Promise<Process> {
  const script = fileURLToPath(new URL('../../support/sqlite-logins.mjs', import.meta.url))
  const child = spawn(process.execPath, [script, path, make, ...more], { stdio: ['pipe', 'pipe', 'inherit'] })
  children.push(child)
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const said = async (): Promise<unknown> => {
    const { value, done } = (await lines.next()) as { value?: string; done?: boolean }
    if (done || value === undefined) throw new Error('The process has ended.')
    return JSON.parse(value) as unknown
  }
  expect(await said()).toBe('ready')
  return { signIn: (login) => child.stdin.write(`${JSON.stringify(login)}\n`), said }
}

describe('a limit on a SQLite file', () => {
  /** Has two processes sign in where neither has begun to write before the other has come as far as it can. */
  async function signInAtOnce(
    make: 'path' | 'database',
    onLimit: SubjectLimit['onLimit'],
    isAnonymous: boolean,
  ): Promise<{ store: SqliteStore; logins: Login[]; outcomes: unknown[] }> {
    const store = new SqliteStore({ path })
    const clock = new ManualClock()
    const logins = [0, 1].map((at): Login => {
      const record = signedIn(clock, 'ann', { authenticatedAt: clock.now() + at })
      const from = newRecord(clock, [], { handle: record.handle })
      if (isAnonymous) store.create(from)
      return { record, limit: { max: 1, onLimit }, from: isAnonymous ? from.key : undefined }
    })
    const processes = await Promise.all([start(make, 'tells'), start(make, 'tells')])
    const gate = new Database(path)
    gate.exec('BEGIN IMMEDIATE')
    processes.forEach(({ signIn }, at) => signIn(logins[at]!))
    for (const { said } of processes) expect(await said()).toBe('waiting')
    gate.exec('COMMIT')
    gate.close()
    return { store, logins, outcomes: await Promise.all(processes.map(({ said }) => said())) }
  }

  const ways = (['path', 'database'] as const).flatMap((make) => [
    { make, isAnonymous: false, what: 'a new session' },
    { make, isAnonymous: true, what: 'an anonymous session' },
  ])

  test.each(ways)('given by $make: of two processes that sign in $what at once, one is refused', async (way) => {
    const { store, logins, outcomes } = await signInAtOnce(way.make, 'refuse', way.isAnonymous)
    expect(outcomes).toHaveLength(2)
    expect(outcomes).toContainEqual({ code: 'SESSION_LIMIT_REACHED' })
    expect(outcomes).toContainEqual({})
    const winner = logins[outcomes.findIndex((outcome) => JSON.stringify(outcome) === '{}')]!
    expect(store.list('ann').map(({ key }) => key)).toEqual([winner.record.key])
    const loser = logins.find((login) => login !== winner)!
    expect(store.load(loser.record.key)).toBeUndefined()
    if (loser.from) expect(store.load(loser.from)).toMatchObject({ subject: undefined, version: 1 })
    store.close()
  })

  test.each(ways)('given by $make: of two processes that sign in $what at once, one ends the other', async (way) => {
    const { store, logins, outcomes } = await signInAtOnce(way.make, 'evict-oldest', way.isAnonymous)
    const left = store.list('ann')
    expect(left).toHaveLength(1)
    const winner = logins.findIndex(({ record }) => record.key === left[0]!.key)
    expect(outcomes[winner]).toEqual({ evicted: [logins[1 - winner]!.record.handle] })
    expect(outcomes[1 - winner]).toEqual({})
    store.close()
  })

  test.each(['evict-oldest', 'refuse'] as const)('of five in five processes leaves five, with %s', async (onLimit) => {
    const store = new SqliteStore({ path })
    const clock = new ManualClock()
    const limit = { max: 5, onLimit }
    const processes = await Promise.all(Array.from({ length: 5 }, () => start('path')))
    const counts = processes.map(async ({ signIn, said }) => {
      for (let login = 0; login < 20; login++) signIn({ record: signedIn(clock, 'ann'), limit })
      let refused = 0
      for (let login = 0; login < 20; login++) {
        if (Object.hasOwn((await said()) as object, 'code')) refused++
        expect(store.count('ann')).toBeLessThanOrEqual(5)
      }
      return refused
    })
    const refused = (await Promise.all(counts)).reduce((sum, count) => sum + count, 0)
    expect(refused).toBe(onLimit === 'refuse' ? 95 : 0)
    expect(store.list('ann')).toHaveLength(5)
    store.close()
  })
})
