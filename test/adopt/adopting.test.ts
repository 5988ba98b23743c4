import { expect, test } from 'vitest'
import { DATA } from './old-apps.js'
import { everyLibrary } from './side-by-side.js'

everyLibrary(({ startOld, startNew, browser, keys }) => {
  test('a session goes on with its data, in one of ours, and nothing is left of it', async () => {
    const [old, now, ann] = [await startOld(), await startNew(), browser()]
    await ann.get(old, '/login?user=ann')
    expect(await ann.json(now, '/data')).toEqual({ userId: 'ann', ...DATA })
    expect((await keys()).filter((key) => !key.startsWith('new:'))).toEqual([])
    expect(ann.cookies).toEqual(['sid'])
    expect(await ann.json(now, '/data')).toEqual({ userId: 'ann', ...DATA })
    expect(now.events.map(({ type }) => type)).toEqual(['adopted'])
    expect(now.lines).toEqual([])
  })

  test('parallel first requests of one page come to one session', async () => {
    const [old, now, ann] = [await startOld(), await startNew(), browser()]
    await ann.get(old, '/login?user=ann')
    const looks = await Promise.all(Array.from({ length: 20 }, () => ann.json(now, '/look')))
    expect(new Set(looks.map((look) => (look as { handle: string }).handle)).size).toBe(1)
    expect(await now.store.count('ann')).toBe(1)
    expect(await ann.json(now, '/data')).toMatchObject({ userId: 'ann' })
    expect(now.events.filter(({ type }) => type === 'adopted')).toHaveLength(1)
  })
})
