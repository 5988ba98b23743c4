import { expect, test } from 'vitest'
import { HandlerGate } from '../acceptance/everywhere.js'
import type { OldHandler } from './old-apps.js'
import { everyLibrary } from './side-by-side.js'

/** A handler that has its session already when the test lets it write. */
function slowly(gate: HandlerGate, write: OldHandler): Readonly<Record<string, OldHandler>> {
  return { '/slow': async (context) => gate.pass().then(() => write(context)) }
}

everyLibrary((sides) => {
  test('who goes to an old and to a new instance in turns is signed in on every new one', async () => {
    const [old, now, ann] = [await sides.startOld(), await sides.startNew(), sides.browser()]
    await ann.get(old, '/login?user=ann')
    for (let turn = 0; turn < 3; turn++) {
      expect(await ann.json(now, '/data')).toMatchObject({ userId: 'ann' })
      // The old one knows nothing of it any more, and does no harm.
      expect(await ann.json(old, '/data')).toEqual({})
    }
    expect(await now.store.count('ann')).toBe(1)
  })

  test('what a visitor does on an old instance meanwhile signs nobody out', async () => {
    const [old, now, ann] = [await sides.startOld(), await sides.startNew(), sides.browser()]
    await ann.get(old, '/login?user=ann')
    await ann.get(now, '/data')
    await ann.get(old, '/set?colour=red')
    expect(await ann.json(now, '/data')).toMatchObject({ userId: 'ann' })
    expect(await ann.json(now, '/data')).not.toHaveProperty('colour')
    expect(await ann.json(old, '/data')).toEqual({ colour: 'red' })
  })

  test('who signs in again on an old instance keeps one session, with what both have', async () => {
    const [old, now, ann] = [await sides.startOld(), await sides.startNew(), sides.browser()]
    await ann.get(old, '/login?user=ann')
    await ann.get(now, '/set?theme=dark')
    await ann.get(old, '/login?user=ann')
    await ann.get(old, '/set?colour=red')
    expect(await ann.json(now, '/data')).toMatchObject({ userId: 'ann', theme: 'dark', colour: 'red' })
    expect(await now.store.count('ann')).toBe(1)
    expect(ann.cookies).toEqual(['sid'])
    expect((await sides.keys()).filter((key) => key.startsWith('sess:'))).toEqual([])
  })

  test('who signs in on an old instance takes along what a visitor did on a new one', async () => {
    const [old, now, ann] = [await sides.startOld(), await sides.startNew(), sides.browser()]
    await ann.get(now, '/set?theme=dark')
    await ann.get(old, '/login?user=ann')
    expect(await ann.json(now, '/data')).toMatchObject({ userId: 'ann', theme: 'dark' })
  })

  test('who signs in on an old instance after somebody else has nothing of theirs, and they are signed out', async () => {
    const [old, now, browser] = [await sides.startOld(), await sides.startNew(), sides.browser()]
    await browser.get(old, '/login?user=ann')
    await browser.get(now, '/set?theme=dark')
    await browser.get(old, '/login?user=bob')
    const data = await browser.json(now, '/data')
    expect(data).toMatchObject({ userId: 'bob' })
    expect(data).not.toHaveProperty('theme')
    expect(await now.store.count('ann')).toBe(0)
    expect(now.events).toContainEqual(expect.objectContaining({ type: 'revoked', reason: 'replaced' }))
  })

  test('a write of an old instance that had read the session before is not lost, and leaves no copy', async () => {
    const gate = new HandlerGate()
    const routes = slowly(gate, ({ session }) => void Object.assign(session, { colour: 'red', cart: undefined }))
    const [old, now, ann] = [await sides.startOld(routes), await sides.startNew(), sides.browser()]
    await ann.get(old, '/login?user=ann')
    const slow = ann.get(old, '/slow')
    await gate.reached
    await ann.get(now, '/set?theme=dark&big=mine')
    gate.open()
    await slow
    expect((await sides.keys()).filter((key) => key.startsWith('sess:'))).toHaveLength(1)
    const data = await ann.json(now, '/data')
    expect(data).toMatchObject({ userId: 'ann', theme: 'dark', colour: 'red', big: 'mine' })
    expect(data).not.toHaveProperty('cart')
    expect((await sides.keys()).filter((key) => key.startsWith('sess:'))).toEqual([])
    expect(await ann.json(now, '/data')).toEqual(data)
    expect(ann.cookies).toEqual(['sid'])
  })

  test('nor is it with a near cache', async () => {
    const gate = new HandlerGate()
    const routes = slowly(gate, ({ session }) => void (session['colour'] = 'red'))
    const [old, now, ann] = [await sides.startOld(routes), await sides.startNew({ isNear: true }), sides.browser()]
    await ann.get(old, '/login?user=ann')
    const slow = ann.get(old, '/slow')
    await gate.reached
    const looks = await Promise.all(Array.from({ length: 10 }, () => ann.json(now, '/look')))
    expect(new Set(looks.map((look) => (look as { handle: string }).handle)).size).toBe(1)
    gate.open()
    await slow
    expect(await ann.json(now, '/data')).toMatchObject({ userId: 'ann', colour: 'red' })
    expect(await now.store.count('ann')).toBe(1)
    expect((await sides.keys()).filter((key) => key.startsWith('sess:'))).toEqual([])
  })

  test('a sign-in that an old instance had under way counts, under a new id', async () => {
    const gate = new HandlerGate()
    const routes = slowly(gate, ({ session }) => void (session['userId'] = 'ann'))
    const [old, now, ann] = [await sides.startOld(routes), await sides.startNew(), sides.browser()]
    await ann.get(old, '/set?colour=red')
    const slow = ann.get(old, '/slow')
    await gate.reached
    await ann.get(now, '/data')
    const before = ann.cookie('sid')
    gate.open()
    await slow
    expect(await ann.json(now, '/data')).toEqual({ userId: 'ann', colour: 'red' })
    expect(ann.cookie('sid')).not.toBe(before)
    expect(await now.store.count('ann')).toBe(1)
    expect(await ann.json(now, '/data')).toEqual({ userId: 'ann', colour: 'red' })
  })

  test('a write of an old instance does not bring back a session that was ended meanwhile', async () => {
    const gate = new HandlerGate()
    const routes = slowly(gate, ({ session }) => void (session['colour'] = 'red'))
    const [old, now, ann] = [await sides.startOld(routes), await sides.startNew(), sides.browser()]
    await ann.get(old, '/login?user=ann')
    const theirs = ann.cookie(sides.library.cookieName)!
    const slow = ann.get(old, '/slow')
    await gate.reached
    await ann.get(now, '/logout')
    gate.open()
    await slow
    expect((await sides.keys()).filter((key) => key.startsWith('sess:'))).toHaveLength(1)
    ann.forget()
    ann.take(`${sides.library.cookieName}=${theirs}; Path=/`)
    expect(await ann.json(now, '/data')).toEqual({})
    expect((await sides.keys()).filter((key) => key.startsWith('sess:'))).toEqual([])
    expect(await now.store.count('ann')).toBe(0)
  })

  test('nor one that was revoked, when the browser has our cookie', async () => {
    const gate = new HandlerGate()
    const routes = slowly(gate, ({ session }) => void (session['colour'] = 'red'))
    const [old, now, ann] = [await sides.startOld(routes), await sides.startNew(), sides.browser()]
    await ann.get(old, '/login?user=ann')
    const slow = ann.get(old, '/slow')
    await gate.reached
    await ann.get(now, '/data')
    await now.store.revokeAll('ann')
    gate.open()
    await slow
    expect(await ann.json(now, '/data')).toEqual({})
    expect(await ann.json(now, '/data')).toEqual({})
    expect(await now.store.count('ann')).toBe(0)
  })

  test('the cookie of one name is ours from the first answer on', async () => {
    const name = sides.library.cookieName
    const [old, now, ann] = [await sides.startOld(), await sides.startNew({ name }), sides.browser()]
    await ann.get(old, '/login?user=ann')
    const theirs = ann.cookie(name)
    expect(await ann.json(now, '/data')).toMatchObject({ userId: 'ann' })
    expect(ann.cookies).toEqual([name])
    expect(ann.cookie(name)).not.toBe(theirs)
    expect(await ann.json(now, '/data')).toMatchObject({ userId: 'ann' })
    expect(now.events.map(({ type }) => type)).toEqual(['adopted'])
  })
})
