import type { Adopting, SessionStore } from 'latchkey/core'
import type { RedisStore } from 'latchkey/stores/redis'
import { FailingStore } from 'latchkey/testing'
import { expect, test } from 'vitest'
import { HandlerGate } from '../acceptance/everywhere.js'
import { everyLibrary } from './side-by-side.js'

/** Holds a call of a verb, the first or a later one, before the store is asked or when it has answered. */
function holding(verb: 'foreign' | 'adopt' | 'forget', when: 'before' | 'after', gate: HandlerGate, which = 1) {
  let count = 0
  return (store: RedisStore): SessionStore => {
    const inner = store.adopting!
    const held =
      (name: keyof Adopting) =>
      async (...args: unknown[]): Promise<unknown> => {
        const call = (): unknown => (inner[name] as (...args: unknown[]) => unknown).apply(inner, args)
        if (name !== verb || ++count !== which) return call()
        if (when === 'before') return gate.pass().then(call)
        const answer = await call()
        await gate.pass()
        return answer
      }
    const { cookies, rolling } = inner
    const verbs = { foreign: held('foreign'), adopt: held('adopt'), forget: held('forget'), settle: held('settle') }
    return Object.defineProperty(new FailingStore(store), 'adopting', { value: { cookies, rolling, ...verbs } })
  }
}

everyLibrary((sides) => {
  const theirKeys = async (): Promise<readonly string[]> =>
    (await sides.keys()).filter((key) => key.startsWith('sess:'))

  test('a request that has seen the old session comes to the new one of another that was faster', async () => {
    const gate = new HandlerGate()
    const [old, ann] = [await sides.startOld(), sides.browser()]
    const now = await sides.startNew({ around: holding('foreign', 'after', gate) })
    await ann.get(old, '/login?user=ann')
    const slow = ann.json(now, '/look')
    await gate.reached
    const fast = await ann.json(now, '/look')
    gate.open()
    expect(await slow).toMatchObject({ handle: (fast as { handle: string }).handle })
    expect(await now.store.count('ann')).toBe(1)
    expect(now.events.filter(({ type }) => type === 'adopted')).toHaveLength(1)
  })

  test('what an old instance writes between the look and the step is not lost', async () => {
    const gate = new HandlerGate()
    const [old, ann] = [await sides.startOld(), sides.browser()]
    const now = await sides.startNew({ around: holding('adopt', 'before', gate) })
    await ann.get(old, '/login?user=ann')
    const data = ann.json(now, '/data')
    await gate.reached
    await ann.get(old, '/set?colour=red')
    gate.open()
    expect(await data).toMatchObject({ userId: 'ann', colour: 'red' })
    expect(await theirKeys()).toEqual([])
  })

  test('a session that an old instance ends between the look and the step is not taken over', async () => {
    const gate = new HandlerGate()
    const [old, ann] = [await sides.startOld(), sides.browser()]
    const now = await sides.startNew({ around: holding('adopt', 'before', gate) })
    await ann.get(old, '/login?user=ann')
    const data = ann.json(now, '/data')
    await gate.reached
    await ann.get(old, '/logout')
    gate.open()
    expect(await data).toEqual({})
    expect(await now.store.count('ann')).toBe(0)
  })

  test('a second write of an old instance while the first is taken over is not lost', async () => {
    const [first, second, gate] = [new HandlerGate(), new HandlerGate(), new HandlerGate()]
    const old = await sides.startOld({
      '/first': async ({ session }) => first.pass().then(() => void (session['colour'] = 'red')),
      '/second': async ({ session }) => second.pass().then(() => void (session['size'] = 'large')),
    })
    const now = await sides.startNew({ around: holding('forget', 'before', gate) })
    const ann = sides.browser()
    await ann.get(old, '/login?user=ann')
    const slow = [ann.get(old, '/first'), ann.get(old, '/second')]
    await Promise.all([first.reached, second.reached])
    await ann.get(now, '/data')
    first.open()
    await slow[0]
    const data = ann.json(now, '/data')
    await gate.reached
    second.open()
    await slow[1]
    gate.open()
    expect(await data).toMatchObject({ userId: 'ann', colour: 'red', size: 'large' })
    expect(await theirKeys()).toEqual([])
  })

  test('a session that is revoked while a late write is taken over stays ended', async () => {
    const [slow, gate] = [new HandlerGate(), new HandlerGate()]
    const old = await sides.startOld({
      '/slow': async ({ session }) => slow.pass().then(() => void (session['colour'] = 'red')),
    })
    const now = await sides.startNew({ around: holding('foreign', 'after', gate, 2) })
    const ann = sides.browser()
    await ann.get(old, '/login?user=ann')
    const writing = ann.get(old, '/slow')
    await slow.reached
    await ann.get(now, '/data')
    slow.open()
    await writing
    const data = ann.json(now, '/data')
    await gate.reached
    await now.store.revokeAll('ann')
    gate.open()
    expect(await data).toEqual({})
    expect(await now.store.count('ann')).toBe(0)
    expect(await theirKeys()).toEqual([])
  })

  test('a store that does not answer gives a 503, and takes nothing over', async () => {
    const [old, ann] = [await sides.startOld(), sides.browser()]
    const broken = (): never => {
      throw new Error('no Redis')
    }
    const now = await sides.startNew({
      around: (store) =>
        Object.defineProperty(new FailingStore(store), 'adopting', {
          value: { cookies: store.adopting!.cookies, rolling: false, foreign: broken },
        }),
    })
    await ann.get(old, '/login?user=ann')
    expect((await ann.get(now, '/data')).status).toBe(503)
    expect(await ann.json(old, '/data')).toMatchObject({ userId: 'ann' })
  })
})
