import fc from 'fast-check'
import { USERS, type User } from './steps.js'

/** What one of several clients does, who all act at the same time. A device is a browser: its requests share one cookie. */
export type Deed =
  | { readonly do: 'visit' | 'count' | 'rotate' | 'destroy' | 'revokeOthers'; readonly device: number }
  | { readonly do: 'login' | 'signIn'; readonly device: number; readonly user: User }
  | { readonly do: 'revoke'; readonly user: User; readonly session: number }
  | { readonly do: 'revokeAll' | 'updateAll' | 'list'; readonly user: User }

/** The deeds of one client, one after the other, all in the same process. */
export interface Client {
  readonly engine: number
  readonly deeds: readonly Deed[]
}

/** What is there before the clients begin: on each device nobody, a guest, or somebody signed in. */
export interface Plan {
  readonly devices: readonly ('nobody' | 'guest' | User)[]
  readonly clients: readonly Client[]
}

const user = fc.constantFrom(...USERS)
/** Mostly one and the same, so that its requests meet. */
const device = fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, { weight: 2, arbitrary: fc.nat(2) })

const deed: fc.Arbitrary<Deed> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constantFrom('visit', 'count', 'rotate'), device }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constantFrom('login', 'signIn'), device, user }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('destroy', 'revokeOthers'), device }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('revoke'), user, session: fc.nat(4) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('revokeAll', 'updateAll', 'list'), user }) },
)

const client = fc.record({ engine: fc.nat(1), deeds: fc.array(deed, { minLength: 1, maxLength: 3, size: 'max' }) })

export const plan: fc.Arbitrary<Plan> = fc.record({
  devices: fc.tuple(...Array.from({ length: 3 }, () => fc.constantFrom('nobody', 'guest', ...USERS))),
  clients: fc.array(client, { minLength: 2, maxLength: 4, size: 'max' }),
})
