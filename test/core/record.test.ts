import { inOrderOfSignIn, type SessionRecord } from 'latchkey/core'
import { expect, test } from 'vitest'

/** A record of which only what decides the order is given. */
function record(authenticatedAt: number | undefined, createdAt: number, handle: string): SessionRecord {
  return { authenticatedAt, createdAt, handle } as SessionRecord
}

test('the sessions of a subject are in the order of their sign-ins, and among equals always in the same one', () => {
  const inOrder = [
    record(10, 5, 'z'),
    // One that is not signed in counts from its beginning.
    record(undefined, 20, 'y'),
    record(30, 7, 'x'),
    record(30, 8, 'a'),
    record(30, 8, 'b'),
    record(40, 1, 'c'),
  ]
  for (const [one, two] of [
    [0, 1],
    [1, 2],
    [2, 3],
    [3, 4],
    [4, 5],
    [0, 5],
  ] as const) {
    expect(inOrderOfSignIn(inOrder[one]!, inOrder[two]!)).toBeLessThan(0)
    expect(inOrderOfSignIn(inOrder[two]!, inOrder[one]!)).toBeGreaterThan(0)
  }
  expect(inOrder.toReversed().sort(inOrderOfSignIn)).toEqual(inOrder)
})
