import { tagOf } from '../../../src/core/id.js'
import type { SessionRecord } from '../../../src/core/record.js'
import { broken, type BrokenStore, type SoundStore } from './build.js'
import { remembering } from './by-subject.js'

const ONE = 'revoke ends the session with this handle and no other'
const NOBODY = 'revoke answers false for a handle that nobody has, also the second time'
const ALL = 'revokeAll ends every session of a subject and answers their handles'
const EXCEPT = 'revokeAll leaves the session that is excepted'

/** A store whose `revokeAll` ends the sessions that `which` names. */
function ending(
  fault: string,
  caughtBy: string,
  which: (
    good: SoundStore,
    subject: string,
    exceptHandle: string | undefined,
    ever: readonly SessionRecord[],
  ) => readonly SessionRecord[],
): BrokenStore {
  return remembering(fault, caughtBy, (good, ever) => ({
    revokeAll: (subject, exceptHandle) => {
      const records = which(good, subject, exceptHandle, ever)
      for (const { key } of records) good.delete(key)
      return records.map(({ handle }) => handle)
    },
  }))
}

/** The live records of a subject, except one. */
function others(good: SoundStore, subject: string, exceptHandle: string | undefined): readonly SessionRecord[] {
  return good.list(subject).filter(({ handle }) => handle !== exceptHandle)
}

