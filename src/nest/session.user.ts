/** The user of a session as the recipe keeps it: `{ id: userId, email, role }`. */
export function recipeUser(session: Readonly<Record<string, unknown>>): {
  readonly id: unknown
  readonly email: unknown
  readonly role: unknown
} {
  return { id: session['userId'], email: session['email'], role: session['role'] }
}
