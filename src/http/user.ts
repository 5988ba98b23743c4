/** The user of a session as the recipe keeps it: `{ id: userId, email, role }`. */
export function recipeUser(session: Readonly<Record<string, unknown>>): {
  readonly id: unknown
  readonly email: unknown
  readonly role: unknown
} {
  return { id: session['userId'], email: session['email'], role: session['role'] }
}

/** What the recipe keeps of a user: `{ userId: id, email, role }`, as far as the user has them. */
export function recipeData(user: object): Readonly<Record<string, unknown>> {
  // Where no guard ran, `request.user` is nobody, whatever the types say.
  const { id, email, role } = (user ?? {}) as {
    readonly id?: unknown
    readonly email?: unknown
    readonly role?: unknown
  }
  return { userId: id, email, role }
}
