/** What a JWT of the portal says. The names are those of OpenID Connect. */
export interface Claims {
  /** The id of the user. */
  readonly sub: string
  /** The handle of the session that it was given to. */
  readonly sid: string
  /** When the user signed in there, in seconds with fractions. */
  readonly auth_time: number
}
