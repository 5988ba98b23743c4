import type { FormerKey, RecordPatch, RotatePatch, SessionRecord, SubjectLimit } from '../core/record.js'
import type {
  Ability,
  Adopting,
  Awaitable,
  BySubject,
  Closing,
  Evictions,
  LoadOptions,
  Outcome,
  Probing,
  Rotating,
  SessionStore,
  Sweeping,
} from '../core/store.js'

const VERBS = [
  'load',
  'create',
  'update',
  'touch',
  'delete',
  'rotate',
  'confirm',
  'list',
  'find',
  'count',
  'revoke',
  'revokeAll',
  'updateAll',
  'sweep',
  'probe',
] as const

/** What a {@link FailingStore} can disturb: the five verbs, and those of the abilities. `close` always goes through. */
export type StoreVerb = (typeof VERBS)[number]

/** A store with every ability. Which of them the one inside has is for who calls to know. */
type EveryVerb = SessionStore & BySubject & Rotating & Sweeping & Probing & Closing

/** Holds one call of a verb, so that a test decides what happens meanwhile. */
export interface Gate {
  /** Settles when a call has come to the gate. */
  readonly reached: Promise<void>
  /** Lets the call go on. Before the call came: it will not be held. Twice is not an error. */
  open(): void
}

/**
 * A store that does as the one inside of it until a test makes it fail, hang or wait. It has the abilities of that store,
 * and answers synchronously where that does and nothing disturbs the call.
 */
export class FailingStore implements SessionStore, BySubject, Rotating, Sweeping, Probing, Closing {
  readonly #inner: EveryVerb
  readonly #calls = Object.fromEntries(VERBS.map((verb) => [verb, 0])) as Record<StoreVerb, number>
  readonly #holds: Hold[] = []
  #failure: { readonly error: unknown; readonly verbs: readonly StoreVerb[] } | undefined
  #hanging:
    { readonly verbs: readonly StoreVerb[]; readonly healed: Promise<void>; readonly end: () => void } | undefined

  constructor(inner: SessionStore) {
    this.#inner = inner as EveryVerb
  }

  get name(): string {
    return this.#inner.name
  }

  get abilities(): ReadonlySet<Ability> {
    return this.#inner.abilities
  }

  /** As the store inside has it: what a test makes fail, hang or wait is not in its way. */
  get adopting(): Adopting | undefined {
    return this.#inner.adopting
  }

  /** How many times each verb was called, those that failed or hung included. */
  get calls(): Readonly<Record<StoreVerb, number>> {
    return this.#calls
  }

  /** From now on the verbs reject with `error` and the store inside is not asked. Default: every verb. */
  failWith(error: unknown, verbs: readonly StoreVerb[] = VERBS): void {
    this.#failure = { error, verbs }
  }

  /** From now on calls of the verbs don't settle before {@link heal}; then they go on. Default: every verb. */
  hang(verbs: readonly StoreVerb[] = VERBS): void {
    if (this.#hanging) {
      this.#hanging = { ...this.#hanging, verbs }
      return
    }
    let end = (): void => {}
    const healed = new Promise<void>((resolve) => (end = resolve))
    this.#hanging = { verbs, healed, end }
  }

  /** Ends failing and hanging. Gates stay. */
  heal(): void {
    this.#failure = undefined
    this.#hanging?.end()
    this.#hanging = undefined
  }

  /**
   * Holds the next call of `verb` that no other gate holds.
   *
   * @param when - `before` the store inside is asked (default), or `after` it did its work and before the caller hears of it.
   */
  hold(verb: StoreVerb, when: 'before' | 'after' = 'before'): Gate {
    const hold = new Hold(verb, when)
    this.#holds.push(hold)
    return hold
  }

  load(key: string, options?: LoadOptions): Awaitable<SessionRecord | FormerKey | undefined> {
    return this.#call('load', () => this.#inner.load(key, options))
  }