/** Faults of revoke and revokeAll. */
export const revokeFaults: readonly BrokenStore[] = [
  broken('revokes only from the list', ONE, (good) => {
    const revoked = new Set<string>()
    return {
      list: (subject) => good.list(subject).filter(({ handle }) => !revoked.has(handle)),
      revoke: (subject, handle) => {
        const isThere = good.list(subject).some((record) => record.handle === handle)
        if (isThere) revoked.add(handle)
        return isThere
      },
    }
  }),
  broken('revokes every session of the subject', ONE, (good) => ({
    revoke: (subject) => good.revokeAll(subject).length > 0,
  })),
  broken('answers true for every revoke', NOBODY, (good) => ({
    revoke: (subject, handle) => good.revoke(subject, handle) || true,
  })),
  broken('takes handles without regard to case', NOBODY, (good) => ({
    revoke: (subject, handle) => {
      const same = good.list(subject).find((record) => record.handle.toLowerCase() === handle.toLowerCase())
      return good.revoke(subject, same?.handle ?? handle)
    },
  })),
  broken('takes a handle for a pattern', NOBODY, (good) => ({
    revoke: (subject, handle) => (handle === '*' ? good.revokeAll(subject).length > 0 : good.revoke(subject, handle)),
  })),
  broken('revokes by key too', NOBODY, (good) => ({
    revoke: (subject, handle) => good.delete(handle) || good.revoke(subject, handle),
  })),
  remembering('fails to revoke what is not there', NOBODY, (good) => ({
    revoke: (subject, handle) => {
      if (!good.revoke(subject, handle)) throw new Error('no such session')
      return true
    },
  })),
  remembering(
    'revokes by handle alone',
    'revoke leaves the sessions of other subjects and anonymous ones',
    (good, ever) => ({
      revoke: (_, handle) => {
        const record = ever.findLast((each) => each.handle === handle)
        return record !== undefined && good.delete(record.key)
      },
    }),
  ),
  remembering(
    'revokes by tag and handle',
    'revoke leaves the sessions of other subjects and anonymous ones',
    (good, ever) => ({
      revoke: (subject, handle) => {
        const record = ever.findLast((each) => each.handle === handle && each.key.startsWith(tagOf(subject)))
        return record !== undefined && good.delete(record.key)
      },
    }),
  ),
  remembering(
    'revokes what has ended',
    'revoke answers false for a session that has ended by itself',
    (good, ever) => ({
      revoke: (subject, handle) =>
        good.revoke(subject, handle) || ever.some((each) => each.handle === handle && each.subject === subject),
    }),
  ),
  ending('revokes ten at most', ALL, (good, subject, except) => others(good, subject, except).slice(0, 10)),
  broken('answers keys instead of handles', ALL, (good) => ({
    revokeAll: (subject, except) => {
      const keys = others(good, subject, except).map(({ key }) => key)
      good.revokeAll(subject, except)
      return keys
    },
  })),
  broken('revokes all and names nobody', ALL, (good) => ({
    revokeAll: (subject, except) => {
      good.revokeAll(subject, except)
      return []
    },
  })),
  ending('revokes who is excepted', EXCEPT, (good, subject) => good.list(subject)),
  broken('names who is excepted', EXCEPT, (good) => ({
    revokeAll: (subject, except) => {
      const all = good.list(subject).map(({ handle }) => handle)
      good.revokeAll(subject, except)
      return all
    },
  })),
  ending('excepts the last session', EXCEPT, (good, subject, except) => {
    return except === undefined ? good.list(subject) : good.list(subject).slice(0, -1)
  }),
  broken('wants to know who is excepted', 'revokeAll excepts no session of another subject', (good) => ({
    revokeAll: (subject, except) => {
      const isKnown = except === undefined || good.list(subject).some(({ handle }) => handle === except)
      return isKnown ? good.revokeAll(subject, except) : []
    },
  })),
  broken('takes an empty handle for all of them', 'revokeAll excepts no session of another subject', (good) => ({
    revokeAll: (subject, except) => (except === '' ? [] : good.revokeAll(subject, except)),
  })),
  ending(
    'revokes by tag',
    'revokeAll leaves the sessions of other subjects and anonymous ones',
    (good, subject, _, ever) => {
      return ever.filter(({ key }) => key.startsWith(tagOf(subject)) && good.record(key))
    },
  ),
  ending(
    'names what had ended before',
    'revokeAll names no session that had ended before',
    (_, subject, except, ever) => {
      return ever.filter((record) => record.subject === subject && record.handle !== except)
    },
  ),
  broken('bars a subject that was revoked', 'a subject whose sessions were revoked can sign in again', (good) => {
    const barred = new Set<string>()
    return {
      create: (record, limit) => {
        if (barred.has(record.subject ?? '')) return undefined
        return good.create(record, limit)
      },
      revokeAll: (subject, except) => {
        barred.add(subject)
        return good.revokeAll(subject, except)
      },
    }
  }),
  remembering(
    'revokes under the key of creation',
    'revoke finds a session under its new id, and no former key leads to it',
    (good, ever) => ({
      revoke: (subject, handle) => {
        const record = ever.find((each) => each.handle === handle && each.subject === subject)
        return record !== undefined && good.delete(record.key)
      },
    }),
  ),
  remembering(
    'brings a revoked session back by a confirm',
    'revoke finds a session under its new id, and no former key leads to it',
    (good, ever) => ({
      confirm: (key, formerKey, goodUntil) => {
        const record = ever.findLast((each) => each.key === key && each.formerKey === formerKey)
        if (record && !good.record(key)) good.create(record)
        good.confirm(key, formerKey, goodUntil)
      },
    }),
  ),
  ending(
    'revokes all under the keys of creation',
    'revokeAll ends sessions under every id that they had',
    (good, subject, except, ever) =>
      ever.filter(({ key, handle }) => {
        const isFirst = ever.find((each) => each.handle === handle)?.key === key
        return isFirst && handle !== except && good.record(key)?.subject === subject
      }),
  ),
  ending(
    'excepts a session under its first key alone',
    'revokeAll excepts a session also when it has a new id',
    (good, subject, except, ever) => {
      const kept = ever.find(({ handle }) => handle === except)?.key
      return good.list(subject).filter(({ key }) => key !== kept)
    },
  ),
  remembering(
    'revokes in the name of the subject before',
    'a session is revoked only in the name of the subject that it has now',
    (good, ever) => ({
      revoke: (subject, handle) => {
        const hadIt = ever.some((each) => each.handle === handle && each.subject === subject)
        const record = ever.findLast((each) => each.handle === handle)
        return hadIt && record !== undefined && good.delete(record.key)
      },
    }),
  ),
]
