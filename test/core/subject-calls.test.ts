import { describe, expect, test } from 'vitest'
import { bare, setUp } from '../support/engine.js'

describe('the sessions of a subject', () => {
  test.each([undefined, null, ''])("(%s) are nobody's", async (subject) => {
    await expect(setUp().engine.subjects.list(subject)).rejects.toMatchObject({
      code: 'SUBJECT_INVALID',
      message: 'The subject is empty. Give whom the sessions belong to, such as session.userId.',
    })
  })

  test('are not found by what is no handle', async () => {
    const { engine, stored, store } = setUp()
    await stored({ userId: 1 })
    expect(await engine.subjects.revoke(1, undefined as never)).toBe(false)
    expect(await engine.subjects.find(1, undefined as never)).toBeUndefined()
    expect(store.calls).toMatchObject({ revoke: 0, find: 0 })
  })

  test('get values, and lose keys, each of them only one or the other', async () => {
    const { engine, stored, store } = setUp()
    await stored({ userId: 1, a: 1 })
    const patches: unknown[] = []
    const updateAll = store.updateAll.bind(store)
    store.updateAll = (subject, patch) => {
      patches.push(patch)
      return updateAll(subject, patch)
    }
    await engine.subjects.updateAll(1, { a: undefined, b: 2 })
    expect(patches).toEqual([{ set: new Map([['b', '2']]), remove: ['a'] }])
  })

  test.each(['list', 'find', 'count', 'revoke', 'revokeAll', 'updateAll'] as const)(
    'are not answered by %s of a store that is down, which says so',
    async (verb) => {
      const { engine, store, events } = setUp()
      store.failWith(new Error('down'))
      const call = {
        list: [1],
        find: [1, 'h'],
        count: [1],
        revoke: [1, 'h'],
        revokeAll: [1],
        updateAll: [1, { a: 1 }],
      }[verb]
      if (verb === 'updateAll') store.failWith(new Error('down'), ['updateAll'])
      await expect((engine.subjects[verb] as (...args: unknown[]) => Promise<unknown>)(...call)).rejects.toThrow(
        `did not ${verb}.`,
      )
      expect(events.at(-1)).toMatchObject({ type: 'store-failed', verb })
    },
  )

  test('are refused with a store that does not know them, and the refusal says which do', async () => {
    const { engine } = setUp({}, bare)
    await expect(engine.subjects.list(1)).rejects.toThrow(
      'The store "bare" does not know which sessions a subject has. Use one with the ability by-subject: memory, sqlite and redis have it.',
    )
  })

  test.each(['merge', 'replace'] as const)('are not given to somebody else by a %s from outside', async (mode) => {
    const { engine, open, stored } = setUp()
    const { id } = await open(await stored({ userId: 1, a: 1 }))
    const data = mode === 'merge' ? { userId: 2 } : { a: 2 }
    await expect(engine.write(id, data, mode)).rejects.toMatchObject({
      code: 'SUBJECT_CHANGE_REFUSED',
      message:
        "The data would give the session another subject, and with it must come a new id, which only the session's own request can send. Set the subject in a handler, or end the session.",
    })
    expect(await engine.write(id, { userId: 1, b: 1 }, mode)).toBe(true)
    expect(await engine.read(id)).toEqual(mode === 'merge' ? { userId: 1, a: 1, b: 1 } : { userId: 1, b: 1 })
  })
})
