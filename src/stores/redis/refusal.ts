import { SessionError } from '../../core/errors.js'

/** What Redis says of a user that it doesn't take, and what the operator can do. Inside of scripts it is said in other words. */
const REFUSALS: readonly (readonly [said: RegExp, what: string, mend: string])[] = [
  [
    /^WRONGPASS\b|^ERR invalid password/,
    'does not take the user and password',
    'Give the right ones in the URL, percent-encoded, or in the options of the client',
  ],
  [
    /^NOAUTH\b/,
    'asks for a password, and was given none or a wrong one',
    'Give it in the URL, as in redis://USER:PASSWORD@HOST:PORT, or in the options of the client',
  ],
  [
    /^NOPERM\b|ACL failure in script|-NOPERM\b|can't run this command or subcommand/,
    'does not let its user do what a session needs',
    'Give the user the rights that `docs/reference/stores-redis.md` names',
  ],
]

/** The `STORE_UNAVAILABLE` for a user that Redis refuses, with its own words as the cause; `undefined` for other errors. */
export function refusalOf(error: Error): SessionError | undefined {
  const refusal = REFUSALS.find(([said]) => said.test(error.message))
  if (refusal === undefined) return undefined
  const [, what, mend] = refusal
  return new SessionError('STORE_UNAVAILABLE', `Redis ${what}. ${mend}.`, { cause: error })
}
