import type { Model, ModelSession, Names } from './model.js'
import type { Setting, User } from './steps.js'

/** What became of an act. */
export type Ending = 'done' | 'SESSION_GONE' | 'SESSION_LIMIT_REACHED'

/** What the library says of a session that the model expects to be new: how it is called, and what the handler holds. */
export interface Novelty extends Names {
  readonly held: Readonly<Record<string, unknown>>
}

/** One request in the model: what it knows of its session, and what it has not stored yet. */
export class ModelRequest {
  readonly #model: Model
  readonly #setting: Setting
  readonly #novelty: () => Novelty
  #session: ModelSession | undefined
  /** The ids of the session as long as it has not changed hands. */
  #ids: string[] | undefined
  /** The id that this request knows, and the one up to which it has followed the session. */
  #knows = ''
  #at = ''
  /** Whether the client has shown the id in use. */
  #isShown = false
  #isRotationDue = false
  #isOver = false
  #owesToken = false
  #subject: string | undefined
  #wanted: string | undefined
  #unsaved = new Map<string, unknown>()

  constructor(model: Model, setting: Setting, novelty: () => Novelty) {
    this.#model = model
    this.#setting = setting
    this.#novelty = novelty
  }

  get session(): ModelSession | undefined {
    return this.#session
  }

  /** Whether it ended under the handler's hands. */
  get isOver(): boolean {
    return this.#isOver
  }

  /** The id that goes out with the answer; `undefined` if none does. */
  get owedId(): string | undefined {
    return this.#owesToken ? this.#knows : undefined
  }

  /** Whether a write would meet the session: it lives, and nobody else took it over. */
  get isConnected(): boolean {
    return this.#session !== undefined && this.#session.ids === this.#ids && this.#model.lives(this.#session)
  }

  /** Begins with an id. */
  begin(id: string): void {
    const session = this.#model.find(id)
    if (!session) return
    this.#model.use(session, id)
    this.#hold(session)
    this.#knows = this.#at = id
    this.#isShown = id === session.ids.at(-1)
    this.#follow()
    const { rotateEvery } = this.#setting
    const isOld = rotateEvery !== undefined && this.#model.now - session.rotatedAt >= rotateEvery
    this.#isRotationDue = this.#isShown && isOld
  }

  write(key: string, value: unknown): void {
    this.#unsaved.set(key, value)
  }

  /** The handler says whom the session belongs to. */
  want(user: User | undefined): void {
    this.#wanted = user
  }

  /** Stores what is not stored yet, as the end of the request does. */
  persist(): Ending {
    if (this.#isOver) return 'done'
    const isHandedOver = this.#wanted !== this.#subject
    if (!this.#session) {
      return this.#unsaved.size > 0 || isHandedOver ? this.#create() : 'done'
    }
    if (isHandedOver) return this.#handOver()
    if (this.#isRotationDue) return this.#rotate()
    if (this.#unsaved.size > 0) this.#write()
    return 'done'
  }

  save(): Ending {
    return this.#unlessOver(this.persist())
  }

  rotate(): Ending {
    const goes = this.#session && this.#isShown && this.#wanted === this.#subject
    return this.#unlessOver(goes ? this.#rotate() : this.persist())
  }

  count(): Ending {
    const saved = this.save()
    if (saved !== 'done') return saved
    const count = this.isConnected ? ((this.#session?.data.get('n') ?? 0) as number) : 0
    this.#unsaved.set('n', count + 1)
    if (!this.#session) return this.#create()
    this.#write()
    return this.#unlessOver('done')
  }

  signIn(user: User): Ending {
    if (this.#isOver) return 'SESSION_GONE'
    const [unsaved, wanted] = [new Map(this.#unsaved), this.#wanted]
    const isStranger = this.#subject !== undefined && this.#subject !== user
    if (isStranger) this.#unsaved.clear()
    this.#wanted = user
    const { session } = this
    const ending = this.#unlessOver(session ? this.#handOver() : this.#create())
    if (ending === 'done') {
      if (isStranger) for (const key of session!.data.keys()) if (key !== 'userId') session!.data.delete(key)
    } else if (!this.#isOver) {
      this.#unsaved = unsaved
      this.#wanted = wanted
    }
    return ending
  }

  destroy(): void {
    if (this.isConnected) this.#model.end(this.#session!)
    this.#over()
  }

  regenerate(): void {
    this.destroy()
    this.#isOver = false
    this.#unsaved.clear()
  }

  #create(): Ending {
    const data = new Map(this.#unsaved)
    if (this.#wanted !== undefined) data.set('userId', this.#wanted)
    const session = this.#model.begin(this.#novelty(), this.#wanted, data)
    if (session === false) return 'SESSION_LIMIT_REACHED'
    this.#hold(session)
    this.#isNew()
    return 'done'
  }

  /** It may take along what the handler saw. */
  #createAnew(): Ending {
    const { held } = this.#novelty()
    for (const [key, value] of Object.entries(held)) {
      if (!this.#unsaved.has(key)) this.#unsaved.set(key, value)
    }
    return this.#create()
  }

  #handOver(): Ending {
    const session = this.#session!
    if (!this.isConnected) {
      // Only who signs in for the first time goes on without the session that this began in.
      const isFirst = this.#subject === undefined
      const ending = isFirst ? this.#createAnew() : 'done'
      if (!isFirst || ending !== 'done') this.#over()
      return ending
    }
    if (!this.#model.handOver(session, this.#wanted, this.#novelty().id)) return 'SESSION_LIMIT_REACHED'
    this.#model.write(session, this.#unsaved)
    if (this.#wanted === undefined) session.data.delete('userId')
    else session.data.set('userId', this.#wanted)
    this.#hold(session)
    this.#isNew()
    return 'done'
  }

  #rotate(): Ending {
    if (!this.isConnected) {
      this.#over()
      return 'done'
    }
    if (this.#at === this.#ids!.at(-1)) {
      this.#model.rotate(this.#session!, this.#novelty().id)
      this.#model.write(this.#session!, this.#unsaved)
      this.#unsaved.clear()
      this.#isNew()
      return 'done'
    }
    this.#follow()
    return this.persist()
  }

  #write(): void {
    if (!this.isConnected) return this.#over()
    this.#model.write(this.#session!, this.#unsaved)
    this.#unsaved.clear()
    this.#follow()
  }

  /** Another request has given the session a new id. Where it was not seen yet, this one tells its client of it. */
  #follow(): void {
    const ids = this.#ids!
    const newest = ids.at(-1)!
    if (this.#at === newest) return
    const isNext = this.#knows === ids.at(-2) && this.#knows === this.#at
    this.#owesToken = isNext && !this.#session!.goodUntil.has(this.#knows)
    if (this.#owesToken) this.#knows = newest
    this.#at = newest
    this.#isShown = false
    this.#isRotationDue = false
  }

  #isNew(): void {
    this.#knows = this.#at = this.#ids!.at(-1)!
    this.#owesToken = true
    this.#isShown = false
    this.#isRotationDue = false
  }

  #hold(session: ModelSession): void {
    this.#session = session
    this.#ids = session.ids
    this.#subject = this.#wanted = session.subject
    this.#unsaved.clear()
  }

  #over(): void {
    this.#session = this.#ids = this.#subject = this.#wanted = undefined
    this.#isRotationDue = this.#owesToken = false
    this.#isOver = true
  }

  #unlessOver(ending: Ending): Ending {
    return ending === 'done' && this.#isOver ? 'SESSION_GONE' : ending
  }
}
