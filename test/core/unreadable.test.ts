import { hours, keyOf, minutes, type SessionRecord } from 'latchkey/core'
import { describe, expect, test, vi } from 'vitest'
import { carrier, setUp } from '../support/engine.js'

const idOf = (token: string): string => token.slice(0, 51)

describe('a record that is there, and holds a value that can not be read', () => {
  async function broken() {
    const scene = setUp()
    const token = await scene.stored({ userId: 1 })
    const key = keyOf(idOf(token))
    const load = scene.store.load.bind(scene.store)
    vi.spyOn(scene.store, 'load').mockImplementation((async (asked: string) => {
      const found = (await load(asked)) as SessionRecord | undefined
      return asked === key && found ? { ...found, data: new Map([['userId', '{']]) } : found
    }) as never)
    return { ...scene, token }
  }

  test('counts as absent, is told of, and the next token is tried', async () => {
    const { engine, events, stored, token } = await broken()
    const other = await stored({ userId: 2 })
    const alone = await engine.open([token], carrier)
    expect([{ ...alone.session }, alone.finding]).toEqual([{}, 'record-unreadable'])
    expect(events.at(-1)).toMatchObject({ type: 'record-unreadable', error: { code: 'RECORD_UNREADABLE' } })
    const both = await engine.open([token, other], carrier)
    expect([{ ...both.session }, both.finding]).toEqual([{ userId: 2 }, 'found'])
  })

  test('is not written to by its id', async () => {
    const { engine, store, token } = await broken()
    expect(await engine.write(idOf(token), { a: 1 }, 'merge')).toBe(false)
    expect(store.calls.update).toBe(0)
  })
})

test('a lifetime that is set by the id leaves the idle timeout as it is', async () => {
  const { engine, clock, stored } = setUp({ idleTimeout: minutes(30), lifetime: hours(2) })
  const id = idOf(await stored({ a: 1 }))
  expect(await engine.write(id, {}, 'merge', hours(5))).toBe(true)
  clock.advance(minutes(30) - 1)
  expect(await engine.read(id)).toEqual({ a: 1 })
  clock.advance(1)
  expect(await engine.read(id)).toBeUndefined()
})
