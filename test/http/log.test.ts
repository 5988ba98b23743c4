import { SessionError, type SessionEvent } from 'latchkey/core'
import { expect, test } from 'vitest'
import { lineOf } from '../../src/http/log.js'

const error = new SessionError('VALUE_NOT_STORABLE', 'What happened.', { cause: new Error('the reason') })

test.each<[SessionEvent, string | undefined]>([
  [{ type: 'cookie-undeliverable', error }, 'What happened.'],
  [{ type: 'store-failed', verb: 'load', error }, 'What happened. Cause: the reason'],
  [
    { type: 'commit-failed', error },
    'A session was not saved, and the client was told so. What happened. Cause: the reason',
  ],
  [
    { type: 'late-write-dropped', error },
    'A session changed after its headers had left, and that change is lost. What happened. Cause: the reason',
  ],
  [
    { type: 'record-unreadable', error: new SessionError('RECORD_UNREADABLE', 'Newer.', { cause: 'no error' }) },
    "A stored session can't be read and counts as absent. Newer.",
  ],
  // These have a line of their own, as what was at the bottom of them.
  [{ type: 'commit-failed', error: new SessionError('STORE_UNAVAILABLE', 'x') }, undefined],
  [{ type: 'commit-failed', error: new SessionError('COOKIE_UNDELIVERABLE', 'x') }, undefined],
  // These are part of what sessions do.
  [{ type: 'created', handle: 'h' }, undefined],
  [{ type: 'token-rejected' }, undefined],
])('of %j an operator reads %j', (event, line) => {
  expect(lineOf(event)).toBe(line)
})