  create(record: SessionRecord, limit?: SubjectLimit): Awaitable<Evictions | undefined> {
    return this.#call('create', () => this.#inner.create(record, limit))
  }

  update(key: string, patch: RecordPatch): Awaitable<Outcome> {
    return this.#call('update', () => this.#inner.update(key, patch))
  }

  touch(key: string, lastSeenAt: number): Awaitable<boolean> {
    return this.#call('touch', () => this.#inner.touch(key, lastSeenAt))
  }

  delete(key: string): Awaitable<boolean> {
    return this.#call('delete', () => this.#inner.delete(key))
  }

  rotate(key: string, newKey: string, patch: RotatePatch): Awaitable<Outcome | Evictions> {
    return this.#call('rotate', () => this.#inner.rotate(key, newKey, patch))
  }

  confirm(key: string, formerKey: string, goodUntil: number): Awaitable<void> {
    return this.#call('confirm', () => this.#inner.confirm(key, formerKey, goodUntil))
  }

  list(subject: string): Awaitable<readonly SessionRecord[]> {
    return this.#call('list', () => this.#inner.list(subject))
  }

  find(subject: string, handle: string): Awaitable<SessionRecord | undefined> {
    return this.#call('find', () => this.#inner.find(subject, handle))
  }

  count(subject: string): Awaitable<number> {
    return this.#call('count', () => this.#inner.count(subject))
  }

  revoke(subject: string, handle: string): Awaitable<boolean> {
    return this.#call('revoke', () => this.#inner.revoke(subject, handle))
  }

  revokeAll(subject: string, exceptHandle?: string): Awaitable<readonly string[]> {
    return this.#call('revokeAll', () => this.#inner.revokeAll(subject, exceptHandle))
  }

  updateAll(subject: string, patch: Pick<RecordPatch, 'set' | 'remove'>): Awaitable<number> {
    return this.#call('updateAll', () => this.#inner.updateAll(subject, patch))
  }

  sweep(limit: number): Awaitable<number> {
    return this.#call('sweep', () => this.#inner.sweep(limit))
  }

  probe(): Awaitable<void> {
    return this.#call('probe', () => this.#inner.probe())
  }

  close(): Awaitable<void> {
    return this.#inner.close()
  }

  #call<T>(verb: StoreVerb, call: () => Awaitable<T>): Awaitable<T> {
    this.#calls[verb]++
    const at = this.#holds.findIndex((hold) => hold.verb === verb)
    const [hold] = at < 0 ? [] : this.#holds.splice(at, 1)
    if (hold?.when === 'before') return hold.pass().then(() => this.#disturbed(verb, call))
    return hold ? heldBack(hold, () => this.#disturbed(verb, call)) : this.#disturbed(verb, call)
  }

  #disturbed<T>(verb: StoreVerb, call: () => Awaitable<T>): Awaitable<T> {
    if (this.#failure?.verbs.includes(verb)) return Promise.reject(this.#failure.error)
    if (this.#hanging?.verbs.includes(verb)) return this.#hanging.healed.then(call)
    return call()
  }
}

async function heldBack<T>(hold: Hold, call: () => Awaitable<T>): Promise<T> {
  try {
    return await call()
  } finally {
    await hold.pass()
  }
}

class Hold implements Gate {
  readonly verb: StoreVerb
  readonly when: 'before' | 'after'
  readonly reached: Promise<void>
  readonly #opened: Promise<void>
  #reach = (): void => {}
  #open = (): void => {}

  constructor(verb: StoreVerb, when: 'before' | 'after') {
    this.verb = verb
    this.when = when
    this.reached = new Promise((resolve) => (this.#reach = resolve))
    this.#opened = new Promise((resolve) => (this.#open = resolve))
  }

  open(): void {
    this.#open()
  }

  /** Tells the test that a call is here, and waits for it to open. */
  pass(): Promise<void> {
    this.#reach()
    return this.#opened
  }
}
