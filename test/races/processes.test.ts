import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { SqliteStore } from 'latchkey/stores/sqlite'
import { ManualClock } from 'latchkey/testing'
import { afterAll, describe, expect, test } from 'vitest'
import { newRecord, signedIn } from '../../src/testing/conformance/samples.js'
import { counted, timeFor } from './counts.js'

const LOGINS = 50
const MAX_SESSIONS = 5

/** The stores of one process take turns anyway. These don't. */
describe('50 parallel logins of one user with maxSessions 5, by two processes on one SQLite file', () => {
  const rounds = counted('RACE_ROUNDS', 40)
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-races-'))
  const path = join(folder, 'sessions.db')
  const store = new SqliteStore({ path })
  const children: ChildProcess[] = []

  afterAll(() => {
    for (const child of children) child.kill('SIGKILL')
    store.close()
    rmSync(folder, { recursive: true, force: true })
  })

  /** A process that signs in whom it is told, and answers how each went. */
  async function start() {
    const script = fileURLToPath(new URL('../support/sqlite-logins.mjs', import.meta.url))
    const child = spawn(process.execPath, [script, path, 'path'], { stdio: ['pipe', 'pipe', 'inherit'] })
    children.push(child)
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
    const said = async (): Promise<unknown> => JSON.parse(((await lines.next()) as { value: string }).value)
    expect(await said()).toBe('ready')
    return async (logins: readonly object[]): Promise<readonly unknown[]> => {
      child.stdin.write(logins.map((login) => `${JSON.stringify(login)}\n`).join(''))
      const answers: unknown[] = []
      while (answers.length < logins.length) answers.push(await said())
      return answers
    }
  }

  test(
    'leave exactly five, and tell whom they have ended',
    async () => {
      const processes = await Promise.all([start(), start()])
      const clock = new ManualClock()
      for (let round = 0; round < rounds; round++) {
        const user = `user ${round}`
        const logins = Array.from({ length: LOGINS }, (_, at) => {
          const record = signedIn(clock, user, { authenticatedAt: clock.now() + at })
          // In every second round they come from guests, whose sessions move.
          const guest = newRecord(clock, [], { handle: record.handle })
          if (round % 2 === 1) store.create(guest)
          const limit = { max: MAX_SESSIONS, onLimit: 'evict-oldest' }
          return { record, limit, from: round % 2 === 1 ? guest.key : undefined }
        })
        const answers = await Promise.all(
          processes.map((signIn, at) => signIn(logins.filter((_, index) => index % 2 === at))),
        )
        const evicted = answers.flat().flatMap((answer) => (answer as { evicted?: readonly string[] }).evicted ?? [])
        const left = store.list(user).map(({ handle }) => handle)
        expect(left).toHaveLength(MAX_SESSIONS)
        expect(store.count(user)).toBe(MAX_SESSIONS)
        expect([...left, ...evicted].toSorted()).toEqual(logins.map(({ record }) => record.handle).toSorted())
      }
    },
    timeFor(rounds),
  )
})
