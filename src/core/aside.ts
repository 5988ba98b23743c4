import { defineData } from './codec.js'

/** An object that `regenerate` put aside, and what it held then. */
interface Aside {
  readonly former: object
  readonly held: Record<string, unknown>
}

/** Objects that handlers may still write to although another has taken their place on the request. */
export class AsideObjects {
  readonly #objects: Aside[] = []

  put(former: object): void {
    this.#objects.push({ former, held: Object.fromEntries(Object.entries(former)) })
  }

  /** What was written to them since goes to the session that took their place, unless that has a value of its own. */
  handOver(session: object): void {
    for (const { former, held } of this.#objects) {
      for (const [key, value] of Object.entries(former) as [string, unknown][]) {
        if (Object.is(value, held[key]) || Object.hasOwn(session, key)) continue
        held[key] = value
        defineData(session, key, value)
      }
    }
  }
}
