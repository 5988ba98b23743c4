import { strict as assert } from 'node:assert'
import { setTimeout as wait } from 'node:timers/promises'
import type { RedisStore } from 'latchkey/stores/redis'
import type { ManualClock } from 'latchkey/testing'
import {
  movedBy,
  newKey,
  newRecord,
  patchOf,
  rotation,
  sealedRotation,
  successorKey,
} from '../../../src/testing/conformance/samples.js'
import { keeps, lacks } from '../../../src/testing/conformance/suite.js'

/** Sessions that come and go while something happens to the servers. */
export interface Traffic {
  /** Waits until so many more sessions have come and gone. Rejects if there was a wrong answer or an error. */
  more(count: number): Promise<void>
  /** Lets the last ones go. Rejects if there was a wrong answer or an error. */
  stop(): Promise<void>
}

/** Begins with a visitor for each of the subjects, one session after the other. */
export function trafficOn(store: RedisStore, clock: ManualClock, subjects: readonly string[]): Traffic {
  let isOver = false
  let count = 0
  const visitors = subjects.map(async (subject) => {
    while (!isOver) {
      if (await isDone(() => visit(store, clock, subject, count))) count++
    }
  })
  const done = Promise.all(visitors)
  done.catch(() => (isOver = true))
  return {
    async more(many) {
      const due = count + many
      while (count < due && !isOver) await wait(5)
      if (count < due) await done
    },
    async stop() {
      isOver = true
      await done
    },
  }
}

/**
 * What clients say honestly: a slot was on its way for longer than the store waits (ioredis tries other servers in between),
 * or the connection was lost under a write, because its server had become a replica.
 */
const HONEST = /^(?:TRYAGAIN|Too many Cluster redirections|Disconnects client|Socket closed|Connection is closed)/

/** Whether it was done. */
async function isDone(act: () => Promise<void>): Promise<boolean> {
  try {
    await act()
    return true
  } catch (error) {
    if (error instanceof Error && HONEST.test(error.message)) return false
    throw error
  }
}

/** A session from its first visit to its end: signed in, used, rotated, listed, ended in one of three ways. */
export async function visit(store: RedisStore, clock: ManualClock, subject: string, turn: number): Promise<void> {
  const anonymous = newRecord(clock, [['cart', '1']])
  await store.create(anonymous)
  const [key, signIn] = [newKey(subject), rotation(subject, [['userId', '1']])]
  assert.equal(await store.rotate(anonymous.key, key, signIn), 'updated')
  await lacks(store, anonymous.key)
  const signedIn = movedBy(signIn, anonymous, key)

  assert.equal(await store.update(key, patchOf([['cart', '2']], { ifVersion: 2 })), 'updated')
  const [next, patch] = [successorKey(key), sealedRotation(subject)]
  assert.equal(await store.rotate(key, next, patch), 'updated')
  await store.confirm(next, key, clock.now())
  const data = new Map([['cart', '2'], ['userId', '1']]) // prettier-ignore
  const kept = { ...movedBy(patch, { ...signedIn, version: 3, data }, next), formerKey: undefined }
  await keeps(store, kept)
  const listed = (await store.list(subject)).filter(({ handle }) => handle === kept.handle)
  assert.deepEqual(listed, [kept])

  if (turn % 3 === 0) assert.equal(await store.delete(next), true)
  else if (turn % 3 === 1) assert.equal(await store.revoke(subject, kept.handle), true)
  else assert.equal(await store.touch(next, clock.now() + 1), true)
  if (turn % 3 !== 2) {
    await lacks(store, next)
    assert.equal(await store.update(next, patchOf()), 'gone')
    assert.ok((await store.list(subject)).every(({ handle }) => handle !== kept.handle))
  }
}
