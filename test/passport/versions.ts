import type { PassportStatic } from 'passport'
import passport7 from 'passport'
import passport6 from 'passport-0-6'

/** What is used of Passport, whatever its version. */
export type Authenticator = Pick<
  PassportStatic,
  'use' | 'initialize' | 'session' | 'authenticate' | 'serializeUser' | 'deserializeUser'
>

type Constructor = new () => Authenticator

/** The versions of Passport that are tried: a new authenticator for each application. */
export const versions: readonly { readonly name: string; make(): Authenticator }[] = [
  { name: 'Passport 0.6', make: () => new (passport6 as unknown as { Passport: Constructor }).Passport() },
  { name: 'Passport 0.7', make: () => new (passport7 as unknown as { Passport: Constructor }).Passport() },
]
