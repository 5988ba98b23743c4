import type { SessionEngine } from 'latchkey/core'
import { afterAll, describe, expect, test } from 'vitest'
import { stores } from '../support/stores.js'
import { counted, timeFor } from './counts.js'
import { begin, engineOn, openStores, read, visit } from './engines.js'

const LOGINS = 50
const MAX_SESSIONS = 5

describe.each(stores)('50 parallel logins of one user with maxSessions 5, on $name', (shipped) => {
  const rounds = counted('RACE_ROUNDS', 40)

  afterAll(shipped.stop)

  /** Half of them by each engine. In every second round they come from guests, whose sessions move. */
  async function login(engines: readonly SessionEngine[], round: number) {
    const requests = await Promise.all(
      Array.from({ length: LOGINS }, async (_, at) => {
        const engine = engines[at % 2]!
        const open = await visit(engine, round % 2 === 0 ? undefined : await begin(engine, { cart: at }))
        Object.assign(open.session, { userId: `user ${round}` })
        return open
      }),
    )
    const outcomes = await Promise.allSettled(requests.map(async (open) => open.commit()))
    return { requests, outcomes }
  }

  test(
    'leave exactly five, and those can go on',
    async () => {
      const engines = (await openStores(shipped)).map((store) => engineOn(store, { maxSessions: MAX_SESSIONS }))
      for (let round = 0; round < rounds; round++) {
        const { requests, outcomes } = await login(engines, round)
        expect(outcomes.map(({ status }) => status)).toEqual(requests.map(() => 'fulfilled'))
        await assertLeft(engines, `user ${round}`, new Map(requests.map((open) => [open.handle, open.signedToken])))
      }
    },
    timeFor(rounds),
  )

  test(
    'let exactly five in where the limit refuses',
    async () => {
      const options = { maxSessions: MAX_SESSIONS, onLimit: 'refuse' } as const
      const engines = (await openStores(shipped)).map((store) => engineOn(store, options))
      for (let round = 0; round < rounds / 2; round++) {
        const { requests, outcomes } = await login(engines, round)
        const isIn = outcomes.map(({ status }) => status === 'fulfilled')
        expect(isIn.filter(Boolean)).toHaveLength(MAX_SESSIONS)
        for (const outcome of outcomes) {
          if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'SESSION_LIMIT_REACHED' })
        }
        const tokens = requests.flatMap((open, at) => (isIn[at] ? [[open.handle, open.signedToken] as const] : []))
        await assertLeft(engines, `user ${round}`, new Map(tokens))
      }
    },
    timeFor(rounds),
  )
})

/** Five are listed, and of all tokens theirs alone are good, on both sides. */
async function assertLeft(
  engines: readonly SessionEngine[],
  user: string,
  tokens: ReadonlyMap<string, string>,
): Promise<void> {
  for (const engine of engines) {
    const listed = (await engine.subjects.list(user)).map(({ handle }) => handle)
    expect(listed).toHaveLength(MAX_SESSIONS)
    expect(await engine.subjects.count(user)).toBe(MAX_SESSIONS)
    const found = await Promise.all(
      [...tokens].map(async ([handle, token]) => ((await read(engine, token)) ? [handle] : [])),
    )
    expect(found.flat().toSorted()).toEqual(listed.toSorted())
  }
}
