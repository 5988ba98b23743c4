import { days, keyOf, newHandle, newId } from 'latchkey/core'

/** How many sessions each user has. */
const EACH = 10

/**
 * Fills a ground up to so many sessions, and answers how long it took. A user signs in ten times, with the others in
 * between, so that what belongs to one user does not lie together.
 */
export async function fill(ground, sessions) {
  const from = ground.users
  const to = sessions / EACH
  const started = performance.now()
  await ground.load(records(from, to))
  ground.users = to
  return { sessions: (to - from) * EACH, seconds: (performance.now() - started) / 1000 }

  function* records(first, end) {
    const now = Date.now()
    for (let time = 0; time < EACH; time++) {
      for (let user = first; user < end; user++) {
        const record = recordOf(user, now - (EACH - time) * 60_000)
        if (time === user % EACH) ground.keys[user] = record.key
        yield record
      }
    }
  }
}

/** As the engine makes it when somebody signs in. */
function recordOf(user, at) {
  const subject = String(user)
  return {
    key: keyOf(newId(subject)),
    handle: newHandle(),
    subject,
    createdAt: at,
    authenticatedAt: at,
    rotatedAt: at,
    lastSeenAt: at,
    idleTimeout: days(1),
    expiresAt: at + days(1),
    version: 1,
    persistent: true,
    device: 'Firefox on Linux',
    ip: '203.0.113.7',
    formerKey: undefined,
    data: new Map([
      ['userId', subject],
      ['email', JSON.stringify(`user${user}@example.com`)],
      ['role', '"member"'],
      ['cart', '["tea","milk","bread"]'],
    ]),
  }
}
