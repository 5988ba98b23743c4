import type { OpenSession, SessionEngine } from 'latchkey/core'
import { afterAll, describe, expect, test } from 'vitest'
import { stores } from '../support/stores.js'
import { counted, timeFor } from './counts.js'
import { begin, engineOn, inBatches, openStores, read, visit } from './engines.js'

const [redis] = stores.filter(({ name }) => name === 'redis')

/** What a request does with its session while somebody else ends it. */
const writes: readonly ((open: OpenSession) => Promise<unknown>)[] = [
  async ({ session }) => Object.assign(session, { page: 1 }),
  ({ session }) => session.save(),
  ({ session }) => session.touch(),
  ({ session }) => session.rotate(),
  ({ session }) => session.update((data) => void Object.assign(data, { count: 1 })),
]

/** Somebody signs in once more: from then on only those who end sessions by their subject know the session. */
const signIn = (open: OpenSession, user: string): Promise<unknown> => open.signIn({ userId: user })

/** How a session ends while a request writes into it. */
const revocations: readonly ((engine: SessionEngine, user: string, open: OpenSession) => Promise<unknown>)[] = [
  (engine, user, { handle }) => engine.subjects.revoke(user, handle),
  (engine, user) => engine.subjects.revokeAll(user),
  (engine, user) => engine.subjects.revokeAll(user, 'another'),
]

const destroy = async (engine: SessionEngine, _user: string, open: OpenSession): Promise<unknown> =>
  (await visit(engine, open.signedToken)).session.destroy()

const pairs = [
  ...[...writes, signIn].flatMap((write) => revocations.map((end) => ({ write, end }))),
  ...writes.map((write) => ({ write, end: destroy })),
]

describe('a write and a revocation at the same time, on redis', () => {
  const races = counted('RACES', 2_000)

  afterAll(redis!.stop)

  test(
    'never leave anything of the session, under no id that it ever had',
    async () => {
      const [writing, ending] = (await openStores(redis!)).map((store) => engineOn(store)) as [
        SessionEngine,
        SessionEngine,
      ]
      await inBatches(races, async (at) => {
        const user = `user ${at}`
        const token = await begin(writing, { userId: user, page: 0 })
        const open = await visit(writing, token)
        const pair = pairs[at % pairs.length]!
        const write = async (): Promise<void> => {
          await pair.write(open, user)
          await open.commit()
        }
        const end = (): Promise<unknown> => pair.end(ending, user, open)
        // Which of them sets out first changes from race to race.
        const both = (at / pairs.length) % 2 < 1 ? [write(), end()] : [end(), write()]
        for (const outcome of await Promise.allSettled(both)) {
          if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'SESSION_GONE' })
        }
        for (const engine of [writing, ending]) {
          expect(await engine.subjects.list(user)).toEqual([])
          expect(await read(engine, token)).toBeUndefined()
          expect(await read(engine, open.signedToken)).toBeUndefined()
        }
      })
    },
    timeFor(races),
  )
})
