import { minutes } from 'latchkey/core'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { watched } from '../properties/watched-store.js'
import { setUp } from '../support/engine.js'

test('a save() moves a session whose id is due, as soon as the last rotation is known to have arrived', async () => {
  const { open, stored, clock } = setUp({ rotateEvery: minutes(5) }, (store) =>
    watched(store, async (_, call) => call()),
  )
  const first = await open(await stored({ a: 1 }))
  await first.session.rotate()
  clock.advance(minutes(5))
  const visit = await open(first.signedToken)
  const { id } = visit
  await nextTurn()
  await visit.session.save()
  expect(visit.id).not.toBe(id)
})
