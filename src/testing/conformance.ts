import type { Clock } from '../core/expiry.js'
import type { Awaitable, BySubject, Probing, Rotating, SessionStore, Sweeping } from '../core/store.js'
import { abilities, closing } from './conformance/abilities.js'
import { bySubject } from './conformance/by-subject.js'
import { confirmRaces } from './conformance/confirm-races.js'
import { confirming } from './conformance/confirming.js'
import { expiry } from './conformance/expiry.js'
import { formerKeys } from './conformance/former-keys.js'
import { limitRaces, rotationLimitRaces } from './conformance/limit-races.js'
import { limits } from './conformance/limits.js'
import { movingRaces } from './conformance/moving-races.js'
import { movingSubjects } from './conformance/moving-subjects.js'
import { probing, probingTraces } from './conformance/probing.js'
import { races } from './conformance/races.js'
import { revoking, revokingRotated } from './conformance/revoking.js'
import { rotationLimits } from './conformance/rotation-limits.js'
import { rotationRaces } from './conformance/rotation-races.js'
import { rotation } from './conformance/rotation.js'
import { subjectRaces } from './conformance/subject-races.js'
import { Suite } from './conformance/suite.js'
import { sweeping, sweepingFormerKeys } from './conformance/sweeping.js'
import { updateAll, updateAllRotated } from './conformance/update-all.js'
import { updates } from './conformance/updates.js'
import { values } from './conformance/values.js'
import { verbs } from './conformance/verbs.js'

/** What {@link storeConformance} needs to know of a store. */
export interface StoreConformanceOptions {
  /** Registers one test, e.g. vitest's or node:test's `test`. */
  readonly test: (name: string, run: () => Promise<void>) => unknown
  /** Opens a fresh, empty store that tells the time by `clock`, which begins at the present moment. */
  readonly open: (clock: Clock) => Awaitable<SessionStore>
  /** Lets go of a store that `open` or `openAnother` gave, closed or not. Default: its `close`, where it has the ability. */
  readonly close?: ((store: SessionStore) => Awaitable<void>) | undefined
  /**
   * Where several processes can share one store: opens a second store on the same data as the last `open`. Races are then
   * run across both as well. The second one is let go of first.
   */
  readonly openAnother?: ((clock: Clock) => Awaitable<SessionStore>) | undefined
}

/**
 * Registers the tests that every store of Latchkey passes: all that `SessionStore` and the interfaces of its abilities
 * promise. A test of an ability that the store doesn't declare has nothing to check, and passes.
 */
export function storeConformance(options: StoreConformanceOptions): void {
  const suite = new Suite(options)
  verbs(suite)
  updates(suite)
  expiry(suite)
  values(suite)
  races(suite)
  abilities(suite)
  closing(suite)
  sweeping(new Suite<SessionStore & Sweeping>(options, 'sweeping'))
  probing(new Suite<SessionStore & Probing>(options, 'probing'))
  probingTraces(new Suite<SessionStore & Probing & Sweeping>(options, 'probing', 'sweeping'))
  for (const tests of [rotation, rotationRaces, formerKeys, confirming, confirmRaces]) {
    tests(new Suite<SessionStore & Rotating>(options, 'rotating'))
  }
  sweepingFormerKeys(new Suite<SessionStore & Sweeping & Rotating>(options, 'sweeping', 'rotating'))
  for (const tests of [bySubject, revoking, updateAll, limits, subjectRaces, limitRaces]) {
    tests(new Suite<SessionStore & BySubject>(options, 'by-subject'))
  }
  const both = new Suite<SessionStore & BySubject & Rotating>(options, 'by-subject', 'rotating')
  for (const tests of [movingSubjects, revokingRotated, updateAllRotated, rotationLimits]) tests(both)
  for (const tests of [movingRaces, rotationLimitRaces]) tests(both)
}
